"""How much weight attention pooling gives each modality, sequence by sequence and seed by seed."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqfuse.figures.drawing import names, panel_grid

_MODALITIES = ("dna", "rna", "protein")
_SHARES = {"p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Quantiles over the test sequences of each modality's weight, by dataset, arm and seed."""
    records = frames["records"]
    test = records.loc[records["split"] == "test", ["dataset", "id"]]
    rows = frames["weights"].merge(test, on=["dataset", "id"])
    keys = ["dataset", "method", "seed"]
    long = rows.melt([*keys, "id"], _MODALITIES, var_name="modality", value_name="weight")
    groups = long.groupby([*keys, "modality"], sort=False)["weight"]
    quantiles = {name: groups.quantile(share) for name, share in _SHARES.items()}
    return pd.DataFrame(quantiles | {"n": groups.size()}).reset_index()


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per dataset and arm, one box per modality and seed."""
    return panel_grid.draw(frame, _panel, columns=4, size=1.9)


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    seeds = sorted(rows["seed"].unique())
    width = 0.8 / len(seeds)
    for row in rows.itertuples():
        x = _MODALITIES.index(row.modality) - 0.4 + width * (seeds.index(row.seed) + 0.5)
        colour = names.colour(row.modality)
        axis.plot([x, x], [row.p5, row.p95], color=colour, linewidth=0.8)
        axis.bar(
            x, row.p75 - row.p25, width * 0.8, row.p25, color=colour, alpha=0.35, edgecolor=colour
        )
        axis.plot([x - 0.4 * width, x + 0.4 * width], [row.median] * 2, color=colour, linewidth=1.6)
    axis.axhline(1 / len(_MODALITIES), color="#666666", linewidth=0.6, linestyle=":")
    axis.set_xticks(range(len(_MODALITIES)), ["DNA", "mRNA", "protein"])
    axis.tick_params(axis="x", length=0)
    axis.set(ylim=(0, 1), ylabel="weight")
