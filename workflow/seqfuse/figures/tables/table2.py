"""OneVocab by what of it is trained: the papers' Table 2."""

import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import published, scores
from seqfuse.figures.language import judge
from seqfuse.figures.tables import sweeps, table_layout
from seqfuse.registry.judges import OVERLAP, TITLES
from seqfuse.registry.metrics import METRICS

_PARTS = {"dna": "DNA rows", "text": "text rows", "backbone": "backbone"}
_METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "f1",
    "macro_precision": "precision",
    "macro_recall": "recall",
}
# The names of the variants in resources/paper.
_VARIANTS = {
    frozenset(_PARTS): "",
    frozenset(("dna", "backbone")): "DNA embeddings and backbone trained",
    frozenset(("text", "backbone")): "text embeddings and backbone trained",
}


def table(frames: dict[str, pd.DataFrame], confidence: float) -> pd.DataFrame:
    """One row per set, variant and metric or judged dimension, with the paper's value beside it."""
    trained = sweeps.varied(frames["settings"].iloc[0].to_dict(), "trainable_parts")
    rows = sweeps.tested(frames, list(trained), list(_METRICS))
    rows = rows.merge(scores.compared_by(frames["comparisons"], "accuracy"))
    rows = pd.concat([rows, sweeps.judged(frames, list(trained), confidence)], ignore_index=True)
    papers = [_paper(row, frozenset(trained[row.method])) for row in rows.itertuples()]
    for part in _PARTS:
        rows[part] = ["yes" if part in trained[name] else "no" for name in rows["method"]]
    rows = published.beside(rows, papers)
    order = {name: place for place, name in enumerate([*_METRICS, *TITLES])}
    places = {"_metric": rows["metric"].map(order), "_row": rows["method"].map(list(trained).index)}
    rows = rows.assign(**places).sort_values(["dataset", "_metric", "judge", "_row"], kind="stable")
    return rows.drop(columns=["_metric", "_row"])


def _paper(row, trained: frozenset) -> published.Published | None:
    """Our overlap judge stands beside no score of a model."""
    if row.judge == OVERLAP or trained not in _VARIANTS:
        return None
    name = _METRICS.get(row.metric, row.metric)
    return published.value(row.dataset, sweeps.METHOD, name, _VARIANTS[trained])


def draw(frame: pd.DataFrame) -> Figure:
    """One table per set; of several judges one has room."""
    if frame["judge"].notna().any():
        frame = frame[frame["judge"].isna() | (frame["judge"] == judge.first(frame["judge"]))]
    titles = {name: METRICS[name].title.replace(" over gold classes", "") for name in _METRICS}
    titles |= TITLES
    parts = [
        ", ".join(f"{title}: {getattr(row, part)}" for part, title in _PARTS.items())
        for row in frame.itertuples()
    ]
    judges = frame["judge"].map(lambda name: "" if pd.isna(name) else f" ({name})")
    column = frame["metric"].map(titles) + judges
    return table_layout.draw(
        frame.assign(block=frame["dataset"], row=parts, column=column),
        digits=dict.fromkeys(column[judges != ""], 2),
    )
