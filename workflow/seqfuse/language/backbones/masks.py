"""Attention masks that say which token sees which, in the form that a backbone's layers take."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from transformers import PretrainedConfig


def layer_masks(
    config: "PretrainedConfig", seen: Tensor, queries: Tensor, keys: Tensor
) -> Tensor | dict[str, Tensor]:
    """Masks of `seen`, bool [B, Q, K], for all layers, or by kind of layer where they differ.

    A layer with a sliding window sees no key that lies a window or more before the query in its own
    text, whatever their columns; `queries` int64 [B, Q] and `keys` int64 [B, K] are positions.
    """
    window = getattr(config, "sliding_window", None)
    kinds = set(getattr(config, "layer_types", None) or [])
    if not window:
        return _form(config, seen)
    near = seen & (queries[:, :, None] - keys[:, None, :] < window)
    masks = {"full_attention": seen, "sliding_attention": near}
    if not kinds:
        return _form(config, near)
    return {kind: _form(config, masks[kind]) for kind in kinds}


def _form(config: "PretrainedConfig", seen: Tensor) -> Tensor:
    """One mask [B, 1, Q, K]: eager attention adds it to its scores, the fused kernel asks it."""
    if config._attn_implementation != "eager":
        return seen[:, None]
    return torch.zeros(seen.shape, device=seen.device).masked_fill_(
        ~seen, torch.finfo(torch.float32).min
    )[:, None]
