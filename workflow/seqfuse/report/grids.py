"""The tables of the report, each from what the run found."""

import math
from dataclasses import replace

from seqfuse.registry.judges import DIMENSIONS, TITLES
from seqfuse.registry.metrics import MEAN, METRICS
from seqfuse.registry.subsets import PROBES, subset
from seqfuse.report import cells
from seqfuse.report.cells import Cell, Grid
from seqfuse.report.findings import Place, Results
from seqfuse.report.inputs import Drawing, Run
from seqfuse.report.titles import order, title
from seqfuse.statistics.agreement import agreements


def numbers(drawing: Drawing) -> Grid:
    """The CSV of a figure as a table; a filter finds a name by what the page calls it, too."""
    grid = Grid(
        f"{drawing.figure.name}-numbers",
        "The numbers of this figure",
        drawing.columns,
        closed=True,
    )
    for row in drawing.rows:
        grid.add(*map(_field, drawing.columns, row))
    return grid


def _field(column: str, text: str) -> Cell:
    """A field of a figure's CSV, with its public name for the filter."""
    if column in ("method", "against"):
        return Cell(text, name=title(text))
    if column == "probe":
        return Cell(text, name=PROBES.get(text, ""))
    return Cell(text, name=subset(text) if column == "subset" else "")


def rankings(run: Run, results: Results) -> list[Grid]:
    """One table per dataset and subset: methods with controls beside them, best first."""
    return [_ranking(results, place, _intervals(run)) for place in results.scores]


def _intervals(run: Run) -> str:
    """What a caption says of the intervals of its table."""
    return f"{100 * run.settings['evaluation']['confidence']:g} % intervals"


def _ranking(results: Results, place: Place, intervals: str) -> Grid:
    scores, best = results.scores[place], results.best_control(place)
    dataset = f"mean over the sets of {place.suite}" if place.dataset == MEAN else place.dataset
    metric, n = METRICS[place.metric], next(iter(scores.values()))["n"]
    grid = Grid(
        f"{place.suite}-{place.dataset}-{place.subset}",
        f"{dataset}, {subset(place.subset)}: test split, {metric.title}, {intervals}, n = {n:,}",
        ["Method or control", metric.title, "Kind", "Seeds", "Against the best control", "Verdict"]
        + ["Detectable", "Equivalence", "Trained", "Rows", "Clusters"],
    )
    for name in sorted(order(scores), key=lambda name: results.rank(place, name)):
        row = scores[name]
        against = results.compared.get((place, name, best)) if row["kind"] == "method" else None
        grid.add(
            _named(name),
            cells.score(row),
            row["kind"],
            cells.seeds(against or row, row),
            cells.difference(against) if against else Cell(""),
            cells.verdict(against) if against else Cell("best control" if name == best else ""),
            cells.exact(cells.number, against["detectable"]) if against else Cell(""),
            against["equivalence"] if against else "",
            cells.count(row["trained_parameters"]),
            cells.count(row["n"]),
            cells.count(row["clusters"]),
            kind=row["kind"],
        )
        grid.sources = sorted(
            {*grid.sources, row["source"], *([against["source"]] if against else [])}
        )
    return grid


def everything(run: Run) -> list[Grid]:
    """Every row of every metrics.parquet, one table per suite."""
    grids = []
    for study, suite in dict.fromkeys((row["study"], row["suite"]) for row in run.metrics):
        grid = Grid(
            f"metrics-{study}-{suite}",
            f"Every metric of {suite}: all splits, subsets and probes, {_intervals(run)}",
            ["Dataset", "Split", "Subset", "Method or control", "Kind", "Probe", "Metric"]
            + ["Value", "Low", "High", "Rows", "Clusters", "Seeds"],
            closed=True,
        )
        for row in run.metrics:
            if (row["study"], row["suite"]) != (study, suite):
                continue
            texts = [
                row["dataset"],
                row["split"],
                cells.named(row["subset"], subset(row["subset"])),
            ]
            texts += [_named(row["method"]), row["kind"], _probe(row["probe"]), _metric(row)]
            numbers = [cells.exact(cells.number, row[key]) for key in ("value", "low", "high")]
            numbers[0] = replace(numbers[0], by_seed=cells.by_seed(row))
            counts = [cells.count(row[key]) for key in ("n", "clusters", "seeds")]
            grid.add(*texts, *numbers, *counts, kind=row["kind"])
            grid.sources = sorted({*grid.sources, row["source"]})
        grids.append(grid)
    return grids


def _named(name: str) -> Cell:
    """A method, arm or control by its title."""
    return cells.named(name, title(name))


def _probe(name: str) -> Cell:
    """What was done to the DNA, in words."""
    return cells.named(name, PROBES.get(name, name))


def _metric(row: dict) -> Cell:
    metric = row["metric"]
    return cells.named(metric, METRICS[metric].title if metric in METRICS else metric)


def comparisons(run: Run) -> list[Grid]:
    """Every paired difference, one table per suite."""
    grids = []
    for study, suite in dict.fromkeys((row["study"], row["suite"]) for row in run.comparisons):
        grid = Grid(
            f"comparisons-{study}-{suite}",
            f"Paired differences of {suite} on the test split, {_intervals(run)} after Holm",
            ["Dataset", "Subset", "Metric", "Method", "Probe", "Against", "Difference", "p"]
            + ["p (Holm)", "Verdict", "Detectable", "Equivalence", "Rows", "Clusters", "Seeds"],
            closed=True,
        )
        for row in run.comparisons:
            if (row["study"], row["suite"]) != (study, suite):
                continue
            grid.add(
                row["dataset"],
                cells.named(row["subset"], subset(row["subset"])),
                _metric(row),
                _named(row["method"]),
                _probe(row["probe"] or "none"),
                _named(row["against"]),
                cells.difference(row),
                cells.exact(cells.p_value, row["p"]),
                cells.exact(cells.p_value, row["p_holm"]),
                cells.verdict(row),
                cells.exact(cells.number, row["detectable"]),
                row["equivalence"],
                cells.count(row["n"]),
                cells.count(row["clusters"]),
                cells.seeds(row),
            )
            grid.sources = sorted({*grid.sources, row["source"]})
        grids.append(grid)
    return grids


def judged(run: Run) -> list[Grid]:
    """Mean scores of each judge, as the figure has them; one table per judge, never mixed."""
    drawing = run.drawing("judge")
    if drawing is None:
        return []
    grids: dict[str, Grid] = {}
    for row in drawing.records():
        judge = row["judge"]
        columns = ["Dataset", "Dimension", "Reasoning of", "Mean score", "Records", "Refused"]
        columns += ["Malformed", "Over the closest control", "p (Holm)", "Verdict"]
        caption = f"Judge {judge}: mean score of the reasoning, 0 to 10, {_intervals(run)}"
        grid = grids.setdefault(judge, Grid(f"judge-{judge}", caption, columns))
        grid.add(
            row["dataset"],
            cells.named(row["dimension"], TITLES.get(row["dimension"], row["dimension"])),
            cells.named(row["method"], row["title"]),
            cells.interval(row, 2) if row["value"] else Cell("none scored"),
            *(cells.count(float(row[name])) for name in ("n", "refused", "malformed")),
            *_compared(row),
            kind=row["kind"],
        )
        grid.sources = [drawing.source]
    return list(grids.values())


def _compared(row: dict[str, str]) -> list[Cell]:
    """A judged method's difference from the control that comes closest, and what it beats."""
    if not row["against"]:
        return [Cell(""), Cell(""), Cell("")]
    gain, low, high, p = (
        float(row[name] or "nan") for name in ("gain", "gain_low", "gain_high", "p_holm")
    )
    ends = cells.ends({"low": low, "high": high}, cells.signed)
    note = f"{ends} over: {title(row['against'])}"
    return [
        Cell(cells.signed(gain), gain, note, ends=None if math.isnan(low) else (low, high)),
        cells.exact(cells.p_value, p),
        Cell(row["verdict"]),
    ]


def agreement(run: Run) -> list[Grid]:
    """How far each two judges agree on the same answers, where there are several."""
    grid = Grid(
        "judge-agreement",
        "Agreement of judges on the same answers, methods and controls together",
        ["Dimension", "Judge", "Other judge", "Spearman", "Mean difference", "Mean distance"]
        + ["Answers"],
    )
    for pair in agreements(run.verdicts):
        if pair.answers > 1:
            rho = math.nan if pair.spearman is None else pair.spearman
            grid.add(
                DIMENSIONS[pair.dimension],
                pair.judge,
                pair.other,
                Cell(cells.number(rho), pair.spearman),
                Cell(cells.signed(pair.difference), pair.difference),
                Cell(f"{pair.distance:.3f}", pair.distance),
                cells.count(pair.answers),
            )
    grid.sources = sorted({row["source"] for row in run.verdicts})
    return [grid] if grid.rows else []


def published(run: Run) -> list[Grid]:
    """The papers' values beside ours, from every figure that has any."""
    grid = Grid(
        "published-values",
        f"Published values beside ours, with {_intervals(run)}",
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
                cells.interval(row, 3),
                Cell(f"{paper:,.4g}", paper),
                Cell(cells.signed(float(gap)), float(gap)) if gap else Cell(""),
                row.get("interval_covers_published", ""),
                row["published_source"],
                row["published_note"],
            )
            grid.sources = sorted({*grid.sources, drawing.source})
    return [grid] if grid.rows else []


def costs(run: Run, unit: cells.Unit) -> Grid:
    """What training took, one row per seed; a column says whether it was counted in every step,
    measured by a clock or the machine, or computed from steps that were counted."""
    measures = {
        "trained_parameters": "Trained parameters",
        "total_parameters": "All parameters",
        "steps": "Steps",
        "examples": "Examples seen",
        "tokens": "Tokens (counted)",
        "flops": "FLOP executed (computed)",
        "learning_rate": "Learning rate",
        "seconds": f"{unit.title} (measured)",
        "peak_memory_mb": "Peak memory (measured, MB)",
    }
    grid = Grid(
        "costs", "Cost of training", ["Suite", "Method", "Kind", "Seed", *measures.values()]
    )
    for row in run.costs:
        timed = row | {"seconds": row["seconds"] / unit.seconds}
        costed = [_cost(key, timed.get(key)) for key in measures]
        names = [row["suite"], _named(row["method"]), row["kind"]]
        grid.add(*names, cells.count(row["seed"]), *costed, kind=row["kind"])
        grid.sources = sorted({*grid.sources, row["source"]})
    return grid


def _cost(key: str, value: float | None) -> Cell:
    if value is None:
        return Cell("")
    formats = {"flops": f"{value:.2e}", "learning_rate": f"{value:g}", "seconds": f"{value:,.2f}"}
    return Cell(formats.get(key, f"{value:,.0f}"), value)
