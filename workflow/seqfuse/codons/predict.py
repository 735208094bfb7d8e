"""Predict new sequences with a trained arm, from the arm's folder alone.

Reads the folder that `seqfuse codons train` wrote, wherever it is now, and coding sequences: a
FASTA, or a table with a column of sequences (CSV, TSV, JSONL, Parquet). They are embedded by the
encoders that the arm was trained on, aligned codon by codon, and predicted by every seed. Says
first what the arm was trained on and what it scores on its own test rows. Writes one row for each
sequence: the mean and standard deviation over seeds, each seed's prediction, the weights of the
modalities if the arm weighs them, and a note if the sequence is not coding or unlike all training
sequences. A row that cannot be used is named with its line and the reason, keeps its place in the
output, and makes the exit status 1.
A .parquet output has the pipeline's own schema. Embeddings are kept beside the output until it is
written, so that an interrupted command resumes; or in --store.

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
    """Add the flags that every use of a trained arm takes."""
    input_flags.add(parser, input_flags.CODING)
    parser.add_argument("--genome", type=Path, metavar="FILE", help="the genome of a GFF3 file")
    for modality in MODALITIES:
        text = f"the {modality} encoder, if it is neither in the model's folder nor at its old path"
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
        seeds = list(applied.predict(applied.viewed(dataset, stores, memory)))
        prediction_table.write(out, applied, records, rows, seeds)
    noted = sum(bool(records.notes[row]) for row in rows)
    bad = len(records.rows) - len(rows)
    say(f"{out}: {len(rows)} predicted, {noted} of them with a note, {bad} not predicted")
    return int(bad > 0)


@contextlib.contextmanager
def working_store(given: Path | None, out: Path) -> Iterator[Path]:
    """The store for embeddings: the given one, or a hidden one beside the output, which is removed
    when the output is complete."""
    hidden = out.with_name(f".{out.name}.embeddings")
    yield given or hidden
    shutil.rmtree(hidden, ignore_errors=True)


def opened(args: argparse.Namespace):
    """The arm and the new records of a command line; also sets the threads, prints the arm's
    introduction and rejects bad rows."""
    import torch

    from seqfuse.bio.reading import new_sequences
    from seqfuse.codons.application import new_records
    from seqfuse.codons.application.applied_arm import AppliedArm
    from seqfuse.encoders.embedder import keep_freed_memory

    columns = input_flags.columns(args)
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    folders = {name: getattr(args, f"{name}_encoder") for name in MODALITIES}
    applied = AppliedArm(args.model, {name: place for name, place in folders.items() if place})
    applied.arm  # noqa: B018  refuses an arm that cannot be applied before anything is read
    code = applied.description.genetic_code
    records = new_records.read(args.input, columns, code, args.genome)
    applied.introduce()
    applied.reject(records)
    new_sequences.sound(records.rows, args.bad_rows)
    return applied, records
