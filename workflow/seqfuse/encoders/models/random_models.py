"""Seeded, untrained models in the layout of published ones, for runs without downloads.

Encoder weights are normal with variance 1/inputs, queries and keys larger, embeddings of unit
variance. So attention is not uniform, and the last hidden state still identifies its token: a
frozen scratch encoder is a fixed random feature map that preserves its input, without any biology.
The same seed, text and library versions give the same bytes.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from seqfuse.encoders.models import random_text_models
from seqfuse.errors import UserError, nearest
from seqfuse.files import write_json
from seqfuse.registry.layouts import TEXT_LAYOUTS

if TYPE_CHECKING:
    from seqfuse.encoders.models.encoder import Encoder

# The factor for queries and keys; it gives attention logits the variance 1.5^4, about 5.
_SHARPNESS = 1.5
_ESM2_TOKENS = (
    "<cls> <pad> <eos> <unk> L A G V S E R T I D P K Q N F Y M H W C X B U Z O . - <null_1> <mask>"
)
# The published config.json files, with sizes for one CPU core.
_CONFIGS = {
    "qwen3": {
        "vocab_size": 1024,
        # The most tokens that the tokeniser learns, with a table of `vocab_size` rows; 0: at most
        # `vocab_size` tokens, with a table no larger than these need.
        "learned_tokens": 0,
        "hidden_size": 64,
        "intermediate_size": 192,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 4096,
        # 1/sqrt(inputs), as below: with Qwen3's 0.02 a tiny model learns several times slower.
        "initializer_range": 0.125,
        "tie_word_embeddings": True,
    },
    "bert": {
        "vocab_size": 1024,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 512,
        # 1/sqrt(inputs): with BERT's 0.02 a tiny untrained [CLS] would hardly depend on the text.
        "initializer_range": 0.125,
    },
    "nucleotide-transformer-v2": {
        "add_bias_fnn": False,
        "architectures": ["EsmForMaskedLM"],
        "attention_probs_dropout_prob": 0.0,
        "emb_layer_norm_before": False,
        "hidden_dropout_prob": 0.0,
        "hidden_size": 64,
        "initializer_range": 0.02,
        "intermediate_size": 128,
        "layer_norm_eps": 1e-12,
        "mask_token_id": 2,
        "max_position_embeddings": 2050,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "pad_token_id": 1,
        "position_embedding_type": "rotary",
        "tie_word_embeddings": False,
        "token_dropout": False,
        "vocab_size": 4107,
    },
    "rna-fm": {
        "model_type": "rna-fm",
        "arch": "roberta_large",
        "attention_heads": 4,
        "emb_layer_norm_before": True,
        "embed_dim": 64,
        "ffn_embed_dim": 128,
        "layers": 2,
        "max_positions": 1024,
        "token_dropout": False,
    },
    "esm2": {
        "architectures": ["EsmForMaskedLM"],
        "attention_probs_dropout_prob": 0.0,
        "emb_layer_norm_before": False,
        "hidden_dropout_prob": 0.0,
        "hidden_size": 64,
        "initializer_range": 0.02,
        "intermediate_size": 128,
        "layer_norm_eps": 1e-5,
        "mask_token_id": 32,
        "max_position_embeddings": 1026,
        "model_type": "esm",
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "pad_token_id": 1,
        "position_embedding_type": "rotary",
        "token_dropout": True,
        "vocab_size": 33,
    },
}


def write(layout: str, overrides: dict, seed: int, texts: list[str], folder: Path) -> None:
    """Write a model of `layout` into `folder`; `overrides` replace settings of the layout's config.

    The tokeniser of a text model learns from `texts`. Raises `UserError` without any, for an
    unknown layout or setting, and for settings that cannot be built.
    """
    if layout not in _CONFIGS:
        raise UserError(f"layout {layout!r}: no scratch model; choose from {', '.join(_CONFIGS)}")
    if layout in TEXT_LAYOUTS and not texts:
        raise UserError(f"layout {layout!r} learns its tokeniser from text: give --text RECORDS")
    _check(layout, overrides)
    config = _CONFIGS[layout] | overrides
    try:
        if layout == "qwen3":
            random_text_models.write_qwen3(config, seed, texts, folder)
        elif layout == "bert":
            random_text_models.write_bert(config, seed, texts, folder)
        else:
            _encoder(layout, config, seed, folder)
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"config {overrides}: {layout} cannot be built ({reason})") from None


def _check(layout: str, overrides: dict) -> None:
    """Raise `UserError` unless settings have known names, the right types and positive sizes."""
    known = _CONFIGS[layout]
    for key, value in overrides.items():
        if key not in known:
            raise UserError(f"config: {layout} has no setting {key!r}{nearest(key, known)}")
        wanted = type(known[key])
        positive = not isinstance(value, int) or isinstance(value, bool) or value > 0
        if type(value) is not wanted or not positive:
            kind = "a positive int" if wanted is int else f"a {wanted.__name__}"
            raise UserError(f"config: {key} is {value!r}; {layout} takes {kind}")


def _encoder(layout: str, config: dict, seed: int, folder: Path) -> None:
    """Write an encoder of `seqfuse.encoders` with its tokeniser files."""
    import torch

    from seqfuse import encoders

    _tokeniser_files(layout, folder)
    kind = encoders.implementation(layout)
    with torch.device("meta"):
        encoder = kind(config, kind.read_tokeniser(folder))
    fill(encoder, seed, folder)


def sized(layout: str, overrides: dict) -> dict:
    """The config of a layout with `overrides`."""
    config = _CONFIGS.get(layout, {}) | overrides
    return {name: value for name, value in config.items() if name != "learned_tokens"}


def hollow(layout: str, overrides: dict) -> Encoder:
    """The encoder that `write` makes, on the meta device, without weights."""
    import tempfile

    import torch

    from seqfuse import encoders

    kind = encoders.implementation(layout)
    with tempfile.TemporaryDirectory() as folder, torch.device("meta"):
        _tokeniser_files(layout, Path(folder))
        return kind(sized(layout, overrides), kind.read_tokeniser(Path(folder))).eval()


def fill(encoder: Encoder, seed: int, folder: Path) -> None:
    """Write an encoder into `folder` with seeded random weights instead of its own."""
    import torch

    from seqfuse.encoders.models import checkpoint

    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: _initial(name, tensor.shape, generator)
        for name, tensor in encoder.state_dict().items()
        if name not in encoder.tied
    }
    checkpoint.fill(encoder, tensors, folder)
    encoder.save(folder)


def _initial(name: str, shape: tuple[int, ...], generator):
    """The initial value of a tensor, by its name and shape; see the top of this file."""
    import torch

    from seqfuse.encoders.models.layers import Rotary

    if name.endswith("inv_freq"):
        return Rotary(2 * shape[0]).inv_freq
    if len(shape) == 1:
        return torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)
    if "contact_head" in name or name.startswith("esm.embeddings.position_embeddings"):
        return torch.zeros(shape)
    values = torch.randn(shape, generator=generator)
    if name.endswith(("word_embeddings.weight", "embed_tokens.weight")):
        return values
    if name == "embed_positions.weight":
        return values / 2
    sharp = any(part in name for part in ("query", "key", "q_proj", "k_proj"))
    return values * (_SHARPNESS if sharp else 1.0) / shape[1] ** 0.5


def _tokeniser_files(layout: str, folder: Path) -> None:
    """Write vocab.txt and its JSON files, equal to the published ones; RNA-FM has none."""
    special = {f"{name}_token": f"<{name}>" for name in ("cls", "mask", "pad", "unk")}
    settings = {"clean_up_tokenization_spaces": True, "tokenizer_class": "EsmTokenizer"}
    if layout == "nucleotide-transformer-v2":
        kmers = ["".join(letters) for letters in itertools.product("ATCG", repeat=6)]
        vocabulary = ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>", *kmers, *"ATCGN"]
        settings |= {"eos_token": None, "model_max_length": 2048}
    elif layout == "esm2":
        vocabulary = _ESM2_TOKENS.split()
        special |= {"eos_token": "<eos>"}
        settings |= special | {"model_max_length": 1024}
    else:
        return
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    write_json(folder / "tokenizer_config.json", settings)
    write_json(folder / "special_tokens_map.json", special)
