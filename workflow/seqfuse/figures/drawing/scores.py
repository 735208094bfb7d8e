"""Test scores by the metric that each dataset is compared by: what every ranking starts from."""

from collections.abc import Mapping

import pandas as pd

from seqfuse.figures.drawing import names, published
from seqfuse.registry.metrics import BEATS_ALL, EVERY_CONTROL, MEAN
from seqfuse.registry.subsets import SUBSETS

# A subset with fewer rows has an interval as wide as the axis.
_FEWEST = 20
COLUMNS = [
    "suite",
    "dataset",
    "subset",
    "method",
    "title",
    "kind",
    "metric",
    "value",
    "low",
    "high",
    "n",
    "seeds",
    "trained_parameters",
    "verdict",
]
_PLACE = ["suite", "dataset", "subset", "metric", "method"]
# Stands behind a score that was shown to beat every control.
MARK = "*"
MARKED = f"{MARK} significantly better than every control"


def primary(frames: Mapping[str, pd.DataFrame], study: str) -> pd.DataFrame:
    """One row per suite, dataset, subset and method or control: its test score, without probes.

    Needs the frames `metrics` and `comparisons`; the latter says which metric is a dataset's own.
    `verdict` says whether a method beats all of its controls, and which it does not. Subsets of few
    rows are left out. The mean over a suite is among them, as the dataset "mean". Rows stand in the
    order in which they are drawn.
    """
    rows = on_test(frames["metrics"], study)
    rows = rows[(rows["subset"] == "all") | (rows["n"] >= _FEWEST)]
    rows = rows.merge(primaries(frames["comparisons"]), on=["suite", "dataset", "metric"])
    rows = with_verdict(rows, frames["comparisons"])
    rows = rows.assign(title=[names.title(name) for name in rows["method"]])
    return in_order(rows)[COLUMNS].reset_index(drop=True)


def with_verdict(rows: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """Add the verdict against all controls, to methods and the metric that they are compared by."""
    on_all = (compared["against"] == EVERY_CONTROL) & (compared["split"] == "test")
    return rows.merge(compared.loc[on_all, [*_PLACE, "verdict"]], on=_PLACE, how="left")


def mark(row) -> str:
    """What stands behind the drawn score of a row."""
    return MARK if getattr(row, "verdict", None) == BEATS_ALL else ""


def primaries(compared: pd.DataFrame) -> pd.DataFrame:
    """The metric that each suite and dataset is compared by."""
    return compared.drop_duplicates(["suite", "dataset"])[["suite", "dataset", "metric"]]


def compared_by(compared: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The suites and datasets that are compared by one metric."""
    chosen = primaries(compared)
    return chosen.loc[chosen["metric"] == metric, ["suite", "dataset"]]


def on_test(metrics: pd.DataFrame, study: str) -> pd.DataFrame:
    """The rows of a study's unaltered test scores."""
    ours = (metrics["study"] == study) & (metrics["split"] == "test") & (metrics["probe"] == "none")
    return metrics[ours]


def with_published(rows: pd.DataFrame, called: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Add the paper's value, our difference from it, and whether our interval covers it.

    `called` says what the paper calls a metric of ours; without it both have one name.
    """
    papers = [
        published.value(row.dataset, row.method, called[row.metric] if called else row.metric)
        if row.subset == "all"
        else None
        for row in rows.itertuples()
    ]
    return published.beside(rows, papers)


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows by suite, dataset and subset, methods and controls in the order of the catalogues."""
    kinds = dict(zip(rows["method"], rows["kind"], strict=True))
    methods = {name: place for place, name in enumerate(names.order(kinds))}
    subsets = {name: place for place, name in enumerate(SUBSETS)}
    return rows.assign(
        _mean=rows["dataset"] == MEAN,
        _subset=rows["subset"].map(lambda name: subsets.get(name, len(subsets))),
        _method=rows["method"].map(methods),
    ).sort_values(["suite", "_mean", "dataset", "_subset", "subset", "_method"], kind="stable")
