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

    from seqfuse.plan.tools import diff_lines

    compared = _compared(args.one, args.other, args.ablations)
    if args.out:
        _write(args.out, compared["scores"])
    if args.json:
        print(json.dumps(_plain(compared), indent=2, ensure_ascii=False))
    else:
        print("\n".join(diff_lines.lines(compared)))


def diff(one: str | Path, other: str | Path, ablations: bool = False):
    """What changed between two finished runs, as a data frame: one row a score that both have.

    `one` and `other` are names of runs or their folders, such as "results/demo"; `ablations`
    compares what `snakemake ablations` made. Columns: study, suite, dataset, subset, method,
    metric; n, the test rows that both share; value, low, high and seeds of each run
    (`value_one`, `value_other`, ...); difference (second minus first) with low, high, p, p_holm,
    detectable and verdict, by the paired tests of the report. If the runs share no row, the verdict
    says so and nothing is tested. `.attrs["settings"]` lists the settings that differ,
    `.attrs["only"]` what only one run has. Raises UserError if a run is not there or not finished.
    """
    import pandas as pd

    from seqfuse.evaluation.paired_runs import COLUMNS

    compared = _compared(str(one), str(other), ablations)
    frame = pd.DataFrame(compared["scores"], columns=list(COLUMNS))
    frame.attrs = {key: compared[key] for key in ("settings", "only")}
    return frame


def _compared(first: str, second: str, ablations: bool) -> dict:
    """All that is compared, as --json prints it."""
    one, other = (_Finished(name, ablations) for name in (first, second))
    return {
        "one": str(one.folder),
        "other": str(other.folder),
        "confidence": 1 - _rule(one).level,
        "settings": settings(one.settings, other.settings),
        "only": [*_only("one", one, other), *_only("other", other, one)],
        "scores": _scores(one, other),
    }


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
