"""The mean over the tasks that were trained together, with every control: the papers' Fig. 4."""

import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import ranking, scores
from seqfuse.registry.metrics import MEAN


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean test scores of every suite whose sets share one metric."""
    rows = scores.primary(frames, "language")
    return rows[rows["dataset"] == MEAN]


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per suite."""
    rows = ranking.of_scores(frame)
    titles = [f"mean over the sets of {row.suite}\nn = {row.n:,}" for row in rows.itertuples()]
    return ranking.draw(rows.assign(panel=titles))
