"""Every arm and control of study B, by dataset."""

import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import published, ranking, scores
from seqfuse.registry.metrics import MEAN


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Test scores of study B, with the paper's values beside them."""
    rows = scores.primary(frames, "codons")
    rows = scores.with_published(rows[rows["dataset"] != MEAN])
    alone = _published_only(rows)
    return pd.concat([rows, alone], ignore_index=True) if len(alone) else rows


def _published_only(rows: pd.DataFrame) -> pd.DataFrame:
    """What the paper says of encoders that no arm reads, such as Evo: rows without a score."""
    alone = []
    for row in rows[rows["subset"] == "all"].drop_duplicates(["suite", "dataset"]).itertuples():
        place = {key: getattr(row, key) for key in ("suite", "dataset", "subset", "metric", "n")}
        for name, paper in published.others(row.dataset, row.metric).items():
            who = {"method": name, "title": f"{name}, published only", "kind": "published"}
            paper = {"published": paper.value, "published_source": paper.source}
            alone.append(place | who | paper)
    return pd.DataFrame(alone, columns=rows.columns)


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per dataset; every arm stands in the same row of each."""
    return ranking.draw(ranking.of_scores(frame, block="all"))
