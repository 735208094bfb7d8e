"""The precision of matrix products: float32, or bfloat16 with everything else in float32.

Under autocast a layer's weight is cast for every product, while its float32 original stays in
memory. A frozen weight can be cast once (`round_frozen`), which gives the same bits in every
product, in half the memory. Norms, the residual stream and trained weights stay float32.
"""

import torch
from torch import nn


def products(device: torch.device, precision: str) -> torch.autocast:
    """A context in which matrix products are computed in `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def round_frozen(model: nn.Module) -> None:
    """Convert the weights of frozen linear layers to bfloat16, for use only within `products`.

    A weight that is also an embedding table is not converted: its rows enter the residual stream,
    which is float32.
    """
    tables = {id(layer.weight) for layer in model.modules() if isinstance(layer, nn.Embedding)}
    for layer in model.modules():
        if isinstance(layer, nn.Linear) and id(layer.weight) not in tables:
            weight = layer.weight
            weight.data = weight.data.to(weight.dtype if weight.requires_grad else torch.bfloat16)
