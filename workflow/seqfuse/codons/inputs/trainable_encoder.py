"""Encoders inside an arm: trained with its fusion, by LoRA or in full, instead of read once.

A view of such an arm holds token ids instead of stored states; everything after the encoder is the
same as for stored states, including placement by spans. Training starts where the frozen arm does,
because LoRA begins as the identity.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from seqfuse import encoders
from seqfuse.codons.inputs.align import Packed
from seqfuse.codons.inputs.batches import by_length, collate, placed
from seqfuse.codons.inputs.dataset import Dataset, View
from seqfuse.encoders.models.encoder import Encoder
from seqfuse.errors import UserError
from seqfuse.training.lora import add_lora

# The language-model head of every encoder; hidden states do not pass through it.
_HEAD = "lm_head."


class TokenIds:
    """The view of a trainable encoder: token ids of a sequence, without special tokens."""

    def __init__(self, encoder: Encoder):
        self.encoder, self.width = encoder, encoder.width

    def get(self, sequence: str) -> np.ndarray:
        """Ids int64 [T]."""
        tokens = self.encoder.tokenise(sequence)
        return tokens.ids[~tokens.special]

    def spans(self, sequence: str) -> np.ndarray:
        """The range of letters [start, end) of each token, int32 [T, 2]."""
        tokens = self.encoder.tokenise(sequence)
        return tokens.spans[~tokens.special]


class Live(nn.Module):
    """The states of packed token ids from an encoder that is part of the model."""

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, packed: Packed) -> Tensor:
        """States [N, D] of `packed.tokens`, ids int64 [N], in their order."""
        tokeniser = self.encoder.tokeniser
        ids_N, first_N = packed.tokens, packed.first
        row = first_N.cumsum(0) - 1
        tokens = torch.bincount(row)
        every = torch.arange(len(tokens), device=ids_N.device)
        before, behind = len(tokeniser.prefix), len(tokeniser.suffix)
        column = torch.arange(len(ids_N), device=ids_N.device) - first_N.nonzero()[row, 0] + before
        whole = tokens + before + behind
        ids = ids_N.new_full((len(tokens), int(whole.max())), tokeniser.pad)
        ids[:, :before] = ids_N.new_tensor(tokeniser.prefix)
        ids[row, column] = ids_N
        for place, special in enumerate(tokeniser.suffix):
            ids[every, tokens + before + place] = special
        mask = torch.arange(ids.shape[1], device=ids.device) < whole[:, None]
        return self.encoder(ids, mask)[row, column]


def load(folders: Mapping[str, Path], tuning: str, rank: int) -> dict[str, Encoder]:
    """The encoder of each view, with only the parameters trainable that `tuning` selects.

    "lora": low-rank updates (arXiv 2106.09685) of `rank` in every linear layer of every block,
    alpha = 2 rank; "full": everything that its hidden states depend on. Raises `UserError` if an
    encoder is of another modality.
    """
    loaded = {}
    for view, folder in folders.items():
        encoder = encoders.load(folder).train()
        if encoder.modality != view:
            raise UserError(f"{folder}: an encoder of {encoder.modality}, but {view} is needed")
        if tuning == "lora":
            _add_lora(encoder, rank)
        else:
            for name, parameter in encoder.named_parameters():
                parameter.requires_grad_(not name.startswith(_HEAD))
        loaded[view] = encoder
    return loaded


def with_ids(dataset: Dataset, models: Mapping[str, Encoder], parts: Mapping[str, int]) -> Dataset:
    """The dataset with the views of `models` added as token ids."""
    views = {}
    for view, encoder in models.items():
        letters, tokens = dataset.frames[view], TokenIds(encoder)
        spans = []
        for name, sequence in zip(dataset.ids, letters, strict=True):
            try:
                spans.append(tokens.spans(sequence))
            except UserError as error:
                raise UserError(f"record {name!r}: {error}; drop it from the data") from None
        placements = placed(dataset, view, spans, parts[view])
        views[view] = View(letters, tokens, placements, parts[view])
    return replace(dataset, views=dict(dataset.views) | views)


@torch.no_grad()
def states(
    dataset: Dataset, view: str, rows: np.ndarray, size: int, device: torch.device
) -> Iterator[np.ndarray]:
    """States [N, D] of `rows`, in batches of `size`, from the encoder as it was loaded."""
    alone = replace(dataset, views={view: dataset.views[view]})
    encode = Live(dataset.views[view].states.encoder).to(device).eval()
    for part in by_length(dataset, rows, size):
        yield encode(collate(alone, part, device).views[view]).cpu().numpy()
    encode.cpu()


def _add_lora(encoder: Encoder, rank: int) -> None:
    encoder.requires_grad_(False)
    blocks = encoder.blocks()
    linear = [name for name, module in blocks.named_modules() if isinstance(module, nn.Linear)]
    add_lora(blocks, rank, linear)
