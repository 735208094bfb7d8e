"""Did it read the sequence? Methods beside controls that cannot, on both halves of a set."""

import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import ranking, scores
from seqfuse.registry.controls import CONTROLS

_HALVES = ("question_decides", "sequence_decides")
# What answers without reading: the text-only model, and every control that looks an answer up.
_BLIND = ("text_only", *(name for name in CONTROLS["language"] if name.endswith("_lookup")))


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Test scores of the methods and of the controls that read no sequence, on both halves."""
    rows = scores.primary(frames, "language")
    rows = rows[rows["subset"].isin(_HALVES)]
    halves = rows.groupby(["suite", "dataset"])["subset"].transform("nunique")
    shown = (rows["kind"] == "method") | rows["method"].isin(_BLIND)
    return rows[shown & (halves == len(_HALVES))]


def draw(frame: pd.DataFrame) -> Figure:
    """Two panels a dataset, the half that the question decides on the left."""
    return ranking.draw(ranking.of_scores(frame), columns=2, limits=(-0.02, 1.02))
