"""Collect what the controls of a run scored into docs/measured/, from which `make docs` prints it.

    python -m bench.controls results/pilot

Writes controls.csv, accuracy or Spearman's correlation on test of every control and subset, and
structure.csv, what the features of folded mRNA add to boosting (where ViennaRNA was installed).
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from seqfuse.registry.metrics import METRICS
from seqfuse.statistics import comparisons, correlation, inference, jackknife

OUT = Path(__file__).resolve().parents[1] / "docs" / "measured"
HEADLINE = {"language": "accuracy", "codons": "spearman"}
SUBSETS = ["all", "question_decides", "sequence_decides", "seen_nearly", "unseen"]
COLUMNS = ["suite", "metric", "subset", "method", "value", "low", "high", "n", "clusters"]


def scores(run: Path) -> pd.DataFrame:
    """The headline metric of every control on test, in the order of the tables."""
    tables = []
    for path in sorted(run.glob("evaluation/*/*/metrics.parquet")):
        rows = pd.read_parquet(path)
        headline = rows["metric"] == rows["study"].map(HEADLINE)
        rows = rows[headline & (rows["split"] == "test") & rows["subset"].isin(SUBSETS)]
        tables.append(rows[rows["kind"] == "control"])
    return pd.concat(tables)[COLUMNS]


def structure(run: Path) -> pd.DataFrame:
    """The paired difference of boosting with and without structure on each set of test rows."""
    rows = []
    for path in sorted(run.glob("controls/codons/*/predictions.parquet")):
        suite = path.parent.name
        said = pd.read_parquet(path).pivot(index="id", columns="method", values="predicted_value")
        if "structure" not in said:
            continue
        folder = run / "sequences" / suite
        records = pd.read_parquet(folder / "records.parquet").query("split == 'test'")
        records = records.merge(pd.read_parquet(folder / "clusters.parquet"), on="id")
        subsets = {"all": records} | dict(list(records.groupby("seen")))
        for subset, here in subsets.items():
            one, other = (
                _estimate(said[method].loc[here["id"]].to_numpy(), here, suite)
                for method in ("structure", "boosting")
            )
            added = comparisons.compare(one, other, ends=METRICS["spearman"].ends).difference
            low, high = added.interval(0.05)
            rows.append(
                {"suite": suite, "subset": subset, "difference": float(added.value)}
                | {"low": float(low), "high": float(high), "p": float(added.p)}
                | {"n": len(here), "clusters": one.clusters}
            )
    return pd.DataFrame(rows)


def _estimate(said: np.ndarray, rows: pd.DataFrame, suite: str) -> inference.Estimate:
    value = rows["value"].to_numpy()

    def score(counts: np.ndarray) -> np.ndarray:
        return correlation.spearman(said, value, counts)

    alone = score(np.ones((1, len(value))))
    return jackknife.estimate(score, alone, rows["cluster"].to_numpy(), "codons", suite, suite)


if __name__ == "__main__":
    run = Path(sys.argv[1])
    for name, table in {"controls": scores(run), "structure": structure(run)}.items():
        table.to_csv(OUT / f"{name}.csv", index=False, float_format="%.6g")
