"""Loading a language model's folder, and the tensors that a method adds to it.

Safetensors only, no remote code. A missing or an extra tensor is refused, so that no weight keeps
random values; so are weights that do not fit into memory, before they are read.
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
    """Tokeniser and chat template of a backbone's folder, which is checked to be one."""
    # The import takes four seconds, and a method without a language model does not need it.
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
            f"{folder}: its chat template uses the token {chat.highest}, but the embedding table"
            f" has only {config['vocab_size']} rows"
        )
    return chat


def load_backbone(folder: Path) -> "PreTrainedModel":
    """The language model of a local folder: safetensors only, no remote code, float32.

    A checkpoint with a missing, extra or misshapen tensor is refused.
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
            example = sorted(map(str, report[kind]))[0]
            raise UserError(
                f"{folder}: {kind.replace('_', ' ')} in the checkpoint, such as {example}"
            )
    return model


def hold_memory(folder: Path) -> None:
    """`UserError` if a folder's weights do not fit into memory."""
    needed, free = loaded_bytes(folder), free_memory()
    if needed > free:
        raise UserError(
            f"{folder}: its weights take {needed / 1e9:.1f} GB in float32 and {free / 1e9:.1f} GB"
            " are free; choose a smaller model or a machine with more memory"
        )


def load_exactly(module: nn.Module, path: Path, names: Sequence[str]) -> None:
    """Load the tensors `names` of a module from a safetensors file that must hold exactly these."""
    from safetensors.torch import load_file

    if not names:
        return
    if not path.is_file():
        raise UserError(f"{path}: no such file; is this a checkpoint of another method?")
    tensors = load_file(path)
    odd = sorted(set(tensors) ^ set(names))
    if odd:
        raise UserError(f"{path}: tensor {odd[0]!r} is missing or of another method")
    own = module.state_dict()
    for name, tensor in tensors.items():
        if tensor.shape != own[name].shape:
            raise UserError(
                f"{path}: {name} has shape {list(tensor.shape)}, but the settings need"
                f" {list(own[name].shape)}"
            )
    module.load_state_dict(tensors, strict=False)


def checkpoint_blocks(backbone: nn.Module) -> None:
    """Enable gradient checkpointing: keep only the blocks' inputs, and recompute the rest."""
    # transformers renamed the method between 5.17 and 5.23, and warns of the old name.
    renamed = getattr(backbone, "activation_checkpointing_enable", None)
    (renamed or backbone.gradient_checkpointing_enable)({"use_reentrant": False})
