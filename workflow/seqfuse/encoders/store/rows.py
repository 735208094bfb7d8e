"""A stored sequence and its address; light to import, so that embedding needs no Parquet."""

import hashlib
from typing import NamedTuple

import numpy as np

from seqfuse.files import digest

# The layout, in a store's description, of codon states made from those of several encoders.
CODONS = "codons"


class Row(NamedTuple):
    """A stored sequence: its hash, its number of letters, states [T, D], spans [T, 2], mean [D]."""

    sequence: bytes
    length: int
    states: np.ndarray
    spans: np.ndarray
    pooled: np.ndarray


def sequence_hash(sequence: str) -> bytes:
    """The 32 bytes under which a sequence is stored: SHA-256 of its letters."""
    return hashlib.sha256(sequence.encode()).digest()


def describe(sequence: str) -> str:
    """A sequence in messages: the start of its hash, its length and its first letters."""
    begins = sequence[:20] + ("..." if len(sequence) > 20 else "")
    return f"{digest(sequence)[:12]} ({len(sequence)} letters, {begins!r})"
