"""Compare every table of two runs, for instance before and after code was moved.

Prints each file that differs, or that one run lacks, and how; exits with status 1 if there is one.
Left out is what differs between two runs of the same code, too: seconds, memory, logs, benchmarks,
state, and the hashes of the code.

    python bench/compare.py results/demo OTHER/results/demo
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

# Folders of a run without tables.
LEFT_OUT = ("logs", "benchmarks", "state", "canary", "report", "tensorboard")
# Values that differ each time, because of the clock or the code's hash.
CLOCKED = {"seconds", "tokens_per_second", "peak_memory_mb", "key", "code", "store"}
KINDS = (".parquet", ".json", ".jsonl", ".csv", ".md", ".safetensors")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("one", type=Path, help="folder of a run")
    parser.add_argument("other", type=Path, help="folder of the other run")
    args = parser.parse_args()
    differing = list(differences(args.one, args.other))
    for name, words in differing:
        print(f"{name}: {words}")
    print(f"{len(differing)} of {len(names(args.one) | names(args.other))} files differ")
    return int(bool(differing))


def differences(one: Path, other: Path) -> Iterator[tuple[str, str]]:
    """Each file that is not the same in both runs, and how it differs."""
    here, there = names(one), names(other)
    for name in sorted(here | there):
        if name not in there or name not in here:
            yield name, f"only in {one if name in here else other}"
            continue
        words = compare(one / name, other / name)
        if words:
            yield name, words


def names(run: Path) -> set[str]:
    """The files of a run that are compared, relative to it."""
    paths = (path.relative_to(run) for path in run.rglob("*") if path.suffix in KINDS)
    return {str(path) for path in paths if path.parts[0] not in LEFT_OUT and path.stem != "source"}


def compare(one: Path, other: Path) -> str:
    """How two files differ; nothing if they do not."""
    if one.suffix == ".parquet":
        return _tables(one, other)
    if one.suffix in (".json", ".jsonl"):
        return "" if _values(one) == _values(other) else "other values"
    if one.suffix == ".csv":
        return _rows(one, other)
    return "" if one.read_bytes() == other.read_bytes() else "other bytes"


def _tables(one: Path, other: Path) -> str:
    a, b = pq.read_table(one), pq.read_table(other)
    if a.schema.names != b.schema.names:
        return f"other columns: {set(a.schema.names) ^ set(b.schema.names)}"
    if len(a) != len(b):
        return f"{len(a)} and {len(b)} rows"
    changed = [n for n in a.schema.names if a[n].to_pylist() != b[n].to_pylist()]
    return f"other values in {', '.join(changed)}" if changed else ""


def _rows(one: Path, other: Path) -> str:
    a, b = (list(csv.reader(path.open(encoding="utf-8", newline=""))) for path in (one, other))
    changed = sum(x != y for x, y in zip(a, b, strict=False)) + abs(len(a) - len(b))
    return f"{changed} other rows" if changed else ""


def _values(path: Path) -> object:
    lines = path.read_text(encoding="utf-8").splitlines()
    parts = lines if path.suffix == ".jsonl" else ["\n".join(lines)]
    return [_timeless(json.loads(part)) for part in parts]


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {key: _timeless(v) for key, v in value.items() if key not in CLOCKED}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main())
