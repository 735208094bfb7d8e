"""Homologous proteins in a set: pairs more similar than chance explains.

There are two methods. `seeds` is our own: where two proteins share two spaced seeds (five residues,
from a reduced alphabet of 13 groups) on one diagonal, the best ungapped segments on that and nearby
diagonals are scored by BLOSUM62. `mmseqs` calls MMseqs2 (Steinegger and Soeding 2017), if it is
installed. Both link pairs with an E-value of at most 0.001 against ten million residues (Karlin and
Altschul 1990) and at least the given identity.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqfuse.errors import UserError

RESIDUES = "ARNDCQEGHILKMFPSTWYV"
# Henikoff and Henikoff (1992), in the order of RESIDUES.
BLOSUM62 = np.array(
    [
        [4, -1, -2, -2, 0, -1, -1, 0, -2, -1, -1, -1, -1, -2, -1, 1, 0, -3, -2, 0],
        [-1, 5, 0, -2, -3, 1, 0, -2, 0, -3, -2, 2, -1, -3, -2, -1, -1, -3, -2, -3],
        [-2, 0, 6, 1, -3, 0, 0, 0, 1, -3, -3, 0, -2, -3, -2, 1, 0, -4, -2, -3],
        [-2, -2, 1, 6, -3, 0, 2, -1, -1, -3, -4, -1, -3, -3, -1, 0, -1, -4, -3, -3],
        [0, -3, -3, -3, 9, -3, -4, -3, -3, -1, -1, -3, -1, -2, -3, -1, -1, -2, -2, -1],
        [-1, 1, 0, 0, -3, 5, 2, -2, 0, -3, -2, 1, 0, -3, -1, 0, -1, -2, -1, -2],
        [-1, 0, 0, 2, -4, 2, 5, -2, 0, -3, -3, 1, -2, -3, -1, 0, -1, -3, -2, -2],
        [0, -2, 0, -1, -3, -2, -2, 6, -2, -4, -4, -2, -3, -3, -2, 0, -2, -2, -3, -3],
        [-2, 0, 1, -1, -3, 0, 0, -2, 8, -3, -3, -1, -2, -1, -2, -1, -2, -2, 2, -3],
        [-1, -3, -3, -3, -1, -3, -3, -4, -3, 4, 2, -3, 1, 0, -3, -2, -1, -3, -1, 3],
        [-1, -2, -3, -4, -1, -2, -3, -4, -3, 2, 4, -2, 2, 0, -3, -2, -1, -2, -1, 1],
        [-1, 2, 0, -1, -3, 1, 1, -2, -1, -3, -2, 5, -1, -3, -1, 0, -1, -3, -2, -2],
        [-1, -1, -2, -3, -1, 0, -2, -3, -2, 1, 2, -1, 5, 0, -2, -1, -1, -1, -1, 1],
        [-2, -3, -3, -3, -2, -3, -3, -3, -1, 0, 0, -3, 0, 6, -4, -2, -2, 1, 3, -1],
        [-1, -2, -2, -1, -3, -1, -1, -2, -2, -3, -3, -1, -2, -4, 7, -1, -1, -4, -3, -2],
        [1, -1, 1, 0, -1, 0, 0, 0, -1, -2, -2, 0, -1, -2, -1, 4, 1, -3, -2, -2],
        [0, -1, 0, -1, -1, -1, -1, -2, -2, -1, -1, -1, -1, -2, -1, 1, 5, -2, -2, 0],
        [-3, -3, -4, -4, -2, -2, -3, -2, -2, -3, -2, -3, -1, 1, -4, -3, -2, 11, 2, -3],
        [-2, -2, -2, -3, -2, -1, -2, -3, 2, -1, -1, -2, -1, 3, -3, -2, -2, 2, 7, -1],
        [0, -3, -3, -3, -1, -2, -2, -3, -3, 3, 1, -2, 1, -1, -2, -2, 0, -3, -1, 4],
    ],
    np.int32,
)
# Karlin-Altschul parameters of ungapped BLOSUM62.
LAMBDA, _K = 0.3176, 0.134
_EVALUE, _SEARCHED = 1e-3, 10_000_000
_GROUPS = ["A", "C", "DN", "EQ", "FY", "G", "H", "IV", "KR", "LM", "P", "ST", "W"]
_SHAPES = ((0, 1, 3, 6, 7), (0, 2, 3, 4, 8), (0, 1, 2, 5, 9))
_X = len(RESIDUES)  # any other letter
# A seed is compared with at most so many later occurrences.
_MOST_ALIKE = 1024
_HITS = 4_000_000  # shared seeds held in memory at a time
# The cost of each further segment, and how far apart the diagonals of two segments may lie.
_GAP, _BAND = 15, 64


@dataclass(frozen=True)
class Search:
    """How homologues are found: one of `METHODS`, and the minimum identity of a pair (0 to 1)."""

    method: str
    identity: float

    def pairs(self, proteins: Sequence[str]) -> np.ndarray:
        """The homologous pairs among distinct proteins: int64[m, 2], the smaller index first.

        Raises `UserError` if MMseqs2 is asked for and is missing or fails."""
        return METHODS[self.method](proteins, self.identity)


def nearest(proteins: Sequence[str], known: np.ndarray) -> np.ndarray:
    """The index int64[n] of the most similar known protein: the protein itself if it is `known`
    (bool[n]), the first in a tie, -1 if no known protein shares two seeds with it."""
    letters = [_CODE[np.frombuffer(protein.encode(), np.uint8)] for protein in proteins]
    best = np.where(known, np.arange(len(proteins)), -1)
    highest = np.zeros(len(proteins), np.int64)
    for block in _candidates(letters):
        for (i, j), diagonals in block:
            if known[i] != known[j]:
                query, other = (j, i) if known[i] else (i, j)
                score = _aligned(letters[i], letters[j], diagonals)[0]
                if (score, -other) > (highest[query], -best[query]) or best[query] < 0:
                    best[query], highest[query] = other, score
    return best


def _by_seeds(proteins: Sequence[str], identity: float) -> np.ndarray:
    letters = [_CODE[np.frombuffer(protein.encode(), np.uint8)] for protein in proteins]
    linked = [
        pair
        for block in _candidates(letters)
        for pair, diagonals in block
        if _alike(letters[pair[0]], letters[pair[1]], diagonals, identity)
    ]
    return np.array(linked, np.int64).reshape(-1, 2)


class _Seeds:
    """The seeds of one shape in all proteins, sorted by content: `place` is where each begins in
    the concatenated letters, `count` with how many later equal seeds it is compared."""

    def __init__(self, letters: np.ndarray, protein: np.ndarray, shape: tuple[int, ...]):
        length = max(0, len(letters) - shape[-1])
        code, known = np.zeros(length, np.int32), np.ones(length, bool)
        for offset in shape:
            group = _GROUP[letters[offset : offset + length]]
            known &= group >= 0
            code = code * len(_GROUPS) + group
        known &= protein[:length] == protein[shape[-1] : shape[-1] + length]
        known = np.flatnonzero(known).astype(np.int32)
        self.place = known[np.argsort(code[known], kind="stable")]
        in_order = code[self.place]
        end = np.searchsorted(in_order, in_order, side="right")
        behind = end - np.arange(len(end)) - 1
        self.count = np.minimum(behind, _MOST_ALIKE).astype(np.int32)
        self.rank = np.argsort(self.place, kind="stable").astype(np.int32)  # by place

    def shared(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The places of equal seeds in pairs, the earlier one in the letters first..last."""
        begin, end = np.searchsorted(self.place, (first, last), sorter=self.rank)
        rank = self.rank[begin:end]
        count = self.count[rank].astype(np.int64)
        step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + 1
        one = np.repeat(rank, count)
        return self.place[one], self.place[one + step]


def _candidates(letters: list[np.ndarray]) -> Iterator[Iterator[tuple[tuple[int, int], list[int]]]]:
    """In blocks of proteins: ((i, j), the diagonals on which they share two seeds), i < j."""
    lengths = np.array([len(one) for one in letters], np.int64)
    if not lengths.sum():
        return
    protein = np.repeat(np.arange(len(letters), dtype=np.int32), lengths)
    start = np.concatenate([[0], np.cumsum(lengths)])
    all_letters = np.concatenate(letters)
    seeds = [_Seeds(all_letters, protein, shape) for shape in _SHAPES]
    hits = sum(np.bincount(protein[s.place], s.count, len(letters)) for s in seeds)
    block = np.cumsum(hits) // _HITS
    longest = int(lengths.max())
    width = 2 * longest + 1
    for rows in np.split(np.arange(len(letters)), np.flatnonzero(np.diff(block)) + 1):
        keys = []
        for of_shape in seeds:
            one, other = of_shape.shared(start[rows[0]], start[rows[-1] + 1])
            apart = protein[one] != protein[other]
            one, other = one[apart].astype(np.int64), other[apart].astype(np.int64)
            first, second = protein[one].astype(np.int64), protein[other]
            diagonal = one - start[first] - other + start[second]
            keys.append((first * len(letters) + second) * width + diagonal + longest)
        key = np.sort(np.concatenate(keys))
        key = np.unique(key[1:][key[1:] == key[:-1]])
        yield _by_pair(key // width, key % width - longest, len(letters))


def _by_pair(pair: np.ndarray, diagonal: np.ndarray, proteins: int):
    for rows in np.split(np.arange(len(pair)), np.flatnonzero(np.diff(pair)) + 1):
        if len(rows):
            yield divmod(int(pair[rows[0]]), proteins), diagonal[rows].tolist()


class _Segment(NamedTuple):
    """An ungapped alignment of two proteins: where it begins in each, its score and identities."""

    score: int
    first: int
    second: int
    length: int
    equal: int

    def follows(self, other: "_Segment") -> bool:
        """Whether it begins after the end of another in both proteins, on a nearby diagonal."""
        gaps = self.first - other.first, self.second - other.second
        return min(gaps) >= other.length and abs(gaps[0] - gaps[1]) <= _BAND


def _alike(one: np.ndarray, other: np.ndarray, diagonals: list[int], identity: float) -> bool:
    """Whether the ungapped segments on these diagonals make the proteins homologues."""
    score, equal, length = _aligned(one, other, diagonals)
    chance = _K * min(len(one), len(other)) * _SEARCHED * np.exp(-LAMBDA * score)
    return chance <= _EVALUE and equal >= identity * length


def _aligned(one: np.ndarray, other: np.ndarray, diagonals: list[int]) -> tuple[int, int, int]:
    """Score, equal residues and length of the best ungapped segments on these diagonals.

    Of segments that overlap in either protein only one counts, so that a repeat counts once.
    """
    best, *others = sorted((_segment(one, other, d) for d in diagonals), reverse=True)
    kept = [best]
    for more in others:
        if more.score > _GAP and all(more.follows(k) or k.follows(more) for k in kept):
            kept.append(more)
    score = sum(segment.score for segment in kept) - _GAP * (len(kept) - 1)
    return (score, *(sum(getattr(k, name) for k in kept) for name in ("equal", "length")))


def _segment(one: np.ndarray, other: np.ndarray, diagonal: int) -> _Segment:
    """The best ungapped segment on one diagonal."""
    first, second = max(0, diagonal), max(0, -diagonal)
    length = min(len(one) - first, len(other) - second)
    mine, theirs = one[first : first + length], other[second : second + length]
    total = np.concatenate([[0], np.cumsum(_SCORES[mine, theirs])])
    gain = total - np.minimum.accumulate(total)
    end = int(gain.argmax())
    begin = end - int(total[: end + 1][::-1].argmin())
    equal = int((mine[begin:end] == theirs[begin:end]).sum())
    return _Segment(int(gain[end]), first + begin, second + begin, end - begin, equal)


def _by_mmseqs(proteins: Sequence[str], identity: float) -> np.ndarray:
    program = shutil.which("mmseqs")
    if program is None:
        raise UserError(
            "sequences.homologues: mmseqs: the program `mmseqs` is not on the PATH; "
            "install it (Debian's package mmseqs2), or set homologues: seeds"
        )
    with tempfile.TemporaryDirectory() as folder:
        fasta, hits = Path(folder) / "proteins.fasta", Path(folder) / "hits.tsv"
        fasta.write_text("".join(f">{n}\n{text}\n" for n, text in enumerate(proteins) if text))
        command = [program, "easy-search", fasta, fasta, hits, Path(folder) / "work"]
        command += ["-s", "7.5", "-e", str(_EVALUE), "--min-seq-id", str(identity)]
        command += ["--max-seqs", str(len(proteins) + 1), "--threads", "1"]
        command += ["--format-output", "query,target"]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            reason = lines[-1] if lines else f"exit status {done.returncode}"
            raise UserError(f"sequences.homologues: mmseqs failed: {reason}")
        linked = np.array([line.split() for line in hits.read_text().splitlines()], np.int64)
    linked = np.sort(linked.reshape(-1, 2), axis=1)
    return np.unique(linked[linked[:, 0] < linked[:, 1]], axis=0)


# The share of homologues that each search links: simulated ones, by identity, and pairs of human
# proteins that Biopython's aligner finds at least 30 % identical (python -m bench.homologues).
SENSITIVITY = {
    "seeds": {"0.3": 0.54, "0.4": 0.95, "0.5": 1.0, "0.7": 1.0, "0.9": 1.0, "human": 0.90},
    "mmseqs": {"0.3": 0.52, "0.4": 0.99, "0.5": 1.0, "0.7": 1.0, "0.9": 1.0, "human": 0.94},
}


def described(search: Search) -> dict:
    """A search in words, for an audit, with its measured sensitivity."""
    how = {
        "seeds": "spaced seeds and ungapped segments",
        "mmseqs": "MMseqs2",
    }[search.method]
    known = SENSITIVITY[search.method]
    return {
        "method": f"{how} ({search.method}), aligned with at least {search.identity:.0%} identity",
        "sensitivity": known,
        "measured": "share of homologues linked at a threshold of 30 %: simulated ones, by"
        " identity, and pairs of human proteins that an aligner finds at least 30 % identical",
    }


METHODS = {"seeds": _by_seeds, "mmseqs": _by_mmseqs}

_CODE = np.full(256, _X, np.int8)
_CODE[np.frombuffer(RESIDUES.encode(), np.uint8)] = np.arange(_X)
_SCORES = np.pad(BLOSUM62, (0, 1), constant_values=-1)
_GROUP = np.full(_X + 1, -1, np.int32)
for _number, _letters in enumerate(_GROUPS):
    _GROUP[[RESIDUES.index(letter) for letter in _letters]] = _number
