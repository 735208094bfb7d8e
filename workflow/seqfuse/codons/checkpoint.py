"""A trained arm as one safetensors file: tensors, and in its metadata all it is rebuilt from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors import torch as safetensors

from seqfuse.codons.inputs import trainable_encoder
from seqfuse.codons.model import CodonModel, Shape
from seqfuse.errors import UserError
from seqfuse.files import canonical_json
from seqfuse.fingerprint import PLUGINS
from seqfuse.registry.arms import ARMS

# One entry only: safetensors writes several in no fixed order, and equal runs give equal bytes.
_KEY = "seqfuse"


@dataclass(frozen=True)
class Description:
    """What a checkpoint says of itself; `mean` and `deviation` bring its values to their unit.

    `genetic_code` translated its sequences, `batch` and `precision` are those of its predictions,
    and `encoders` says of each modality what `encoders.recorded` does.
    """

    arm: str
    dataset: str
    seed: int
    shape: dict
    labels: list[str]
    mean: float
    deviation: float
    genetic_code: int
    batch: int
    precision: str
    encoders: dict[str, dict]


def save(path: Path, model: CodonModel, description: Description) -> None:
    """Write a model, less what it leaves its encoders as they were, and its description."""
    tensors = {name: value.contiguous() for name, value in model.trained_state().items()}
    # `save_file` would hide what is wrong with a disk behind an error of its own.
    path.write_bytes(safetensors.save(tensors, {_KEY: canonical_json(asdict(description))}))


def load(path: Path, models: Mapping[str, Path] | None = None) -> tuple[CodonModel, Description]:
    """The model, in eval mode on the CPU, and its description; every tensor is accounted for.

    `models` are the folders of the encoders that an arm with LoRA or full training began from.
    """
    description, tensors = _read(path, whole=True)
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


def of_seeds(folder: Path) -> list[Path]:
    """The checkpoint of each seed of an arm, by seed."""
    found = [path for path in folder.glob("seed*.safetensors") if path.stem[4:].isdecimal()]
    found = sorted(found, key=lambda path: int(path.stem.removeprefix("seed")))
    if not found:
        raise UserError(
            f"{folder}: no trained arm here; give a folder such as"
            " results/<run>/codons/<dataset>/<arm>"
        )
    return found


def describe(path: Path) -> Description:
    """What a checkpoint says of itself."""
    return _read(path, whole=False)[0]


def _read(path: Path, whole: bool) -> tuple[Description, dict]:
    """The description of a checkpoint, and where it is wanted `whole` its tensors."""
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {}).get(_KEY, "null"))
            names = file.keys() if whole else ()
            tensors = {name: file.get_tensor(name) for name in names}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except SafetensorError as error:
        raise UserError(f"{path}: cut or no safetensors file ({error})") from None
    if metadata is None:
        raise UserError(f"{path}: not a checkpoint of `seqfuse codons train`")
    if metadata.keys() != Description.__dataclass_fields__.keys():
        raise UserError(f"{path}: not written by this version; train the arm again")
    description = Description(**metadata)
    if description.arm not in ARMS:
        raise UserError(
            f"{path}: there is no arm {description.arm!r}; if a plugin declares it, name the"
            f" plugin's file in {PLUGINS}"
        )
    return description, tensors
