"""Count the genes and sequences of a benchmark that an encoder was trained on.

Reads the cleaned gene-text pairs of SeqCLIP's pre-training, or the cleaned records of a set that
an arm of study B was trained on, and the cleaned records of benchmarks. Writes a JSON audit: for
each benchmark and held-out split, the rows whose gene (the records' `group`) also occurs in the
training data, and the rows whose reference shares about 90 nt (with --every, 34 nt) with a training
sequence, on either strand.

    seqfuse language leakage --pairs results/pilot/sequences/gene-summaries/records.parquet \\
        --datasets kegg --records results/pilot/sequences/kegg/records.parquet \\
        --out results/pilot/language/pretrain/leakage.json
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pairs", required=True, type=Path, help="cleaned gene-text pairs, or records"
    )
    parser.add_argument(
        "--of",
        default="SeqCLIP's pre-training",
        metavar="TEXT",
        help="what was trained on them (default: SeqCLIP's pre-training)",
    )
    parser.add_argument(
        "--every",
        action="store_true",
        help="compare every k-mer instead of a sample, for short sequences",
    )
    parser.add_argument("--datasets", required=True, nargs="+", help="the benchmarks' datasets")
    parser.add_argument(
        "--records", required=True, nargs="+", type=Path, help="their cleaned records, in order"
    )
    parser.add_argument("--out", required=True, type=Path, help="JSON to write")


def run(args: argparse.Namespace) -> None:
    from seqfuse.errors import UserError
    from seqfuse.files import write_json
    from seqfuse.language.pretraining import pair_leakage
    from seqfuse.progress import say

    if len(args.datasets) != len(args.records):
        raise UserError(
            f"--records: {len(args.records)} files for {len(args.datasets)} datasets; "
            "give one each, in order"
        )
    seen = pair_leakage.Pairs.read(args.pairs, 1 if args.every else pair_leakage.SCALE)
    by_dataset = {
        name: pair_leakage.of(seen, path)
        for name, path in zip(args.datasets, args.records, strict=True)
    }
    audit = {"of": args.of, "method": pair_leakage.method(seen.scale), "pairs": seen.count}
    write_json(args.out, audit | {"datasets": by_dataset})
    for name, splits in by_dataset.items():
        for split, counts in splits.items():
            for kind in ("genes", "dna"):
                if counts[kind] and counts[kind]["rows"]:
                    say(
                        f"warning: {name}, {split}: {counts[kind]['rows']} of {counts['rows']} rows"
                        f" share their {'gene' if kind == 'genes' else 'DNA'} with a row of"
                        f" {args.of}"
                    )
