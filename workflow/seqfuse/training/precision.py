"""What matrix products are computed in: float32, or bfloat16 beside float32 for all else.

Under autocast the weight of a layer is cast at every product, and its float32 original stays in
memory. A frozen weight can be cast once (`round_frozen`): the same bits in every product, half the
memory, and nothing cast again. Norms, the residual stream and what is trained stay float32.
"""

import torch
from torch import nn


def products(device: torch.device, precision: str) -> torch.autocast:
    """A context in which matrix products are taken in `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def round_frozen(model: nn.Module) -> None:
    """Keep the weights of frozen linear layers in bfloat16; they are used within `products` alone.

    A weight that is a table of embeddings, too, stays as it is: what is read from it enters the
    residual stream, which is float32.
    """
    tables = {id(layer.weight) for layer in model.modules() if isinstance(layer, nn.Embedding)}
    for layer in model.modules():
        if isinstance(layer, nn.Linear) and id(layer.weight) not in tables:
            weight = layer.weight
            weight.data = weight.data.to(weight.dtype if weight.requires_grad else torch.bfloat16)
