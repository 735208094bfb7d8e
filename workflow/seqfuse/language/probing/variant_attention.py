"""Attention from answer tokens to DNA tokens, and mutagenesis of the same nucleotides.

Attention to a token is the mean over layers, heads and answer tokens (arXiv 2602.12286, eq. 5, asks
for the attention of answer tokens to DNA tokens; the averaging is ours). It tells where a model
looks, not what its answer hangs on; that is what mutagenesis tells.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from seqfuse.errors import UserError
from seqfuse.language import prompts
from seqfuse.language.answers import decoding, prediction
from seqfuse.language.answers.generation import Generation
from seqfuse.language.backbones.chunked_cross_entropy import rows_at_once
from seqfuse.language.finetuning import checkpoint
from seqfuse.language.methods.examples import Batch, Example
from seqfuse.language.methods.onevocab import OneVocab
from seqfuse.language.probing.probe_job import sample
from seqfuse.language.prompts import Prompt, Settings
from seqfuse.language.suite import Suite
from seqfuse.training.precision import products

_LETTERS = "ACGT"
# Mutants that go through the model at once.
_BATCH = 16
# What transformers calls a block's attention.
_ATTENTION = ("self_attn", ".attention")


def attend(
    model: Path,
    datasets: Sequence[str],
    records: Sequence[Path],
    rows: int,
    window: int,
    settings: Settings,
    precision: str,
) -> list[dict]:
    """Rows of `tables.LOOKS` of every seed in `model`: at most `rows` test records of each
    dataset, those that the sequence decides first, and `window` nucleotides on either side."""
    trained = prediction.read(model, datasets)
    first = next(iter(trained.values()))
    if first.method != "onevocab":
        raise UserError(
            f"{model}: method {first.method!r} has no DNA tokens that attention could be paid to;"
            " give a model of onevocab"
        )
    suite = Suite.read(datasets, records)
    asked = [
        (prompt, record)
        for name, found in suite.records.items()
        for thinks in [settings.reasoning and prompts.reasons(found)]
        for record in sample(name, [row for row in found if row["variant"]], rows)
        for prompt in [prompts.from_record(name, record, thinks, settings.system)]
    ]
    if not asked:
        raise UserError(f"{', '.join(map(str, records))}: no test record with a variant")
    rows = []
    for folder, description in trained.items():
        owner = {"method": description.name, "seed": description.seed}
        in_precision = description.answers_in(precision)
        method = checkpoint.load(folder, None, in_precision)
        with products(method.device, in_precision):
            rows += [
                {"dataset": prompt.dataset, **owner, **row}
                for prompt, record in asked
                for row in _of_record(method, prompt, record, window, settings)
            ]
    return rows


def _of_record(
    method: OneVocab, prompt: Prompt, record: Mapping, window: int, settings: Settings
) -> Iterator[dict]:
    """A row for each nucleotide of the window, by its distance from the variant."""
    variant = record["variant"]
    place = changed(record["sequence"], variant)
    around = range(max(0, place - window), min(len(variant), place + window + 1))
    example = method.encode(prompt, answer=False)
    room = method.room(prompt, method.setup.labels[prompt.dataset], settings.max_new_tokens)
    decoding.check_lengths(method, [example], settings, [room])
    said = Generation(method, [example]).run(room).rows[0]
    paid = attention(method, answered(method, prompt, said), variant)
    lost = mutagenesis(method, prompt, said, list(around))
    for here, effect in zip(around, lost, strict=True):
        yield {
            "id": prompt.id,
            "offset": here - place,
            "attention": float(paid[here]),
            "effect": float(effect),
        }


def changed(sequence: str, variant: str) -> int:
    """The first place at which the variant differs from the reference."""
    pairs = zip(sequence, variant, strict=False)
    shared = min(len(sequence), len(variant))
    return next((i for i, (a, b) in enumerate(pairs) if a != b), max(0, shared - 1))


def answered(method: OneVocab, prompt: Prompt, said: list[int]) -> Example:
    """A prompt with the tokens of an answer and the end token, which alone weigh."""
    example = method.encode(prompt, answer=False)
    answer = np.array([*said, method.end], np.int64)
    return replace(
        example,
        ids=np.concatenate([example.ids, answer]),
        weights=np.concatenate([example.weights, np.ones(len(answer), np.float32)]),
    )


@torch.inference_mode()
def attention(method: OneVocab, example: Example, variant: str) -> np.ndarray:
    """Attention to the token of each nucleotide of the variant, float64[len(variant)], over that
    to its average token: 1 everywhere is a model that looks at all of them alike.

    It is paid at the positions that the answer's tokens are predicted from.
    """
    ids = method.vocabulary.encode(variant)
    columns = method.dna_columns(example.prompt)[-len(ids) :]
    batch = method.batch([example])
    asking = np.flatnonzero(example.weights) - 1
    paid = torch.stack(_attended(method, batch, asking)).mean(0)
    tokens = paid[columns].cpu().numpy()
    words = method.vocabulary.words
    spans = [len(words[i - method.vocabulary.offset]) for i in ids]
    return np.repeat(tokens / tokens.mean(), spans)


def _attended(method: OneVocab, batch: Batch, asking: np.ndarray) -> list[torch.Tensor]:
    """The mean attention of the positions `asking` to every token, float64[T], of each layer. A
    layer's weights of all heads and tokens are gone before the next layer's are made."""
    found, body = [], method.backbone.base_model

    def look(module: nn.Module, given: tuple, made: tuple) -> tuple:
        found.append(made[1][0, :, asking].double().mean((0, 1)))
        return (made[0], None)

    before = method.backbone.config._attn_implementation
    # Fused kernels give no attention back.
    method.backbone.set_attn_implementation("eager")
    with contextlib.ExitStack() as hooks:
        for name, module in body.named_modules():
            if name.endswith(_ATTENTION):
                hooks.callback(module.register_forward_hook(look).remove)
        body(inputs_embeds=method.embed(batch), use_cache=False)
    method.backbone.set_attn_implementation(before)
    return found


def mutagenesis(
    method: OneVocab, prompt: Prompt, said: list[int], places: Sequence[int]
) -> np.ndarray:
    """Nats that the answer `said` loses when the variant sequence has another nucleotide at each of
    `places`, the mean over the three others; float64[places]."""
    variant = prompt.dna[1].sequence
    mutants = [
        variant[:place] + letter + variant[place + 1 :]
        for place in places
        for letter in _LETTERS
        if letter != variant[place]
    ]
    owner = [i for i, place in enumerate(places) for letter in _LETTERS if letter != variant[place]]
    shown = [replace(prompt, dna=(prompt.dna[0], prompts.Dna(dna))) for dna in (variant, *mutants)]
    nats = _nats(method, [answered(method, one, said) for one in shown])
    lost = np.bincount(owner, weights=nats[0] - nats[1:], minlength=len(places))
    return lost / np.bincount(owner, minlength=len(places))


@torch.inference_mode()
def _nats(method: OneVocab, examples: list[Example]) -> np.ndarray:
    """The summed log-likelihood float64[n] of each example's answer."""
    found = []
    for start in range(0, len(examples), _BATCH):
        batch = method.batch(examples[start : start + _BATCH])
        hidden = method.backbone.base_model(
            inputs_embeds=method.embed(batch), attention_mask=batch.mask, use_cache=False
        ).last_hidden_state
        rows, columns = batch.weights.nonzero(as_tuple=True)
        at_once = rows_at_once(method.device.type, sum(map(len, method.output_tables())))
        nats = torch.cat(
            [
                _scored(method, hidden[row, column - 1], batch.ids[row, column])
                for row, column in zip(rows.split(at_once), columns.split(at_once), strict=True)
            ]
        )
        summed = torch.zeros(len(batch.examples), dtype=nats.dtype, device=nats.device)
        found.append(summed.index_add(0, rows, nats).cpu().numpy())
    return np.concatenate(found)


def _scored(method: OneVocab, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The log-likelihood float64[N] of the next tokens, from the states [N, width] before them."""
    scores = method.logits(hidden).double().log_softmax(-1)
    return scores.gather(1, targets[:, None])[:, 0]
