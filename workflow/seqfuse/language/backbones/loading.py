"""A language model's folder, and what a method adds to it: nothing is loaded that does not fit.

Safetensors only, no remote code. Every tensor of a checkpoint must have its place, so that none is
left at random; a folder that does not fit into memory is refused before it is read.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from seqfuse.encoders.models.formats import hold_format, loaded_bytes
from seqfuse.errors import UserError
from seqfuse.files import read_json
from seqfuse.language.backbones.chat import Chat
from seqfuse.registry.layouts import refusal
from seqfuse.training.device import free_memory

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def load_chat(folder: Path) -> Chat:
    """Tokeniser and chat template of a folder that can be a backbone, without its weights."""
    # Four seconds of imports, which a method without a language model does not pay for.
    from transformers import AutoTokenizer

    hold_format(folder)
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: not a language-model checkpoint: config.json is missing")
    config = read_json(folder / "config.json")
    if reason := refusal(config):
        raise UserError(f"{folder / 'config.json'}: {reason}")
    chat = Chat(AutoTokenizer.from_pretrained(folder, local_files_only=True), folder)
    if chat.highest >= config["vocab_size"]:
        raise UserError(
            f"{folder}: its chat template uses a token that the embedding table of"
            f" {config['vocab_size']} rows has none for"
        )
    return chat


def load_backbone(folder: Path) -> "PreTrainedModel":
    """The language model of a local folder: safetensors only, no remote code, float32.

    A checkpoint that lacks a tensor of its own configuration, or holds a foreign one, is refused.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        for name in sorted(set(read_json(index)["weight_map"].values())):
            if not (folder / name).is_file():
                raise UserError(f"{folder / name}: no such file, though {index.name} names it")
    hold_memory(folder)
    model, report = AutoModelForCausalLM.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        dtype=torch.float32,
        output_loading_info=True,
        # Refused below, in one line.
        ignore_mismatched_sizes=True,
    )
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report[kind]:
            found = sorted(map(str, report[kind]))[0]
            raise UserError(
                f"{folder}: {kind.replace('_', ' ')} in the checkpoint, such as {found}"
            )
    return model


def hold_memory(folder: Path) -> None:
    """A `UserError` if a folder's weights would not fit into memory."""
    needed, free = loaded_bytes(folder), free_memory()
    if needed > free:
        raise UserError(
            f"{folder}: its weights take {needed / 1e9:.1f} GB in float32 and {free / 1e9:.1f} GB"
            " are free; choose a smaller model or a machine with more memory"
        )


def load_exactly(module: nn.Module, path: Path, names: Sequence[str]) -> None:
    """Load the tensors `names` of a module from a safetensors file that holds them and no other."""
    from safetensors.torch import load_file

    if not names:
        return
    if not path.is_file():
        raise UserError(f"{path}: no such file; is this a checkpoint of another method?")
    found = load_file(path)
    odd = sorted(set(found) ^ set(names))
    if odd:
        raise UserError(f"{path}: tensor {odd[0]!r} does not belong to this method's checkpoint")
    wanted = module.state_dict()
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape:
            raise UserError(
                f"{path}: {name} has shape {list(tensor.shape)}, the settings make it"
                f" {list(wanted[name].shape)}"
            )
    module.load_state_dict(found, strict=False)


def checkpoint_blocks(backbone: nn.Module) -> None:
    """Keep only the inputs of the blocks and compute the rest again for the gradient."""
    # transformers renamed it between 5.17 and 5.23, and warns of the old name.
    renamed = getattr(backbone, "activation_checkpointing_enable", None)
    (renamed or backbone.gradient_checkpointing_enable)({"use_reentrant": False})
