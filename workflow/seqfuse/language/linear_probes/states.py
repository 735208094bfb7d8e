"""The states of a trained method that linear probes read: one vector for each record and place.

Places are the encoder's states, the input embeddings in the DNA's slots (after an adapter or
Q-former, or a vocabulary's own rows), and each layer's state of the prompt's last token, which
predicts the answer's first token. The vector of DNA is the mean over the reference's tokens,
concatenated with the change of that mean by the variant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from seqfuse.language.methods.method import LanguageMethod
from seqfuse.language.prompts import Prompt
from seqfuse.training.batches import chunks

ENCODER, SLOTS, LAYERS = "encoder", "slots", "language model"
_TOKENS = 8192

Place = tuple[str, int]


@dataclass(frozen=True)
class Read:
    """Vectors float32[n, D] by (place, layer), and by layer the means over each record's DNA and
    over its text [n, D]; in the latter two, layer 0 is the input."""

    places: dict[Place, np.ndarray]
    dna: dict[int, np.ndarray]
    text: dict[int, np.ndarray]


def of_encoder(states, prompts: Sequence[Prompt]) -> dict[Place, np.ndarray]:
    """The encoder's states of each prompt's DNA, from a store or a live encoder."""
    vectors = [
        _pair([np.asarray(states.get(dna.sequence), np.float32).mean(0) for dna in prompt.dna])
        for prompt in prompts
    ]
    return {(ENCODER, 0): np.stack(vectors)}


@torch.inference_mode()
def of_method(method: LanguageMethod, prompts: Sequence[Prompt]) -> Read:
    """A language model's input for each prompt's DNA, and its states of the prompt."""
    examples = [method.encode(prompt, answer=False) for prompt in prompts]
    rows: list[dict] = [{} for _ in prompts]
    for part in chunks([example.length for example in examples], _TOKENS):
        batch = method.batch([examples[i] for i in part])
        embedded = method.embed(batch)
        hidden = method.backbone.base_model(
            inputs_embeds=embedded,
            attention_mask=batch.mask,
            output_hidden_states=True,
            use_cache=False,
        ).hidden_states
        layers = [embedded, *hidden[1:]]
        for row, i in enumerate(part):
            own = [layer[row, : examples[i].length].float().cpu().numpy() for layer in layers]
            rows[i] = _of_record(method, prompts[i], own)
    keys = {kind: rows[0][kind].keys() for kind in rows[0]}
    stacked = {
        kind: {key: np.stack([row[kind][key] for row in rows]) for key in keys[kind]}
        for kind in keys
    }
    return Read(**stacked)


def without_dna(prompts: Sequence[Prompt]) -> list[Prompt]:
    """The same questions without DNA."""
    return [replace(prompt, dna=()) for prompt in prompts]


@torch.no_grad()
def shuffle_weights(module: nn.Module, seed: int) -> None:
    """Shuffle the entries of each of a module's tensors: their distribution stays, and nothing that
    was learned."""
    random = torch.Generator().manual_seed(seed)
    for tensor in module.parameters():
        order = torch.randperm(tensor.numel(), generator=random).to(tensor.device)
        tensor.copy_(tensor.flatten()[order].view_as(tensor))


def _of_record(method: LanguageMethod, prompt: Prompt, layers: list[np.ndarray]) -> dict:
    columns = method.dna_columns(prompt)
    places: dict[Place, np.ndarray] = {
        (LAYERS, number): layer[-1] for number, layer in enumerate(layers) if number
    }
    if not len(columns):
        return {"places": places, "dna": {}, "text": {}}
    lengths = [_length(method, dna.sequence) for dna in prompt.dna]
    ends = np.cumsum(lengths)
    own = [columns[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    places[SLOTS, 0] = _pair([layers[0][part].mean(0) for part in own])
    # The question and the opened answer follow the last marker.
    text = slice(columns[-1] + 2, None)
    return {
        "places": places,
        "dna": {number: layer[columns].mean(0) for number, layer in enumerate(layers)},
        "text": {number: layer[text].mean(0) for number, layer in enumerate(layers)},
    }


def _length(method: LanguageMethod, sequence: str) -> int:
    ids = method.segment(sequence)
    return (ids if isinstance(ids, int) else len(ids)) - 2


def _pair(means: Sequence[np.ndarray]) -> np.ndarray:
    """The first vector, concatenated with the change to the second if there is one."""
    return np.concatenate([means[0], means[1] - means[0]]) if len(means) == 2 else means[0]
