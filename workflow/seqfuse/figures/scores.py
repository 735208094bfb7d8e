"""Test scores by the metric that each dataset is compared by: what every ranking starts from."""

from collections.abc import Mapping

import pandas as pd

from seqfuse.evaluation.catalogue import MEAN
from seqfuse.figures import names, published

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
]


def primary(frames: Mapping[str, pd.DataFrame], study: str) -> pd.DataFrame:
    """One row a suite, dataset, subset and method or control: its test score, without probes.

    Needs the frames `metrics` and `comparisons`; the latter says which metric is a dataset's own.
    Subsets of few rows are left out. The mean over a suite is among them, as the dataset "mean".
    Rows stand in the order in which they are drawn.
    """
    metrics, compared = frames["metrics"], frames["comparisons"]
    ours = (metrics["study"] == study) & (metrics["split"] == "test") & (metrics["probe"] == "none")
    rows = metrics[ours & ((metrics["subset"] == "all") | (metrics["n"] >= _FEWEST))]
    rows = rows.merge(primaries(compared), on=["suite", "dataset", "metric"])
    rows = rows.assign(title=[names.title(name) for name in rows["method"]])
    return _in_order(rows)[COLUMNS].reset_index(drop=True)


def primaries(compared: pd.DataFrame) -> pd.DataFrame:
    """The metric that each suite and dataset is compared by."""
    return compared.drop_duplicates(["suite", "dataset"])[["suite", "dataset", "metric"]]


def with_published(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the paper's value, our difference from it, and whether our interval covers it."""
    found = [
        published.value(row.dataset, row.method, row.metric) if row.subset == "all" else None
        for row in rows.itertuples()
    ]
    value = pd.Series([paper.value if paper else None for paper in found], rows.index, dtype=float)
    covered = (rows["low"] <= value) & (value <= rows["high"])
    return rows.assign(
        published=value,
        published_source=[paper.source if paper else None for paper in found],
        difference=rows["value"] - value,
        interval_covers_published=covered.map({True: "yes", False: "no"}).where(value.notna()),
    )


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    kinds = dict(zip(rows["method"], rows["kind"], strict=True))
    methods = {name: place for place, name in enumerate(names.order(kinds))}
    subsets = {name: place for place, name in enumerate(names.SUBSETS)}
    return rows.assign(
        _mean=rows["dataset"] == MEAN,
        _subset=rows["subset"].map(lambda name: subsets.get(name, len(subsets))),
        _method=rows["method"].map(methods),
    ).sort_values(["suite", "_mean", "dataset", "_subset", "subset", "_method"], kind="stable")
