"""Linear adapter (BioReason, arXiv 2505.23579): encoder states, projected token by token."""

import numpy as np
import torch
from torch import Tensor, nn

from seqfuse.language.methods.method import Batch, LanguageMethod, Setup


class Linear(LanguageMethod):
    """x_t = W h_t + b for every frozen encoder state h_t, spliced in between two markers.

    The markers are two trained vectors of the adapter, not tokens: the backbone's vocabulary stays
    as it is, whatever part of it is frozen.
    """

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.adapter = nn.Linear(setup.encoder_width, self.width)
        self.markers = nn.Parameter(marker_vectors(self))

    def segment(self, sequence: str) -> int:
        """One column a state, and one for either marker."""
        return len(self.setup.states.get(sequence)) + 2

    def vectors(self, batch: Batch) -> Tensor:
        """Start marker, projected states, stop marker for every slot."""
        found = [self.setup.states.get(slot.sequence) for _, slot in batch.slots()]
        states = torch.from_numpy(np.concatenate(found)).to(self.device, torch.float32)
        return between_markers(self.markers, self.adapter(states).split([len(s) for s in found]))


def marker_vectors(method: LanguageMethod) -> Tensor:
    """Start values of the markers [2, width]: two vectors drawn like those of text."""
    table = method.backbone.get_input_embeddings().weight
    rows = torch.randn(2, method.width) * table.std().detach() + table.mean(0).detach()
    return rows * method.scale


def between_markers(markers: Tensor, pieces: list[Tensor]) -> Tensor:
    """Every piece [n, width] between the start and the stop marker, all in one [sum, width]."""
    start, stop = markers[:1].to(pieces[0].dtype), markers[1:].to(pieces[0].dtype)
    return torch.cat([part for piece in pieces for part in (start, piece, stop)])
