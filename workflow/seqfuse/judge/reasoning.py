"""The pairs that are judged: a reference reasoning and a candidate, of a method or a control."""

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
    """One candidate reasoning for one record; "" if the method gave none."""

    id: str
    dataset: str
    method: str
    seed: int
    reference: str
    candidate: str


def extract(text: str) -> str:
    """The reasoning in generated text: the part in <think>, or else before the last "Answer:"."""
    _, opened, thought = text.partition("<think>")
    thought = thought if opened else text
    thought, closed, _ = thought.partition("</think>")
    if not closed and "Answer:" in thought:
        thought = thought.rpartition("Answer:")[0]
    return thought.strip()


def read_records(path: Path, most: int, seed: int) -> tuple[list[dict], list[dict]]:
    """The training records with a reasoning, and at most `most` drawn test records with one.

    Both are sorted by id; `seed` decides the draw.
    """
    columns = ["id", "split", "question", "label", "reasoning"]
    rows = [row for row in tables.read(path, tables.CLEAN, columns).to_pylist() if row["reasoning"]]
    rows.sort(key=lambda row: row["id"])
    train = [row for row in rows if row["split"] == "train"]
    test = [row for row in rows if row["split"] == "test"]
    return train, sorted(drawn(test, most, seed), key=lambda row: row["id"])


def drawn(rows: list[dict], most: int, seed: int) -> list[dict]:
    """At most `most` of the rows, in which each label has its share, to within one row.

    This is systematic sampling: the rows of each label, ordered by a hash, are taken at equal
    intervals from a random start, so that rare labels have a chance too. The draw depends neither
    on the order of the rows nor on the methods of a run.
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
    """The reasoning by every seed of `method` on each judged record, from a predictions table."""
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
    """The answers of one of the judge's controls (registry.judges.REFERENCES).

    "ceiling" is the reference itself. "shuffled" is the reference of the test record half the list
    away, "padded" is the same with as many empty words added. "retrieval" is the reasoning of a
    training record with the same question, "same_label" of one with the same label. A hash of the
    record's id picks one of several, or one of all training records if none matches.
    """
    texts = [row["reasoning"] for row in judged]
    half = len(texts) // 2
    others = texts[half:] + texts[:half]
    if name == CEILING:
        candidates = texts
    elif name == "shuffled":
        candidates = others
    elif name == "padded":
        candidates = [padded(text) for text in others]
    else:
        if not train:
            raise UserError(f"{dataset}: no training record has a reasoning to retrieve")
        column = "question" if name == "retrieval" else "label"
        known: dict[str, list[dict]] = {}
        for row in train:
            known.setdefault(row[column], []).append(row)
        matches = [known.get(row[column], train) for row in judged]
        candidates = [
            _picked(row, rows)["reasoning"] for row, rows in zip(judged, matches, strict=True)
        ]
    return [
        Answer(row["id"], dataset, name, 0, row["reasoning"], candidate)
        for row, candidate in zip(judged, candidates, strict=True)
    ]


def padded(text: str) -> str:
    """A text, doubled in length by words that say nothing."""
    words = len(text.split())
    empty = [word for sentence in _EMPTY for word in sentence.split()]
    more = (empty * (words // len(empty) + 1))[:words]
    return " ".join([text, *more]).strip()


def _picked(record: dict, rows: list[dict]) -> dict:
    return rows[int(digest(record["id"])[:8], 16) % len(rows)]
