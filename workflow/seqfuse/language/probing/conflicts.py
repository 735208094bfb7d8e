"""Questions and DNA that contradict each other: which of the two does an answer follow?

A conflict is the question of one record with the DNA of another one of its split whose label is
another. Both come from records of the set, so that each source alone looks as it does in training.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from seqfuse.errors import UserError
from seqfuse.language.probing.alterations import Dna
from seqfuse.progress import say

SPLITS = ("val", "test")
# Costs of a pair besides the difference of its lengths (nt): of one whose halves are the same, and
# of one that is no conflict. Ties are broken at random, by less than either.
_SAME_HALF, _NO_CONFLICT = 0.5, 1e9


def dna(record: Mapping) -> Dna:
    """The reference and the variant of a record, or its one sequence."""
    return tuple(sequence for sequence in (record["sequence"], record["variant"]) if sequence)


def conflicts(dataset: str, records: Sequence[Mapping], rows: int) -> list[tuple[Mapping, Mapping]]:
    """(record of the question, record of the DNA) in at most `rows` conflicts of val, and of test.

    A set with one question for all of its records has none: the question says nothing there.
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
        why = f"all have the label {labels[0]!r}" if len(labels) == 1 else "no two differ in all"
        raise UserError(
            f"{dataset}: no val or test record can be given the DNA of one with another label and"
            f" another question ({why}); ask no conflicts: language.probe.conflict_rows: 0"
        )
    return pairs


def sample(dataset: str, records: Sequence[Mapping], rows: int) -> list[Mapping]:
    """At most `rows` records in their order: as many that the question decides as the sequence,
    where there are so many, each of the two drawn by the dataset's name."""
    order = np.random.default_rng(list(dataset.encode())).permutation(len(records)).tolist()
    seen: dict[str | None, int] = {}
    place = {}
    for row in order:
        half = records[row]["subset"]
        place[row] = seen[half] = seen.get(half, 0) + 1
    return [records[row] for row in sorted(sorted(order, key=place.get)[:rows])]


def matched(records: Sequence[Mapping]) -> list[tuple[Mapping, Mapping]]:
    """Each record's question with the DNA of another record, whose DNA stands in one pair only.

    The pairs have the least sum of differences in length that there is (an assignment problem);
    among those, the question of a record that its question decides gets the DNA of one that its
    sequence decides, where it can. A record for which there is none is left out.
    """
    if not records:
        return []
    dnas = [dna(record) for record in records]
    nucleotides = np.array([sum(map(len, one)) for one in dnas], np.float64)
    cost = np.abs(nucleotides[:, None] - nucleotides)
    cost += _SAME_HALF * _equal([record["subset"] for record in records])
    alike = [[record[key] for record in records] for key in ("label", "question")]
    barred = _equal(dnas) | _equal(alike[0]) | _equal(alike[1])
    names = "\n".join(record["id"] for record in records)
    cost += 0.1 / len(records) * np.random.default_rng(list(names.encode())).random(cost.shape)
    questions, givers = linear_sum_assignment(np.where(barred, _NO_CONFLICT, cost))
    return [
        (records[question], records[giver])
        for question, giver in zip(questions, givers, strict=True)
        if not barred[question, giver]
    ]


def _equal(values: Sequence) -> np.ndarray:
    """bool[n, n]: whether two of the values are the same."""
    number = {value: place for place, value in enumerate(dict.fromkeys(values))}
    codes = np.array([number[value] for value in values])
    return codes[:, None] == codes
