"""OneVocab's k-mers: DNA to token ids and back, by array arithmetic.

A sequence is cut into non-overlapping k-mers from its first nucleotide. The tail, and with the
alphabet ACGT every window with an N, is encoded letter by letter, so that decoding restores the
sequence exactly. Ids, from `offset` on: the k-mers in the order of the alphabet, the single
letters, `<dna>`, `</dna>`.
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
    5^k), single letters unless they are k-mers themselves, and two markers."""

    k: int
    alphabet: str
    offset: int

    @property
    def kmers(self) -> int:
        """The number of k-mers."""
        return len(self.alphabet) ** self.k

    @cached_property
    def singles(self) -> str:
        """The letters that have a token of their own after the k-mers."""
        return LETTERS if self.k > 1 else LETTERS.removeprefix(self.alphabet)

    @property
    def size(self) -> int:
        """The number of ids, including the markers."""
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
        """The text of each id, in order."""
        kmers = map("".join, itertools.product(self.alphabet, repeat=self.k))
        return [*kmers, *self.singles, START, STOP]

    def encode(self, sequence: str) -> np.ndarray:
        """The ids int64[T] of a sequence of A, C, G, T and N in upper case, without markers.

        Raises UserError for any other letter.
        """
        codes = np.frombuffer(sequence.encode("latin-1", "replace").translate(_CODES), np.uint8)
        highest = codes.max(initial=0)
        if highest == _FOREIGN:
            index = int(np.argmax(codes == _FOREIGN))
            raise UserError(
                f"DNA holds {sequence[index]!r} at position {index + 1}; only A, C, G, T and N in"
                " upper case can be tokenised (`seqfuse sequences` cleans them)"
            )
        whole = len(codes) // self.k
        windows, tail = codes[: whole * self.k].reshape(whole, self.k), codes[whole * self.k :]
        letters = self._single_ids
        # With floats the product is a BLAS call; it is exact, because 5^8 < 2^24.
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
        """The id of each of `LETTERS` as a single letter; for k = 1 it may be a k-mer."""
        indices = [
            self.kmers + self.singles.index(letter)
            if letter in self.singles
            else self.alphabet.index(letter)
            for letter in LETTERS
        ]
        return np.array(indices, np.int64) + self.offset


class Tokens(NamedTuple):
    """Token ids int64[T], and the nucleotide span [start, end) of each, int64[T, 2]."""

    ids: np.ndarray
    spans: np.ndarray


class KmerTokenizer:
    """OneVocab's DNA tokeniser on its own: non-overlapping k-mers, and single letters for the rest.

    `k` is 1 to 8; `alphabet` is "ACGTN" (arXiv 2602.12286: 5^k k-mers) or "ACGT". `offset` is the
    first id, such as the size of a language model's vocabulary. Raises UserError for other values.
    """

    def __init__(self, k: int = 6, alphabet: str = "ACGTN", offset: int = 0):
        if not 1 <= k <= 8 or alphabet not in ("ACGTN", "ACGT"):
            raise UserError(
                f"k = {k}, alphabet {alphabet!r}: k must be 1 to 8, the alphabet ACGTN or ACGT"
            )
        self.vocabulary = KmerVocabulary(k, alphabet, offset)

    def __len__(self) -> int:
        """The number of ids, including the two markers."""
        return self.vocabulary.size

    def __call__(self, dna: str) -> Tokens:
        """Ids and spans of a sequence of A, C, G, T and N in either case; UserError for any other
        letter."""
        ids = self.vocabulary.encode(dna.upper())
        # Ids after the k-mers are single letters.
        lengths = np.where(
            ids - self.vocabulary.offset < self.vocabulary.kmers, self.vocabulary.k, 1
        )
        ends = np.cumsum(lengths)
        return Tokens(ids, np.stack([ends - lengths, ends], axis=1))

    def decode(self, ids: np.ndarray) -> str:
        """The sequence, in upper case, that `ids` were made from."""
        return self.vocabulary.decode(ids)


_FOREIGN = len(LETTERS)
# `find` gives -1 for any other letter, which becomes _FOREIGN.
_CODES = bytes(LETTERS.find(chr(byte)) % (_FOREIGN + 1) for byte in range(256))
