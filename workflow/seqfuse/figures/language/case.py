"""One record, what each method said about it, and how that was judged: the papers' Fig. 5."""

import textwrap

import pandas as pd
from matplotlib.figure import Figure

from seqfuse.figures.drawing import names
from seqfuse.figures.language import judge
from seqfuse.registry.judges import REFERENCES, TITLES, dimensions

_REFERENCE = "reference"
_DECIDED = "sequence_decides"
_WIDTH, _LINE = 7.0, 0.125
_LETTERS, _MOST = 120, 6
_GREY = "#555555"


def table(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per dataset and method: the text of the first seed and one judge's scores.

    The record is no pick of ours: of those judged (where a set has records that only the sequence
    decides, of these) it is the one whose mean score over methods and dimensions is the median.
    """
    verdicts, records = frames["verdicts"], frames["references"]
    ours = verdicts[~verdicts["method"].isin(REFERENCES)]
    ours = ours[ours["seed"] == ours.groupby(["dataset", "method"])["seed"].transform("min")]
    if len(ours):
        ours = ours[ours["judge"] == judge.first(ours["judge"])]
    texts = frames["answers"].set_index(["dataset", "method", "seed", "id"])["text"]
    rows = []
    for (dataset, reader), here in ours.groupby(["dataset", "judge"]):
        known = records[records["dataset"] == dataset].set_index("id")
        record = known.loc[_median(here, known)]
        said = {"dataset": dataset, "judge": reader, "id": record.name}
        rows.append(said | {"method": _REFERENCE, "title": "Question", "text": record["question"]})
        text = record["reasoning"]
        rows.append(said | {"method": _REFERENCE, "title": "Reference reasoning", "text": text})
        of_record = here[here["id"] == record.name]
        for name in names.order({name: names.kind(name) for name in of_record["method"]}):
            judged = of_record[of_record["method"] == name].set_index("dimension")
            text = texts[dataset, name, judged["seed"].iloc[0], record.name]
            scores = {dimension: judged["score"].get(dimension) for dimension in dimensions(reader)}
            rows.append(said | {"method": name, "title": names.title(name), "text": text} | scores)
    columns = ["dataset", "judge", "id", "method", "title", "text", *TITLES]
    return pd.DataFrame(rows, columns=columns)


def _median(verdicts: pd.DataFrame, records: pd.DataFrame) -> str:
    """The id of the record whose mean score is the (lower) median; ties by id."""
    means = verdicts.groupby("id")["score"].mean()
    decided = means.index[records["subset"].reindex(means.index) == _DECIDED]
    means = means.loc[decided] if len(decided) else means
    means = means.fillna(0).sort_index().sort_values(kind="stable")
    return means.index[(len(means) - 1) // 2]


def draw(frame: pd.DataFrame) -> Figure:
    """Texts under each other, cut to a few lines, the judge's scores behind each name."""
    parts = []
    for (dataset, reader), rows in frame.groupby(["dataset", "judge"], sort=False):
        parts.append([(f"{dataset}, record {rows['id'].iloc[0]}; {reader} judge", "", None)])
        parts[-1] += [(row.title, _scores(row), row.text) for row in rows.itertuples()]
    sizes = [1.4 + len(_wrapped(text)) for part in parts for _, _, text in part]
    figure = Figure(figsize=(_WIDTH, _LINE * (sum(sizes) + 1)), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(0, 1), ylim=(sum(sizes), 0))
    axis.axis("off")
    y = 0.0
    for part in parts:
        for number, (title, scores, text) in enumerate(part):
            if number == 0:
                axis.axhline(y + 1.3, color="black", linewidth=0.8)
            axis.text(0, y + 0.7, title, fontweight="bold", va="center")
            axis.text(1, y + 0.7, scores, fontsize=6.5, ha="right", va="center")
            for line, words in enumerate(_wrapped(text)):
                axis.text(0.01, y + 1.7 + line, words, fontsize=6.5, va="center", color=_GREY)
            y += 1.4 + len(_wrapped(text))
    return figure


def _wrapped(text: str | None) -> list[str]:
    if text is None:
        return []
    if pd.isna(text) or not text.strip():
        return ["(no text)"]
    lines = textwrap.wrap(" ".join(text.replace("</think>", " ").split()), _LETTERS)
    if len(lines) > _MOST:
        lines = [*lines[: _MOST - 1], f"{lines[_MOST - 1]} ..."]
    # matplotlib reads mathematics between two dollar signs.
    return [line.replace("$", r"\$") for line in lines]


def _scores(row) -> str:
    scores = {title: getattr(row, name) for name, title in dimensions(row.judge).items()}
    if all(pd.isna(score) for score in scores.values()):
        return "" if row.method == _REFERENCE else "not scored"
    return ", ".join(
        f"{title.lower()} {'not scored' if pd.isna(score) else f'{score:.1f}'}"
        for title, score in scores.items()
    )
