"""What altered DNA does to each method, beside controls that have read none of it."""

import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import names, ranking, scores
from seqfuse.registry.metrics import UNALTERED
from seqfuse.registry.subsets import PROBES

# What answers without the sequence: the trained control first, then the look-ups.
_BESIDE = ("text_only", "question_lookup", "pair_lookup")
_COLUMNS = [
    "suite",
    "dataset",
    "subset",
    "method",
    "title",
    "kind",
    "probe",
    "metric",
    "value",
    "low",
    "high",
    "n",
    "changed",
    "difference",
    "difference_low",
    "difference_high",
    "p_holm",
    "verdict",
]


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per method and probe, and one a control, all on the rows that the probes alter.

    Of a set with rows that only the sequence decides these rows, of others all. `difference` is the
    probe's score less the unaltered one's, `changed` the share of answers that are others.
    """
    metrics, compared = frames["metrics"], frames["comparisons"]
    kinds = names.kinds(metrics)
    rows = metrics[(metrics["kind"] == "probe") & (metrics["split"] == "test")]
    if rows.empty:
        return pd.DataFrame(columns=_COLUMNS)
    keys = ["suite", "dataset", "subset", "method", "probe"]
    changed = rows.loc[rows["metric"] == "changed", [*keys, "value"]]
    changed = changed.rename(columns={"value": "changed"})
    rows = rows.merge(scores.primaries(compared), on=["suite", "dataset", "metric"])
    halves = rows.groupby(["suite", "dataset"])["subset"].transform(
        lambda subsets: "sequence_decides" if "sequence_decides" in set(subsets) else "all"
    )
    probed = rows.groupby(["suite", "dataset", "method"])["probe"].transform("nunique") > 1
    rows = rows[(rows["subset"] == halves) & (probed | rows["method"].isin(_BESIDE))]
    effects = compared[[*keys, "difference", "low", "high", "p_holm", "verdict"]]
    effects = effects.rename(columns={"low": "difference_low", "high": "difference_high"})
    rows = rows.merge(changed, on=keys, how="left").merge(effects, on=keys, how="left")
    rows = rows.assign(
        kind=[names.kind(name, kinds.get(name)) for name in rows["method"]],
        title=[names.title(name) for name in rows["method"]],
        _probe=[list(PROBES).index(probe) for probe in rows["probe"]],
    )
    places = names.order(dict(zip(rows["method"], rows["kind"], strict=True)))
    rows = rows.assign(_method=rows["method"].map(places.index))
    rows = rows.sort_values(["suite", "dataset", "_method", "_probe"], kind="stable")
    return rows[_COLUMNS].reset_index(drop=True)


def draw(frame: pd.DataFrame) -> Figure:
    """One panel per dataset and method; the controls are the same in the panels of a dataset."""
    panels = []
    kinds = dict(zip(frame["method"], frame["kind"], strict=True))
    for (suite, dataset), rows in frame.groupby(["suite", "dataset"], sort=False):
        probed = rows.groupby("method")["probe"].transform("nunique") > 1
        for method, own in rows[probed].groupby("method", sort=False):
            altered = own["probe"] != UNALTERED
            own = own.assign(
                row=own["probe"].map(PROBES), kind=altered.map({True: "ablation", False: ""})
            )
            # A trained control that is probed has a colour of its own here.
            beside = rows[~probed].assign(row=rows["title"], kind="control")
            here = pd.concat([own, beside])
            control = " (control)" if names.kind(method, kinds[method]) == "control" else ""
            panel = f"{dataset}, n = {own['n'].iloc[0]:,}\n{own['title'].iloc[0]}{control}"
            panels.append(here.assign(block=f"{suite} {dataset}", panel=panel))
    shown = pd.concat(panels)
    shown = shown.assign(axis=[names.metric(metric) for metric in shown["metric"]])
    return ranking.draw(
        shown, hollow="its DNA altered", field="up to the best control that reads no sequence"
    )
