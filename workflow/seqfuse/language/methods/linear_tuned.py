"""Linear adapter on an encoder that trains with it: more trained parameters without a contrast."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from seqfuse.language.methods.examples import Batch
from seqfuse.language.methods.linear import Linear, between_markers
from seqfuse.language.methods.method import Setup
from seqfuse.training.batches import padded
from seqfuse.training.lora import add_lora, merge_lora

_FOLDER = "encoder"
# The language-model head of an encoder, which hidden states do not pass through.
_HEAD = "lm_head."


class LinearTuned(Linear):
    """`Linear` with a trained encoder.

    If the backbone has LoRA, so has every linear layer of the encoder's blocks; else the encoder is
    trained in full. The initial weights are those of `Linear`, and the checkpoint contains the
    encoder in its published layout.
    """

    def __init__(self, setup: Setup):
        encoder = setup.load_encoder(setup.encoder or setup.backbone / _FOLDER)
        super().__init__(replace(setup, encoder_width=encoder.width))
        self.encoder = encoder
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad_(not setup.lora_rank and not name.startswith(_HEAD))
        if setup.lora_rank:
            blocks = encoder.blocks()
            layers = [name for name, m in blocks.named_modules() if isinstance(m, nn.Linear)]
            add_lora(blocks, setup.lora_rank, layers)

    def segment(self, sequence: str) -> int:
        """One column per encoder token that is not special, and one for each marker."""
        return int((~self.encoder.tokenise(sequence).special).sum()) + 2

    def states(self, sequences: Sequence[str]) -> list[Tensor]:
        """The encoder's states [T, D] of each sequence, without special tokens."""
        tokens = [self.encoder.tokenise(sequence) for sequence in sequences]
        ids, mask, kept = padded(tokens, self.encoder.tokeniser.pad)
        arrays = ids, mask, *kept.nonzero()
        ids, mask, *indices = (torch.from_numpy(array).to(self.device) for array in arrays)
        states = self.encoder(ids, None if arrays[1].all() else mask)
        return list(states[tuple(indices)].split(kept.sum(1).tolist()))

    def vectors(self, batch: Batch) -> Tensor:
        """Start marker, projected states, stop marker for every slot."""
        of_slots = self.states([slot.sequence for _, slot in batch.slots()])
        return between_markers(self.markers, [self.adapter(states) for states in of_slots])

    def own_state(self) -> dict[str, Tensor]:
        """The adapter without the encoder, which has a folder of its own."""
        return {k: v for k, v in super().own_state().items() if not k.startswith("encoder.")}

    def save(self, folder: Path) -> None:
        """Write backbone, adapter and encoder, with LoRA merged."""
        super().save(folder)
        merge_lora(self.encoder)
        self.encoder.save(folder / _FOLDER)
