"""OneVocab's k-mers: DNA to token ids and back, by array arithmetic.

A sequence is cut into non-overlapping k-mers from its first nucleotide. What is no whole k-mer of
the alphabet (the tail, and with the alphabet ACGT a window that holds an N) is written letter by
letter, so decoding gives the sequence back exactly. Ids, from `offset` on: the k-mers in the order
of the alphabet, the single letters, `<dna>`, `</dna>`.
"""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from seqfuse.errors import UserError

LETTERS = "ACGTN"
START, STOP = "<dna>", "</dna>"


@dataclass(frozen=True)
class KmerVocabulary:
    """The ids `offset` .. `offset + size - 1` of a model: |alphabet|^k k-mers (arXiv 2602.12286:
    5^k), the letters that are no k-mer of their own, and two markers."""

    k: int
    alphabet: str
    offset: int

    @property
    def kmers(self) -> int:
        """How many k-mers there are."""
        return len(self.alphabet) ** self.k

    @cached_property
    def singles(self) -> str:
        """The letters that have a token of their own behind the k-mers."""
        return LETTERS if self.k > 1 else LETTERS.removeprefix(self.alphabet)

    @property
    def size(self) -> int:
        """How many ids there are, markers included."""
        return self.kmers + len(self.singles) + 2

    @property
    def start(self) -> int:
        """The id of `<dna>`."""
        return self.offset + self.size - 2

    @property
    def stop(self) -> int:
        """The id of `</dna>`."""
        return self.offset + self.size - 1

    @cached_property
    def words(self) -> list[str]:
        """What each id stands for, in the order of the ids."""
        kmers = map("".join, itertools.product(self.alphabet, repeat=self.k))
        return [*kmers, *self.singles, START, STOP]

    def encode(self, sequence: str) -> np.ndarray:
        """The ids int64[T] of a sequence of A, C, G, T, N in upper case, markers not included."""
        codes = np.frombuffer(sequence.encode("latin-1", "replace").translate(_CODES), np.uint8)
        highest = codes.max(initial=0)
        if highest == _FOREIGN:
            place = int(np.argmax(codes == _FOREIGN))
            raise UserError(
                f"DNA holds {sequence[place]!r} at position {place + 1}; only A, C, G, T and N in"
                " upper case can be tokenised (`seqfuse sequences` cleans them)"
            )
        whole = len(codes) // self.k
        windows, tail = codes[: whole * self.k].reshape(whole, self.k), codes[whole * self.k :]
        letters = self._single_ids
        # In floats the product is a BLAS call, and exact: 5^8 < 2^24.
        kmers = windows.astype(np.float32) @ self._powers
        if highest < len(self.alphabet):
            ids = np.empty(whole + len(tail), np.int64)
            ids[:whole] = kmers
            ids[:whole] += self.offset
            ids[whole:] = letters[tail]
            return ids
        spelt = (windows >= len(self.alphabet)).any(axis=1)
        counts = np.where(spelt, self.k, 1)
        starts = np.cumsum(counts) - counts
        ids = np.empty(int(counts.sum()), np.int64)
        ids[starts[~spelt]] = kmers[~spelt].astype(np.int64) + self.offset
        ids[starts[spelt][:, None] + np.arange(self.k)] = letters[windows[spelt]]
        return np.concatenate([ids, letters[tail]])

    def decode(self, ids: np.ndarray) -> str:
        """The sequence that `encode` made `ids` from."""
        return "".join(self.words[i - self.offset] for i in np.asarray(ids))

    @cached_property
    def _powers(self) -> np.ndarray:
        return len(self.alphabet) ** np.arange(self.k - 1, -1, -1, dtype=np.float32)

    @cached_property
    def _single_ids(self) -> np.ndarray:
        """The id of each of `LETTERS` alone; for k = 1 the k-mer is the letter."""
        places = [
            self.kmers + self.singles.index(letter)
            if letter in self.singles
            else self.alphabet.index(letter)
            for letter in LETTERS
        ]
        return np.array(places, np.int64) + self.offset


class Tokens(NamedTuple):
    """Token ids int64[T], and the nucleotides [start, end) of each, int64[T, 2]."""

    ids: np.ndarray
    spans: np.ndarray


class KmerTokenizer:
    """OneVocab's tokeniser of DNA on its own: non-overlapping k-mers, then single letters.

    `k` is 1 to 8; `alphabet` "ACGTN" (arXiv 2602.12286: 5^k k-mers) or "ACGT". `offset` is the
    first id, such as the size of a language model's own vocabulary.
    """

    def __init__(self, k: int = 6, alphabet: str = "ACGTN", offset: int = 0):
        if not 1 <= k <= 8 or alphabet not in ("ACGTN", "ACGT"):
            raise UserError(f"k {k}, alphabet {alphabet!r}: k is 1 to 8, of ACGTN or ACGT")
        self.vocabulary = KmerVocabulary(k, alphabet, offset)

    def __len__(self) -> int:
        """How many ids there are, the two markers included."""
        return self.vocabulary.size

    def __call__(self, dna: str) -> Tokens:
        """Ids and spans of a sequence of A, C, G, T, N; any other letter is a `UserError`."""
        ids = self.vocabulary.encode(dna.upper())
        # What is no k-mer is a letter.
        lengths = np.where(
            ids - self.vocabulary.offset < self.vocabulary.kmers, self.vocabulary.k, 1
        )
        ends = np.cumsum(lengths)
        return Tokens(ids, np.stack([ends - lengths, ends], axis=1))

    def decode(self, ids: np.ndarray) -> str:
        """The sequence that `ids` were made from, letter by letter the same."""
        return self.vocabulary.decode(ids)


_FOREIGN = len(LETTERS)
# What is not found is -1, which becomes _FOREIGN.
_CODES = bytes(LETTERS.find(chr(byte)) % (_FOREIGN + 1) for byte in range(256))
