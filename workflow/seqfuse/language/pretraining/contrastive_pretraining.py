"""SeqCLIP (arXiv 2602.12286): a DNA encoder and an adapter, aligned with descriptions of genes.

The adapter of an encoder that reads by codon is trained alone; study B's encoder stays as it is.

Where the paper does not say, we chose: a gene's vector is the mean of its adapter outputs over all
tokens but the special ones (for a reference with a variant, the mean of both); a description's
vector is computed once by a frozen text encoder and projected linearly to the adapter's width, by a
layer that is dropped after pre-training; pairs in a batch with equal DNA or equal descriptions are
not negatives of each other.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqfuse.encoders.models.encoder import Encoder
from seqfuse.encoders.models.tokenisers import Tokens
from seqfuse.language.pretraining.stored_means import StoredMeans
from seqfuse.training.batches import chunks, padded
from seqfuse.training.distributed import processes
from seqfuse.training.trainer import Trainer

# Bounds of the temperature: the lower one as in CLIP (arXiv 2103.00020).
_COLDEST, _WARMEST = 0.01, 1.0
_RANKS = (1, 5, 10)
# Indices of pairs, and the vectors of their genes and descriptions.
_Part = tuple[np.ndarray, Tensor, Tensor]


@dataclass(frozen=True)
class Piece:
    """Tokens that go through the encoder together, and the weight in the gene's vector of each that
    is not special; all weights of a gene sum to 1."""

    tokens: Tokens
    weight: float


@dataclass(frozen=True)
class Pair:
    """A gene's pieces and the frozen vector float32[E] of its description.

    `weights` makes a pair count as one answer token, so that the trainer averages over pairs.
    """

    row: dict
    pieces: Sequence[Piece]
    vector: np.ndarray
    weights: np.ndarray

    @property
    def length(self) -> int:
        """The number of tokens in all pieces of the gene."""
        return sum(len(piece.tokens.ids) for piece in self.pieces)


def pieces(sequences: Sequence[Sequence[Tokens]]) -> list[Piece]:
    """The pieces of a gene: of one sequence, or of a reference and its variant.

    All sequences count equally, and each comes in one or more windows.
    """
    of_gene = []
    for windows in sequences:
        counted = sum(int((~tokens.special).sum()) for tokens in windows)
        of_gene += [Piece(tokens, 1 / (len(sequences) * counted)) for tokens in windows]
    return of_gene


class Contrast(nn.Module):
    """Both towers and the temperature, with the interface that the trainer expects of a method."""

    def __init__(
        self,
        encoder: Encoder | StoredMeans,
        text_width: int,
        width: int,
        temperature: float,
        train_encoder: bool = True,
        project_text: bool = True,
        directions: str = "sum",
    ):
        super().__init__()
        self.encoder = encoder
        self.adapter = nn.Linear(encoder.width, width)
        self.text = nn.Linear(text_width, width) if project_text else nn.Identity()
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)))
        self.scale = {"sum": 1.0, "mean": 0.5}[directions]
        # Hidden states do not pass through the encoder's language-model head.
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad_(train_encoder and not name.startswith("lm_head."))

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return self.adapter.weight.device

    @property
    def temperature(self) -> Tensor:
        """The learned temperature."""
        return self.log_temperature.exp()

    @torch.no_grad()
    def clamp_temperature(self) -> None:
        """Clamp the temperature to its bounds. If the forward pass clamped it instead, its gradient
        would be zero beyond them, and it would never return."""
        self.log_temperature.clamp_(math.log(_COLDEST), math.log(_WARMEST))

    def batch(self, examples: Sequence[Pair]) -> Sequence[Pair]:
        """The pairs, unchanged."""
        return examples

    def genes(self, pairs: Sequence[Pair]) -> Tensor:
        """Unit vectors of the genes [B, width]."""
        every = [piece for pair in pairs for piece in pair.pieces]
        arrays = padded([piece.tokens for piece in every], self.encoder.tokeniser.pad)
        ids, mask, kept = (torch.from_numpy(array).to(self.device) for array in arrays)
        weights = torch.tensor([piece.weight for piece in every]).to(self.device)
        weights = kept * weights[:, None]
        sums = (self.adapter(self.encoder(ids, mask)) * weights[..., None]).sum(1)
        genes = [part.sum(0) for part in sums.split([len(pair.pieces) for pair in pairs])]
        return F.normalize(torch.stack(genes), dim=-1)

    def texts(self, pairs: Sequence[Pair]) -> Tensor:
        """Unit vectors of the descriptions [B, width]."""
        vectors = torch.from_numpy(np.stack([pair.vector for pair in pairs])).to(self.device)
        return F.normalize(self.text(vectors), dim=-1)

    def loss(self, batch: Sequence[Pair]) -> Tensor:
        """The nats of both directions, summed over pairs.

        Per pair this is equation 3 of the paper: the sum of the two directions, or their mean if
        `directions` is "mean".
        """
        return self.contrast(self.genes(batch), self.texts(batch), batch)

    def contrast(self, genes: Tensor, texts: Tensor, pairs: Sequence[Pair]) -> Tensor:
        """The loss of pairs from their vectors [B, width]."""
        nats = contrastive(genes, texts, self.temperature, duplicate_pairs(pairs))
        return self.scale * nats


class ContrastTrainer(Trainer):
    """Trains on whole batches, because every pair is a negative of all others.

    If a batch is split into chunks or over processes, all genes and descriptions are first embedded
    without gradients; the loss and its gradient at these vectors are computed over the whole batch;
    then every chunk is embedded again to backpropagate its part (cached gradients, arXiv
    2101.06983). The gradient is the same, with the memory of a single chunk.
    """

    @property
    def remedy(self) -> str:
        """What to do if a single gene does not fit into memory."""
        if self.method.encoder.max_length is None:
            return "lower language.pretrain.batch"
        return (
            "cut the genes with `sequences: {max_length: ..., too_long: truncate}`, or choose a"
            " smaller language.encoder"
        )

    def _step(self, examples: Sequence[Pair]) -> dict:
        entry = super()._step(examples)
        self.method.clamp_temperature()
        return entry

    def _accumulate(self, examples: Sequence[Pair], weight: float) -> float:
        parts = self._shares(examples)
        if len(parts) == 1 and processes.count() == 1:
            return super()._accumulate(examples, weight)
        method = self.method
        vectors = [side.requires_grad_() for side in self._vectors(examples)]
        loss = method.contrast(*vectors, examples) / weight
        loss.backward()
        for part, counts in parts:
            pairs = self._next(examples, part)
            with self._precision():
                sides = method.genes(pairs), method.texts(pairs)
            sides_and_wholes = zip(sides, vectors, strict=True)
            surrogate = sum((side * whole.grad[part]).sum() for side, whole in sides_and_wholes)
            (surrogate * (counts * processes.count())).backward()
        # Every process has computed the loss of the whole batch.
        return loss.item() / processes.count()

    @torch.no_grad()
    def measure(self, examples: Sequence[Pair]) -> dict:
        """The loss of all pairs as one batch, and the recall of the right one (see `recall`)."""
        self.method.eval()
        genes, texts = self._vectors(examples)
        nats = self.method.contrast(genes, texts, examples).item()
        return {"validation_loss": nats / len(examples), **recall(genes, texts, examples)}

    def embed(self, examples: Sequence[Pair]) -> tuple[Tensor, Tensor]:
        """Genes and descriptions float32[N, width] on the CPU, computed by this process alone, in
        chunks and in the precision of training."""
        parts = chunks([pair.length for pair in examples], self.budget.tokens)
        return _in_order(list(self._embedded(examples, parts)))

    def _vectors(self, examples: Sequence[Pair]) -> tuple[Tensor, Tensor]:
        """Genes and descriptions [B, width] of all processes, in the order of `examples`."""
        own = [part for part, counts in self._shares(examples) if counts]
        of_all = processes.gathered(list(self._embedded(examples, own)))
        genes, texts = _in_order([part for parts in of_all for part in parts])
        return genes.to(self.method.device), texts.to(self.method.device)

    @torch.no_grad()
    def _embedded(self, examples: Sequence[Pair], parts: Sequence[np.ndarray]) -> Iterator[_Part]:
        for part in parts:
            pairs = self._next(examples, part)
            with self._precision():
                sides = self.method.genes(pairs), self.method.texts(pairs)
            yield part, *(side.float().cpu() for side in sides)


def _in_order(parts: Sequence[_Part]) -> tuple[Tensor, Tensor]:
    """Genes and descriptions of all parts, in the order of the pairs."""
    order = torch.from_numpy(np.argsort(np.concatenate([part for part, _, _ in parts])))
    genes, texts = (torch.cat([part[side] for part in parts])[order] for side in (1, 2))
    return genes, texts


def contrastive(genes: Tensor, texts: Tensor, temperature: Tensor, twins: Tensor) -> Tensor:
    """Summed cross-entropy of genes to texts and of texts to genes, unit vectors [B, width].

    `twins` bool[B, B] marks pairs off the diagonal that are not negatives of each other. Computed
    in the dtype of `temperature`, float32, even if the encoder uses bfloat16, whose cosines are too
    coarse to be divided by 0.01.
    """
    genes, texts = (side.to(temperature.dtype) for side in (genes, texts))
    with torch.autocast(genes.device.type, enabled=False):
        scores = (genes @ texts.T / temperature).masked_fill(twins.to(genes.device), -torch.inf)
    own = torch.arange(len(scores), device=scores.device)
    return F.cross_entropy(scores, own, reduction="sum") + F.cross_entropy(
        scores.T, own, reduction="sum"
    )


def duplicate_pairs(pairs: Sequence[Pair]) -> Tensor:
    """Which two different pairs share their DNA or their description, bool[B, B]."""
    dna = [(pair.row["sequence"], pair.row.get("variant")) for pair in pairs]
    same = np.zeros((len(pairs), len(pairs)), bool)
    for contents in (dna, [pair.row["text"] for pair in pairs]):
        numbers = dict(zip(contents, range(len(contents)), strict=True))
        codes = np.array([numbers[content] for content in contents])
        same |= codes[:, None] == codes
    np.fill_diagonal(same, False)
    return torch.from_numpy(same)


def recall(genes: Tensor, texts: Tensor, pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """Recall at 1, 5 and 10 in each direction; the counterpart of a duplicate counts as right."""
    right = duplicate_pairs(pairs).to(genes.device) | torch.eye(len(pairs), dtype=torch.bool).to(
        genes.device
    )
    scores = genes @ texts.T
    by_direction = {}
    for name, ranked in (("gene_to_text", scores), ("text_to_gene", scores.T)):
        order = ranked.argsort(dim=1, descending=True, stable=True)
        hits = right.gather(1, order)
        by_direction[name] = {
            f"recall@{rank}": hits[:, :rank].any(1).double().mean().item() for rank in _RANKS
        }
    return by_direction
