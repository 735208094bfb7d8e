"""Linear adapter (BioReason, arXiv 2505.23579): encoder states, projected token by token."""

import numpy as np
import torch
from torch import Tensor, nn

from seqfuse.language.methods.examples import Batch
from seqfuse.language.methods.method import LanguageMethod, Setup


class Linear(LanguageMethod):
    """x_t = W h_t + b for every frozen encoder state h_t, between two markers.

    The markers are trained vectors of the adapter, not tokens, so that the backbone's vocabulary is
    unchanged.
    """

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.adapter = nn.Linear(setup.encoder_width, self.width)
        self.markers = nn.Parameter(marker_vectors(self))

    def segment(self, sequence: str) -> int:
        """One column per state, and one for each marker."""
        return len(self.setup.states.get(sequence)) + 2

    def vectors(self, batch: Batch) -> Tensor:
        """Start marker, projected states, stop marker for every slot."""
        of_slots = [self.setup.states.get(slot.sequence) for _, slot in batch.slots()]
        lengths = [len(states) for states in of_slots]
        states = torch.from_numpy(np.concatenate(of_slots)).to(self.device, torch.float32)
        return between_markers(self.markers, self.adapter(states).split(lengths))


def marker_vectors(method: LanguageMethod) -> Tensor:
    """Initial markers [2, width]: two random vectors with the statistics of text embeddings."""
    table = method.backbone.get_input_embeddings().weight
    rows = torch.randn(2, method.width) * table.std().detach() + table.mean(0).detach()
    return rows * method.scale


def between_markers(markers: Tensor, pieces: list[Tensor]) -> Tensor:
    """Each piece [n, width] between a start and a stop marker, concatenated, [sum, width]."""
    start, stop = markers[:1].to(pieces[0].dtype), markers[1:].to(pieces[0].dtype)
    return torch.cat([part for piece in pieces for part in (start, piece, stop)])
