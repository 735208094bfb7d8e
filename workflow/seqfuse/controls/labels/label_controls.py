"""The controls of a set of labels: from its training records to label probabilities."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import issparse, sparray

from seqfuse import tables
from seqfuse.controls.baselines import codon_changes, composition, lookups, regressions, wording
from seqfuse.errors import UserError
from seqfuse.registry import plugins

# Inverse strengths of the L2 penalty; the one with the least validation loss is taken, as a
# method's learning rate is.
STRENGTHS = (0.001, 0.01, 0.1, 1.0)
# The longest k-mers that the controls of composition count: dinucleotides, and as long as a motif's
# core.
_SHORT, _LONG = 2, 4
# Training rows that a composition control is fitted on; more would not change what it can say.
_MOST_ROWS = 20_000


@dataclass(frozen=True)
class Records:
    """One dataset's records by column, `train` and `asked` (val, test) as row numbers; of a coding
    set the genetic `code`."""

    columns: dict[str, list]
    train: list[int]
    val: list[int]
    asked: list[int]
    classes: list[str]
    code: int | None = None

    def take(self, column: str, rows: list[int]) -> list:
        """The values of one column at `rows`."""
        return [self.columns[column][row] for row in rows]


def read(path: Path, code: int | None = None) -> Records:
    """The records of a dataset of labels, coding ones with their genetic `code`; a set without
    labels or training records is refused."""
    names = ["id", "split", "sequence", "variant", "question", "label"]
    columns = tables.read(path, tables.CLEAN, names).to_pydict()
    unlabelled = [i for i, label in zip(columns["id"], columns["label"], strict=True) if not label]
    if unlabelled:
        raise UserError(f"{path}: record {unlabelled[0]} has no label; controls need one on each")
    rows = {name: [] for name in ("train", "val", "test")}
    for row, split in enumerate(columns["split"]):
        rows[split].append(row)
    if not rows["train"]:
        raise UserError(f"{path}: no training record for the controls to learn from")
    classes = sorted({columns["label"][row] for row in rows["train"]})
    return Records(columns, rows["train"], rows["val"], rows["val"] + rows["test"], classes, code)


def features(columns: dict[str, list]) -> dict[str, np.ndarray | sparray]:
    """{control: float64[rows, features]} of the controls that are fitted, for every row."""
    found = {
        "gc": _with_change(columns, composition.gc),
        "composition": _with_change(columns, _nucleotides),
        "kmer": _with_change(columns, _kmers),
    }
    if all(columns["question"]):
        found["question_words"] = wording.counts(columns["question"])
    if all(columns["variant"]):
        found["reference_only"] = _kmers(columns["sequence"])
    for name, features_of in plugins.features("language").items():
        found[name] = _with_change(columns, features_of)
    return found


def controls(
    records: Records, fitted: dict[str, np.ndarray | sparray]
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, log-probabilities float64[asked, classes]) of every control that the columns allow;
    `fitted` are the `features` of the columns."""
    train, asked, classes = records.train, records.asked, records.classes
    labels = records.take("label", train)
    yield "majority", np.log(lookups.majority(labels, classes, len(asked)))
    if all(records.columns["question"]):
        questions = records.take("question", train), records.take("question", asked)
        yield "question_lookup", np.log(lookups.lookup(questions[0], labels, questions[1], classes))
    if records.code and all(records.columns["variant"]):
        both = records.columns["sequence"], records.columns["variant"]
        changes = {
            "codon_lookup": codon_changes.codons(*both),
            "amino_acid_lookup": codon_changes.amino_acids(*both, records.code),
        }
        for name, found in changes.items():
            known, wanted = [found[row] for row in train], [found[row] for row in asked]
            yield name, np.log(lookups.lookup(known, labels, wanted, classes))
    pairs = list(zip(records.columns["sequence"], records.columns["variant"], strict=True))
    known, wanted = [pairs[row] for row in train], [pairs[row] for row in asked]
    yield "pair_lookup", np.log(lookups.lookup(known, labels, wanted, classes))
    for name, values in fitted.items():
        yield name, _fitted(records, values)


def predictions(
    dataset: str, method: str, records: Records, log_p: np.ndarray, seed: int = 0
) -> list[dict]:
    """The rows of the table of predictions; the likeliest label is the answer."""
    rows = []
    for row, values in zip(records.asked, log_p, strict=True):
        rows.append(
            {
                "id": records.columns["id"][row],
                "dataset": dataset,
                "method": method,
                "seed": seed,
                "probe": "none",
                "predicted": records.classes[int(values.argmax())],
                "loglik": list(zip(records.classes, values.tolist(), strict=True)),
            }
        )
    return rows


def _nucleotides(sequences: list[str]) -> np.ndarray:
    return composition.kmers(sequences, _SHORT)


def _kmers(sequences: list[str]) -> np.ndarray:
    return composition.kmers(sequences, _LONG)


def _with_change(columns: dict[str, list], of: Callable[[list[str]], np.ndarray]) -> np.ndarray:
    """Features `of` each sequence and, where there are variants, what the variant changes."""
    reference = of(columns["sequence"])
    if not all(columns["variant"]):
        return reference
    return np.concatenate([reference, of(columns["variant"]) - reference], axis=1)


def _fitted(records: Records, features: np.ndarray | sparray) -> np.ndarray:
    """Log-probabilities of the asked rows from a regression fitted on the training rows."""
    code = {name: index for index, name in enumerate(records.classes)}
    train = np.array(records.train)
    if len(train) > _MOST_ROWS:
        train = np.sort(np.random.default_rng(0).choice(train, _MOST_ROWS, replace=False))
    labels = np.array([code[records.columns["label"][row]] for row in train])
    known = [row for row in records.val if records.columns["label"][row] in code]
    gold = np.array([code[label] for label in records.take("label", known)], dtype=np.int64)

    def validation_loss(fit: Callable[[np.ndarray], np.ndarray]) -> float:
        return -float(fit(features[known])[np.arange(len(known)), gold].mean())

    words = issparse(features)
    if words:
        features = wording.coordinates(features, train)
    fits = [
        regressions.logistic(features[train], labels, len(code), strength, words)
        for strength in (STRENGTHS if known else STRENGTHS[-1:])
    ]
    best = min(fits, key=validation_loss) if known else fits[0]
    return best(features[records.asked])
