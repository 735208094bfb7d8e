"""Training a language model: the trainer's step and its batches against a plain first draft.

The model has Qwen3's layout, 4 layers of width 256, with Qwen3's whole vocabulary and OneVocab's
15,625 6-mers, which is where a small model's time and memory go. What frozen encoders cost is
measured without a bar, all parts in the proportions of the real models.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoModelForCausalLM

from bench.embeddings import embed, sequence_table
from bench.measure import Setting, alternate, result
from seqfuse import encoders
from seqfuse.encoders.models import random_models
from seqfuse.language.methods.examples import Batch, Example, Slot
from seqfuse.language.methods.linear import Linear, between_markers
from seqfuse.language.methods.linear_tuned import LinearTuned
from seqfuse.language.methods.method import Setup
from seqfuse.language.methods.onevocab import OneVocab
from seqfuse.language.methods.text_only import TextOnly
from seqfuse.language.pretraining.contrastive_pretraining import (
    Contrast,
    ContrastTrainer,
    Pair,
    pieces,
)
from seqfuse.language.pretraining.text_tower import TextEncoder
from seqfuse.language.prompts import Prompt
from seqfuse.training.batches import step_indices
from seqfuse.training.trainer import Trainer, Training

ONEVOCAB = {"k": 6, "alphabet": "ACGTN", "initialisation": "mean"}
ONEVOCAB["trainable_parts"] = ("dna", "text", "backbone")
LAYERS = {
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 32,
}
# For what depends on lengths alone: a padded batch of 2,200 tokens takes the large one minutes.
SMALL = LAYERS | {"hidden_size": 64, "intermediate_size": 192, "num_hidden_layers": 2}
SMALL |= {"num_attention_heads": 2, "num_key_value_heads": 1}
VOCABULARY = 151_936
# A seventh of the layers and an eighth of the width of Nucleotide Transformer v2 500M and of BERT
# base, as LAYERS of Qwen3 1.7B. The blocks shrink 448 times so, the vocabulary's table by as much.
ENCODER = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 4}
TEXT_ENCODER = {"hidden_size": 96, "intermediate_size": 384, "num_hidden_layers": 2}
SHARE_OF_VOCABULARY = VOCABULARY // 56
# Of the losses of one step, in float32; a sum over 10^5 tokens is less exact.
TOLERANCE = 1e-4
# Of losses from states stored as float16.
ROUNDED = 1e-3
TRAINING = Training(
    steps=1,
    batch=4,
    learning_rate=1e-4,
    schedule="constant",
    warmup=0.0,
    validate_every=2,
    checkpoint_minutes=1e9,
)


def train_step(setting: Setting) -> dict:
    """Batch 4 x 512, 64 answer tokens, optimiser included; baseline: logits for every position."""
    return _step(setting, "train_step", 5.0, batch=4, tokens=512, answer=64)


def train_step_reasoning(setting: Setting) -> dict:
    """Batch 2 x 1024, 300 answer tokens."""
    return _step(setting, "train_step_reasoning", 2.7, batch=2, tokens=1024, answer=300)


def train_memory(setting: Setting) -> dict:
    """Peak resident memory of a process that takes three steps of `train_step_reasoning`."""
    peaks = []
    for side in (_ours, _baseline):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peaks.append(pool.apply(_peak, (side, setting)))
    (ours, our_loss), (baseline, loss) = peaks
    difference = abs(our_loss - loss)
    assert difference < TOLERANCE, difference
    return result("train_memory", ours, baseline, "MB", 2.5, rows=2, difference=difference)


def length_batches(setting: Setting) -> dict:
    """An epoch over prompts of the 18 NT tasks and KEGG, in batches of 16, gradients included;
    baseline: random batches padded to the longest."""
    method = _method(setting, TextOnly, vocabulary=600, sizes=SMALL)
    examples = _mixture(setting.rows(4000, least=64))
    trainer = _trainer(setting, method)

    def ours() -> float:
        nats = 0.0
        lengths = [example.length for example in examples]
        for step in step_indices(lengths, 16, len(examples) // 16, seed=0):
            nats += trainer._accumulate([examples[i] for i in step], 1.0)
            method.zero_grad()
        return nats

    def baseline() -> float:
        nats = 0.0
        order = np.random.default_rng(0).permutation(len(examples))
        for step in order.reshape(-1, 16):
            loss = method.loss(method.batch([examples[i] for i in step]))
            loss.backward()
            nats += loss.item()
            method.zero_grad()
        return nats

    difference = abs(ours() / baseline() - 1)
    assert difference < TOLERANCE, difference
    times = alternate(setting, ours, baseline)
    return result("length_batches", *times, "s", 1.5, rows=len(examples), difference=difference)


def adapter_epoch(setting: Setting) -> dict:
    """An epoch of the linear adapter with LoRA on KEGG's prompts, its states decoded from the store
    within the time; baseline: the frozen encoder run again in every step. No bar."""
    rows, encoder = setting.rows(200, least=4), _encoder(setting)
    pairs = [_pair_of_dna(seed) for seed in range(rows)]
    distinct = sorted({sequence for pair in pairs for sequence in pair})
    store = embed(setting, sequence_table(setting, "dna", distinct), encoder)
    setup = Setup(_backbone(setting, SHARE_OF_VOCABULARY, LAYERS), lora_rank=4)
    setup = replace(setup, encoder_width=store.width, encoder=encoder)
    ours, baseline = (_seeded(kind, setup) for kind in (Linear, Rerun))
    maps = iter(range(setting.repeats + 1))

    def stored() -> float:
        states = store.memory_map(distinct, setting.folder / f"states{next(maps)}")
        ours.setup = replace(setup, states=states)
        return _epoch(setting, ours, pairs)

    # LoRA begins as the identity, and dropout draws the same.
    difference = abs(stored() - _epoch(setting, baseline, pairs))
    assert difference < ROUNDED, difference
    times = alternate(setting, stored, lambda: _epoch(setting, baseline, pairs))
    return result("adapter_epoch", *times, "s", 0, rows=rows, difference=difference)


def seqclip_step(setting: Setting) -> dict:
    """A step on 32 genes of 1,500 nt with stored vectors of their descriptions (500 characters);
    baseline: the frozen text encoder run in every step. No bar."""
    genes, texts = zip(*(_gene(seed) for seed in range(32)), strict=True)
    folder = setting.folder / "text-encoder"
    folder.mkdir()
    random_models.write("bert", {**TEXT_ENCODER, "vocab_size": 2000}, 0, list(texts), folder)
    reader, encoder = TextEncoder(folder), encoders.load(_encoder(setting))
    tokens = [encoder.tokenise(gene) for gene in genes]
    rows = [{"sequence": g, "text": t} for g, t in zip(genes, texts, strict=True)]
    trainers = []
    for _ in range(2):
        method = _seeded(Contrast, encoders.load(_encoder(setting)), 96, 256, 0.07)
        training = replace(TRAINING, batch=32, chunk_tokens=10**6)
        trainers.append(ContrastTrainer(method, training, 0, setting.folder / "state", "bench"))

    def step(trainer: ContrastTrainer, vectors: dict[str, np.ndarray]) -> float:
        one = np.ones(1, np.float32)
        pairs = [
            Pair(r, pieces([[t]]), vectors[r["text"]], one)
            for r, t in zip(rows, tokens, strict=True)
        ]
        trainer.progress.step = trainer.progress.counted_tokens = 1
        return trainer._step(pairs)["loss"]

    kept, (ours, baseline) = reader.embed(texts), trainers
    difference = abs(step(ours, kept) - step(baseline, reader.embed(texts)))
    assert difference < TOLERANCE, difference
    times = alternate(
        setting,
        lambda: step(ours, kept),
        lambda: step(baseline, reader.embed(texts)),
    )
    return result("seqclip_step", *times, "s", 0, rows=len(rows), difference=difference)


MEASURES = [
    train_step,
    train_step_reasoning,
    train_memory,
    length_batches,
    adapter_epoch,
    seqclip_step,
]


def _step(setting: Setting, name: str, at_least: float, **shape: int) -> dict:
    ours, baseline = _ours(setting, **shape), _baseline(setting, **shape)
    # Three steps, so that what the optimiser made of the gradient is compared too.
    difference = max(abs(ours() - baseline()) for _ in range(3))
    assert difference < TOLERANCE, difference
    times = alternate(setting, ours, baseline)
    return result(name, *times, "s", at_least, rows=shape["batch"], difference=difference)


def _peak(side: Callable, setting: Setting) -> tuple[float, float]:
    """Peak memory (MB) and last loss of three steps, in a process of its own."""
    torch.set_num_threads(setting.threads)
    step = side(setting, batch=2, tokens=1024, answer=300)
    loss = [step() for _ in range(3)][-1]
    # Not getrusage: a child begins with the peak of the process that started it.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024, loss


def _ours(setting: Setting, batch: int, tokens: int, answer: int) -> Callable[[], float]:
    """A step of our trainer on OneVocab, as a function that gives its loss."""
    method = _method(setting, OneVocab, VOCABULARY, settings=ONEVOCAB)
    trainer = _trainer(setting, method)
    examples = [
        _example(row, np.append(np.zeros(tokens - answer), np.ones(answer)))
        for row in _ids(batch, tokens)
    ]

    def step() -> float:
        # The schedule has one step, over and over, and one in which nothing is counted.
        trainer.progress.step = trainer.progress.counted_tokens = 1
        return trainer._step(examples)["loss"]

    return step


def _baseline(setting: Setting, batch: int, tokens: int, answer: int) -> Callable[[], float]:
    """A step as one writes it first: the model's own logits, cross-entropy, AdamW."""
    start = _method(setting, OneVocab, VOCABULARY, settings=ONEVOCAB)
    start._merge()
    model = start.backbone.train()
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.999), fused=True)
    ids = torch.from_numpy(_ids(batch, tokens))

    def step() -> float:
        logits: Tensor = model(input_ids=ids, use_cache=False).logits
        labels = ids.clone()
        labels[:, : tokens - answer] = -100
        loss = functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        return loss.item()

    return step


def _trainer(setting: Setting, method) -> Trainer:
    return Trainer(method, TRAINING, 0, setting.folder / "state", "bench")


def _method(
    setting: Setting,
    kind: type,
    vocabulary: int,
    settings: dict | None = None,
    sizes: dict = LAYERS,
):
    """A method on a seeded scratch backbone."""
    return _seeded(kind, Setup(_backbone(setting, vocabulary, sizes), settings=settings or {}))


def _seeded(kind: type, *words):
    torch.manual_seed(0)
    return kind(*words)


def _backbone(setting: Setting, vocabulary: int, sizes: dict) -> Path:
    folder = setting.folder / f"backbone-{vocabulary}"
    if not folder.exists():
        folder.mkdir()
        texts = ["Which disease follows from the variant? Answer: anaemia"]
        random_models.write("qwen3", {**sizes, "vocab_size": 600}, 0, texts, folder)
        if vocabulary != 600:
            _lengthen(folder, vocabulary)
    return folder


def _lengthen(folder, vocabulary: int) -> None:
    """Give the table as many rows as Qwen3's, behind the tokeniser's own."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    torch.manual_seed(0)
    model.resize_token_embeddings(vocabulary, mean_resizing=False)
    model.save_pretrained(folder)


class Rerun(Linear):
    """The linear adapter as the originals train it: the frozen encoder runs in every step."""

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.encoder = encoders.load(setup.encoder).requires_grad_(False)

    segment, states = LinearTuned.segment, LinearTuned.states

    def vectors(self, batch: Batch) -> Tensor:
        with torch.no_grad():
            states_of_slots = self.states([slot.sequence for _, slot in batch.slots()])
        return between_markers(self.markers, [self.adapter(states) for states in states_of_slots])


def _epoch(setting: Setting, method: Linear, pairs: Sequence[tuple[str, str]]) -> float:
    """The mean loss of a pass in batches of 4: two sequences, 200 tokens of question, 300 of
    answer."""
    trainer, losses = _trainer(setting, method), []
    torch.manual_seed(0)
    for start in range(0, len(pairs) // 4 * 4, 4):
        examples = [_asked(method, pair) for pair in pairs[start : start + 4]]
        trainer.progress.step = trainer.progress.counted_tokens = 1
        losses.append(trainer._step(examples)["loss"])
    return float(np.mean(losses))


def _asked(method: Linear, pair: tuple[str, str]) -> Example:
    slots, length = [], 0
    for sequence in pair:
        slots.append(Slot(length, method.segment(sequence), sequence))
        length += slots[-1].length
    words = np.random.default_rng(length).integers(0, SHARE_OF_VOCABULARY, 500)
    weights = np.append(np.zeros(length + 200), np.ones(300))
    example = _example(np.append(np.zeros(length, np.int64), words), weights)
    return replace(example, slots=tuple(slots))


def _encoder(setting: Setting) -> Path:
    folder = setting.folder / "encoder"
    if not folder.exists():
        folder.mkdir()
        random_models.write("nucleotide-transformer-v2", ENCODER, 0, [], folder)
    return folder


def _dna(seed: int, length: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def _pair_of_dna(seed: int) -> tuple[str, str]:
    """A reference of 4,001 nt, and the same with its middle letter changed."""
    reference = _dna(seed, 4001)
    other = "A" if reference[2000] != "A" else "C"
    return reference, reference[:2000] + other + reference[2001:]


def _gene(seed: int) -> tuple[str, str]:
    """A gene and a description of it, in words of six letters."""
    words = np.random.default_rng(seed).choice(list("abcdefghij"), (72, 6))
    return _dna(seed, 1500), " ".join("".join(word) for word in words)


def _ids(batch: int, tokens: int) -> np.ndarray:
    """Random ids of the joint vocabulary, DNA and text alike."""
    return np.random.default_rng(0).integers(0, VOCABULARY + 5**6, (batch, tokens))


def _example(ids: np.ndarray, weights: np.ndarray) -> Example:
    prompt = Prompt("r", "bench", (), "", False)
    return Example(prompt, ids, weights.astype(np.float32), (), np.empty(0, np.int64))


def _mixture(count: int) -> list[Example]:
    """As many prompts of each NT task as of KEGG, with 6-mer tokens.

    NT: 200 to 600 nt, a question of 40 tokens and an answer of 3. KEGG: two sequences of 4,001 to
    4,260 nt, a question of 150 to 250 and reasoning of 200 to 400.
    """
    rng = np.random.default_rng(0)
    nucleotides = [500] * 10 + [200] * 2 + [300] * 3 + [400, 600, 600]
    examples = []
    for number in range(count // 16 * 16):
        task = number % 19
        if task < 18:
            shown, answer = nucleotides[task] // 6 + 40, 3
        else:
            shown = 2 * rng.integers(4001, 4261) // 6 + rng.integers(150, 251)
            answer = rng.integers(200, 401)
        weights = np.append(np.zeros(shown), np.ones(answer))
        examples.append(_example(rng.integers(0, 200, len(weights)), weights))
    return examples
