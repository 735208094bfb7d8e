"""Nucleotide Transformer v2, RNA-FM and ESM-2 behind one interface: tokenise with spans, forward.

`load(folder)` reads a checkpoint folder in its published layout and returns an `Encoder`
(encoder.py). A new encoder is one module with one subclass, and one line in `registry/layouts.py`.
Light at import: torch is imported when something is loaded.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from seqfuse.errors import UserError
from seqfuse.files import read_json
from seqfuse.registry.layouts import LAYOUTS

if TYPE_CHECKING:
    import torch

    from seqfuse.encoders.models.encoder import Encoder


def implementation(layout: str) -> type[Encoder]:
    """The class of a layout; imports its module."""
    module, name = LAYOUTS[layout]
    return getattr(importlib.import_module(module), name)


def recognise(config: dict, source: str | Path) -> type[Encoder]:
    """The class that a published config.json belongs to; raises `UserError`, which names `source`,
    if none is known."""
    for layout in LAYOUTS:
        candidate = implementation(layout)
        if candidate.recognises(config):
            return candidate
    raise UserError(
        f"{source}: not the config.json of an encoder this package knows ({', '.join(LAYOUTS)})"
    )


def load(
    folder: str | Path, device: str | torch.device = "cpu", dtype: torch.dtype | None = None
) -> Encoder:
    """The encoder in a checkpoint folder, in eval mode, in `dtype` (default float32) on `device`.

    Every tensor of the checkpoint and of the model is accounted for: raises `UserError` for one
    that is missing, unknown, or of another shape.
    """
    import torch

    from seqfuse.encoders.models import checkpoint

    folder = Path(folder)
    config = read_json(folder / "config.json")
    kind = recognise(config, folder / "config.json")
    try:
        with torch.device("meta"):
            encoder = kind(config, kind.read_tokeniser(folder))
    except KeyError as error:
        raise UserError(f"{folder / 'config.json'}: setting {error} is missing") from None
    checkpoint.fill(encoder, checkpoint.read(folder), folder)
    return encoder.to(device=device, dtype=dtype or torch.float32).eval()
