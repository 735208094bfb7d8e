"""The description in an arm's checkpoint: the metadata of its file, read without its tensors."""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from seqfuse.errors import UserError
from seqfuse.fingerprint import PLUGINS
from seqfuse.registry.arms import ARMS

# One entry only, because safetensors writes several in no fixed order, and equal runs must give
# equal bytes.
KEY = "seqfuse"


@dataclass(frozen=True)
class Description:
    """The description of a trained arm; `mean` and `deviation` bring its values to their unit.

    `genetic_code` translated its sequences, `batch` and `precision` are those of its predictions,
    and `encoders` holds the record of each modality's encoder (see `encoders.recorded`).
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


def of_seeds(folder: Path) -> list[Path]:
    """The checkpoint of each seed of an arm, by seed; raises `UserError` if there is none."""
    paths = [path for path in folder.glob("seed*.safetensors") if path.stem[4:].isdecimal()]
    if not paths:
        raise UserError(
            f"{folder}: no trained arm here; give a folder such as"
            " results/<run>/codons/<dataset>/<arm>"
        )
    return sorted(paths, key=lambda path: int(path.stem.removeprefix("seed")))


def read(path: Path) -> Description:
    """The description of a checkpoint."""
    return with_tensors(path, None)[0]


def with_tensors(path: Path, framework: str | None) -> tuple[Description, dict]:
    """The description of a checkpoint, and its tensors for `framework` ("pt"); none without one.

    Raises `UserError` if the file is missing, broken, or not of this version."""
    try:
        with safe_open(path, framework or "numpy") as file:
            metadata = json.loads((file.metadata() or {}).get(KEY, "null"))
            names = file.keys() if framework else ()
            tensors = {name: file.get_tensor(name) for name in names}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except SafetensorError as error:
        raise UserError(f"{path}: truncated or not a safetensors file ({error})") from None
    if metadata is None:
        raise UserError(f"{path}: not a checkpoint of `seqfuse codons train`")
    if metadata.keys() != Description.__dataclass_fields__.keys():
        raise UserError(f"{path}: not written by this version; train the arm again")
    description = Description(**metadata)
    if description.arm not in ARMS:
        raise UserError(
            f"{path}: unknown arm {description.arm!r}; if a plugin declares it, name the plugin's"
            f" file in {PLUGINS}"
        )
    return description, tensors
