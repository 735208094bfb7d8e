"""Loss of every arm of study B while it was trained."""

import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import loss_curves


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Training and validation loss by dataset, arm, seed and step."""
    return loss_curves.losses(frames["logs"], frames["costs"])


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per dataset."""
    return loss_curves.draw(frame)
