"""Low-rank adapters on the linear layers of a model: added, and merged into the weights."""

from torch import nn


def add_lora(model: nn.Module, rank: int, layers: str | list[str] = "all-linear") -> None:
    """LoRA (arXiv 2106.09685) on the named linear layers; all else is frozen. The default is every
    one of a language model but the vocabulary's.

    alpha = 2 rank and dropout 0.05, as in BioReason.
    """
    # Five seconds of imports, which only this setting pays for.
    from peft import LoraConfig, inject_adapter_in_model

    model.requires_grad_(False)
    inject_adapter_in_model(
        LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.05, target_modules=layers), model
    )


def merge_lora(model: nn.Module) -> None:
    """Fold LoRA into the weights and put the plain layers back."""
    layers = [(name, m) for name, m in model.named_modules() if hasattr(m, "get_base_layer")]
    for name, layer in layers:
        layer.merge()
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, layer.get_base_layer())
