"""Layouts of model folders: encoders that are implemented here, and models of transformers."""

from collections.abc import Mapping
from dataclasses import dataclass

# layout -> (module, class), in the order in which a config.json is tried.
LAYOUTS: dict[str, tuple[str, str]] = {
    "nucleotide-transformer-v2": (
        "seqfuse.encoders.models.nucleotide_transformer",
        "NucleotideTransformerV2",
    ),
    "rna-fm": ("seqfuse.encoders.models.rna_fm", "RnaFm"),
    "esm2": ("seqfuse.encoders.models.esm2", "Esm2"),
}


@dataclass(frozen=True)
class Decoder:
    """How a causal language model turns hidden states times output table into logits.

    Both fields are keys of its config.json: it divides the product by `divisor`, then caps it
    softly, cap * tanh(logits / cap), with `cap`.
    """

    divisor: str | None = None
    cap: str | None = None


# Causal language models that may be a backbone, by the `model_type` of their config.json.
DECODERS: dict[str, Decoder] = {
    "qwen3": Decoder(),
    "qwen2": Decoder(),
    "llama": Decoder(),
    "mistral": Decoder(),
    "gemma": Decoder(),
    "gemma2": Decoder(cap="final_logit_softcapping"),
    "gemma3_text": Decoder(cap="final_logit_softcapping"),
    "phi3": Decoder(),
    "gpt_neox": Decoder(),
    "olmo2": Decoder(),
    "smollm3": Decoder(),
    "granite": Decoder(divisor="logits_scaling"),
}
_BIAS = "its output table has a bias, which rows for DNA would lack"
_RECURRENT = "it keeps a recurrent state, on which labels cannot be scored side by side"
_ALIBI = "its attention counts positions in the batch, so labels cannot be scored side by side"
# Why other causal language models cannot be a backbone.
REFUSED_DECODERS: dict[str, str] = {
    **dict.fromkeys(("phi", "gptj", "codegen"), _BIAS),
    **dict.fromkeys(("mamba", "mamba2", "falcon_mamba", "recurrent_gemma", "rwkv"), _RECURRENT),
    **dict.fromkeys(("jamba", "bamba", "zamba2", "qwen3_next", "qwen3_5_text"), _RECURRENT),
    **dict.fromkeys(("bloom", "mpt"), _ALIBI),
}
# Models of transformers, BERT only as a text encoder. Scratch ones learn a tokeniser from the data.
TEXT_LAYOUTS = (*DECODERS, "bert")


def refusal(config: Mapping) -> str | None:
    """Why the model of a config.json cannot be a backbone; None if it can."""
    layout = config.get("model_type")
    if layout in DECODERS:
        return None
    masked = [name for name in config.get("architectures") or [] if name.endswith("ForMaskedLM")]
    if "vision_config" in config:
        reason = "it reads images as well; choose its text-only sibling"
    elif layout == "bert" or masked:
        reason = "it is an encoder, which does not generate text"
    elif config.get("is_encoder_decoder"):
        reason = "it is an encoder-decoder, not a decoder alone"
    else:
        reason = REFUSED_DECODERS.get(layout, f"tested layouts are {', '.join(DECODERS)}")
    return f"is of the layout {layout}, which cannot be a backbone: {reason}"
