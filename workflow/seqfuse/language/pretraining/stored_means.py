"""Genes as a codon encoder shows them: stored states by codon, which no pre-training changes."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from seqfuse.encoders.models.tokenisers import Tokens

_SPAN = np.zeros((1, 2), np.int32)


class StoredMeans(nn.Module):
    """An encoder whose one token of a sequence is the mean of its stored states.

    A gene's vector is the mean of what the adapter makes of its states, and the adapter is linear:
    that is what it makes of their mean. Nothing here is trained.
    """

    layout = "fused"
    max_length = None  # no sequence is too long: all are stored whole
    pad = 0  # the first sequence, which then weighs nothing

    def __init__(self, receipt: Path, sequences: Iterable[str]):
        # Here, because the store needs pyarrow, which a machine that only trains may lack.
        from seqfuse.encoders.store.reader import Store

        super().__init__()
        store = Store.open(receipt)
        self.key, self.width = store.key, store.width
        self.numbers = {name: row for row, name in enumerate(dict.fromkeys(sequences))}
        means = np.empty((len(self.numbers), store.width), np.float32)
        for sequence, row in self.numbers.items():
            means[row] = store.pooled(sequence)
        self.register_buffer("means", torch.from_numpy(means), persistent=False)

    @property
    def tokeniser(self) -> "StoredMeans":
        """Itself: it is needed only to pad sequences."""
        return self

    def tokenise_any_length(self, sequence: str) -> Tokens:
        """The number of a sequence as its one token."""
        row = np.array([self.numbers[sequence]], np.int64)
        return Tokens(row, _SPAN, np.zeros(1, bool))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Means of stored states float32[B, T, width] of the sequences of these numbers."""
        return self.means[ids]
