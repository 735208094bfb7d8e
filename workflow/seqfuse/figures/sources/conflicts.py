"""What answers follow where the question is of one record and the DNA of another."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from seqfuse.figures.drawing import names, scores
from seqfuse.registry.metrics import CONFLICT
from seqfuse.registry.subsets import subset

_SHARES = ("follows_text", "follows_dna", "follows_neither", "text_over_dna")
_PLACE = ["suite", "dataset", "split", "subset", "method"]
_ROW, _SHIFT = 0.2, 0.17  # inches per method; of a row, how far the two marks lie from its middle
_LOOKS = {
    "follows_text": {"marker": "s", "color": names.PALETTE[1]},
    "follows_dna": {"marker": "o", "color": names.PALETTE[0], "markerfacecolor": "white"},
}
_WORDS = {
    "follows_text": "the answer is the text's label",
    "follows_dna": "the answer is the DNA's label",
}


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per split, half and method or control: the share of answers that follow the text, the
    DNA and neither, and `text_over_dna`, the difference of the first two, each with its interval.
    """
    kinds = names.kinds(frames["metrics"])
    rows = frames["metrics"][frames["metrics"]["kind"] == CONFLICT]
    numbers = [f"{share}{end}" for share in _SHARES for end in ("", "_low", "_high")]
    columns = [*_PLACE, "title", "kind", *numbers, "n", "clusters", "seeds"]
    if rows.empty:
        return pd.DataFrame(columns=columns)
    wide = rows.drop_duplicates(_PLACE)[[*_PLACE, "n", "clusters", "seeds"]]
    for share in _SHARES:
        values = rows.loc[rows["metric"] == share, [*_PLACE, "value", "low", "high"]]
        called = {"value": share, "low": f"{share}_low", "high": f"{share}_high"}
        wide = wide.merge(values.rename(columns=called), on=_PLACE)
    wide = wide.assign(
        title=[names.title(name) for name in wide["method"]],
        kind=[names.kind(name, kinds.get(name)) for name in wide["method"]],
    )
    # What the picture shows comes first: the halves of the test split.
    parts = [
        scores.in_order(wide[(wide["split"] == split) & (wide["subset"].eq("all") == whole)])
        for split in ("test", "val")
        for whole in (False, True)
    ]
    return pd.concat(parts)[columns].reset_index(drop=True)


def draw(frame: pd.DataFrame) -> Figure:
    """One line per dataset, one panel per half; of a set without halves one panel."""
    test = frame[frame["split"] == "test"]
    sets = [
        _controls_last(_halves(rows)) for _, rows in test.groupby(["suite", "dataset"], sort=False)
    ]
    lines = [[part for _, part in rows.groupby("subset", sort=False)] for rows in sets]
    heights = [0.55 + _ROW * rows["method"].nunique() for rows in sets]
    columns = max(map(len, lines))
    figure = Figure(figsize=(7, sum(heights) + 0.3), layout="constrained")
    axes = figure.subplots(len(lines), columns, sharey="row", squeeze=False, height_ratios=heights)
    for row, panels in zip(axes, lines, strict=True):
        for axis, panel in zip(row, panels, strict=False):
            _panel(axis, panel)
        for axis in row[len(panels) :]:
            axis.set_visible(False)
    handles = [
        Line2D([], [], linestyle="none", markersize=4.2, label=_WORDS[share], **look)
        for share, look in _LOOKS.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _controls_last(rows: pd.DataFrame) -> pd.DataFrame:
    """Methods in their order, then controls: those that follow the text most first."""
    controls = rows[rows["kind"] == "control"]
    text_most_first = (-controls.groupby("method")["follows_text"].transform("mean")).argsort(
        kind="stable"
    )
    return pd.concat([rows[rows["kind"] != "control"], controls.iloc[text_most_first]])


def _halves(rows: pd.DataFrame) -> pd.DataFrame:
    halves = rows[rows["subset"] != "all"]
    return halves if len(halves) else rows


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    first = rows.iloc[0]
    axis.set_title(f"{first['dataset']}: {subset(first['subset'])}, n = {first['n']:,}")
    axis.set(xlim=(-0.03, 1.03), ylim=(len(rows) - 0.4, -0.6), xlabel="share of answers")
    axis.set_yticks(range(len(rows)), rows["title"])
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color="#E0E0E0", linewidth=0.5)
    axis.set_axisbelow(True)
    # Controls stand below a line.
    if methods := int((rows["kind"] == "method").sum()):
        axis.axhline(methods - 0.5, color="#9A9A9A", linewidth=0.6)
    for place, (_, row) in enumerate(rows.iterrows()):
        for side, (share, look) in zip((-_SHIFT, _SHIFT), _LOOKS.items(), strict=True):
            ends = [row[f"{share}_low"], row[f"{share}_high"]]
            axis.plot(ends, [place + side] * 2, color=look["color"], solid_capstyle="butt")
            axis.plot(row[share], place + side, markersize=4.2, **look)
