"""An arm as one network: standardise, align to codons, fuse, predict."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from seqfuse.codons.fusions.heads import HEADS
from seqfuse.codons.inputs.align import Average, Packed, Transposed
from seqfuse.codons.inputs.batches import Batch
from seqfuse.codons.inputs.trainable_encoder import Live
from seqfuse.errors import UserError
from seqfuse.registry import plugins
from seqfuse.registry.arms import SINGLE, Arm
from seqfuse.training.cost import trained_parameters

# The widths tried to meet a parameter budget: multiples of `_STEP` up to `_WIDEST`.
_STEP, _WIDEST = 4, 4096


@dataclass(frozen=True)
class Shape:
    """The sizes of an arm's model; `widths` are the state widths of its views.

    `tuned` are the views whose encoder is part of the model, with LoRA of rank `lora_rank` if the
    arm uses LoRA.
    """

    widths: Mapping[str, int]
    outputs: int
    width: int
    channels: int
    dropout: float
    head: str
    upsampling: str
    standardise: bool
    tuned: Sequence[str] = ()
    lora_rank: int = 0


@dataclass(frozen=True)
class Output:
    """`prediction` [B, outputs]; for an arm that weighs its M modalities, `weights` [B, M] and
    `entropy` [B]."""

    prediction: Tensor
    weights: Tensor | None
    entropy: Tensor | None


class Standardise(nn.Module):
    """x -> (x - mean) / deviation over the training tokens, or unchanged if not `active`.

    In both cases it can knock a view out, by replacing every token with the mean token.
    """

    def __init__(self, width: int, active: bool):
        super().__init__()
        self.active = active
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def forward(self, tokens_ND: Tensor, knocked_out: bool) -> Tensor:
        if knocked_out:
            tokens_ND = self.mean.expand_as(tokens_ND)
        return (tokens_ND - self.mean).div_(self.deviation) if self.active else tokens_ND


class CodonModel(nn.Module):
    """Views of a batch -> predictions. A sequence's prediction does not depend on its batch.

    `encoders` are those of the views in `shape.tuned`.
    """

    def __init__(self, arm: Arm, shape: Shape, encoders: Mapping[str, nn.Module] | None = None):
        super().__init__()
        self.scale = nn.ModuleDict(
            {view: Standardise(n, shape.standardise) for view, n in shape.widths.items()}
        )
        self.align = nn.ModuleDict(
            {view: alignment(arm, view, n, shape.upsampling) for view, n in shape.widths.items()}
        )
        self.encode = nn.ModuleDict({v: Live(encoder) for v, encoder in (encoders or {}).items()})
        self.fuse = fusion(arm)(dict(shape.widths), shape.width)
        self.head = HEADS[shape.head](shape.width, shape.channels, shape.outputs, shape.dropout)

    def forward(self, batch: Batch, knocked_out: Collection[str] = ()) -> Output:
        return self.predict(self.views(batch, knocked_out), batch.mask)

    def predict(self, views: Mapping[str, Tensor], mask_BC: Tensor) -> Output:
        """The output of fusion and head for `views` {name: [B, C, D]} and the mask [B, C]."""
        fused = self.fuse(views, mask_BC)
        return Output(self.head(fused.states, mask_BC), fused.weights, fused.entropy)

    def views(self, batch: Batch, knocked_out: Collection[str] = ()) -> dict[str, Tensor]:
        """Each view standardised and aligned to codons [B, C, D]: the fusion's input."""
        rows, codons = batch.mask.shape
        return {
            view: self._aligned(view, packed, rows * codons, view in knocked_out).unflatten(
                0, (rows, codons)
            )
            for view, packed in batch.views.items()
        }

    def standardise(self, statistics: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Set the mean and deviation of each view's training tokens."""
        for view, (mean, deviation) in statistics.items():
            self.scale[view].mean.copy_(torch.from_numpy(mean))
            self.scale[view].deviation.copy_(torch.from_numpy(deviation))

    def _aligned(self, view: str, packed: Packed, cells: int, knocked_out: bool) -> Tensor:
        tokens_ND = self.encode[view](packed) if view in self.encode else packed.tokens
        return self.align[view](packed, self.scale[view](tokens_ND, knocked_out), cells)

    def trained_state(self) -> dict[str, Tensor]:
        """The model's tensors on the CPU, without the encoder tensors that training left unchanged.

        An encoder may be a thousand times as large as its LoRA.
        """
        state = self.state_dict()
        return {name: state[name].detach().cpu().clone() for name in self._own(state)}

    def load_trained_state(self, state: Mapping[str, Tensor]) -> None:
        """Load a `trained_state`; raises `RuntimeError` if a tensor is missing or unknown."""
        own = self._own(self.state_dict())
        if missing := [name for name in own if name not in state]:
            raise RuntimeError(f"tensor {missing[0]!r} is missing")
        if foreign := sorted(set(state) - set(own)):
            raise RuntimeError(f"tensor {foreign[0]!r} is unknown")
        self.load_state_dict(state, strict=False)

    def _own(self, names: Iterable[str]) -> list[str]:
        trained = {name for name, p in self.named_parameters() if p.requires_grad}
        return [name for name in names if name in trained or not name.startswith("encode.")]


def alignment(arm: Arm, view: str, width: int, upsampling: str) -> nn.Module:
    """The module that aligns a view to codons: the chosen upsampling for DNA, else averaging."""
    if view != "dna" or upsampling == "repeat" or not arm.aligned:
        return Average()
    return Transposed(width, {"kernel2": 2, "kernel3": 3}[upsampling])


def parts(arm: Arm, upsampling: str) -> dict[str, int]:
    """The outputs for each token of each view of an arm, which its placements must know."""
    return {view: alignment(arm, view, 1, upsampling).parts for view in arm.views}


def fit_width(arm: Arm, shape: Shape, budget: int) -> Shape:
    """The shape with the widest projection whose `compared` parameters are at most `budget`.

    Arms with one modality and with three thus have equally large fusions and heads, to within one
    step. Upsampling and the trained parameters of an encoder come on top. Raises `UserError` if
    the narrowest width exceeds the budget.
    """

    def size(width: int) -> int:
        with torch.device("meta"):
            return compared_parameters(CodonModel(arm, replace(shape, width=width)))

    low, high = _STEP, _WIDEST
    if size(low) > budget:
        raise UserError(
            f"parameter_budget: {budget} is too small for arm {arm.name!r}, which needs at least"
            f" {size(low)}; give more, or 0 to use `width` as it is"
        )
    while high - low > _STEP:
        middle = (low + high) // 2 // _STEP * _STEP
        low, high = (middle, high) if size(middle) <= budget else (low, middle)
    return replace(shape, width=low)


def compared_parameters(model: CodonModel) -> int:
    """The trained parameters by which arms are compared: those of the fusion and the head, without
    the alignment to codons."""
    return trained_parameters(model.fuse) + trained_parameters(model.head)


def fusion(arm: Arm) -> type[nn.Module]:
    """The class that joins an arm's views."""
    return plugins.load(arm.fusion or SINGLE)
