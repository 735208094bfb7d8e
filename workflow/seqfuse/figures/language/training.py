"""Loss of every method of study A while it was trained."""

import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import loss_curves


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Training and validation loss by suite, method, seed and step."""
    return loss_curves.losses(frames["logs"], frames["costs"])


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per suite."""
    return loss_curves.draw(frame)
