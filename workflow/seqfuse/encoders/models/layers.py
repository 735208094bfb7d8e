"""Building blocks of the three encoders: attention without dropout, rotary positions, the head."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def attend(query: Tensor, key: Tensor, value: Tensor, keys: Tensor | None, heads: int) -> Tensor:
    """Multi-head attention over projected [B, T, D]; `keys` is a bool mask [B, 1, 1, T] or None.

    The query is scaled by 1/sqrt(D/heads). Masked keys are ignored; the queries at their positions
    are still computed, as in the references.
    """
    split = [_heads(states, heads) for states in (query, key, value)]
    return _merge(F.scaled_dot_product_attention(*split, attn_mask=keys))


def _heads(states: Tensor, heads: int) -> Tensor:
    return states.unflatten(-1, (heads, -1)).transpose(1, 2)


def _merge(states: Tensor) -> Tensor:
    return states.transpose(1, 2).flatten(2)


def embedding(rows: int, width: int) -> nn.Embedding:
    """An embedding without initial values: drawing them on the meta device imports modules for
    seconds."""
    return nn.Embedding(rows, width, _weight=torch.empty(rows, width))


class Rotary(nn.Module):
    """Rotary position embedding (Su et al. 2021), half-split layout, positions from 0.

    The frequencies are the checkpoint's. They always stay in float32 or better, because rounding
    them to float16 changes the hidden states by 3e-3.
    """

    def __init__(self, width: int):
        super().__init__()
        # Never on the meta device: computing there imports modules for seconds.
        exponents = torch.arange(0, width, 2, dtype=torch.float32, device="cpu") / width
        self.register_buffer("inv_freq", 10000.0**-exponents)

    def forward(self, *states: Tensor) -> tuple[Tensor, ...]:
        """Rotate each of `states`, [B, heads, T, width]."""
        time = torch.arange(states[0].shape[2], device=states[0].device)
        angles = time.to(self.inv_freq)[:, None] * self.inv_freq
        cosine, sine = angles.cos().repeat(1, 2), angles.sin().repeat(1, 2)
        return tuple((x * cosine + _turn(x) * sine).to(x.dtype) for x in states)

    def _apply(self, function, recurse=True):
        exact = self.inv_freq
        super()._apply(function, recurse)
        if self.inv_freq.dtype in (torch.float16, torch.bfloat16):
            self.inv_freq = exact.to(self.inv_freq.device)
        return self


def _turn(states: Tensor) -> Tensor:
    """(a, b) -> (-b, a) for the two halves of the last axis."""
    first, second = states.chunk(2, dim=-1)
    return torch.cat([-second, first], dim=-1)


class RotarySelfAttention(nn.Module):
    """The self-attention of NT-v2 and ESM-2, under the names of their checkpoints."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.rotary_embeddings = Rotary(width // heads)

    def forward(self, hidden: Tensor, keys: Tensor | None) -> Tensor:
        """[B, T, D] -> [B, T, D]; `keys` is a bool mask [B, 1, 1, T] or None."""
        query, key = self.rotary_embeddings(
            _heads(self.query(hidden), self.heads), _heads(self.key(hidden), self.heads)
        )
        value = _heads(self.value(hidden), self.heads)
        return _merge(F.scaled_dot_product_attention(query, key, value, attn_mask=keys))


class Unused(nn.Module):
    """Tensors of a checkpoint that affect neither hidden states nor logits.

    They are buffers: written back by `save`, never trained or counted as trained.
    """

    def __init__(self, **shapes: tuple[int, ...]):
        super().__init__()
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))


def contact_head(layers: int, heads: int) -> nn.ModuleDict:
    """The contact head of the checkpoints, which predicts contacts from attention; unused here."""
    return nn.ModuleDict({"regression": Unused(weight=(1, layers * heads), bias=(1,))})


class Head(nn.Module):
    """The language-model head: dense, exact GELU, layer norm, projection to the vocabulary."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.layer_norm = nn.LayerNorm(width, eps=eps)

    def features(self, hidden: Tensor) -> Tensor:
        """The input of the projection to the vocabulary, [B, T, D]."""
        return self.layer_norm(F.gelu(self.dense(hidden)))
