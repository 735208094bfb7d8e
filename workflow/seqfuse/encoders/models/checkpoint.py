"""Read a checkpoint's tensors and load each into its model, or name the one that does not fit."""

from pathlib import Path

import torch
from torch import Tensor, nn

from seqfuse.encoders.models.encoder import Encoder
from seqfuse.encoders.models.layers import Unused
from seqfuse.errors import UserError
from seqfuse.files import read_json


def read(folder: Path) -> dict[str, Tensor]:
    """The tensors of a folder: model.safetensors, its shards, or one published .pth file.

    A .pth is read with `weights_only`, which runs no code from the file. Raises `UserError` if a
    file is missing or unreadable.
    """
    shards = [folder / "model.safetensors"]
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = [folder / name for name in sorted(set(read_json(index)["weight_map"].values()))]
    pickled = sorted(folder.glob("*.pth"))
    if not shards[0].is_file() and len(pickled) == 1:
        return _read_pickle(pickled[0])
    tensors: dict[str, Tensor] = {}
    for shard in shards:
        tensors |= _read_safetensors(shard)
    return tensors


def fill(encoder: Encoder, tensors: dict[str, Tensor], source: str | Path) -> None:
    """Put `tensors` into an encoder on the meta device; `source` names them in errors.

    Tensors that affect no output (class `Unused`) may be absent. A tied tensor may be in the
    checkpoint once or twice; if twice, both must be equal. Raises `UserError` otherwise, and for a
    tensor that is missing, unknown, or of another shape.
    """
    tensors = {k: v for k, v in encoder.prepare(tensors).items() if k not in encoder.ignored}
    for second, first in encoder.tied.items():
        if first in tensors and not torch.equal(
            tensors.get(second, tensors[first]), tensors[first]
        ):
            raise UserError(f"{source}: tensors {first} and {second} are tied, but differ")
        tensors.pop(second, None)
    for name in _optional(encoder) - tensors.keys():
        _set(encoder, name, None)
    expected = {k: v for k, v in encoder.state_dict().items() if k not in encoder.tied}
    _compare(expected, tensors, source)
    twins = {second: tensors[first] for second, first in encoder.tied.items()}
    encoder.load_state_dict(tensors | twins, assign=True)
    for second, first in encoder.tied.items():
        _set(encoder, second, encoder.get_parameter(first))


def _compare(expected: dict[str, Tensor], tensors: dict[str, Tensor], source: str | Path) -> None:
    missing = [name for name in expected if name not in tensors]
    if missing:
        raise UserError(f"{source}: tensor {missing[0]} is missing ({len(missing)} in all)")
    foreign = [name for name in tensors if name not in expected]
    if foreign:
        raise UserError(
            f"{source}: tensor {foreign[0]} is not part of the model ({len(foreign)} in all)"
        )
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise UserError(
                f"{source}: tensor {name} has the shape {list(tensor.shape)}, "
                f"but config.json needs {list(expected[name].shape)}"
            )


def _optional(encoder: Encoder) -> set[str]:
    """The names of the tensors that affect no output."""
    return {
        f"{prefix}.{name}"
        for prefix, module in encoder.named_modules()
        if isinstance(module, Unused)
        for name, _ in module.named_buffers()
    }


def _set(encoder: Encoder, name: str, value: nn.Parameter | None) -> None:
    parent, _, last = name.rpartition(".")
    setattr(encoder.get_submodule(parent), last, value)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except SafetensorError as error:
        raise UserError(f"{path}: not a readable safetensors file ({error})") from None


def _read_pickle(path: Path) -> dict[str, Tensor]:
    import argparse
    import pickle

    try:
        # fairseq and fair-esm store their arguments beside the weights, as a plain namespace.
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).split("\n")[0]
        raise UserError(f"{path}: not a checkpoint of plain tensors ({reason})") from None
    return content.get("model", content)
