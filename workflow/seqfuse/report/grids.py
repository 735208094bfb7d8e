"""The tables of the report: plain cells, each number with its exact value for sorting."""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from seqfuse.registry.arms import ARMS
from seqfuse.registry.figures import FIGURES
from seqfuse.registry.judges import DIMENSIONS
from seqfuse.registry.methods import METHODS
from seqfuse.registry.metrics import MEAN, METRICS
from seqfuse.registry.subsets import subset
from seqfuse.report.findings import Place, Results
from seqfuse.report.inputs import Run, data_uri
from seqfuse.report.titles import order, title
from seqfuse.statistics.agreement import agreements

_ONE_SEED = "one seed: nothing is known of another training"


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
    return Cell(_number(row["value"]), row["value"], _ends(row, _number))


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
        f"{dataset}, {subset(place.subset)}: test split, {metric.title}",
        ["Method or control", "Kind", metric.title, "Against the best control", "Verdict"]
        + ["Detectable", "Equivalence", "Trained", "Seeds", "Rows", "Clusters"],
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
            _exact(_number, against["detectable"]) if against else Cell(""),
            against["equivalence"] if against else "",
            count(row["trained_parameters"]),
            _seeds(against) if against else count(row["seeds"]),
            count(row["n"]),
            count(row["clusters"]),
            kind=row["kind"],
        )
        grid.sources = sorted(
            {*grid.sources, row["source"], *([against["source"]] if against else [])}
        )
    return grid


def _difference(row: dict) -> Cell:
    return Cell(_signed(row["difference"]), row["difference"], _ends(row, _signed))


def _verdict(row: dict) -> Cell:
    mark = row["verdict"] if row["verdict"] in ("better", "worse") else ""
    return Cell(row["verdict"], mark=mark)


def _seeds(row: dict) -> Cell:
    """The fewest seeds of what a comparison is of, and what one seed says."""
    return Cell(f"{row['seeds']}", row["seeds"], _ONE_SEED if row["seeds"] == 1 else "")


def weight(row: dict) -> str:
    """What a comparison could have shown, in words: the smallest difference that it would have
    found, whether the two are equivalent, and that one training was all there was."""
    said = []
    if not math.isnan(row["detectable"]):
        said = [f"detectable: {_exact(_number, row['detectable']).text}", row["equivalence"]]
    if row["seeds"] == 1:
        said.append(_ONE_SEED)
    return "; ".join(said)


def everything(run: Run) -> list[Grid]:
    """Every row of every metrics.parquet, one table a suite."""
    grids = []
    for study, suite in dict.fromkeys((row["study"], row["suite"]) for row in run.metrics):
        grid = Grid(
            f"metrics-{study}-{suite}",
            f"Every metric of {suite}: all splits, subsets and probes",
            ["Dataset", "Split", "Subset", "Method or control", "Kind", "Probe", "Metric"]
            + ["Value", "Low", "High", "Rows", "Clusters", "Seeds"],
            closed=True,
        )
        for row in run.metrics:
            if (row["study"], row["suite"]) != (study, suite):
                continue
            texts = [row["dataset"], row["split"], subset(row["subset"])]
            texts += [title(row["method"]), row["kind"], row["probe"]]
            texts += [METRICS[row["metric"]].title if row["metric"] in METRICS else row["metric"]]
            numbers = [_exact(_number, row[key]) for key in ("value", "low", "high")]
            counts = [count(row[key]) for key in ("n", "clusters", "seeds")]
            grid.add(*texts, *numbers, *counts, kind=row["kind"])
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
            + ["p (Holm)", "Verdict", "Detectable", "Equivalence", "Rows", "Clusters", "Seeds"],
            closed=True,
        )
        for row in run.comparisons:
            if (row["study"], row["suite"]) != (study, suite):
                continue
            metric = METRICS[row["metric"]].title if row["metric"] in METRICS else row["metric"]
            grid.add(
                row["dataset"],
                subset(row["subset"]),
                metric,
                title(row["method"]),
                row["probe"] or "none",
                title(row["against"]),
                _difference(row),
                _exact(_p, row["p"]),
                _exact(_p, row["p_holm"]),
                _verdict(row),
                _exact(_number, row["detectable"]),
                row["equivalence"],
                count(row["n"]),
                count(row["clusters"]),
                _seeds(row),
            )
            grid.sources = sorted({*grid.sources, row["source"]})
        grids.append(grid)
    return grids


def judged(run: Run) -> list[Grid]:
    """Mean scores of each judge, as the figure has them; one table a judge, never mixed."""
    drawing = run.drawing("judge")
    if drawing is None:
        return []
    grids: dict[str, Grid] = {}
    for row in drawing.records():
        judge = row["judge"]
        columns = ["Dataset", "Dimension", "Reasoning of", "Mean score", "Records", "Refused"]
        caption = f"Judge {judge}: mean score of the reasoning, 0 to 10"
        grid = grids.setdefault(judge, Grid(f"judge-{judge}", caption, [*columns, "Malformed"]))
        grid.add(
            row["dataset"],
            DIMENSIONS.get(row["dimension"], row["dimension"]),
            row["title"],
            _interval(row, 2) if row["value"] else Cell("none scored"),
            *(count(float(row[name])) for name in ("n", "refused", "malformed")),
            kind=row["kind"],
        )
        grid.sources = [drawing.source]
    return list(grids.values())


def agreement(run: Run) -> list[Grid]:
    """How far each two judges agree on the same answers, where there are several."""
    grid = Grid(
        "judge-agreement",
        "Agreement of judges on the same answers, methods and controls together",
        ["Dimension", "Judge", "Other judge", "Spearman", "Mean difference", "Mean distance"]
        + ["Answers"],
    )
    for found in agreements(run.verdicts):
        if found.answers > 1:
            rho = math.nan if found.spearman is None else found.spearman
            grid.add(
                DIMENSIONS[found.dimension],
                found.judge,
                found.other,
                Cell(_number(rho), found.spearman),
                Cell(_signed(found.difference), found.difference),
                Cell(f"{found.distance:.3f}", found.distance),
                count(found.answers),
            )
    grid.sources = sorted({row["source"] for row in run.verdicts})
    return [grid] if grid.rows else []


def published(run: Run) -> list[Grid]:
    """The papers' values beside ours, from every figure that has any."""
    grid = Grid(
        "published-values",
        "Published values beside ours",
        ["Table or figure", "Dataset", "Method", "Measure", "Ours", "Published", "Difference"]
        + ["In our interval", "Where", "Note"],
    )
    for drawing in run.figures:
        for row in drawing.records():
            if not row.get("published"):
                continue
            measure = row.get("metric") or row.get("dimension", "")
            known = METRICS[measure].title if measure in METRICS else DIMENSIONS.get(measure)
            paper, gap = float(row["published"]), row.get("difference")
            grid.add(
                drawing.figure.title,
                row["dataset"],
                row.get("title") or title(row["method"]),
                known or measure.replace("_", " "),
                _interval(row, 3),
                Cell(f"{paper:,.4g}", paper),
                Cell(_signed(float(gap)), float(gap)) if gap else Cell(""),
                row.get("interval_covers_published", ""),
                row["published_source"],
                row["published_note"],
            )
            grid.sources = sorted({*grid.sources, drawing.source})
    return [grid] if grid.rows else []


def _interval(row: dict[str, str], digits: int) -> Cell:
    """A value of a figure's CSV with its interval; empty where there is none of ours."""
    if not row["value"]:
        return Cell("")
    value = float(row["value"])
    low, high = row.get("low"), row.get("high")
    note = f"[{float(low):.{digits}f}, {float(high):.{digits}f}]" if low and high else ""
    return Cell(f"{value:,.{digits}f}", value, note)


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
    of_ablations = any(drawing.figure.ablations for drawing in run.figures)
    # Ablations run more than the methods and arms of the settings.
    ran = {row["method"] for row in run.metrics}
    asked = {
        "studies": ({"language", "codons"}, set(settings["studies"])),
        "methods": (set(METHODS), ran | set(settings["language"]["methods"])),
        "arms": (set(ARMS), ran | set(settings["codons"]["arms"])),
        "figures": ({name for name, f in FIGURES.items() if f.ablations == of_ablations}, drawn),
    }
    lines = []
    for what, (known, used) in asked.items():
        missing = order(known - used)
        if missing:
            titles = [FIGURES[n].title if what == "figures" else title(n) for n in missing]
            # A title may hold commas.
            lines.append(f"{what}: {'; '.join(titles)}")
    return lines


def _exact(text: Callable[[float], str], value: float) -> Cell:
    """A number as a cell; of one that cannot be had, words alone."""
    return Cell(text(value), value) if math.isfinite(value) else Cell("none")


def _ends(row: dict, text: Callable[[float], str]) -> str:
    """The interval of a row in words."""
    return "no interval" if math.isnan(row["low"]) else f"[{text(row['low'])}, {text(row['high'])}]"


def _number(value: float) -> str:
    return "not defined" if math.isnan(value) else f"{value:z.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def _p(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"
