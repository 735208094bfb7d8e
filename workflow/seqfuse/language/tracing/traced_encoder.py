"""The memory and FLOP of an encoder of sequences or of text, from its shape alone."""

from collections.abc import Mapping

import torch

from seqfuse.encoders.models import random_models, random_text_models
from seqfuse.language.tracing.coefficients import never_packed, resident, solved
from seqfuse.registry.layouts import TEXT_LAYOUTS
from seqfuse.training.live_memory import taken
from seqfuse.training.precision import products

_CPU = torch.device("cpu")


def encoder_traced(request: Mapping) -> dict[str, dict[str, float]]:
    """The coefficients of an encoder, frozen (`job: embed`) or trained (`job: contrast`)."""
    learns, peaks, flops, batches = request["job"] == "contrast", [], [], []
    layout, shape = request["encoder"]["layout"], request["encoder"]["shape"]
    for rows, length in ((4, 300), (4, 500), (8, 300)):
        if layout in TEXT_LAYOUTS:
            encoder = random_text_models.hollow_encoder(layout, random_models.sized(layout, shape))
        else:
            encoder = random_models.hollow(layout, shape)
        encoder.requires_grad_(learns)
        ids = torch.zeros(rows, length, dtype=torch.long)

        def work(encoder, ids=ids) -> None:
            with torch.set_grad_enabled(learns), products(_CPU, request["precision"]):
                output = encoder(ids)
                states = output if isinstance(output, torch.Tensor) else output.last_hidden_state
            if learns:
                states.float().mean().backward()

        width = getattr(encoder, "width", None) or encoder.config.hidden_size
        held = resident(encoder) | {"width": width}
        with never_packed():
            cost = taken(encoder, work)
        peaks.append(cost.peak)
        flops.append(cost.flops)
        tokens = rows * length
        batches.append({"fixed": 1, "tokens": tokens, "squares": tokens * length})
    return {
        "resident": held,
        "peak": solved(("fixed", "tokens"), batches, peaks),
        "flops": solved(("tokens", "squares"), batches, flops),
    }
