"""Trained methods asked: precisions of prediction, generation of many prompts, label scoring."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from bench.gpu import shapes
from bench.gpu.card import Card
from bench.gpu.shapes import LABELS, Shape
from seqfuse.language.answers.generation import Generation, label_tokens
from seqfuse.training.precision import products, round_frozen

# Labels are scored behind so few generated tokens that the time is that of reading the prompt.
_FEW = 4


@contextlib.contextmanager
def tf32(wanted: bool) -> Iterator[None]:
    """Matrix products of float32 in TF32, where the card has it."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if wanted else "highest")
    yield
    torch.set_float32_matmul_precision(before)


def precisions(card: Card, shape: Shape, folder: Path) -> list[dict]:
    """The same prompts in float32, in TF32 (what float32 is on a GPU) and in bfloat16 with weights
    cast once: a row each, its ratio and its agreement those with float32."""
    method = _method(card, shape)
    prompts = shapes.nt(shape, shape.prompts // 2) + shapes.kegg(shape, shape.prompts // 8 or 1)
    prompts = shapes.encode(method, prompts, answer=False)
    order = sorted(prompts, key=lambda example: example.length)
    batches = [order[start : start + 16] for start in range(0, len(order), 16)]
    tokens = sum(example.length for example in prompts)
    method.backbone.base_model(method.batch(batches[0], left=True).ids)  # warm

    def scores() -> np.ndarray:
        nats = []
        for batch in batches:
            said = Generation(method, batch).run(_FEW)
            nats += [list(row.values()) for row in said.label_scores([LABELS] * len(batch))]
        return np.array(nats)

    rows, exact, seconds = [], None, 0.0
    for name in ("float32", "tf32", "bfloat16"):
        if name == "bfloat16":
            round_frozen(method)
        with tf32(name == "tf32"), products(card.device, name):
            scored = scores()
            taken = card.seconds(scores)
        if exact is None:
            exact, seconds = scored, taken
        rows.append(
            {
                "name": f"predict_{name}",
                "unit": "tokens/s",
                "ours": tokens / taken,
                "baseline": tokens / seconds,
                "same_labels": float((scored.argmax(1) == exact.argmax(1)).mean()),
                "difference": float(np.abs(scored - exact).max()),
                "mean_difference_nats": float(np.abs(scored - exact).mean()),
                "spread_of_labels_nats": float(exact.std(axis=1).mean()),
            }
        )
    return rows


def generation(card: Card, shape: Shape, folder: Path) -> dict:
    """Greedy answers to many prompts of KEGG's length; baseline: transformers' `generate` on the
    same padded batch. `same_rows` is the share of prompts that both answer with the same tokens."""
    method = _method(card, shape)
    examples = shapes.encode(method, shapes.kegg(shape, shape.prompts), answer=False)
    batch = method.batch(examples, left=True)
    # An end token is next to impossible with random weights: both generate as many tokens.
    new = shape.new_tokens

    def ours() -> torch.Tensor:
        return Generation(method, examples).run(new).generated

    @torch.inference_mode()
    def plain() -> torch.Tensor:
        made = method.backbone.generate(
            batch.ids,
            attention_mask=batch.mask.long(),
            max_new_tokens=new,
            do_sample=False,
            eos_token_id=method.end,
            pad_token_id=method.end,
            suppress_tokens=silent(method),
        )
        return made[:, batch.ids.shape[1] :]

    with tf32(True):
        one, other = ours(), plain()
        width = min(one.shape[1], other.shape[1])
        agreement = (one[:, :width] == other[:, :width]).all(1).float().mean().item()
        times = [card.seconds(side) for side in (ours, plain)]
    if card.device.type == "cpu" and agreement < 1:
        raise AssertionError(f"the texts differ: {agreement:.0%} of the rows are the same")
    made = one.shape[0] * one.shape[1]
    return {
        "unit": "tokens/s",
        "ours": made / times[0],
        "baseline": made / times[1],
        "same_rows": agreement,
        "difference": 1 - agreement,
    }


def label_scoring(card: Card, shape: Shape, folder: Path) -> dict:
    """All 37 labels of a KEGG prompt in one pass behind it; baseline: prompt and label once more
    for each, in one padded batch."""
    method = _method(card, shape)
    example = shapes.encode(method, shapes.kegg(shape, 1), answer=False)[0]
    lead = method.tokens("\n</think>\n\nAnswer:")
    ours = _ours_scored(method, example)
    plain = _plain_scored(method, example, lead)
    with tf32(True):
        one, other = ours(), plain()
        difference = float(np.abs(one - other).max())
        if not difference < 0.05 * np.abs(other).max():
            raise AssertionError(f"the likelihoods differ by {difference} nats")
        times = [card.seconds(side, shape.repeats) for side in (ours, plain)]
    return {
        "unit": "labels/s",
        "ours": len(LABELS) / times[0],
        "baseline": len(LABELS) / times[1],
        "difference": difference,
    }


def _ours_scored(method, example) -> Callable[[], np.ndarray]:
    def ours() -> np.ndarray:
        generated = Generation(method, [example])
        generated.generated = torch.empty(1, 1, dtype=torch.long, device=method.device)
        generated.generated[:] = method.end
        return np.array(list(generated.label_scores([LABELS])[0].values()))

    return ours


def _plain_scored(method, example, lead: np.ndarray) -> Callable[[], np.ndarray]:
    tails = [label_tokens(method, label) for label in LABELS]
    longest = max(map(len, tails))
    ids = np.full((len(tails), example.length + len(lead) + longest), method.end)
    for row, tail in enumerate(tails):
        whole = np.concatenate([example.ids, lead, tail])
        ids[row, : len(whole)] = whole
    before = example.length + len(lead)
    batch = torch.from_numpy(ids).to(method.device)

    @torch.inference_mode()
    def plain() -> np.ndarray:
        label_nats = []
        for start in range(0, len(tails), 8):
            part = batch[start : start + 8]
            logits = method.backbone(part, logits_to_keep=longest + 1, use_cache=False).logits
            logits[..., silent(method)] = -torch.inf
            nats = logits[:, :-1].float().log_softmax(-1)
            said = nats.gather(2, part[:, before:, None])[..., 0].cpu().numpy()
            label_nats += [row[: len(t)].sum() for row, t in zip(said, tails[start:], strict=False)]
        return np.array(label_nats)

    return plain


def silent(method) -> list[int]:
    """The ids that are no text, which no answer holds."""
    rows = method.backbone.get_input_embeddings().num_embeddings
    return sorted({*range(rows)} - {*method.text_ids()})


def _method(card: Card, shape: Shape):
    """OneVocab as it is after training: one table, no LoRA."""
    method = shapes.build("onevocab", shape, card.device)
    method._merge()
    return method.eval().requires_grad_(False)
