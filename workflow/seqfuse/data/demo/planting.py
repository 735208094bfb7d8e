"""Building blocks of the demo sets: random backgrounds, planted motifs, balanced labels, splits."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

NUCLEOTIDES = np.array(list("ACGT"))
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


def background(rng: np.random.Generator, length: int, gc: float = 0.5) -> str:
    """Independent random nucleotides with an expected share `gc` of G and C."""
    weights = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    return "".join(rng.choice(NUCLEOTIDES, size=length, p=weights))


def reverse_complement(sequence: str) -> str:
    """The other strand, read in its own direction."""
    return sequence.translate(_COMPLEMENT)[::-1]


def plant(sequence: str, motif: str, start: int) -> str:
    """`sequence` with `motif` in place of the nucleotides that begin at `start`."""
    return sequence[:start] + motif + sequence[start + len(motif) :]


def two_places(rng: np.random.Generator, length: int, motif: int) -> tuple[int, int]:
    """Starts of two motifs of `motif` nucleotides that do not overlap, in random order."""
    first, second = sorted(rng.choice(length - 2 * motif + 1, size=2, replace=True))
    places = (int(first), int(second) + motif)
    return places if rng.random() < 0.5 else places[::-1]


def motifs_are(sequence: str, wanted: Iterable[str], unwanted: Iterable[str] = ()) -> bool:
    """Whether every wanted motif occurs exactly once and no unwanted one does."""
    return all(sequence.count(motif) == 1 for motif in wanted) and not any(
        motif in sequence for motif in unwanted
    )


def balanced(rng: np.random.Generator, classes: Sequence, size: int) -> list:
    """`size` draws in random order; the counts of any two classes differ by at most one."""
    drawn = list(itertools.islice(itertools.cycle(classes), size))
    return [drawn[i] for i in rng.permutation(size)]


def splits(sizes: dict[str, int]) -> Iterator[tuple[str, str]]:
    """(split, id) of every row: ("train", "train-1") and so on, as readers number a file's rows."""
    for split, size in sizes.items():
        for row in range(1, size + 1):
            yield split, f"{split}-{row}"


def distinct(draw, seen: set) -> dict:
    """The first row from `draw` whose DNA is not in an earlier row of the set."""
    while True:
        row = draw()
        key = (row["sequence"], row.get("variant"))
        if key not in seen:
            seen.add(key)
            return row
