"""Intervals of the scores that figures compute themselves, as for every other score."""

import pandas as pd

from seqfuse.errors import UserError
from seqfuse.statistics import inference


def with_clusters(rows: pd.DataFrame, clusters: pd.DataFrame) -> pd.DataFrame:
    """Add the column `cluster`: which rows, by dataset and id, are one sample."""
    clustered = rows.merge(clusters, on=["dataset", "id"], how="left")
    lacking = clustered.loc[clustered["cluster"].isna(), ["dataset", "id"]]
    if len(lacking):
        dataset, record = lacking.iloc[0]
        raise UserError(
            f"--clusters: no cluster for record {record!r} of {dataset}; give the clusters.parquet"
            " of every dataset that is scored"
        )
    return clustered


def of(score: inference.Estimate, ends: tuple[float, float], confidence: float) -> dict[str, float]:
    """The columns value, low and high of a score between `ends`."""
    low, high = inference.interval(score, ends, confidence)
    return {"value": float(score.value), "low": float(low), "high": float(high)}
