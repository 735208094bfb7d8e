"""Design synonymous changes of a coding sequence by the predictions of a trained arm.

Reads the folder of an arm, as `seqfuse codons predict` does, and coding sequences. Predicts every
synonymous change of one codon, then keeps the best one and tries the best next ones on top of it,
up to --changes of them. Prints first how the arm scores on its own test rows: its predictions of
mutants are no better than that, and worse if it was trained on no mutants. Writes a row for each
sequence as given, each change and each designed sequence: its effect (mean and standard deviation
over seeds of the gain), the codon adaptation index by the training sequences, GC, and for designed
ones the whole sequence. Only codons that the arm's dataset uses are tried.

    seqfuse codons design --model results/demo/codons/demo-expression/concat --input cds.fa \\
        --changes 5 --out design.csv
"""

import argparse
from functools import partial
from pathlib import Path

from seqfuse.codons.predict import add_shared, opened, working_store
from seqfuse.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, type=Path, metavar="DIR", help="folder of an arm")
    parser.add_argument(
        "--input", required=True, type=Path, metavar="FILE", help="coding sequences"
    )
    parser.add_argument(
        "--changes", type=int, default=3, metavar="N", help="codons to change at most (default: 3)"
    )
    parser.add_argument(
        "--aim", choices=["higher", "lower"], default="higher", help="default: higher"
    )
    parser.add_argument(
        "--label", help="the class whose probability to change, if the arm predicts classes"
    )
    add_shared(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help=".csv or .tsv")


def run(args: argparse.Namespace) -> int:
    from seqfuse.bio.codon_usage import Synonyms
    from seqfuse.codons.application import new_records, prediction_table, synonymous_search
    from seqfuse.files import scratch_directory
    from seqfuse.progress import say

    if args.out.suffix not in prediction_table.DELIMITERS:
        raise UserError(f"--out {args.out}: use one of the suffixes .csv, .tsv")
    if args.changes < 1:
        raise UserError(f"--changes {args.changes}: give at least 1")
    applied, records = opened(args)
    if applied.labels and args.label not in applied.labels:
        raise UserError(f"--label: give one of the arm's classes, {', '.join(applied.labels)}")
    search = synonymous_search.Search(
        Synonyms(applied.training[0].usage), args.changes, 1 if args.aim == "higher" else -1
    )
    written: list[dict] = []
    with working_store(args.store, args.out) as store, scratch_directory(args.out) as memory:
        applied.embed(records, store, shown=False)
        new_records.compare(records, records.usable(), *applied.training)
        for row in records.usable().tolist():
            name = records.rows[row].id
            for note in records.notes[row]:
                say(f"{name}: {note}")
            dna, protein = records.frames["dna"][row], records.frames["protein"][row]
            predict = partial(_predict, applied, args.label, store, memory, protein)
            written += search.rows(name, dna, records.behind[row], protein, predict)
            say(f"{name}: {_best(written[-1])}")
        prediction_table.write_rows(args.out, synonymous_search.NAMES, iter(written))
    say("effects are predicted, not measured: they are no better than the score above")
    return int(len(records.usable()) < len(records.rows))


def _predict(applied, label: str | None, store: Path, memory: Path, protein: str, dna: list[str]):
    """Each seed's predictions [seeds, n] for DNA of one protein: values, or the label's
    probability."""
    import numpy as np

    from seqfuse.codons.application.new_records import synonymous

    mutants = synonymous(dna, protein)
    stores = applied.embed(mutants, store, shown=False)
    dataset = mutants.dataset("mutants", mutants.usable(), applied.labels)
    seeds = applied.predict(applied.viewed(dataset, stores, memory))
    predictions = np.stack([seed.predictions for seed in seeds])
    if not applied.labels:
        return predictions[:, :, 0]
    return np.exp(predictions[:, :, applied.labels.index(label)])


def _best(line: dict) -> str:
    if line["kind"] != "designed":
        return "no synonymous change is predicted to help"
    return (
        f"{line['prediction']:.4g} with {line['changes']} changes, {line['effect']:+.4g} against"
        " the given sequence"
    )
