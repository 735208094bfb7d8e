"""Linear adapter on a codon fusion that trains with it, from its encoders' frozen states."""

from dataclasses import replace

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from seqfuse.errors import UserError
from seqfuse.language.methods.examples import Batch
from seqfuse.language.methods.linear import Linear, between_markers
from seqfuse.language.methods.method import Setup
from seqfuse.registry import plugins
from seqfuse.registry.arms import ARMS, SINGLE

# The prefix of the fusion's tensors in an arm's checkpoint.
_FUSION = "fuse."


class LinearFused(Linear):
    """`Linear` with the trained fusion of an arm of study B.

    It reads the fusion's inputs, concatenated: states of each encoder, standardised and assigned to
    codons as in the arm's training. Its initial outputs are those of `Linear` on the arm's states.
    """

    def __init__(self, setup: Setup):
        fusion = setup.settings["fusion"]
        super().__init__(replace(setup, encoder_width=fusion["width"]))
        self.views = dict(map(tuple, fusion["views"]))
        implementation = plugins.load(ARMS[fusion["arm"]].fusion or SINGLE)
        self.fusion = implementation(self.views, fusion["width"])
        # The checkpoint of a fine-tuned model has its own fusion.
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
        of_slots = [self.setup.states.get(slot.sequence) for _, slot in batch.slots()]
        codons = [len(states) for states in of_slots]
        padded = np.zeros((len(of_slots), max(codons), of_slots[0].shape[1]), np.float32)
        for row, states in zip(padded, of_slots, strict=True):
            row[: len(states)] = states
        mask = torch.from_numpy(np.arange(max(codons)) < np.array(codons)[:, None])
        mask = mask.to(self.device)
        parts = torch.from_numpy(padded).to(self.device).split([*self.views.values()], dim=-1)
        fused = self.fusion(dict(zip(self.views, parts, strict=True)), mask).states
        return between_markers(self.markers, list(self.adapter(fused[mask]).split(codons)))
