"""The controls of a dataset with labels: label probabilities, fitted on its training records."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import issparse, sparray

from seqfuse import tables
from seqfuse.controls.baselines import codon_changes, composition, lookups, regressions, wording
from seqfuse.errors import UserError
from seqfuse.registry import plugins

# Inverse strengths of the L2 penalty, chosen by validation loss like a method's learning rate.
STRENGTHS = (0.001, 0.01, 0.1, 1.0)
# The longest k-mers of the controls "composition" (dinucleotides) and "kmer" (the length of a
# motif's core).
_SHORT, _LONG = 2, 4
# The most training rows of a regression; more take long and hardly change the fit.
_MOST_ROWS = 20_000


@dataclass(frozen=True)
class Records:
    """One dataset's records by column.

    `train`, `val` and `asked` (the rows to predict: val, then test) are row numbers; `code` is the
    genetic code of a coding set.
    """

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
    """The records of a dataset with labels; `code` is the genetic code of a coding set.

    A record without a label, or a set without training records, is refused.
    """
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
    """{control: features float64[rows, f]} of every control that is a regression."""
    features_by_name = {
        "gc": _with_change(columns, composition.gc),
        "composition": _with_change(columns, _nucleotides),
        "kmer": _with_change(columns, _kmers),
    }
    if all(columns["question"]):
        features_by_name["question_words"] = wording.counts(columns["question"])
    if all(columns["variant"]):
        features_by_name["reference_only"] = _kmers(columns["sequence"])
    for name, features_of in plugins.features("language").items():
        features_by_name[name] = _with_change(columns, features_of)
    return features_by_name


def controls(
    records: Records, fitted: dict[str, np.ndarray | sparray]
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, log-probabilities float64[asked, classes]) of every control that the columns allow;
    `fitted` is what `features` returned for them."""
    labels = records.take("label", records.train)
    majority = lookups.majority(labels, records.classes, len(records.asked))
    yield "majority", np.log(majority)
    if all(records.columns["question"]):
        yield "question_lookup", _looked_up(records, records.columns["question"])
    if records.code and all(records.columns["variant"]):
        both = records.columns["sequence"], records.columns["variant"]
        changes = {
            "codon_lookup": codon_changes.codons(*both),
            "amino_acid_lookup": codon_changes.amino_acids(*both, records.code),
        }
        for name, keys in changes.items():
            yield name, _looked_up(records, keys)
    pairs = list(zip(records.columns["sequence"], records.columns["variant"], strict=True))
    yield "pair_lookup", _looked_up(records, pairs)
    for name, values in fitted.items():
        yield name, _fitted(records, values)


def predictions(
    dataset: str, method: str, records: Records, log_p: np.ndarray, seed: int = 0
) -> list[dict]:
    """Rows of the table of predictions; the label with the highest probability is the answer."""
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


def _looked_up(records: Records, keys: list) -> np.ndarray:
    """Log-probabilities of the asked rows from the training labels of the same key, a key a row."""
    known, wanted = ([keys[row] for row in rows] for rows in (records.train, records.asked))
    labels = records.take("label", records.train)
    return np.log(lookups.lookup(known, labels, wanted, records.classes))


def _with_change(columns: dict[str, list], of: Callable[[list[str]], np.ndarray]) -> np.ndarray:
    """Features `of` each reference sequence, and the change by the variant if all rows have one."""
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
