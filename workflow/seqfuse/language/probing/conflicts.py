"""Questions and DNA that contradict each other: which of the two does an answer follow?

A conflict pairs the question of one record with the DNA of another record of its split that has a
different label. Both are from records of the set, so that each alone looks as in training.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from seqfuse.errors import UserError
from seqfuse.language.probing.alterations import Dna
from seqfuse.progress import say

SPLITS = ("val", "test")
# Costs of a pair besides the difference of its lengths (nt): if both records are of the same
# subset, and if the pair is not a conflict. Ties are broken at random, by less than either.
_SAME_HALF, _NO_CONFLICT = 0.5, 1e9


def dna(record: Mapping) -> Dna:
    """The reference and the variant of a record, or its one sequence."""
    return tuple(sequence for sequence in (record["sequence"], record["variant"]) if sequence)


def conflicts(dataset: str, records: Sequence[Mapping], rows: int) -> list[tuple[Mapping, Mapping]]:
    """(record of the question, record of the DNA) in at most `rows` conflicts of val, and of test.

    There are none if all records of a set share one question, because it predicts no label.
    """
    held_out = [record for record in records if record["split"] in SPLITS]
    if len({record["question"] for record in held_out}) < 2:
        say(f"{dataset}: all records share one question, so that none contradicts the DNA")
        return []
    pairs = [
        pair
        for split in SPLITS
        for pair in matched(
            sample(dataset, [record for record in held_out if record["split"] == split], rows)
        )
    ]
    if not pairs:
        labels = sorted({record["label"] for record in held_out})
        why = f" (all have the label {labels[0]!r})" if len(labels) == 1 else ""
        raise UserError(
            f"{dataset}: no two records of one split that were drawn differ in label, question and"
            f" DNA{why}; turn conflicts off: language.probe.conflict_rows: 0"
        )
    return pairs


def sample(dataset: str, records: Sequence[Mapping], rows: int) -> list[Mapping]:
    """At most `rows` records, in their order, drawn with the dataset's name as seed.

    As far as there are enough, half of them are records whose label the question decides, and half
    records whose label only the sequence decides.
    """
    order = np.random.default_rng(list(dataset.encode())).permutation(len(records)).tolist()
    counts: dict[str | None, int] = {}
    rank = {}
    for row in order:
        subset = records[row]["subset"]
        rank[row] = counts[subset] = counts.get(subset, 0) + 1
    return [records[row] for row in sorted(sorted(order, key=rank.get)[:rows])]


def matched(records: Sequence[Mapping]) -> list[tuple[Mapping, Mapping]]:
    """Each record's question with the DNA of another record, using each record's DNA once.

    The pairs minimise the sum of differences in length (an assignment problem); then, if possible,
    a question that decides its label is paired with DNA that decides its own. Records without a
    partner are left out.
    """
    if not records:
        return []
    dnas = [dna(record) for record in records]
    nucleotides = np.array([sum(map(len, one)) for one in dnas], np.float64)
    cost = np.abs(nucleotides[:, None] - nucleotides)
    cost += _SAME_HALF * _equal([record["subset"] for record in records])
    labels, texts = ([record[key] for record in records] for key in ("label", "question"))
    barred = _equal(dnas) | _equal(labels) | _equal(texts)
    names = "\n".join(record["id"] for record in records)
    cost += 0.1 / len(records) * np.random.default_rng(list(names.encode())).random(cost.shape)
    questions, donors = linear_sum_assignment(np.where(barred, _NO_CONFLICT, cost))
    return [
        (records[question], records[donor])
        for question, donor in zip(questions, donors, strict=True)
        if not barred[question, donor]
    ]


def _equal(values: Sequence) -> np.ndarray:
    """bool[n, n]: whether two of the values are equal."""
    number = {value: index for index, value in enumerate(dict.fromkeys(values))}
    codes = np.array([number[value] for value in values])
    return codes[:, None] == codes
