"""Variants of OneVocab that differ in one setting: what the papers' Tables 2 and 4 are made of."""

from collections.abc import Mapping

import pandas as pd

from seqfuse.figures.drawing import scores
from seqfuse.figures.language import judge

METHOD = "onevocab"


def varied(settings: Mapping, setting: str) -> dict[str, object]:
    """{name: its value} of `setting`, for the method and the variants that change nothing else.

    DNA rows that are not trained start another way, which belongs to what is trained.
    """
    language = settings["language"]
    values = {METHOD: language[METHOD][setting]} if METHOD in language["methods"] else {}
    for name, variant in language["variants"].items():
        frozen = "dna" not in variant.get("trainable_parts", ("dna",))
        beside = {"method", "suites"} | ({"initialisation"} if frozen else set())
        if (
            variant["method"] == METHOD
            and setting in variant
            and variant.keys() - beside == {setting}
        ):
            values[name] = variant[setting]
    return values


def tested(
    frames: Mapping[str, pd.DataFrame], names: list[str], metrics: list[str]
) -> pd.DataFrame:
    """The test scores of some runs on whole sets by some metrics."""
    rows = scores.on_test(frames["metrics"], "language")
    rows = rows[(rows["subset"] == "all") & rows["method"].isin(names)]
    rows = scores.with_verdict(rows[rows["metric"].isin(metrics)], frames["comparisons"])
    scored = ["value", "low", "high", "n", "seeds", "verdict"]
    return rows[["suite", "dataset", "method", "metric", *scored]]


def judged(frames: Mapping[str, pd.DataFrame], names: list[str], confidence: float) -> pd.DataFrame:
    """The judges' mean scores of some runs, a dimension as the metric."""
    rows = judge.table(
        {name: frames[name] for name in ("verdicts", "clusters", "metrics")}, confidence
    )
    rows = rows[rows["method"].isin(names)].rename(columns={"dimension": "metric"})
    columns = ["dataset", "judge", "method", "metric", "value", "low", "high", "n", "seeds"]
    return rows[columns]
