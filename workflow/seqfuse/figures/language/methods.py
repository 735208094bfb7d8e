"""Every method and control of study A, by dataset and subset: the main figure."""

import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import ranking, scores
from seqfuse.registry.metrics import MEAN


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Test scores of study A, with the papers' values beside them."""
    rows = scores.primary(frames, "language")
    return scores.with_published(rows[rows["dataset"] != MEAN])


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per dataset and subset, one block of panels per suite."""
    return ranking.draw(ranking.of_scores(frame))
