"""A trained arm as one safetensors file: tensors, and in its metadata all it is rebuilt from."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors import torch as safetensors

from seqfuse.codons.catalogue import ARMS
from seqfuse.codons.model import CodonModel, Shape
from seqfuse.errors import UserError
from seqfuse.files import canonical_json

# One entry only: safetensors writes several in no fixed order, and equal runs give equal bytes.
_KEY = "seqfuse"


@dataclass(frozen=True)
class Description:
    """What a checkpoint says of itself; `mean` and `deviation` bring its values to their unit."""

    arm: str
    dataset: str
    seed: int
    shape: dict
    labels: list[str]
    mean: float
    deviation: float


def save(path: Path, model: CodonModel, description: Description) -> None:
    """Write a model and its description."""
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    # `save_file` would make a file that nobody else may read.
    path.write_bytes(safetensors.save(tensors, {_KEY: canonical_json(asdict(description))}))


def load(path: Path) -> tuple[CodonModel, Description]:
    """The model, in eval mode on the CPU, and its description; every tensor is accounted for."""
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {}).get(_KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except SafetensorError as error:
        raise UserError(f"{path}: cut or no safetensors file ({error})") from None
    if metadata is None:
        raise UserError(f"{path}: not a checkpoint of `seqfuse codons train`")
    description = Description(**metadata)
    model = CodonModel(ARMS[description.arm], Shape(**description.shape))
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from None
    return model.eval(), description
