"""Compare two runs: their settings, what only one of them has, and their scores.

Reads two finished runs; the first is the older one or the reference. Prints the settings that
differ, the suites, datasets and methods that only one run has, and each score that changed, with
the difference (second minus first), its interval and its verdict. Scores are compared on the test
rows that both runs share (same id, DNA, variant and gold label), with the tests of the report;
Holm's correction is over the tests on one set of rows. If the runs share no row, the scores are
printed side by side and nothing is tested. Trains nothing and needs no model.

    seqfuse diff results/before results/after
    seqfuse diff before after --out changed.csv
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

_MINUS, _ARROW = "\N{MINUS SIGN}", "\N{RIGHTWARDS ARROW}"
# Subsets that are printed; --json and --out have every subset.
_SHOWN = ("all", "question_decides", "sequence_decides")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name in ("one", "other"):
        parser.add_argument(name, metavar="RUN", help="name of a run, or its folder")
    parser.add_argument(
        "--ablations", action="store_true", help="compare what `snakemake ablations` made"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.csv", help="also write every score as a table"
    )


def run(args: argparse.Namespace) -> None:
    import json

    one, other = (_Finished(name, args.ablations) for name in (args.one, args.other))
    compared = {
        "one": str(one.folder),
        "other": str(other.folder),
        "settings": settings(one.settings, other.settings),
        "only": [*_only("one", one, other), *_only("other", other, one)],
        "scores": _scores(one, other),
    }
    if args.out:
        _write(args.out, compared["scores"])
    if args.json:
        print(json.dumps(_plain(compared), indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(compared, 1 - _rule(one).level)))


class _Finished:
    """A run that was evaluated: its folder, settings, files and reported test scores."""

    def __init__(self, name: str, ablations: bool):
        from seqfuse import files
        from seqfuse.errors import UserError
        from seqfuse.plan import folders
        from seqfuse.plan.artifacts import Artifacts
        from seqfuse.plan.run import Run

        self.folder, self.ablations = folders.of_run(name), ablations
        self.settings = files.read_json(self.folder / folders.REPORTED)
        try:
            self.plan = Run(self.settings)
            self.artifacts = Artifacts(self.plan)
            self.suites = {
                (study, suite): self.plan.suites(study)[suite]
                for study in self.settings["studies"]
                for suite in self.plan.suites(study)
            }
            evaluations = {
                key: (self.paths("metrics", *key)[0], self.paths("comparisons", *key)[0])
                for key in self.suites
            }
        except KeyError as error:
            raise UserError(
                f"{self.folder}: its settings have no {error}, so another version of seqfuse wrote "
                "them; run snakemake on it again"
            ) from None
        self.reported = {key: list(_reported(*paths)) for key, paths in evaluations.items()}

    def paths(self, kind: str, study: str, suite: str) -> list[Path]:
        """The files of a kind, all of which must exist."""
        from seqfuse.errors import UserError

        named = self.artifacts.paths(kind, study, suite, self.ablations)
        paths = [Path(path.replace("<results>", str(self.folder))) for path in named]
        for path in paths:
            if not path.is_file():
                target = " ablations" if self.ablations else ""
                raise UserError(
                    f"{path}: missing, so this run has not finished; finish it with "
                    f"`snakemake{target}` first"
                )
        return paths

    def evaluated(self, study: str, suite: str):
        """The inputs of the evaluation of a suite."""
        import json

        from seqfuse.evaluation.paired_runs import Evaluated

        datasets = self.suites[study, suite]
        return Evaluated(
            datasets,
            *(
                [self.folder / "sequences" / name / f"{kind}.parquet" for name in datasets]
                for kind in ("records", "clusters")
            ),
            self.paths("predictions", study, suite) + self.paths("controls", study, suite),
            json.loads(self.plan.aliases(datasets) or "{}"),
            suite if self.plan.resplit(study, suite) else None,
        )

    def things(self) -> dict[tuple[str, str], set[str]]:
        """Names of suites, and of the datasets and methods of each, by (kind, suite)."""
        names = {("suite", ""): {suite for _, suite in self.suites}}
        for (_, suite), rows in self.reported.items():
            for kind in ("dataset", "method"):
                names[kind, suite] = {row[kind] for row in rows}
        return names


def _reported(metrics: Path, comparisons: Path) -> Iterator[dict]:
    """The test scores of a suite on unaltered input, in the metric that methods are compared by."""
    from seqfuse import tables

    compared = tables.read(comparisons, tables.COMPARISONS, ["dataset", "metric"]).to_pylist()
    primary = {row["dataset"]: row["metric"] for row in compared}
    for row in tables.read(metrics, _of_any_version(tables.METRICS)).to_pylist():
        there = row["split"], row["probe"], row["metric"]
        if there == ("test", "none", primary.get(row["dataset"])):
            yield row


def _of_any_version(schema):
    """A table's columns without `by_seed`, which runs of older versions lack."""
    return schema.remove(schema.get_field_index("by_seed"))


def settings(one: Mapping, other: Mapping) -> list[dict]:
    """The keys whose values differ, as `a.b.c`, without the run's name; a value that a run lacks is
    None."""
    first, second = ({k: v for k, v in _flat(tree) if k != "run"} for tree in (one, other))
    keys = [key for key in dict.fromkeys([*first, *second]) if first.get(key) != second.get(key)]
    return [{"key": key, "one": first.get(key), "other": second.get(key)} for key in sorted(keys)]


def _flat(tree: Mapping, above: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _only(side: str, ours: _Finished, theirs: _Finished) -> Iterator[dict]:
    """What one run has and the other lacks; of a whole suite, only its name."""
    others = theirs.things()
    for (kind, suite), names in ours.things().items():
        for name in sorted(names - others.get((kind, suite), names)):
            yield {"side": side, "kind": kind, "suite": suite or name, "name": name}


def _rule(run: _Finished):
    from seqfuse.statistics.comparisons import Rule

    evaluation = run.settings["evaluation"]
    return Rule(1 - evaluation["confidence"], evaluation["margin"])


def _scores(one: _Finished, other: _Finished) -> list[dict]:
    """One row for each score of both runs: compared on shared rows, or else as reported."""
    from seqfuse.evaluation import paired_runs

    rows = []
    for study, suite in [key for key in one.suites if key in other.suites]:
        sides = (run.evaluated(study, suite) for run in (one, other))
        paired = paired_runs.compare(study, suite, *sides, _rule(one))
        there = {row["dataset"] for row in paired}
        reported = (run.reported[study, suite] for run in (one, other))
        rows += paired + paired_runs.unpaired(*reported, there)
    return rows


def _write(path: Path, rows: list[dict]) -> None:
    import csv

    from seqfuse.evaluation.paired_runs import COLUMNS
    from seqfuse.files import atomic

    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_plain(rows))


def _plain(value):
    """A value for JSON or CSV: NaN and infinity become null."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if value != value or value in (float("inf"), -float("inf")) else value


def _lines(compared: dict, confidence: float) -> Iterator[str]:
    """What is printed."""
    one, other = compared["one"], compared["other"]
    yield f"{one} {_ARROW} {other}"
    yield f"Differences are second minus first, with {100 * confidence:g} % intervals (Holm)."
    changed = compared["settings"]
    count = f"{len(changed)} key{'s differ' if len(changed) > 1 else ' differs'}"
    yield f"\nSettings: {count if changed else 'the same'}"
    for row in changed:
        yield f"  {row['key']}: {_short(row['one'])} {_ARROW} {_short(row['other'])}"
    for side in ("one", "other"):
        own = [row for row in compared["only"] if row["side"] == side]
        if own:
            yield f"\nOnly in {compared[side]}:"
            yield from (f"  {_owned(row)}" for row in own)
    places: dict[tuple, list[dict]] = {}
    for row in compared["scores"]:
        if row["subset"] in _SHOWN:
            places.setdefault((row["suite"], row["dataset"], row["subset"]), []).append(row)
    for rows in places.values():
        yield from _place(rows, Path(one).name, Path(other).name)


def _owned(row: dict) -> str:
    from seqfuse.registry.titles import TITLES

    title = TITLES.get(row["name"], row["name"]) if row["kind"] == "method" else row["name"]
    of = "" if row["kind"] == "suite" else f"suite {row['suite']}, "
    return f"{of}{row['kind']} {title}"


def _place(rows: list[dict], one: str, other: str) -> Iterator[str]:
    """The scores on one set of rows: one line for each that changed, and one for all others."""
    from seqfuse.evaluation.paired_runs import IDENTICAL
    from seqfuse.registry.metrics import METRICS
    from seqfuse.registry.subsets import subset
    from seqfuse.registry.titles import TITLES

    first = rows[0]
    rows_of_both = f"n = {first['n']:,}" if first["n"] else "no row in common"
    if (
        first["n"]
        and first["subset"] == "all"
        and {first["n_one"], first["n_other"]} != {first["n"]}
    ):
        rows_of_both += f" of {first['n_one']:,} and {first['n_other']:,}"
    dataset = "" if first["suite"] == first["dataset"] else f"{first['dataset']}, "
    yield (
        f"\n{first['suite']}: {dataset}{subset(first['subset'])}, "
        f"{METRICS[first['metric']].title}, {rows_of_both}"
    )
    if one == other:
        one, other = "first", "second"
    cells = [["", one, other, "difference", ""]]
    for row in rows:
        if row["verdict"] != IDENTICAL:
            title = TITLES.get(row["method"], row["method"])
            cells.append([title, *_numbers(row), row["verdict"]])
    if len(cells) > 1:
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for line in cells:
            padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
            yield f"  {'  '.join(padded)}".rstrip()
    same = [TITLES.get(r["method"], r["method"]) for r in rows if r["verdict"] == IDENTICAL]
    if same:
        named = ", ".join(same) if len(same) < len(rows) else f"all {len(rows)} scores"
        yield f"  identical: {named}"


def _numbers(row: dict) -> tuple[str, str, str]:
    """Both scores and their difference; each unpaired score has an interval of its own."""
    ends = {side: (row[f"low_{side}"], row[f"high_{side}"]) for side in ("one", "other")}
    values = [_number(row[f"value_{side}"]) for side in ends]
    if row["difference"] is None:
        return *(v + _interval(*e) for v, e in zip(values, ends.values(), strict=True)), ""
    gap = _number(row["difference"], "+") + _interval(row["low"], row["high"], "+")
    return *values, gap


def _interval(low: float, high: float, sign: str = "") -> str:
    return "" if low != low else f" [{_number(low, sign)}, {_number(high, sign)}]"


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}z.3f}".replace("-", _MINUS)


def _short(value: object) -> str:
    """A setting in a few letters."""
    import json

    text = "not set" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
