"""A trained arm as one safetensors file: its tensors, and as metadata what rebuilds the model."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from safetensors import torch as safetensors

from seqfuse.codons.description import KEY, Description, with_tensors
from seqfuse.codons.inputs import trainable_encoder
from seqfuse.codons.model import CodonModel, Shape
from seqfuse.errors import UserError
from seqfuse.files import canonical_json
from seqfuse.registry.arms import ARMS


def save(path: Path, model: CodonModel, description: Description) -> None:
    """Write a model, without the encoder tensors that training left unchanged, and its
    description."""
    tensors = {name: value.contiguous() for name, value in model.trained_state().items()}
    # `save_file` would hide a disk's error behind one of its own.
    path.write_bytes(safetensors.save(tensors, {KEY: canonical_json(asdict(description))}))


def load(path: Path, models: Mapping[str, Path] | None = None) -> tuple[CodonModel, Description]:
    """The model, in eval mode on the CPU, and its description.

    `models` are the folders of the encoders that an arm with LoRA or full training began from.
    Raises `UserError` if one is not given, or if a tensor is missing or unknown.
    """
    description, tensors = with_tensors(path, "pt")
    arm, shape = ARMS[description.arm], Shape(**description.shape)
    folders = {view: folder for view, folder in (models or {}).items() if view in shape.tuned}
    if missing := [view for view in shape.tuned if view not in folders]:
        raise UserError(f"{path}: arm {arm.name!r} needs the folder of its {missing[0]} encoder")
    encoders = trainable_encoder.load(folders, arm.tuning, shape.lora_rank) if folders else {}
    model = CodonModel(arm, shape, encoders)
    try:
        model.load_trained_state(tensors)
    except RuntimeError as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from None
    return model.eval(), description
