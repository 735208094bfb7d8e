"""Out of memory, injected: chunks are halved, gradients and answers stay, no process hangs."""

import re
import time
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch

from seqfuse.errors import UserError
from seqfuse.language.answers import decoding
from seqfuse.language.answers.generation import Generation
from seqfuse.language.prompts import Settings
from seqfuse.training.distributed import processes
from seqfuse.training.trainer import Trainer, Training

SETTINGS = Training(
    steps=3,
    batch=8,
    learning_rate=0.01,
    weight_decay=0.1,
    warmup=0.25,
    validate_every=2,
    chunk_tokens=700,
    checkpoint_minutes=1e9,
)
# Tokens that go through a model at once before memory runs out, and that fit.
ASKED, FIT = SETTINGS.chunk_tokens, 200


class Short(torch.autograd.Function):
    """The identity, behind which memory runs out in the forward or the backward pass."""

    @staticmethod
    def forward(ctx, x, place):
        ctx.place = place
        if place == "forward":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return x.clone()

    @staticmethod
    def backward(ctx, slope):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


def run_out(method, place: str, fit: int) -> list[int]:
    """Let memory run out in the second block for more than `fit` tokens at once; what is returned
    collects the tokens of every pass."""
    block, passed = method.backbone.base_model.layers[1], []
    whole = block.mlp.forward

    def forward(hidden):
        passed.append(hidden.shape[0] * hidden.shape[1])
        return whole(Short.apply(hidden, place) if passed[-1] > fit else hidden)

    block.mlp.forward = forward
    return passed


class Run:
    """Three steps over the same eight examples: gradients, log, and tokens at once."""

    def __init__(self, build, examples_of, state, place=None, rank=0, fit=FIT, **changes):
        settings = replace(SETTINGS, **changes)
        method = build(
            "onevocab",
            gradient_checkpointing=settings.gradient_checkpointing,
            lora_rank=settings.lora_rank,
        )
        if settings.fsdp and processes.count() > 1:
            method.shard()
        wrong = place and processes.rank() == rank
        self.passed = run_out(method, place, fit) if wrong else []
        made, self.gradients = Trainer(method, settings, 0, state, "f"), []

        def kept(*_):
            self.gradients.append({k: _whole(p.grad).clone() for k, p in made.trained.items()})

        made.optimiser.register_step_pre_hook(kept)
        examples = examples_of(method)
        self.log = made.run(examples, examples[::3]).log
        self.tokens = made.budget.tokens

    def same_as(self, other: "Run") -> None:
        """Equal gradients in every step, but for the order of sums."""
        assert len(self.gradients) == len(other.gradients) == 3
        for ours, theirs in zip(self.gradients, other.gradients, strict=True):
            for key, gradient in ours.items():
                torch.testing.assert_close(gradient, theirs[key], atol=1e-4, rtol=1e-3)


def _whole(gradient):
    whole = gradient.full_tensor() if hasattr(gradient, "full_tensor") else gradient
    return whole.detach().clone()


@pytest.mark.parametrize("place", ["forward", "backward"])
def test_full_scale_out_of_memory_halves_the_chunk_and_keeps_the_gradient(
    build, examples_of, tmp_path, place, capsys
):
    whole = Run(build, examples_of, tmp_path / "whole")
    assert whole.tokens == ASKED and not any("chunk_tokens" in entry for entry in whole.log)
    cut = Run(build, examples_of, tmp_path / "cut", place)
    cut.same_as(whole)
    # Halved until it fits, for this step and all that follow, and the log says so.
    assert cut.tokens <= FIT < max(cut.passed)
    assert [entry.get("chunk_tokens") for entry in cut.log] == [cut.tokens, None, None]
    too_many = [tokens for tokens in cut.passed if tokens > FIT]
    assert cut.passed[: len(too_many)] == too_many
    said = capsys.readouterr().err
    assert re.search(
        rf"out of memory: from here on {cut.tokens} tokens at once instead of \d+", said
    )


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        ("backward", {}),
        ("forward", {"fsdp": True}),
        ("backward", {"fsdp": True}),
        ("backward", {"fsdp": True, "gradient_checkpointing": True}),
    ],
)
def test_full_scale_all_processes_halve_together(
    build, examples_of, together, tmp_path, place, changes
):
    """Memory runs out in one of two, anywhere in its pass, and the other would wait for ever for
    its weights."""
    changes = changes | {"chunk_tokens": 400}
    whole = Run(build, examples_of, tmp_path / "whole")

    def work():
        found = Run(build, examples_of, tmp_path / "cut", place, rank=1, **changes)
        return found.gradients, found.log, found.tokens, found.passed

    for rank, (gradients, log, tokens, passed) in enumerate(
        together(2, work, tmp_path / "results")
    ):
        assert bool(passed) == (rank == 1)
        assert tokens <= FIT and log[0]["chunk_tokens"] == tokens
        cut = SimpleNamespace(gradients=gradients)
        whole.same_as(cut)


def test_full_scale_a_halved_step_draws_the_numbers_of_a_halved_setting(
    build, examples_of, tmp_path
):
    """LoRA's dropout: the step that was begun again is one that had begun with fewer tokens."""
    cut = Run(build, examples_of, tmp_path / "cut", "forward", lora_rank=2)
    asked = Run(build, examples_of, tmp_path / "asked", lora_rank=2, chunk_tokens=cut.tokens)
    for ours, theirs in zip(cut.log, asked.log, strict=True):
        assert (ours["loss"], ours["gradient_norm"]) == (theirs["loss"], theirs["gradient_norm"])


def test_full_scale_the_halved_size_is_kept_by_a_run_that_resumes(build, examples_of, tmp_path):
    first = Run(build, examples_of, tmp_path, "forward")
    again = Run(build, examples_of, tmp_path)
    assert again.tokens == first.tokens < ASKED
    assert not again.gradients


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({}, "set language.training.gradient_checkpointing: true"),
        ({"gradient_checkpointing": True}, "cut the sequences with `sequences: {max_length"),
    ],
)
def test_full_scale_one_row_that_does_not_fit_is_one_line(
    build, examples_of, tmp_path, changes, remedy
):
    with pytest.raises(UserError) as refused:
        Run(build, examples_of, tmp_path, "forward", fit=20, **changes)
    line = str(refused.value)
    assert re.match(r"out of memory with \d+ tokens of a single row; ", line) and remedy in line


def test_full_scale_one_row_that_does_not_fit_ends_every_process(
    build, examples_of, together, tmp_path
):
    def work():
        with pytest.raises(UserError, match="of a single row"):
            Run(build, examples_of, tmp_path, "backward", rank=1, fit=20, fsdp=True)
        return "ended"

    assert together(2, work, tmp_path / "results") == ["ended", "ended"]


def test_full_scale_waiting_for_the_leader_outlives_the_time_out_of_a_step(together, tmp_path):
    """A leader that writes for longer than torch lets a process wait for another one."""

    def work():
        torch.distributed.init_process_group("gloo", timeout=timedelta(seconds=0.5))
        with processes.leader_first():
            if processes.leads():
                time.sleep(1.5)
        processes.wait()
        torch.distributed.destroy_process_group()
        return "went on"

    assert together(2, work, tmp_path / "results", joins=True) == ["went on"] * 2


# --- prediction ---------------------------------------------------------------------------------


def prompts_of(prompt, thinks) -> list:
    lengths = (40, 3, 21, 9, 33, 15)
    return [prompt("ACGTTG" * n, id=str(n), thinks=thinks and n > 20) for n in lengths]


@pytest.mark.parametrize("place", ["generation", "labels"])
def test_full_scale_out_of_memory_cuts_a_batch_of_answers(
    build, prompt, monkeypatch, place, capsys
):
    """The same answers in the same order; batches that follow are cut before they fail."""
    method = build("onevocab").eval().requires_grad_(False)
    asked, labels = prompts_of(prompt, thinks=True), {"demo": ["yes", "no"]}
    settings = Settings(reasoning=True, max_tokens=2000, max_new_tokens=6)
    whole = decoding.answer(method, asked, labels, settings)
    rows, plain, scores = [], Generation.__init__, Generation.label_scores

    def fail(examples):
        rows.append(len(examples))
        if len(examples) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    def generate(self, method, examples):
        if place == "generation":
            fail(examples)
        plain(self, method, examples)

    def score(self, names):
        if place == "labels":
            fail(names)
        return scores(self, names)

    monkeypatch.setattr(Generation, "__init__", generate)
    monkeypatch.setattr(Generation, "label_scores", score)
    found = decoding.answer(method, asked, labels, settings)
    for ours, theirs in zip(found, whole, strict=True):
        assert (ours.text, ours.cut, ours.answer_tokens) == (
            theirs.text,
            theirs.cut,
            theirs.answer_tokens,
        )
        assert ours.loglik == pytest.approx(theirs.loglik, rel=1e-4)
    too_many = [count for count in rows if count > 2]
    assert too_many and sum(rows) - sum(too_many) == len(asked)
    # Three that reason come first, and are halved; the three others are shorter.
    assert rows[0] == 3 and "tokens at once instead of" in capsys.readouterr().err


def test_full_scale_a_prompt_that_does_not_fit_is_one_line(build, prompt, monkeypatch):
    def generate(self, method, examples):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(Generation, "__init__", generate)
    settings = Settings(reasoning=False, max_tokens=2000, max_new_tokens=6)
    method, asked = build("text_only").eval(), prompts_of(prompt, thinks=False)
    with pytest.raises(UserError, match=r"of a single row; lower language\.prompt\.max_new_tokens"):
        decoding.answer(method, asked, {"demo": ["yes"]}, settings)
