"""Predict new sequences with a trained arm, from the arm's folder alone.

Reads the folder that `seqfuse codons train` wrote, wherever it lies now, and coding sequences: a
FASTA, or a table with a column of sequences (CSV, TSV, JSONL, Parquet). They are embedded by the
encoders that the arm was trained on, aligned codon by codon, and predicted by every seed. Says
first what the arm was trained on and what it scores on its own test rows. Writes a row a sequence:
the mean over seeds and its standard deviation, each seed, the weights of the modalities if the arm
weighs them, and a note on a sequence that is not coding, or unlike any that the arm was trained on.
A row that cannot be used is named with its line and the reason, in its place of the table, too, and
the status is 1.
A .parquet holds the predictions as the pipeline's own. What is embedded stays beside the output
until that is written, so that the same command goes on where it was ended; or in --store.

    seqfuse codons predict --model results/demo/codons/demo-expression/mil --input new.fa \\
        --out predictions.csv
"""

import argparse
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from seqfuse.bio.reading import input_flags
from seqfuse.codons.train import MODALITIES
from seqfuse.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, type=Path, metavar="DIR", help="folder of an arm")
    parser.add_argument(
        "--input", required=True, type=Path, metavar="FILE", help="table, FASTA or annotation"
    )
    add_shared(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=".csv, .tsv or .parquet (default: the input's name with .predictions.csv)",
    )


def add_shared(parser: argparse.ArgumentParser) -> None:
    """What every use of a trained arm takes."""
    input_flags.add(parser, input_flags.CODING)
    parser.add_argument("--genome", type=Path, metavar="FILE", help="FASTA that GFF3 speaks of")
    for modality in MODALITIES:
        text = f"the {modality} encoder, where it lies neither in the folder nor where it did"
        parser.add_argument(f"--{modality}-encoder", type=Path, metavar="DIR", help=text)
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="keep the embeddings in this store"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")


def run(args: argparse.Namespace) -> int:
    from seqfuse.codons.application import new_records, prediction_table
    from seqfuse.files import scratch_directory
    from seqfuse.progress import say

    if not args.input.name:
        raise UserError(f"--input: {args.input} is a folder; name a file with sequences")
    out = args.out or Path(args.input.name.removesuffix(".gz")).with_suffix(".predictions.csv")
    prediction_table.check(out)
    applied, records = opened(args)
    with working_store(args.store, out) as store, scratch_directory(out) as memory:
        stores = applied.embed(records, store)
        rows = records.usable()
        new_records.compare(records, rows, *applied.training)
        dataset = records.dataset(str(args.input), rows, applied.labels)
        said = list(applied.predict(applied.viewed(dataset, stores, memory)))
        prediction_table.write(out, applied, records, rows, said)
    noted = sum(bool(records.notes[row]) for row in rows)
    bad = len(records.rows) - len(rows)
    say(f"{out}: {len(rows)} predicted, {noted} of them with a note, {bad} not predicted")
    return int(bad > 0)


@contextlib.contextmanager
def working_store(given: Path | None, out: Path) -> Iterator[Path]:
    """Where sequences are embedded: the store that is given, or a hidden one beside the output,
    which goes when the output is there."""
    hidden = out.with_name(f".{out.name}.embeddings")
    yield given or hidden
    shutil.rmtree(hidden, ignore_errors=True)


def opened(args: argparse.Namespace):
    """The arm and the new records of a command line, threads set, the arm introduced, bad rows
    rejected."""
    import torch

    from seqfuse.bio.reading import new_sequences
    from seqfuse.codons.application import new_records
    from seqfuse.codons.application.applied_arm import AppliedArm
    from seqfuse.encoders.embedder import keep_freed_memory

    columns = input_flags.columns(args)
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    given = {name: getattr(args, f"{name}_encoder") for name in MODALITIES}
    applied = AppliedArm(args.model, {name: place for name, place in given.items() if place})
    applied.arm  # noqa: B018  what cannot be applied is refused before anything is read
    code = applied.description.genetic_code
    records = new_records.read(args.input, columns, code, args.genome)
    applied.introduce()
    applied.reject(records)
    new_sequences.sound(records.rows, args.bad_rows)
    return applied, records
