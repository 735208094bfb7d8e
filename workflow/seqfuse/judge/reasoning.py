"""What is judged: pairs of a reference reasoning and a candidate, without the method's name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seqfuse import tables
from seqfuse.errors import UserError
from seqfuse.files import digest
from seqfuse.registry.judges import CEILING

# Sentences that fit any text and add nothing to it.
_EMPTY = (
    "It is worth considering each of these points in turn.",
    "Taken together, they should be read in the context of what was said before.",
    "Each step has its place, and none of them stands alone.",
    "All of this has to be kept in mind when the whole is looked at.",
)


@dataclass(frozen=True)
class Answer:
    """One candidate reasoning for one record; "" where the method gave none."""

    id: str
    dataset: str
    method: str
    seed: int
    reference: str
    candidate: str


def extract(text: str) -> str:
    """The reasoning in generated text: what stands in <think>, or before the last "Answer:"."""
    _, opened, thought = text.partition("<think>")
    thought = thought if opened else text
    thought, closed, _ = thought.partition("</think>")
    if not closed and "Answer:" in thought:
        thought = thought.rpartition("Answer:")[0]
    return thought.strip()


def read_records(path: Path, most: int, seed: int) -> tuple[list[dict], list[dict]]:
    """Training records with a reasoning, and a draw of `most` test records with one, by id."""
    columns = ["id", "split", "question", "label", "reasoning"]
    rows = [row for row in tables.read(path, tables.CLEAN, columns).to_pylist() if row["reasoning"]]
    rows.sort(key=lambda row: row["id"])
    train = [row for row in rows if row["split"] == "train"]
    test = [row for row in rows if row["split"] == "test"]
    return train, sorted(drawn(test, most, seed), key=lambda row: row["id"])


def drawn(rows: list[dict], most: int, seed: int) -> list[dict]:
    """`most` of the rows, each label with its share, to a row more or less.

    Of each label, every so many-th row is taken in the order of a hash, from a random start, so
    that rare labels have their chance. Neither other rows' order nor a method's presence counts.
    """

    def hashed(*names: str) -> float:
        return int(digest("\n".join([str(seed), *names]))[:13], 16) / 16**13

    labels: dict[str, list[str]] = {}
    for row in rows:
        labels.setdefault(row["label"] or "", []).append(row["id"])
    place = {
        name: (rank + hashed("label", label)) / len(names)
        for label, names in labels.items()
        for rank, name in enumerate(sorted(names, key=lambda name: hashed("row", name)))
    }
    return sorted(rows, key=lambda row: (place[row["id"]], row["id"]))[:most]


def of_method(path: Path, dataset: str, method: str, judged: list[dict]) -> Iterator[Answer]:
    """What every seed of `method` says about each judged record, from a table of predictions."""
    columns = ["id", "dataset", "method", "seed", "probe", "text"]
    texts: dict[int, dict[str, str]] = {}
    for row in tables.read(path, tables.PREDICTIONS, columns).to_pylist():
        if (row["dataset"], row["method"], row["probe"]) == (dataset, method, "none"):
            texts.setdefault(row["seed"], {})[row["id"]] = row["text"] or ""
    if judged and not any(text for of_seed in texts.values() for text in of_seed.values()):
        raise UserError(f"{path}: {method} generated no text for {dataset}; nothing to judge")
    for seed, of_seed in sorted(texts.items()):
        for record in judged:
            if record["id"] not in of_seed:
                raise UserError(
                    f"{path}: {method}, seed {seed} has no prediction for {dataset} record "
                    f"{record['id']!r}; predict again"
                )
            candidate = extract(of_seed[record["id"]])
            yield Answer(record["id"], dataset, method, seed, record["reasoning"], candidate)


def of_reference(name: str, dataset: str, train: list[dict], judged: list[dict]) -> list[Answer]:
    """The judge's control rows (registry.judges.REFERENCES), as if a method had written them.

    "ceiling" is the reference itself. "shuffled" takes the reasoning of the test record half the
    list away, "padded" adds as many empty words to that. "retrieval" takes that of a training
    record with the same question, "same_label" that of one with the same label. The hash of the
    record's id picks among several, and among all where there is none.
    """
    texts = [row["reasoning"] for row in judged]
    half = len(texts) // 2
    others = texts[half:] + texts[:half]
    if name == CEILING:
        found = texts
    elif name == "shuffled":
        found = others
    elif name == "padded":
        found = [padded(text) for text in others]
    else:
        if not train:
            raise UserError(f"{dataset}: no training record has a reasoning to retrieve")
        column = "question" if name == "retrieval" else "label"
        known: dict[str, list[dict]] = {}
        for row in train:
            known.setdefault(row[column], []).append(row)
        alike = [known.get(row[column], train) for row in judged]
        found = [_picked(row, rows)["reasoning"] for row, rows in zip(judged, alike, strict=True)]
    return [
        Answer(row["id"], dataset, name, 0, row["reasoning"], candidate)
        for row, candidate in zip(judged, found, strict=True)
    ]


def padded(text: str) -> str:
    """A text and as many words again that say nothing."""
    words = len(text.split())
    empty = [word for sentence in _EMPTY for word in sentence.split()]
    more = (empty * (words // len(empty) + 1))[:words]
    return " ".join([text, *more]).strip()


def _picked(record: dict, rows: list[dict]) -> dict:
    return rows[int(digest(record["id"])[:8], 16) % len(rows)]
