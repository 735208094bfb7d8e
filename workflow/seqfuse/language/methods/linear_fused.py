"""Linear adapter on a codon fusion that trains with it, on frozen states of its encoders."""

from dataclasses import replace

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from seqfuse.errors import UserError
from seqfuse.language.methods.linear import Linear, between_markers
from seqfuse.language.methods.method import Batch, Setup
from seqfuse.registry import plugins
from seqfuse.registry.arms import ARMS, SINGLE

# What an arm's checkpoint calls the tensors of its fusion.
_FUSION = "fuse."


class LinearFused(Linear):
    """`Linear` with the fusion of an arm of study B inside.

    The states that it reads are those that the fusion was given, side by side: standardised and
    brought to codons as the arm learned to. It starts where `Linear` on the arm's states does.
    """

    def __init__(self, setup: Setup):
        fusion = setup.settings["fusion"]
        super().__init__(replace(setup, encoder_width=fusion["width"]))
        self.views = dict(map(tuple, fusion["views"]))
        made = plugins.load(ARMS[fusion["arm"]].fusion or SINGLE)
        self.fusion = made(self.views, fusion["width"])
        # A checkpoint of a fine-tuned model brings its own.
        if setup.encoder is not None:
            self._start_from(setup.encoder)

    def _start_from(self, path) -> None:
        with safe_open(path, "pt") as file:
            names = list(file.keys())
            fusion = [name for name in names if name.startswith(_FUSION)]
            tensors = {name.removeprefix(_FUSION): file.get_tensor(name) for name in fusion}
        try:
            self.fusion.load_state_dict(tensors)
        except RuntimeError as error:
            raise UserError(f"{path}: {' '.join(str(error).split())}") from None

    def vectors(self, batch: Batch) -> Tensor:
        """Start marker, projected fused states, stop marker for every slot."""
        found = [self.setup.states.get(slot.sequence) for _, slot in batch.slots()]
        codons = [len(states) for states in found]
        padded = np.zeros((len(found), max(codons), found[0].shape[1]), np.float32)
        for row, states in zip(padded, found, strict=True):
            row[: len(states)] = states
        mask = torch.from_numpy(np.arange(max(codons)) < np.array(codons)[:, None])
        mask = mask.to(self.device)
        parts = torch.from_numpy(padded).to(self.device).split([*self.views.values()], dim=-1)
        fused = self.fusion(dict(zip(self.views, parts, strict=True)), mask).states
        return between_markers(self.markers, list(self.adapter(fused[mask]).split(codons)))
