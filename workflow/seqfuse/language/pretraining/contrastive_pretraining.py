"""SeqCLIP (arXiv 2602.12286): a DNA encoder and an adapter, pulled towards descriptions of genes.

Ours, where the paper is silent: a gene is the mean of its adapter outputs over all tokens but the
special ones; a description is the [CLS] state of a frozen text encoder, computed once, behind a
linear projection to the adapter's width, which is dropped after pre-training; pairs of a batch that
share their sequence or their description are no negatives of each other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqfuse.encoders.encoder import Encoder
from seqfuse.encoders.tokenisers import Tokens
from seqfuse.training import processes
from seqfuse.training.batches import padded
from seqfuse.training.trainer import Trainer

# The temperature never falls below it, as in CLIP (arXiv 2103.00020), nor rises above 1.
_COLDEST = 0.01
_RANKS = (1, 5, 10)


@dataclass(frozen=True)
class Pair:
    """A gene and its description: tokens of the one, the frozen vector float32[E] of the other.

    `weights` counts as one answer token, so that the trainer's mean is one over pairs.
    """

    row: dict
    tokens: Tokens
    vector: np.ndarray
    weights: np.ndarray

    @property
    def length(self) -> int:
        """Tokens of the gene."""
        return len(self.tokens.ids)


class Contrast(nn.Module):
    """Both towers and the temperature, with the interface of a method of the trainer."""

    def __init__(self, encoder: Encoder, text_width: int, width: int, temperature: float):
        super().__init__()
        self.encoder = encoder.requires_grad_(True)
        self.adapter = nn.Linear(encoder.width, width)
        self.text = nn.Linear(text_width, width)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)))
        # The language-model head of the encoder enters no hidden state.
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad_(not name.startswith("lm_head."))

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.adapter.weight.device

    @property
    def temperature(self) -> Tensor:
        """The learned temperature, clamped."""
        return self.log_temperature.exp().clamp(_COLDEST, 1.0)

    def batch(self, examples: Sequence[Pair]) -> Sequence[Pair]:
        """Pairs as they are."""
        return examples

    def genes(self, pairs: Sequence[Pair]) -> Tensor:
        """Vectors of the genes [B, width], of length 1."""
        found = padded([pair.tokens for pair in pairs], self.encoder.tokeniser.pad)
        ids, mask, kept = (torch.from_numpy(array).to(self.device) for array in found)
        states, kept = self.adapter(self.encoder(ids, mask)), kept.float()
        return F.normalize((states * kept[..., None]).sum(1) / kept.sum(1)[:, None], dim=-1)

    def texts(self, pairs: Sequence[Pair]) -> Tensor:
        """Vectors of the descriptions [B, width], of length 1."""
        vectors = torch.from_numpy(np.stack([pair.vector for pair in pairs])).to(self.device)
        return F.normalize(self.text(vectors), dim=-1)

    def loss(self, batch: Sequence[Pair]) -> Tensor:
        """The sum over pairs of both directions' nats; its mean is equation 3 of the paper, the sum
        of the two directions and not their half."""
        return contrastive(
            self.genes(batch), self.texts(batch), self.temperature, duplicate_pairs(batch)
        )

    def flops(self, tokens: int, supervised: int) -> int:
        """An estimate of one training pass: 6 a weight of the blocks and a token."""
        body = sum(p.numel() for block in self.encoder.blocks() for p in block.parameters())
        return 6 * (body + self.adapter.weight.numel()) * tokens


class ContrastTrainer(Trainer):
    """A batch is one whole, because every pair is a negative of the others.

    Where it is cut into chunks or over processes, genes and descriptions are embedded without a
    gradient, the loss and its gradient at these vectors are computed of all, and every chunk is
    embedded once more to carry its gradient on (cached gradients, arXiv 2101.06983): the same
    gradient, in the memory of a chunk.
    """

    def _accumulate(self, examples: Sequence[Pair], weight: float) -> float:
        parts = self._shares(examples)
        if len(parts) == 1 and processes.count() == 1:
            return super()._accumulate(examples, weight)
        method = self.method
        vectors = [side.requires_grad_() for side in self._vectors(examples)]
        loss = contrastive(*vectors, method.temperature, duplicate_pairs(examples)) / weight
        loss.backward()
        for part, counts in parts:
            pairs = [examples[i] for i in part]
            with self._precision():
                sides = method.genes(pairs), method.texts(pairs)
            sides_and_slopes = zip(sides, vectors, strict=True)
            carried = sum((side * whole.grad[part]).sum() for side, whole in sides_and_slopes)
            (carried * (counts * processes.count())).backward()
        # Every process has computed the whole.
        return loss.item() / processes.count()

    @torch.no_grad()
    def measure(self, examples: Sequence[Pair]) -> dict:
        """The loss of all pairs as one batch, and how often the right one is among the nearest."""
        self.method.eval()
        genes, texts = self._vectors(examples)
        nats = contrastive(genes, texts, self.method.temperature, duplicate_pairs(examples)).item()
        return {"validation_loss": nats / len(examples), **recall(genes, texts, examples)}

    @torch.no_grad()
    def _vectors(self, examples: Sequence[Pair]) -> tuple[Tensor, Tensor]:
        """Genes and descriptions [B, width] of all processes, in the order of `examples`."""
        method, found = self.method, []
        for part, counts in self._shares(examples):
            if counts:
                pairs = [examples[i] for i in part]
                with self._precision():
                    sides = method.genes(pairs), method.texts(pairs)
                found.append((part, *(side.float().cpu() for side in sides)))
        everyone = [part for own in processes.gathered(found) for part in own]
        order = torch.from_numpy(np.argsort(np.concatenate([part for part, _, _ in everyone])))
        genes, texts = (torch.cat([part[side] for part in everyone])[order] for side in (1, 2))
        return genes.to(method.device), texts.to(method.device)


def contrastive(genes: Tensor, texts: Tensor, temperature: Tensor, twins: Tensor) -> Tensor:
    """Summed cross-entropy of genes to texts and of texts to genes, all [B, width] of length 1.

    `twins` bool[B, B] is True off the diagonal where a pair is no negative of another.
    """
    scores = (genes @ texts.T / temperature).masked_fill(twins.to(genes.device), -torch.inf)
    own = torch.arange(len(scores), device=scores.device)
    return F.cross_entropy(scores, own, reduction="sum") + F.cross_entropy(
        scores.T, own, reduction="sum"
    )


def duplicate_pairs(pairs: Sequence[Pair]) -> Tensor:
    """Where two different pairs share their sequence or their description, bool[B, B]."""
    same = [
        [a is not b and (a.row["sequence"] == b.row["sequence"] or a.row["text"] == b.row["text"])
         for b in pairs] for a in pairs
    ]  # fmt: skip
    return torch.tensor(same)


def recall(genes: Tensor, texts: Tensor, pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """Recall at 1, 5 and 10 of each direction; a twin's counterpart counts as found too."""
    right = duplicate_pairs(pairs).to(genes.device) | torch.eye(len(pairs), dtype=torch.bool).to(
        genes.device
    )
    scores = genes @ texts.T
    found = {}
    for name, ranked in (("gene_to_text", scores), ("text_to_gene", scores.T)):
        order = ranked.argsort(dim=1, descending=True, stable=True)
        hits = right.gather(1, order)
        found[name] = {
            f"recall@{rank}": hits[:, :rank].any(1).double().mean().item() for rank in _RANKS
        }
    return found
