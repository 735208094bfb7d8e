"""Attention masks for arbitrary visibility, in the form that a backbone's layers take."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from transformers import PretrainedConfig


def layer_masks(
    config: "PretrainedConfig", seen: Tensor, queries: Tensor, keys: Tensor
) -> Tensor | dict[str, Tensor]:
    """The mask of `seen`, bool [B, Q, K], for all layers, or one by kind of layer if they differ.

    A layer with a sliding window does not see keys whose position is a window or more before the
    query's, whatever their columns; `queries` int64 [B, Q] and `keys` int64 [B, K] are positions.
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
    """One mask [B, 1, Q, K]: eager attention adds it to scores, the fused kernel takes bools."""
    if config._attn_implementation != "eager":
        return seen[:, None]
    return torch.zeros(seen.shape, device=seen.device).masked_fill_(
        ~seen, torch.finfo(torch.float32).min
    )[:, None]
