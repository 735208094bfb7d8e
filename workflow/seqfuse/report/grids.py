"""The tables of the report: plain cells, each number with its exact value for sorting."""

import csv
import io
import math
from collections import Counter
from dataclasses import dataclass, field

from seqfuse.codons.catalogue import ARMS
from seqfuse.evaluation.catalogue import MEAN, METRICS
from seqfuse.figures.catalogue import FIGURES
from seqfuse.judge.catalogue import DIMENSIONS
from seqfuse.language.catalogue import METHODS
from seqfuse.report.findings import Place, Results
from seqfuse.report.inputs import Run, data_uri
from seqfuse.report.titles import order, title

_SUBSETS = {
    "all": "all rows",
    "question_decides": "the question decides",
    "sequence_decides": "the sequence decides",
}


@dataclass(frozen=True)
class Cell:
    """What a cell shows; `value` is the exact number, `note` stands small behind the text."""

    text: str
    value: float | None = None
    note: str = ""
    mark: str = ""


@dataclass
class Grid:
    """A table: its caption, its columns, its rows.

    A row's `kind` tells a control from a method. A `closed` table is folded until it is asked for.
    """

    name: str
    caption: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    closed: bool = False

    def add(self, *cells: Cell | str, kind: str = "") -> None:
        """Add a row; plain texts become cells."""
        self.rows.append((kind, [c if isinstance(c, Cell) else Cell(c) for c in cells]))

    @property
    def csv(self) -> str:
        """The table as CSV with exact numbers, as a data URI."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        for _, cells in self.rows:
            writer.writerow(
                [c.text if c.value is None else repr(c.value) for c in cells]
            )  # fmt: skip
        return data_uri("text/csv;charset=utf-8", text.getvalue().encode())


def score(row: dict) -> Cell:
    """A score with its interval."""
    return Cell(
        _number(row["value"]), row["value"], f"[{_number(row['low'])}, {_number(row['high'])}]"
    )


def count(number: float | None) -> Cell:
    """A whole number with thousands set apart."""
    return Cell("") if number is None else Cell(f"{number:,.0f}", number)


def rankings(results: Results) -> list[Grid]:
    """One table a dataset and subset: methods with controls beside them, best first."""
    return [_ranking(results, place) for place in results.scores]


def _ranking(results: Results, place: Place) -> Grid:
    scores, best = results.scores[place], results.best_control(place)
    dataset = f"mean over the sets of {place.suite}" if place.dataset == MEAN else place.dataset
    metric = METRICS[place.metric]
    grid = Grid(
        f"{place.suite}-{place.dataset}-{place.subset}",
        f"{dataset}, {_SUBSETS.get(place.subset, place.subset)}: test split, {metric.title}",
        ["Method or control", "Kind", metric.title, "Against the best control", "Verdict"]
        + ["Trained", "Seeds", "Rows"],
    )
    for name in sorted(order(scores), key=lambda name: results.rank(place, name)):
        row = scores[name]
        against = results.compared.get((place, name, best)) if row["kind"] == "method" else None
        grid.add(
            title(name),
            row["kind"],
            score(row),
            _difference(against) if against else Cell(""),
            _verdict(against) if against else Cell("best control" if name == best else ""),
            count(row["trained_parameters"]),
            count(row["seeds"]),
            count(row["n"]),
            kind=row["kind"],
        )
        grid.sources = sorted(
            {*grid.sources, row["source"], *([against["source"]] if against else [])}
        )
    return grid


def _difference(row: dict) -> Cell:
    interval = f"[{_signed(row['low'])}, {_signed(row['high'])}]"
    return Cell(_signed(row["difference"]), row["difference"], interval)


def _verdict(row: dict) -> Cell:
    return Cell(row["verdict"], mark=row["verdict"])


def everything(run: Run) -> list[Grid]:
    """Every row of every metrics.parquet, one table a suite."""
    grids = []
    for study, suite in dict.fromkeys((row["study"], row["suite"]) for row in run.metrics):
        grid = Grid(
            f"metrics-{study}-{suite}",
            f"Every metric of {suite}: all splits, subsets and probes",
            ["Dataset", "Split", "Subset", "Method or control", "Kind", "Probe", "Metric"]
            + ["Value", "Low", "High", "Rows", "Seeds"],
            closed=True,
        )
        for row in run.metrics:
            if (row["study"], row["suite"]) != (study, suite):
                continue
            texts = [row["dataset"], row["split"], _SUBSETS.get(row["subset"], row["subset"])]
            texts += [title(row["method"]), row["kind"], row["probe"]]
            texts += [METRICS[row["metric"]].title if row["metric"] in METRICS else row["metric"]]
            numbers = [Cell(_number(row[key]), row[key]) for key in ("value", "low", "high")]
            grid.add(*texts, *numbers, count(row["n"]), count(row["seeds"]), kind=row["kind"])
            grid.sources = sorted({*grid.sources, row["source"]})
        grids.append(grid)
    return grids


def comparisons(run: Run) -> list[Grid]:
    """Every paired difference, one table a suite."""
    grids = []
    for study, suite in dict.fromkeys((row["study"], row["suite"]) for row in run.comparisons):
        grid = Grid(
            f"comparisons-{study}-{suite}",
            f"Paired differences of {suite} on the test split",
            ["Dataset", "Subset", "Metric", "Method", "Probe", "Against", "Difference", "p"]
            + ["p (Holm)", "Verdict"],
            closed=True,
        )
        for row in run.comparisons:
            if (row["study"], row["suite"]) != (study, suite):
                continue
            metric = METRICS[row["metric"]].title if row["metric"] in METRICS else row["metric"]
            grid.add(
                row["dataset"],
                _SUBSETS.get(row["subset"], row["subset"]),
                metric,
                title(row["method"]),
                row["probe"] or "none",
                title(row["against"]),
                _difference(row),
                Cell(_p(row["p"]), row["p"]),
                Cell(_p(row["p_holm"]), row["p_holm"]),
                _verdict(row),
            )
            grid.sources = sorted({*grid.sources, row["source"]})
        grids.append(grid)
    return grids


def judged(run: Run) -> list[Grid]:
    """Mean scores of each judge, one table a judge: judges are never mixed."""
    grids = []
    for judge in dict.fromkeys(row["judge"] for row in run.verdicts):
        grid = Grid(
            f"judge-{judge}",
            f"Judge {judge}: mean score of the reasoning, 0 to 10",
            ["Dataset", "Dimension", "Reasoning of", "Mean score", "Scored", "Refused"]
            + ["Malformed"],
        )
        groups: dict[tuple, list[dict]] = {}
        for row in run.verdicts:
            if row["judge"] == judge:
                key = (row["dataset"], row["dimension"], row["method"])
                groups.setdefault(key, []).append(row)
        names = order(method for _, _, method in groups)
        for key in sorted(groups, key=lambda key: (key[0], key[1], names.index(key[2]))):
            rows, (dataset, dimension, method) = groups[key], key
            scored = [row["score"] for row in rows if row["status"] == "ok"]
            mean = sum(scored) / len(scored) if scored else None
            status = Counter(row["status"] for row in rows)
            grid.add(
                dataset,
                DIMENSIONS.get(dimension, dimension),
                title(method),
                Cell("none scored") if mean is None else Cell(f"{mean:.2f}", mean),
                *(count(status[key]) for key in ("ok", "refused", "malformed")),
            )
            grid.sources = sorted({*grid.sources, *(row["source"] for row in rows)})
        grids.append(grid)
    return grids


def costs(run: Run) -> Grid:
    """What training took, a row a seed."""
    measures = {
        "trained_parameters": "Trained parameters",
        "total_parameters": "All parameters",
        "steps": "Steps",
        "examples": "Examples seen",
        "tokens": "Tokens",
        "flops": "FLOP",
        "learning_rate": "Learning rate",
        "seconds": "Seconds",
        "peak_memory_mb": "Peak memory (MB)",
    }
    grid = Grid(
        "costs", "Cost of training", ["Suite", "Method", "Kind", "Seed", *measures.values()]
    )
    for row in run.costs:
        cells = [_cost(key, row.get(key)) for key in measures]
        names = [row["suite"], title(row["method"]), row["kind"]]
        grid.add(*names, count(row["seed"]), *cells, kind=row["kind"])
        grid.sources = sorted({*grid.sources, row["source"]})
    return grid


def _cost(key: str, value: float | None) -> Cell:
    if value is None:
        return Cell("")
    formats = {"flops": f"{value:.2e}", "learning_rate": f"{value:g}", "seconds": f"{value:,.1f}"}
    return Cell(formats.get(key, f"{value:,.0f}"), value)


def left_out(run: Run) -> list[str]:
    """What the catalogues hold and this run does not."""
    settings = run.settings
    drawn = {drawing.figure.name for drawing in run.figures}
    asked = {
        "studies": ({"language", "codons"}, set(settings["studies"])),
        "methods": (set(METHODS), set(settings["language"]["methods"])),
        "arms": (set(ARMS), set(settings["codons"]["arms"])),
        "figures": (set(FIGURES), drawn),
    }
    lines = []
    for what, (known, used) in asked.items():
        missing = order(known - used)
        if missing:
            lines.append(f"{what}: {', '.join(title(name) for name in missing)}")
    return lines


def _number(value: float) -> str:
    return "not defined" if math.isnan(value) else f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def _p(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"
