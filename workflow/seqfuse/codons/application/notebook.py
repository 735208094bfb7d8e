"""A trained arm in Python: predictions for coding sequences as a data frame."""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from seqfuse.codons import predict


class TrainedArm:
    """An arm of study B in `folder`, as `seqfuse codons train` wrote it, or a copy."""

    def __init__(self, folder: Path):
        self.folder = folder

    def predict(self, sequences: Sequence[str] | Mapping[str, str], threads: int = 1):
        """Predictions for coding sequences (DNA or mRNA): a data frame with one row for each.

        `sequences` are texts, or {id: text}. The columns are those of `seqfuse codons predict`:
        `id`, `prediction` (the mean over seeds, in the units of training, or the likeliest label),
        `sd` over seeds, one column for each seed, `codons`, `note`. A sequence that cannot be used
        has no prediction, and its note says why.
        """
        import pandas as pd

        named = sequences if isinstance(sequences, Mapping) else dict(enumerate(sequences, start=1))
        with tempfile.TemporaryDirectory() as folder:
            fasta, out = Path(folder) / "sequences.fa", Path(folder) / "predictions.csv"
            fasta.write_text("".join(f">{name}\n{one}\n" for name, one in named.items()))
            parser = argparse.ArgumentParser()
            predict.add_arguments(parser)
            words = ["--model", self.folder, "--input", fasta, "--out", out, "--threads", threads]
            predict.run(parser.parse_args(list(map(str, words))))
            return pd.read_csv(out, dtype={"id": str}, keep_default_na=False, na_values=[""])
