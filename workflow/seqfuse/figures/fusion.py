"""Every arm and control of study B, by dataset."""

import pandas as pd
from matplotlib.figure import Figure

from seqfuse.evaluation.catalogue import MEAN
from seqfuse.figures import ranking, scores


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Test scores of study B, with the paper's values beside them."""
    rows = scores.primary(frames, "codons")
    return scores.with_published(rows[rows["dataset"] != MEAN])


def draw(frame: pd.DataFrame) -> Figure:
    """One panel a dataset; every arm stands in the same row of each."""
    return ranking.draw(ranking.of_scores(frame, block="all"))
