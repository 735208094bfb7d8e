"""What is judged: pairs of a reference reasoning and a candidate, without the method's name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seqfuse import tables
from seqfuse.errors import UserError
from seqfuse.files import digest


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


def read_records(path: Path, most: int) -> tuple[list[dict], list[dict]]:
    """Training records with a reasoning, and the first `most` test records with one, by id."""
    columns = ["id", "split", "question", "label", "reasoning"]
    rows = [row for row in tables.read(path, tables.CLEAN, columns).to_pylist() if row["reasoning"]]
    rows.sort(key=lambda row: row["id"])
    train = [row for row in rows if row["split"] == "train"]
    return train, [row for row in rows if row["split"] == "test"][:most]


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
    """The judge's control rows (see catalogue.REFERENCES), as if a method had written them.

    "shuffled" takes the reasoning of the test record half the list away. "retrieval" takes that of
    a training record with the same question, "same_label" that of one with the same label. The hash
    of the record's id picks among several, and among all where there is none.
    """
    if name == "shuffled":
        texts = [row["reasoning"] for row in judged]
        half = len(texts) // 2
        found = texts[half:] + texts[:half]
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


def _picked(record: dict, rows: list[dict]) -> dict:
    return rows[int(digest(record["id"])[:8], 16) % len(rows)]
