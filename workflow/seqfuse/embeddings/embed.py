"""Sequences and an encoder in, rows of the store out: batches, windows, codons, pooling.

On a CPU padding is what costs, so a batch holds sequences of one token count alone, and a row comes
out with the same bits whatever else is in its batch. On a GPU a batch is padded, and larger.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import torch

from seqfuse import fingerprint, tables
from seqfuse.embeddings.store import Row
from seqfuse.encoders.encoder import Encoder
from seqfuse.errors import UserError

# Tokens a batch. A CPU is fastest while a batch's states stay in its cache: at 128 to 320 wide,
# batches of 8,000 tokens run a quarter slower than batches of 2,000.
_BUDGET = {"cpu": 2048, "cuda": 65536}
# Matrix products of fewer rows take another path on a CPU and round otherwise; a smaller batch is
# filled up, so that a row does not depend on what else was missing in the store.
_FEWEST_TOKENS = 32
# Neighbouring windows share a quarter of their tokens, and each keeps its half of what they share.
_OVERLAP = 1 / 4
# Raised when rows come out differently though the key's other parts are the same.
_FORMAT = 1


@dataclass(frozen=True)
class Settings:
    """The section `embeddings` of the configuration."""

    layer: int
    output: str
    dtype: str
    too_long: str


def distinct(table: str | Path, columns: list[str]) -> dict[str, str]:
    """The distinct sequences of a table's columns, each with where it stands first; nulls skipped.

    A table without sequences, and a column that is missing, are `UserError`s.
    """
    schema = pa.schema([(name, pa.string()) for name in ["id", *columns]])
    content = tables.read(table, schema)
    found: dict[str, str] = {}
    for column in columns:
        for name, sequence in zip(
            content["id"].to_pylist(), content[column].to_pylist(), strict=True
        ):
            if sequence is not None:
                found.setdefault(sequence, f"{table}: {column} of record {name!r}")
    if not found:
        raise UserError(f"{table}: no sequence in {', '.join(columns)}; nothing to embed")
    return found


class Embedder:
    """An encoder with what is wanted of it; `rows` embeds.

    `width` is the size of a stored vector, `dtype` its stored type, `described` the part of the
    store's key that says how rows are made.
    """

    def __init__(self, encoder: Encoder, folder: str | Path, settings: Settings, resolution: str):
        if resolution == "codon" and encoder.modality == "protein":
            raise UserError(f"{folder}: a protein encoder has no codons; use --resolution native")
        self.encoder = encoder
        self.resolution = resolution
        self.dtype = getattr(torch, settings.dtype)
        self.device = next(encoder.parameters()).device
        self._output, self._too_long = settings.output, settings.too_long
        self._layer = _layer(encoder, settings.layer)
        self._budget = _BUDGET[self.device.type]
        self._special = len(encoder.tokeniser.prefix) + len(encoder.tokeniser.suffix)
        vocabulary = encoder.config.get("vocab_size", len(encoder.tokeniser.vocabulary))
        self.width = vocabulary if self._output == "logits" else encoder.width
        self.description = {
            "format": _FORMAT,
            "layout": encoder.layout,
            "files": _checksums(Path(folder)),
            "layer": self._layer,
            "output": self._output,
            "resolution": resolution,
            "too_long": self._too_long,
            "window": {"tokens": encoder.max_length, "overlap": _OVERLAP},
            "computed": str(_computed(self.device)).removeprefix("torch."),
            "stored": settings.dtype,
            "width": self.width,
            "code": fingerprint.code("seqfuse.encoders", type(encoder).__module__),
        }

    def bytes_of(self, tokens: int) -> int:
        """The size of the states of so many stored tokens."""
        return tokens * self.width * self.dtype.itemsize

    def measure(self, sequences: dict[str, str]) -> dict[str, int]:
        """The stored tokens of each sequence; what cannot be embedded is a `UserError` here.

        That is a sequence over the encoder's limit, unless windows are allowed, one with a
        character outside the alphabet, and one shorter than a codon where codons are asked for.
        """
        measured, too_long = {}, []
        for sequence, where in sequences.items():
            tokens = self._tokenise(sequence, where)
            if len(tokens.ids) > self.encoder.max_length:
                too_long.append(sequence)
            native = len(tokens.ids) - self._special
            measured[sequence] = native if self.resolution == "native" else len(sequence) // 3
        if too_long and self._too_long == "refuse":
            raise self._refusal(max(too_long, key=len), len(too_long), sequences)
        return measured

    def rows(self, sequences: dict[str, str]) -> Iterator[Row]:
        """One row a sequence, shortest first."""
        tokens = {name: self._tokenise(name, where) for name, where in sequences.items()}
        raise NotImplementedError
