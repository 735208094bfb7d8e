"""Fine-tuning steps: our trainer beside a plain loop with transformers alone.

The plain loop gives `labels` to the model, so that logits are made at every position, and cuts a
step into micro-batches in the order drawn. The first loss of both must be the same.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench.gpu import shapes
from bench.gpu.card import Card
from bench.gpu.shapes import Shape
from seqfuse.training.trainer import Trainer, Training

# bfloat16 keeps eight bits; a loss is a mean over thousands of tokens.
SAME_LOSS = 1e-2
MICRO_BATCH = {"kegg": 4, "nt": 32}


def training(batch: int, **changed) -> Training:
    """What the papers' preset trains with; steps and schedule are without end, the rate is any."""
    settings = {
        "steps": 1,
        "batch": batch,
        "learning_rate": 1e-6,
        "weight_decay": 0.05,
        "schedule": "constant",
        "warmup": 0.0,
        "lora_rank": shapes.LORA_RANK,
        "precision": "bfloat16",
        "validate_every": 2,
        "checkpoint_minutes": 1e9,
    }
    return Training(**settings | changed)


class Ours:
    """A step of the project's trainer."""

    def __init__(self, method, folder: Path, batch: int):
        self.trainer = Trainer(method, training(batch), 0, folder, "bench")

    def __call__(self, examples: Sequence) -> float:
        # The schedule has one step, over and over, and one in which nothing is counted.
        self.trainer.progress.step = 1
        self.trainer.progress.counted_tokens = 1
        return self.trainer._step(examples)["loss"]


class Plain:
    """A step as one writes it first: the model's own loss over labels, AdamW, micro-batches."""

    def __init__(self, method, micro_batch: int):
        if hasattr(method, "vocabulary"):
            # One table, as transformers has it.
            method._merge()
        self.method, self.micro_batch = method.train(), micro_batch
        trained = [p for p in method.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": 0.05},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=1e-6, betas=(0.9, 0.999), fused=True)
        self.trained = trained

    def __call__(self, examples: Sequence) -> float:
        method = self.method
        supervised = sum(int((example.weights > 0).sum()) for example in examples)
        total = 0.0
        for start in range(0, len(examples), self.micro_batch):
            batch = method.batch(examples[start : start + self.micro_batch])
            labels = batch.ids.masked_fill(batch.weights == 0, -100)
            with torch.autocast(method.device.type, torch.bfloat16):
                loss = method.backbone(
                    inputs_embeds=method.embed(batch),
                    attention_mask=batch.mask,
                    labels=labels,
                    use_cache=False,
                    num_items_in_batch=supervised,
                ).loss
            loss.backward()
            total += loss.item()
        nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return total


def step(name: str, mixture: str, small: bool = False) -> Callable:
    """The part that measures one method on one mixture of lengths."""

    def part(card: Card, shape: Shape, folder: Path) -> dict:
        count = getattr(shape, mixture)
        prompts = getattr(shapes, mixture)(shape, count)
        encoder = folder / "encoder"

        def made():
            return shapes.build(name, shape, card.device, small=small, encoder=encoder)

        def ours():
            method = made()
            examples = shapes.encode(method, prompts)
            return Ours(method, folder / "state", count), method, examples

        def plain():
            method = made()
            examples = shapes.encode(method, prompts)
            return Plain(method, MICRO_BATCH[mixture]), method, examples

        timed = _timed(card, shape, ours)
        row = {"unit": "tokens/s", **timed}
        if name == "dna_only":
            # It has no language model for transformers to train.
            return row
        beside = _timed(card, shape, plain)
        same(timed["loss"], beside["loss"])
        return row | {
            "baseline": beside["ours"],
            "baseline_peak_gb": beside["peak_gb"],
            "baseline_mfu": beside["mfu"],
            "difference": abs(timed["loss"] - beside["loss"]),
        }

    return part


def _timed(card: Card, shape: Shape, prepare: Callable) -> dict:
    """One side: the loss of its first step, then tokens a second, peak memory and MFU."""
    with card.memory() as memory:
        timed = _measured(card, shape, *prepare())
    card.clear()
    return {**timed, **memory}


def _measured(card: Card, shape: Shape, take: Callable, method, examples: Sequence) -> dict:
    loss = take(examples)
    seconds = card.seconds(lambda: take(examples), shape.repeats)
    tokens = sum(example.length for example in examples)
    return {
        "ours": tokens / seconds,
        "tokens": tokens,
        "loss": loss,
        "mfu": card.mfu(useful_flops(method, examples), seconds),
    }


def same(ours: float, plain: float) -> None:
    """Refuse to time two sides that do not compute the same."""
    if not abs(ours / plain - 1) < SAME_LOSS:
        raise AssertionError(f"the losses differ: ours {ours}, plain {plain}")


def useful_flops(method, examples: Sequence) -> float:
    """What a step must compute: 6 FLOP a trained weight and token, 4 a frozen one that gradients
    pass through, and attention; padding and recomputation do not count.

    The table of the vocabulary counts at supervised tokens. Attention is that of the backbone,
    causal: 2 products, 2 FLOP, half the square, thrice for forward and backward.
    """
    tokens = sum(example.length for example in examples)
    if not hasattr(method, "backbone"):
        each, once = (
            sum(p.numel() for p in m.parameters()) for m in (method.attention, method.head)
        )
        return 6 * (each * tokens + once * len(examples))
    supervised = sum(int((example.weights > 0).sum()) for example in examples)
    config = method.backbone.config
    body = sum(_per_token(p) for p in method.backbone.base_model.layers.parameters())
    tables = sum(_per_token(table) for table in method.output_tables())
    squares = sum(float(example.length) ** 2 for example in examples)
    width = config.num_attention_heads * config.head_dim
    attention = 6 * squares * width * config.num_hidden_layers
    return body * tokens + tables * supervised + attention + _adapter_flops(method, examples)


def _per_token(parameter: torch.Tensor) -> int:
    return (6 if parameter.requires_grad else 4) * parameter.numel()


def _adapter_flops(method, examples: Sequence) -> float:
    """6 a weight of what stands between encoder and backbone, and row that it is applied to."""
    slots = [slot for example in examples for slot in example.slots]
    shown = sum(nt_tokens(slot.sequence) for slot in slots)
    if hasattr(method, "encoder"):
        squares = sum(float(nt_tokens(slot.sequence)) ** 2 for slot in slots)
        blocks = method.encoder.blocks()
        body = sum(_per_token(p) for p in blocks.parameters())
        width, depth = method.encoder.width, method.encoder.depth
        return (body + 6 * method.adapter.weight.numel()) * shown + 12 * squares * width * depth
    if hasattr(method, "adapter"):
        return 6 * method.adapter.weight.numel() * shown
    if not hasattr(method, "latents"):
        return 0.0
    latents = len(method.latents) * len(slots)
    asked = sum(len(e.question) * len(e.slots) for e in examples)
    square, blocks = method.width**2, len(method.blocks)
    keys = 2 * square * (shown + asked + 2 * latents)
    return 6 * (method.projection.weight.numel() * shown + blocks * (keys + 12 * square * latents))


def nt_tokens(sequence: str) -> int:
    """NT's tokens of a sequence, special ones left out."""
    return len(sequence) // 6 + len(sequence) % 6


# The share of a step's peak that it is left with, to run out of memory.
_SCARCE = 0.7


def out_of_memory(card: Card, shape: Shape, folder: Path) -> dict:
    """A step that runs out of memory, begins again in halved chunks, and keeps its loss; baseline:
    the same step with room for whole chunks. On a CPU the shortage is made up."""

    def prepared() -> tuple[Ours, list]:
        method = shapes.build("text_only", shape, card.device, small=True)
        examples = shapes.encode(method, shapes.kegg(shape, shape.kegg))
        return Ours(method, folder / "state", len(examples)), examples

    def taken(short: Callable) -> tuple[float, float, int]:
        take, examples = prepared()
        with short(take.trainer.method):
            loss = take(examples)
            seconds = card.seconds(lambda: take(examples), shape.repeats)
        tokens = sum(example.length for example in examples)
        return loss, tokens / seconds, take.trainer.budget.tokens

    with card.memory() as memory:
        whole = taken(contextlib.nullcontext)
    card.clear()
    halved = taken(lambda method: card.scarce(_SCARCE * memory["peak_gb"], method))
    same(halved[0], whole[0])
    if not halved[2] < whole[2]:
        raise AssertionError("memory did not run out")
    return {
        "unit": "tokens/s",
        "ours": halved[1],
        "baseline": whole[1],
        "chunk_tokens": halved[2],
        "baseline_peak_gb": memory["peak_gb"],
        "difference": abs(halved[0] - whole[0]),
    }


def padding_mask(card: Card, shape: Shape, folder: Path) -> dict:
    """A step as it is trained, without a padding mask, which right padding under causal attention
    does not need; baseline: with one, which keeps attention off its flash kernel."""
    method = shapes.build("text_only", shape, card.device)
    examples = shapes.encode(method, shapes.kegg(shape, shape.kegg))[:7]
    method.eval()
    batch = method.batch(examples)
    rows, columns = batch.weights.nonzero(as_tuple=True)

    def loss(mask) -> float:
        with torch.autocast(card.device.type, torch.bfloat16):
            hidden = method.backbone.base_model(
                inputs_embeds=method.embed(batch), attention_mask=mask, use_cache=False
            ).last_hidden_state
            mean_square = hidden[rows, columns - 1].float().square().mean()
        mean_square.backward()
        method.zero_grad()
        return mean_square.item()

    without, with_mask = loss(None), loss(batch.mask)
    same(without, with_mask)
    tokens = sum(example.length for example in examples)
    times = [card.seconds(lambda mask=m: loss(mask), shape.repeats) for m in (None, batch.mask)]
    return {
        "unit": "tokens/s",
        "ours": tokens / times[0],
        "baseline": tokens / times[1],
        "difference": abs(without - with_mask),
    }


def vocabulary_loss(card: Card, shape: Shape, folder: Path) -> dict:
    """The loss of a chunk's answer tokens over OneVocab's vocabulary, by blocks as it is now;
    baseline: all logits as one product, and cross-entropy."""
    from torch.nn import functional

    def plain(hidden, tables, targets, weights) -> torch.Tensor:
        logits = functional.linear(hidden, torch.cat(tables)).float()
        return functional.cross_entropy(logits, targets, reduction="none").dot(weights)

    return _vocabulary_loss(card, shape, plain)


def linear_cross_entropy(card: Card, shape: Shape, folder: Path) -> dict:
    """The same loss; baseline: torch's own in blocks, as of 2.13. It takes one table and no
    autocast, so that both parts are copied into one of the products' type."""
    from torch.nn import functional

    def own(hidden, tables, targets, weights) -> torch.Tensor:
        table = torch.cat([part.bfloat16() for part in tables])
        nats = functional.linear_cross_entropy(
            hidden.bfloat16(),
            table,
            targets,
            reduction="none",
            options=torch.nn.LinearCrossEntropyOptions(),
        )
        return nats.float().dot(weights)

    return _vocabulary_loss(card, shape, own)


def _vocabulary_loss(card: Card, shape: Shape, baseline: Callable) -> dict:
    """`summed_nats` beside another way to compute the same from hidden states, tables, targets and
    weights, forward and backward, under bfloat16 autocast."""
    from seqfuse.language.backbones.chunked_cross_entropy import summed_nats

    torch.manual_seed(0)
    width, rows = shape.backbone["hidden_size"], 7 * 490 // shape.shrink
    sizes = (shape.backbone["vocab_size"], 5**6 + 7)
    hidden = torch.randn(rows, width, device=card.device, requires_grad=True)
    tables = [
        (0.02 * torch.randn(size, width, device=card.device)).requires_grad_() for size in sizes
    ]
    targets = torch.randint(0, sum(sizes), (rows,), device=card.device)
    weights = torch.ones(rows, device=card.device)

    def run(loss: Callable) -> float:
        with torch.autocast(card.device.type, torch.bfloat16):
            nats = loss(hidden, tables, targets, weights)
        nats.backward()
        for tensor in (hidden, *tables):
            tensor.grad = None
        return nats.item() / rows

    sides = {}
    for side, loss in (("ours", summed_nats), ("baseline", baseline)):
        with card.memory() as memory:
            value = run(loss)
            sides[side] = (value, rows / card.seconds(lambda f=loss: run(f), shape.repeats), memory)
    same(sides["ours"][0], sides["baseline"][0])
    return {
        "unit": "rows/s",
        "ours": sides["ours"][1],
        "baseline": sides["baseline"][1],
        "peak_gb": sides["ours"][2]["peak_gb"],
        "baseline_peak_gb": sides["baseline"][2]["peak_gb"],
        "difference": abs(sides["ours"][0] - sides["baseline"][0]),
    }


def pretraining(card: Card, shape: Shape, folder: Path) -> dict:
    """A step of SeqCLIP's pre-training in chunks with cached gradients; baseline: the whole batch
    through encoder and loss at once."""
    from seqfuse import encoders
    from seqfuse.language.pretraining.contrastive_pretraining import (
        Contrast,
        ContrastTrainer,
        Pair,
        pieces,
    )

    random = np.random.default_rng(0)
    genes = [shapes.dna(random, 1500 // shape.shrink) for _ in range(shape.genes)]
    vectors = random.standard_normal((shape.genes, 768), np.float32)

    def trainer(chunk_tokens: int) -> tuple:
        torch.manual_seed(0)
        encoder = encoders.load(folder / "encoder", card.device)
        method = Contrast(encoder, 768, shape.backbone["hidden_size"], 0.07).to(card.device)
        one = np.ones(1, np.float32)
        pairs = [
            Pair({"sequence": g, "text": str(i)}, pieces([[encoder.tokenise(g)]]), vectors[i], one)
            for i, g in enumerate(genes)
        ]
        settings = training(shape.genes, chunk_tokens=chunk_tokens)
        return ContrastTrainer(method, settings, 0, folder / "state", "bench"), pairs

    def measured(chunk_tokens: int) -> tuple[float, float]:
        taken, pairs = trainer(chunk_tokens)

        def step() -> float:
            # A step in which nothing is counted.
            taken.progress.step = taken.progress.counted_tokens = 1
            return taken._step(pairs)["loss"]

        loss = step()
        return loss, sum(pair.length for pair in pairs) / card.seconds(step, shape.repeats)

    sides = {}
    for side, chunk_tokens in (("ours", 8192 // shape.shrink), ("baseline", 10**9)):
        with card.memory() as memory:
            sides[side] = measured(chunk_tokens)
        sides[side] += (memory["peak_gb"],)
        card.clear()
    same(sides["ours"][0], sides["baseline"][0])
    return {
        "unit": "tokens/s",
        "ours": sides["ours"][1],
        "baseline": sides["baseline"][1],
        "peak_gb": sides["ours"][2],
        "baseline_peak_gb": sides["baseline"][2],
        "difference": abs(sides["ours"][0] - sides["baseline"][0]),
    }
