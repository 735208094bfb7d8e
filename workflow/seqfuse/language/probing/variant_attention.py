"""Attention from answer tokens to DNA tokens, and mutagenesis of the same nucleotides.

Attention to a token is the mean over layers, heads and answer tokens (arXiv 2602.12286, eq. 5,
defines the attention of answer tokens to DNA tokens; the averaging is ours). It shows where a model
looks; only mutagenesis shows what its answer depends on.
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
# Mutants per batch.
_BATCH = 16
# How the names of attention modules end in transformers.
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
    """Rows of `tables.LOOKS` for every seed in `model`.

    They cover at most `rows` test records of each dataset (first those whose label only the
    sequence decides), and `window` nucleotides on either side of the variant.
    """
    trained = prediction.read(model, datasets)
    first = next(iter(trained.values()))
    if first.method != "onevocab":
        raise UserError(
            f"{model}: method {first.method!r} has no DNA tokens to attend to; give a model of"
            " onevocab"
        )
    suite = Suite.read(datasets, records)
    asked = [
        (prompt, record)
        for name, of_dataset in suite.records.items()
        for thinks in [settings.reasoning and prompts.reasons(of_dataset)]
        for record in sample(name, [row for row in of_dataset if row["variant"]], rows)
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
    """One row for each nucleotide of the window, with its offset from the variant."""
    variant = record["variant"]
    place = changed(record["sequence"], variant)
    positions = range(max(0, place - window), min(len(variant), place + window + 1))
    example = method.encode(prompt, answer=False)
    room = method.room(prompt, method.setup.labels[prompt.dataset], settings.max_new_tokens)
    decoding.check_lengths(method, [example], settings, [room])
    answer = Generation(method, [example]).run(room).rows[0]
    attended = attention(method, answered(method, prompt, answer), variant)
    effects = mutagenesis(method, prompt, answer, list(positions))
    for position, effect in zip(positions, effects, strict=True):
        yield {
            "id": prompt.id,
            "offset": position - place,
            "attention": float(attended[position]),
            "effect": float(effect),
        }


def changed(sequence: str, variant: str) -> int:
    """The first position at which the variant differs from the reference."""
    pairs = zip(sequence, variant, strict=False)
    shared = min(len(sequence), len(variant))
    return next((i for i, (a, b) in enumerate(pairs) if a != b), max(0, shared - 1))


def answered(method: OneVocab, prompt: Prompt, ids: list[int]) -> Example:
    """A prompt with the `ids` of an answer and the end token, the only tokens with a weight."""
    example = method.encode(prompt, answer=False)
    answer = np.array([*ids, method.end], np.int64)
    return replace(
        example,
        ids=np.concatenate([example.ids, answer]),
        weights=np.concatenate([example.weights, np.ones(len(answer), np.float32)]),
    )


@torch.inference_mode()
def attention(method: OneVocab, example: Example, variant: str) -> np.ndarray:
    """Attention to each nucleotide's token, relative to the mean over the variant's tokens.

    Returns float64[len(variant)]; uniform attention is 1 everywhere. The queries are the positions
    from which the answer's tokens are predicted.
    """
    ids = method.vocabulary.encode(variant)
    columns = method.dna_columns(example.prompt)[-len(ids) :]
    batch = method.batch([example])
    queries = np.flatnonzero(example.weights) - 1
    attended = torch.stack(_attended(method, batch, queries)).mean(0)
    tokens = attended[columns].cpu().numpy()
    words = method.vocabulary.words
    spans = [len(words[i - method.vocabulary.offset]) for i in ids]
    return np.repeat(tokens / tokens.mean(), spans)


def _attended(method: OneVocab, batch: Batch, queries: np.ndarray) -> list[torch.Tensor]:
    """Each layer's mean attention of the positions `queries` to every token, float64[T].

    A layer's full attention weights are freed before the next layer computes its own.
    """
    of_layers, body = [], method.backbone.base_model

    def look(module: nn.Module, inputs: tuple, outputs: tuple) -> tuple:
        of_layers.append(outputs[1][0, :, queries].double().mean((0, 1)))
        return (outputs[0], None)

    before = method.backbone.config._attn_implementation
    # Fused kernels do not return attention weights.
    method.backbone.set_attn_implementation("eager")
    with contextlib.ExitStack() as hooks:
        for name, module in body.named_modules():
            if name.endswith(_ATTENTION):
                hooks.callback(module.register_forward_hook(look).remove)
        body(inputs_embeds=method.embed(batch), use_cache=False)
    method.backbone.set_attn_implementation(before)
    return of_layers


def mutagenesis(
    method: OneVocab, prompt: Prompt, answer: list[int], positions: Sequence[int]
) -> np.ndarray:
    """By how many nats the log-likelihood of `answer` falls if the nucleotide at each of
    `positions` in the variant sequence is replaced, the mean over the three others;
    float64[positions]."""
    variant = prompt.dna[1].sequence
    others = [
        (number, position, letter)
        for number, position in enumerate(positions)
        for letter in _LETTERS
        if letter != variant[position]
    ]
    mutants = [variant[:at] + letter + variant[at + 1 :] for _, at, letter in others]
    owner = [number for number, _, _ in others]
    shown = [replace(prompt, dna=(prompt.dna[0], prompts.Dna(dna))) for dna in (variant, *mutants)]
    nats = _nats(method, [answered(method, one, answer) for one in shown])
    lost = np.bincount(owner, weights=nats[0] - nats[1:], minlength=len(positions))
    return lost / np.bincount(owner, minlength=len(positions))


@torch.inference_mode()
def _nats(method: OneVocab, examples: list[Example]) -> np.ndarray:
    """The summed log-likelihood float64[n] of each example's answer."""
    by_batch = []
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
        by_batch.append(summed.index_add(0, rows, nats).cpu().numpy())
    return np.concatenate(by_batch)


def _scored(method: OneVocab, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The log-likelihood float64[N] of the next tokens, from the states [N, width] before them."""
    scores = method.logits(hidden).double().log_softmax(-1)
    return scores.gather(1, targets[:, None])[:, 0]
