"""Accuracy, F1, precision and recall, under every average: the papers' Table 1."""

import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import names, scores
from seqfuse.figures.tables import table_layout
from seqfuse.registry.metrics import METRICS

# What the paper calls its columns. It does not say which average its F1, precision and recall are,
# so that its one number stands beside each of ours.
_PUBLISHED = {"accuracy": "accuracy"} | {
    f"{average}_{name}": name
    for average in ("macro", "union", "weighted")
    for name in ("f1", "precision", "recall")
}
_DRAWN = ("accuracy", "macro_f1", "macro_precision", "macro_recall", "weighted_f1")


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per set compared by accuracy, method or control, and metric; whole test splits."""
    rows = scores.on_test(frames["metrics"], "language")
    rows = rows[(rows["subset"] == "all") & rows["metric"].isin(_PUBLISHED)]
    rows = rows.merge(scores.compared_by(frames["comparisons"], "accuracy"))
    rows = scores.with_verdict(rows, frames["comparisons"])
    rows = scores.in_order(rows.assign(title=rows["method"].map(names.title)))
    return scores.with_published(rows[scores.COLUMNS], _PUBLISHED)


def draw(frame: pd.DataFrame) -> Figure:
    """One table per set: five of the ten columns, the others are in the CSV."""
    cells = frame[frame["metric"].isin(_DRAWN)]
    titles = {name: METRICS[name].title.replace(" over gold classes", "") for name in _DRAWN}
    cells = cells.assign(
        block=[f"{row.dataset}, n = {row.n:,}" for row in cells.itertuples()],
        row=cells["title"],
        column=cells["metric"].map(titles),
        _place=cells["metric"].map({name: place for place, name in enumerate(_DRAWN)}),
    )
    # Columns stand in the order of their first cell, rows too: methods of one column first.
    return table_layout.draw(cells.sort_values("_place", kind="stable"), bold=True)
