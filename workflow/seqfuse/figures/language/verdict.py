"""Did it read the sequence? Methods beside every control, on both halves of a set."""

import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import ranking, scores
from seqfuse.registry.controls import blind

_HALVES = ("question_decides", "sequence_decides")


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Test scores of methods and controls on both halves; `blind` controls read no sequence."""
    rows = scores.primary(frames, "language")
    rows = rows[rows["subset"].isin(_HALVES)]
    halves = rows.groupby(["suite", "dataset"])["subset"].transform("nunique")
    rows = rows[halves == len(_HALVES)]
    return rows.assign(
        blind=[
            k == "control" and blind(m) for m, k in zip(rows["method"], rows["kind"], strict=True)
        ]
    )


def draw(frame: pd.DataFrame) -> Figure:
    """Two panels per dataset, the half that the question decides on the left."""
    return ranking.draw(ranking.of_scores(frame), columns=2, limits=(-0.02, 1.02))
