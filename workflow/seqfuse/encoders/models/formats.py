"""The format of a model folder's weights: safetensors, or one that must be converted first."""

import math
from pathlib import Path

from seqfuse.errors import UserError

_CONVERT = (
    "python -c 'from transformers import AutoModelForCausalLM as M, AutoTokenizer as T;"
    ' [c.from_pretrained("{folder}"{how}).save_pretrained("NEW_FOLDER") for c in (M, T)]\''
)
_GGUF = ', gguf_file="{name}"'


def hold_format(path: Path) -> None:
    """Raise `UserError`, with the command that converts it, unless `path` is a folder with
    safetensors files."""
    if path.suffix == ".gguf" and path.is_file():
        raise UserError(_refusal(path, "is GGUF", path.parent, _GGUF.format(name=path.name)))
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; give the folder of a downloaded checkpoint")
    if any(path.glob("*.safetensors")):
        return
    if quantised := sorted(path.glob("*.gguf")):
        how = _GGUF.format(name=quantised[0].name)
        raise UserError(_refusal(path, "holds only GGUF", path, how))
    if any(path.glob("*.bin")):
        raise UserError(_refusal(path, "holds only pickled weights", path, ""))
    raise UserError(f"{path}: no *.safetensors; other formats are not read")


def loaded_bytes(folder: Path) -> int:
    """The bytes that a folder's weights take in float32, from its safetensors headers."""
    from safetensors import safe_open

    total = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            names = file.keys()
            total += sum(4 * math.prod(file.get_slice(name).get_shape()) for name in names)
    return total


def _refusal(path: Path, what: str, folder: Path, how: str) -> str:
    command = _CONVERT.format(folder=folder, how=how)
    return f"{path}: {what}, which cannot be read; convert it to safetensors: {command}"
