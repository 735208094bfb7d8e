"""Compute the numbers of an archived run again, and list what differs.

Reads the file that `seqfuse archive` wrote, and nothing else: no data, no models, no GPU. Computes
every score, interval, comparison and calibration bin again from predictions and gold labels, and
the tables of the figures from these. Prints each number that differs, and which figures cannot be
checked because the archive lacks their data. The exit status is 2 if anything differs.

    seqfuse rescore demo.zip
"""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

# Relative difference up to which two numbers count as equal: sums may be in another order.
TOLERANCE = 1e-9
# How many differences of one table are printed.
_SHOWN = 20
# The columns that identify a row of each table; every other column is compared.
_PLACE = ("study", "suite", "dataset", "split", "subset")
_KEYS = {
    "metrics": (*_PLACE, "method", "kind", "probe", "metric"),
    "comparisons": (*_PLACE, "metric", "method", "against", "probe"),
    "calibration": (*_PLACE, "method", "kind", "low", "high"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "archive", type=Path, metavar="ARCHIVE", help="zip that `seqfuse archive` wrote"
    )


def run(args: argparse.Namespace) -> None:
    import tempfile

    from seqfuse.errors import UserError

    with tempfile.TemporaryDirectory() as temporary:
        folder, again = Path(temporary) / "archive", Path(temporary) / "again"
        manifest = unpack(args.archive, folder)
        print(_origin(manifest))
        checked = dict(_tables(manifest, folder, again)) | dict(_figures(manifest, folder, again))
    for name, (compared, different) in checked.items():
        verdict = f"{len(different)} differ" if different else "the same"
        print(f"{name}: {compared:,} numbers and verdicts, {verdict}")
        for line in different[:_SHOWN]:
            print(f"  {line}")
        if len(different) > _SHOWN:
            print(f"  and {len(different) - _SHOWN} more")
    if manifest["left_out"]:
        print(f"not checked, because their data is not archived: {', '.join(manifest['left_out'])}")
    wrong = sum(len(different) for _, different in checked.values())
    if wrong:
        raise UserError(f"{args.archive}: {wrong} numbers differ from those reported")
    print("Every number equals the one reported.")


def unpack(archive: Path, folder: Path) -> dict:
    """Extract an archive into `folder`, check the hash of every file, and return the manifest."""
    import json
    import zipfile

    from seqfuse import files
    from seqfuse.errors import UserError
    from seqfuse.plan.tools.archive import MANIFEST

    try:
        with zipfile.ZipFile(archive) as opened:
            manifest = json.loads(opened.read(MANIFEST))
            opened.extractall(folder, manifest["files"])
    except FileNotFoundError:
        raise UserError(f"{archive}: no such file") from None
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UserError(f"{archive}: not an archive of `seqfuse archive` ({error})") from None
    for name, expected in manifest["files"].items():
        if files.sha256(folder / name) != expected:
            raise UserError(f"{archive}: {name} is damaged; get the archive again")
    return manifest


def _origin(manifest: dict) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in manifest["versions"].items())
    seeds = ", ".join(map(str, manifest["seeds"]))
    commit = f", commit {manifest['commit']}" if manifest["commit"] else ""
    return f"{manifest['run']}: preset {manifest['preset']}, seeds {seeds}{commit}; {versions}"


def _tables(manifest: dict, folder: Path, again: Path) -> Iterator[tuple[str, tuple]]:
    """(table, (cells compared, lines that differ)) of every evaluation, computed again."""
    from seqfuse import tables

    schemas = {
        "metrics": tables.METRICS,
        "comparisons": tables.COMPARISONS,
        "calibration": tables.CALIBRATION,
    }
    for one in manifest["evaluations"]:
        made = (again / one["reported"]["metrics"]).parent
        words = ["--study", one["study"], "--suite", one["suite"], "--datasets", *one["datasets"]]
        flags = ("records", "clusters", "predictions", "costs", "probes", "conflicts", "folds")
        for flag in flags:
            if one.get(flag):  # an older archive has no conflicts
                words += [f"--{flag}", *(str(folder / name) for name in one[flag])]
        if one["resplit"]:
            words.append(one["resplit"])
        if one["aliases"]:
            words += ["--aliases", one["aliases"]]
        for name, value in one["settings"].items():
            words += [f"--{name.replace('_', '-')}", str(value)]
        _seqfuse("evaluation", *words, "--out", str(made))
        for kind, name in one["reported"].items():
            rows = (
                tables.read(place / name, schemas[kind]).to_pylist() for place in (folder, again)
            )
            yield name, differences(*rows, _KEYS[kind])


def _figures(manifest: dict, folder: Path, again: Path) -> Iterator[tuple[str, tuple]]:
    """The same for the tables of figures, from the evaluations computed again."""
    import csv

    for figure in manifest["figures"]:
        words = ["--figure", figure["figure"], "--out", str(again / Path(figure["csv"]).stem)]
        words += ["--confidence", str(figure["confidence"])]
        for need, names in figure["needs"].items():
            paths = (again / name if (again / name).exists() else folder / name for name in names)
            words += [f"--{need}", *map(str, paths)]
        _seqfuse("figures", *words)
        rows = []
        for path in (folder / figure["csv"], again / Path(figure["csv"]).name):
            with path.open(encoding="utf-8", newline="") as lines:
                rows.append([{"row": n} | row for n, row in enumerate(csv.DictReader(lines), 1)])
        yield figure["csv"], differences(*rows, ("row",))


def differences(
    before: list[dict], after: list[dict], keys: tuple[str, ...]
) -> tuple[int, list[str]]:
    """The number of cells that two tables have in common, and a line for each difference."""
    old, new = ({tuple(row[key] for key in keys): row for row in rows} for rows in (before, after))
    lines = [f"{_words(key)}: reported, but not computed again" for key in old if key not in new]
    lines += [f"{_words(key)}: computed, but not reported" for key in new if key not in old]
    compared = 0
    for key, row in old.items():
        for column, value in row.items():
            if key not in new or column in keys:
                continue
            compared += 1
            other = new[key].get(column)
            if not _same(value, other):
                lines.append(f"{_words(key)}: {column} was {value}, is {other}")
    return compared, lines


def _same(one: object, other: object) -> bool:
    if one == other:
        return True
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    try:
        first, second = float(one), float(other)
    except (TypeError, ValueError):
        return False
    if math.isnan(first) or math.isnan(second):
        return math.isnan(first) and math.isnan(second)
    return math.isclose(first, second, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _words(key: tuple) -> str:
    return ", ".join(map(str, key))


def _seqfuse(*words: str) -> None:
    """Run a command of this package; its error message becomes ours."""
    import subprocess
    import sys

    from seqfuse.errors import UserError

    command = [sys.executable, "-m", "seqfuse.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(
            done.stderr.strip().splitlines()[-1] if done.stderr else f"{words[0]} failed"
        )
