"""Prompts as tokens: an example with the slots that DNA vectors fill, and a padded batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqfuse.language.prompts import Prompt


class Slot(NamedTuple):
    """The columns start .. start + length - 1 of an example, for the vectors of a DNA sequence."""

    start: int
    length: int
    sequence: str


@dataclass(frozen=True)
class Example:
    """A prompt as tokens.

    `ids` int64[T] are 0 in slots; `weights` float32[T] weigh the loss at each token, 0 outside the
    answer; `slots` are filled by vectors; `question` int64[Q] are the question's own ids.
    """

    prompt: Prompt
    ids: np.ndarray
    weights: np.ndarray
    slots: tuple[Slot, ...]
    question: np.ndarray

    @property
    def length(self) -> int:
        """The number of tokens, including slots."""
        return len(self.ids)

    @property
    def answer_tokens(self) -> int:
        """The number of tokens of the answer, including its end token; 0 without an answer."""
        return int(np.count_nonzero(self.weights))


@dataclass
class Batch:
    """Padded examples: ids [B, T], mask [B, T] (False at padding), weights [B, T].

    `weighed` are the rows and columns int64[N] of the tokens with a weight; `starts` is the first
    column of each example.
    """

    examples: Sequence[Example]
    ids: Tensor
    mask: Tensor
    weights: Tensor
    weighed: tuple[Tensor, Tensor]
    starts: list[int]

    @classmethod
    def of(cls, examples: Sequence[Example], device: torch.device, left: bool = False) -> "Batch":
        """Pad to the longest, on the right (for training) or on the `left` (for generation)."""
        longest = max(example.length for example in examples)
        ids = np.zeros((len(examples), longest), np.int64)
        weights = np.zeros(ids.shape, np.float32)
        mask = np.zeros(ids.shape, bool)
        starts = [longest - example.length if left else 0 for example in examples]
        for row, (start, example) in enumerate(zip(starts, examples, strict=True)):
            here = slice(start, start + example.length)
            ids[row, here], weights[row, here], mask[row, here] = example.ids, example.weights, True
        arrays = (ids, mask, weights, *weights.nonzero())
        ids, mask, weights, *weighed = (torch.from_numpy(array).to(device) for array in arrays)
        return cls(examples, ids, mask, weights, tuple(weighed), starts)

    @property
    def positions(self) -> Tensor:
        """The position of every token within its example, int64 [B, T]."""
        return (self.mask.long().cumsum(1) - 1).clamp(min=0)

    def slots(self) -> list[tuple[int, Slot]]:
        """(row, slot) of every DNA sequence, with columns counted in the batch."""
        return [
            (row, slot._replace(start=slot.start + self.starts[row]))
            for row, example in enumerate(self.examples)
            for slot in example.slots
        ]
