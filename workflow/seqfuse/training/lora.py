"""Low-rank adapters (LoRA) on the linear layers of a model: adding them, and merging them."""

from torch import nn


def add_lora(model: nn.Module, rank: int, layers: str | list[str] = "all-linear") -> None:
    """Add LoRA (arXiv 2106.09685) to the named linear layers, and freeze everything else.

    By default, these are all linear layers of a language model but its output projection. alpha is
    2 rank and dropout 0.05, as in BioReason.
    """
    # Importing peft takes five seconds.
    from peft import LoraConfig, inject_adapter_in_model

    model.requires_grad_(False)
    inject_adapter_in_model(
        LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.05, target_modules=layers), model
    )


def merge_lora(model: nn.Module) -> None:
    """Merge LoRA into the weights and restore the plain layers."""
    layers = [(name, m) for name, m in model.named_modules() if hasattr(m, "get_base_layer")]
    for name, layer in layers:
        layer.merge()
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, layer.get_base_layer())
