"""Check what a model can be used for (backbone, encoder, text encoder), and what it lacks.

Reads a checkpoint folder, or that of a model of the catalogue or of `models` in config.yaml.

    seqfuse models check smollm2-135m
    seqfuse models check /data/models/SmolLM2-135M-Instruct
"""

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seqfuse.encoders.models.formats import hold_format, loaded_bytes
from seqfuse.errors import UserError, nearest
from seqfuse.files import MANIFEST, read_json
from seqfuse.labels import OPEN
from seqfuse.registry.layouts import TEXT_LAYOUTS
from seqfuse.settings.advice import in_yaml

if TYPE_CHECKING:
    from seqfuse.encoders.models.encoder import Encoder
    from seqfuse.language.backbones.chat import Chat


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", metavar="NAME|FOLDER", help="a model of the catalogue, or a checkpoint folder"
    )


def run(args: argparse.Namespace) -> None:
    for name, value in _facts(_folder(args.model)):
        print(f"{name:14}{value}")


def _folder(model: str) -> Path:
    """The folder given, or that of a model of the catalogue."""
    if os.sep in model or Path(model).exists():
        return Path(model)
    from seqfuse.settings import configuration, sources

    own = Path("config.yaml")
    written = sources.read_all([own] if own.is_file() else [])
    settings = configuration.resolve(written.settings, written.places, written.mistakes)
    known: Mapping[str, dict] = settings["models"]
    if model not in known:
        hint = nearest(model, known, "resources/models.yaml")
        raise UserError(f"{model}: no such folder, and there is no model {model!r}{hint}")
    own_copy = Path("results", settings["run"], "data", "models", model)
    if own_copy.is_dir():
        return own_copy
    if known[model]["kind"] == "folder":
        return Path(known[model]["path"])
    raise UserError(
        f"model {model!r}: {own_copy} does not exist yet; make it: snakemake {own_copy}/{MANIFEST}"
    )


def _facts(folder: Path) -> Iterator[tuple[str, str]]:
    """(name, value) of each line to print."""
    hold_format(folder)
    config = read_json(folder / "config.json")
    encoder, not_encoder = _encoder(folder, config)
    layout = encoder.layout if encoder else str(config.get("model_type"))
    yield "folder", str(folder)
    yield "layout", layout
    if encoder:
        yield "shape", f"{encoder.width} wide, {encoder.depth} layers"
        yield "context", f"{encoder.max_length} tokens"
    else:
        yield from _text_model(folder)
    yield "weights", f"{loaded_bytes(folder) / 1e9:.2f} GB in float32"
    chat, not_backbone = _chat(folder)
    if chat:
        yield "template", _template(chat)
    yield "backbone", not_backbone or "yes"
    yield "encoder", not_encoder or "yes"
    read = layout in TEXT_LAYOUTS
    yield "text encoder", "yes" if read else f"no: one is of {', '.join(TEXT_LAYOUTS)}"
    if read or encoder:
        entry = {"kind": "folder", "layout": layout, "path": str(folder.resolve())}
        yield "config.yaml", in_yaml({"models": {"NAME": entry}})


def _encoder(folder: Path, config: Mapping) -> tuple["Encoder | None", str]:
    """The encoder in a folder, or why there is none."""
    from seqfuse import encoders

    try:
        encoders.recognise(config, folder / "config.json")
        return encoders.load(folder), ""
    except UserError as error:
        return None, _no(folder, error)


def _text_model(folder: Path) -> Iterator[tuple[str, str]]:
    """Shape and context of a model that transformers reads."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        table = "tied" if config.tie_word_embeddings else "untied"
        shape = f"{config.hidden_size} wide, {config.num_hidden_layers} layers"
        yield "shape", f"{shape}, {table} tables of {config.vocab_size} rows"
        yield "context", f"{config.max_position_embeddings} tokens"
    except (ValueError, AttributeError) as error:
        yield "shape", f"unknown to transformers ({' '.join(str(error).split())[:120]})"


def _chat(folder: Path) -> tuple["Chat | None", str]:
    """The chat template of a folder that can be a backbone, or why it cannot."""
    from seqfuse.language.backbones.loading import load_chat

    try:
        return load_chat(folder), ""
    except UserError as error:
        return None, _no(folder, error)


def _no(folder: Path, reason: UserError) -> str:
    """A refusal without the folder's name, which is printed above."""
    return f"no: {str(reason).removeprefix(str(folder)).removeprefix('/').removeprefix(': ')}"


def _template(chat: "Chat") -> str:
    """A summary of a chat template."""
    thinks = OPEN.strip() in chat.frame(None, False).opened
    try:
        chat.frame("A text.", False)
        system = "a system turn"
    except UserError:
        system = "no system turn"
    thinking = "thinking" if thinks else "no thinking (reasoning is written as text)"
    end = chat.tokeniser.convert_ids_to_tokens(chat.end)
    return f"{system}, {thinking}, an answer ends with {end}"
