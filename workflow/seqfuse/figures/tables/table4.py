"""OneVocab by the length of its k-mers: the papers' Table 4."""

import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import published
from seqfuse.figures.tables import sweeps, table_layout
from seqfuse.registry.metrics import MEAN, METRICS

_METRICS = {"accuracy": "accuracy", "macro_f1": "f1", "mcc": "mcc"}
# ours -> the paper's; its tokens are the most of an example, ours the mean of an example.
_COSTS = {"vocabulary": "vocabulary", "tokens_an_example": None, "seconds": "training_seconds"}
_TITLES = {
    "vocabulary": "k-mers",
    "tokens_an_example": "Tokens an example",
    "seconds": "Training (s)",
}
_DIGITS = {"k-mers": 0, "Tokens an example": 0, "Training (s)": 0}


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per suite, dataset, k and measure.

    The paper does not say which set its table is of: its values stand beside ours wherever the set
    is a real one, without a difference.
    """
    settings = frames["settings"].iloc[0].to_dict()
    lengths = sweeps.varied(settings, "k")
    rows = sweeps.tested(frames, list(lengths), list(_METRICS))
    rows = pd.concat([rows, _costs(frames["costs"], lengths, settings, rows)], ignore_index=True)
    rows["k"] = rows["method"].map(lengths)
    papers = [_paper(row, settings) for row in rows.itertuples()]
    rows["published"] = pd.Series([p.value if p else None for p in papers], dtype=float)
    rows["published_source"] = [p.source if p else None for p in papers]
    rows["published_note"] = [p.note if p else None for p in papers]
    order = {name: place for place, name in enumerate([*_COSTS, *_METRICS])}
    rows = rows.assign(_metric=rows["metric"].map(order))
    rows = rows.sort_values(["suite", "dataset", "_metric", "k"], kind="stable")
    return rows.drop(columns="_metric")


def _costs(costs: pd.DataFrame, lengths: dict, settings: dict, rows: pd.DataFrame) -> pd.DataFrame:
    """What each run took, the mean over its seeds, beside every dataset of its suite."""
    costs = costs[costs["method"].isin(lengths) & (costs["study"] == "language")]
    letters = len(settings["language"]["onevocab"]["alphabet"])
    costs = costs.assign(
        vocabulary=[letters ** lengths[name] for name in costs["method"]],
        tokens_an_example=costs["tokens"] / costs["examples"],
    )
    means = costs.groupby(["suite", "method"])[list(_COSTS)].mean().reset_index()
    long = means.melt(["suite", "method"], list(_COSTS), var_name="metric", value_name="value")
    return long.merge(rows[["suite", "dataset"]].drop_duplicates(), on="suite")


def _paper(row, settings: dict) -> published.Published | None:
    kind = settings["datasets"].get(row.dataset, {}).get("source")
    if kind == "synthetic" or row.dataset == MEAN:
        return None
    name = {**_METRICS, **_COSTS}[row.metric]
    return published.value("", sweeps.METHOD, name, f"k = {row.k}") if name else None


def draw(frame: pd.DataFrame) -> Figure:
    """One table per suite: its one set, or the mean over its sets."""
    sets = frame.groupby("suite")["dataset"].transform("nunique")
    shown = frame[(sets == 1) | (frame["dataset"] == MEAN)]
    titles = _TITLES | {name: METRICS[name].title for name in _METRICS}
    blocks = [
        f"mean over the sets of {row.suite}" if row.dataset == MEAN else row.dataset
        for row in shown.itertuples()
    ]
    rows = [f"k = {k}" for k in shown["k"]]
    cells = shown.assign(block=blocks, row=rows, column=shown["metric"].map(titles))
    return table_layout.draw(cells, digits=_DIGITS)
