"""The trainer against AdamW by hand, checkpoints against being killed, and that methods learn."""

import contextlib
import math
import multiprocessing
import os
import signal
import sys
import types
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from seqfuse.errors import UserError
from seqfuse.training import trainer
from seqfuse.training.interruption.preemption import Interrupted
from seqfuse.training.optimiser import schedule
from seqfuse.training.trainer import CLOCKED, Trainer, Training

SETTINGS = Training(
    steps=12,
    batch=4,
    learning_rate=0.01,
    weight_decay=0.1,
    warmup=0.25,
    max_grad_norm=0.5,
    validate_every=3,
    chunk_tokens=1000,
    checkpoint_minutes=1e9,
)


@dataclass
class Point:
    """An example of `Regression`: one number of "tokens", and how much each counts."""

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray

    @property
    def length(self) -> int:
        return len(self.y)


class Regression(nn.Module):
    """The smallest method: weighted squared errors of a line, with dropout that draws numbers."""

    def __init__(self, dropout: float = 0.0):
        super().__init__()
        torch.manual_seed(7)
        self.weight = nn.Parameter(torch.randn(1, 3))
        self.bias = nn.Parameter(torch.zeros(1))
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)
        self.dropout = nn.Dropout(dropout)
        self.batches = 0

    def batch(self, examples):
        self.batches += 1
        return [np.concatenate([getattr(e, k) for e in examples]) for k in ("x", "y", "weights")]

    def loss(self, batch):
        x, y, weights = map(torch.from_numpy, batch)
        found = self.dropout(x) @ self.weight[0] * self.frozen + self.bias
        return (weights * (found - y) ** 2).sum()


def points(count: int, seed: int = 0) -> list[Point]:
    """Examples of one to five tokens; the first token of each counts nothing, or half."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        length = rng.integers(1, 6)
        x = rng.normal(size=(length, 3)).astype(np.float32)
        weights = np.ones(length, np.float32)
        weights[0] = 0.5 if length == 1 else 0.0
        made.append(Point(x, (x @ [1, -2, 3]).astype(np.float32), weights))
    return made


def made_trainer(folder, method=None, fingerprint="f", **changes) -> Trainer:
    settings = replace(SETTINGS, **changes)
    return Trainer(method or Regression(), settings, 0, folder, fingerprint)


def loss_of(made, examples) -> float:
    return made.measure(examples)["validation_loss"]


def without_clock(log):
    return [{k: v for k, v in entry.items() if k not in CLOCKED} for entry in log]


# --- schedule and groups --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "steps", "warmup", "kind", "factor"),
    [
        (0, 10, 0.2, "cosine", 0.5),
        (1, 10, 0.2, "cosine", 1.0),
        (2, 10, 0.2, "cosine", 1.0),
        (4, 10, 0.2, "cosine", (1 + math.sqrt(0.5)) / 2),
        (6, 10, 0.2, "cosine", 0.5),
        (9, 10, 0.2, "cosine", (1 + math.cos(math.pi * 7 / 8)) / 2),
        (0, 10, 0.0, "cosine", 1.0),
        (5, 10, 0.0, "cosine", 0.5),
        (0, 10, 0.4, "constant", 0.25),
        (3, 10, 0.4, "constant", 1.0),
        (9, 10, 0.4, "constant", 1.0),
        (9, 10, 1.0, "cosine", 1.0),
        (0, 1, 0.05, "cosine", 1.0),
    ],
)
def test_schedule_by_hand(step, steps, warmup, kind, factor):
    assert schedule(step, steps, warmup, kind) == pytest.approx(factor, abs=1e-12)


def test_decay_is_on_matrices_alone_and_frozen_parameters_have_no_optimiser(tmp_path):
    made = made_trainer(tmp_path)
    groups = made.optimiser.param_groups
    assert [g["weight_decay"] for g in groups] == [0.1, 0.0]
    assert [[id(p) for p in g["params"]] for g in groups] == [
        [id(made.method.weight)],
        [id(made.method.bias)],
    ]
    assert all(g["betas"] == (0.9, 0.999) for g in groups)


def test_groups_of_a_language_model(build, tmp_path):
    method = build("linear")
    matrices, vectors = made_trainer(tmp_path, method).optimiser.param_groups
    names = {id(p): k for k, p in method.named_parameters()}
    decayed = {names[id(p)] for p in matrices["params"]}
    plain = {names[id(p)] for p in vectors["params"]}
    assert decayed | plain == set(names.values())
    assert {"adapter.weight", "backbone.model.embed_tokens.weight"} <= decayed
    assert "adapter.bias" in plain
    assert all("norm" in name or "bias" in name for name in plain)


# --- steps ----------------------------------------------------------------------------------------


def by_hand(examples, steps: list[list[int]], settings: Training):
    """Weight [3] and bias after AdamW with clipping, and the loss of each step."""
    torch.manual_seed(7)
    weight = torch.randn(1, 3).double().numpy()[0]
    theta, first, second = np.append(weight, 0.0), np.zeros(4), np.zeros(4)
    losses = []
    for number, step in enumerate(steps):
        x = np.concatenate([examples[i].x for i in step]).astype(float)
        y = np.concatenate([examples[i].y for i in step])
        w = np.concatenate([examples[i].weights for i in step])
        error = x @ theta[:3] + theta[3] - y
        losses.append((w * error**2).sum() / w.sum())
        gradient = np.append((2 * w * error) @ x, (2 * w * error).sum()) / w.sum()
        gradient *= min(1, settings.max_grad_norm / np.linalg.norm(gradient))
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        rate = settings.learning_rate * schedule(
            number, settings.steps, settings.warmup, settings.schedule
        )
        theta[:3] *= 1 - rate * settings.weight_decay
        first_hat, second_hat = (
            first / (1 - 0.9 ** (number + 1)),
            second / (1 - 0.999 ** (number + 1)),
        )
        theta = theta - rate * first_hat / (np.sqrt(second_hat) + 1e-8)
    return theta, losses


def test_steps_are_adamw_by_hand(tmp_path):
    from seqfuse.training.batches import step_indices

    examples = points(10)
    made = made_trainer(tmp_path)
    progress = made.run(examples, [])
    steps = list(step_indices([e.length for e in examples], 4, 12, seed=0))
    theta, losses = by_hand(examples, steps, SETTINGS)
    found = torch.cat([made.method.weight[0], made.method.bias]).detach().numpy()
    np.testing.assert_allclose(found, theta, atol=1e-5)
    np.testing.assert_allclose([e["loss"] for e in progress.log], losses, rtol=1e-4)
    assert made.method.frozen.item() == 1
    drawn = [examples[i] for step in steps for i in step]
    tokens = sum(e.length for e in drawn)
    assert (progress.step, progress.examples, progress.tokens) == (12, 48, tokens)
    assert progress.log[-1]["tokens"] == tokens


def test_chunks_do_not_change_a_step(tmp_path):
    whole, parts = made_trainer(tmp_path / "a"), made_trainer(tmp_path / "b", chunk_tokens=5)
    logs = [made.run(points(10), points(5, seed=1)).log for made in (whole, parts)]
    assert parts.method.batches > whole.method.batches + 12
    for one, other in zip(*logs, strict=True):
        for key in ("loss", "gradient_norm", "learning_rate"):
            assert one[key] == pytest.approx(other[key], rel=1e-4)
    torch.testing.assert_close(whole.method.weight, parts.method.weight)


@pytest.mark.parametrize("name", ["linear", "qformer", "onevocab"])
def test_chunks_do_not_change_the_gradient_of_a_method(build, prompt, name):
    """Weighted answers of different length, together or one by one."""
    method = build(name, label_weight=3.0)
    made = [prompt("ACGTACG", "ACC"), prompt("ACG", thinks=True, reasoning="So it is lost.")]
    made.append(prompt("ACGTTGCA" * 5, label="anaemia"))
    examples = [method.encode(p, answer=True) for p in made]
    gradients = []
    for parts in ([examples], [[e] for e in examples]):
        method.zero_grad()
        for part in parts:
            method.loss(method.batch(part)).backward()
        gradients.append({k: p.grad.clone() for k, p in method.named_parameters()})
    for key, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][key], atol=1e-3, rtol=1e-3)


def test_validation_is_the_weighted_mean_of_all_rows(tmp_path):
    made, rows = made_trainer(tmp_path, chunk_tokens=4), points(9, seed=2)
    with torch.no_grad():
        nats = sum(made.method.loss(made.method.batch([row])).item() for row in rows)
    expected = nats / sum(row.weights.sum() for row in rows)
    assert loss_of(made, rows) == pytest.approx(expected, rel=1e-5)


def test_the_state_of_the_best_validation_is_kept(tmp_path):
    """Validation rows that the start fits exactly: training only makes them worse."""
    made, validation = made_trainer(tmp_path), points(5, seed=1)
    for row in validation:
        row.y[:] = row.x @ made.method.weight.detach().numpy()[0]
    progress = made.run(points(10), validation)
    losses = {e["step"]: e["validation_loss"] for e in progress.log if "validation_loss" in e}
    assert list(losses) == [3, 6, 9, 12]
    assert list(losses.values()) == sorted(losses.values())
    assert (progress.best_step, progress.best_loss) == (3, losses[3])
    assert loss_of(made, validation) == losses[3]


def test_without_validation_rows_the_last_state_is_kept(tmp_path):
    long = made_trainer(tmp_path / "a", validate_every=5)
    assert long.run(points(10), []).best_step == 12
    steps = [e for e in long.progress.log if "validation_loss" in e]
    assert [e["validation_loss"] for e in steps] == [None] * 3


def test_a_last_step_between_validations_is_validated(tmp_path):
    progress = made_trainer(tmp_path, steps=7).run(points(10), points(5))
    assert [e["step"] for e in progress.log if "validation_loss" in e] == [3, 6, 7]


# --- what is shown --------------------------------------------------------------------------------


def test_progress_tells_loss_speed_and_memory(tmp_path, monkeypatch, capsys):
    from seqfuse import progress

    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0)
    made = made_trainer(tmp_path, steps=2)
    Clock(made, monkeypatch)
    monkeypatch.setattr(trainer, "peak_memory_mb", lambda: 321)
    log = made.run(points(10), []).log
    # Every step takes a minute of the clock.
    assert [entry["seconds"] for entry in log] == [60, 120]
    speeds = [round(entry["tokens"] / entry["seconds"], 3) for entry in log]
    assert [entry["tokens_per_second"] for entry in log] == speeds
    assert [entry["peak_memory_mb"] for entry in log] == [321, 321]
    lines = [line for line in capsys.readouterr().err.splitlines() if "/2 after" in line]
    facts = f"loss {log[0]['loss']:.3f}, {speeds[0]:.0f} tokens/s, peak 321 MB"
    assert lines[0].startswith("seed 0, steps: 1/2 after") and lines[0].endswith(f" s, {facts}")


def test_tensorboard_shows_every_step_if_it_is_wanted(tmp_path, monkeypatch):
    shown = []

    class Writer(contextlib.AbstractContextManager):
        def __init__(self, folder, purge_step):
            shown.append((folder, purge_step))

        def __exit__(self, *_):
            shown.append("closed")

        def add_scalar(self, name, value, step):
            shown.append((name, value, step))

    monkeypatch.setitem(
        sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=Writer)
    )
    made = made_trainer(tmp_path, steps=3)
    made.board = tmp_path / "board"
    log = made.run(points(10), points(5)).log
    assert shown[0] == (made.board, 1) and shown[-1] == "closed"
    losses = [(step, value) for name, value, step in shown[1:-1] if name == "loss"]
    assert losses == [(entry["step"], entry["loss"]) for entry in log]
    assert ("validation_loss", log[2]["validation_loss"], 3) in shown


def test_tensorboard_that_is_not_installed_is_one_line(commands, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    found = commands.refused_finetune("text_only", tmp_path / "out", "--tensorboard", tmp_path)
    assert "the package tensorboard is not installed; run `pip install tensorboard`" in found


# --- bad input ------------------------------------------------------------------------------------


def test_no_training_records_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no training records"):
        made_trainer(tmp_path).run([], points(3))


def test_a_batch_without_answers_is_an_error_not_a_loss_of_zero(tmp_path):
    examples = points(4)
    for example in examples:
        example.weights[:] = 0
    with pytest.raises(UserError, match="has no answer token"):
        made_trainer(tmp_path).run(examples, [])


def test_a_loss_that_is_no_number_stops_with_the_remedy(tmp_path):
    made = made_trainer(tmp_path)
    with torch.no_grad():
        made.method.weight.fill_(math.inf)
    with pytest.raises(UserError, match=r"at step 1; lower --learning-rate \(now 0.01\)"):
        made.run(points(10), [])
    assert not made.checkpoint.path.exists()


# --- interruption ---------------------------------------------------------------------------------


def run_in_child(folder, interrupt) -> int:
    """Train in a forked process that `interrupt(trainer)` arms first; the exit code."""

    def child():
        made = made_trainer(folder, Regression(dropout=0.3), checkpoint_minutes=0)
        interrupt(made)
        torch.manual_seed(11)
        made.run(points(10), points(5, seed=1))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    return process.exitcode


def at_step(number: int, what: int):
    """Send a signal to oneself while the batch of a step is made."""

    def interrupt(made):
        make = made.method.batch

        def batch(examples):
            if made.progress.step + 1 == number and made.method.training:
                os.kill(os.getpid(), what)
            return make(examples)

        made.method.batch = batch

    return interrupt


def in_checkpoint(number: int):
    """SIGKILL when a checkpoint is half written."""

    def interrupt(made):
        write = torch.save

        def save(content, path):
            write(content, path)
            if made.progress.step == number:
                os.truncate(path, path.stat().st_size // 2)
                os.kill(os.getpid(), signal.SIGKILL)

        trainer.torch.save = save

    return interrupt


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    made = made_trainer(tmp_path_factory.mktemp("whole"), Regression(dropout=0.3))
    torch.manual_seed(11)
    log = made.run(points(10), points(5, seed=1)).log
    return made, log


@pytest.mark.parametrize(
    ("interrupt", "code", "steps"),
    [
        *[(at_step(n, signal.SIGKILL), -signal.SIGKILL, n - 1) for n in (1, 2, 5, 8, 12)],
        *[(at_step(n, signal.SIGTERM), 128 + signal.SIGTERM, n) for n in (1, 6, 12)],
        *[(at_step(n, signal.SIGINT), 128 + signal.SIGINT, n) for n in (3, 10)],
        (at_step(5, signal.SIGHUP), 128 + signal.SIGHUP, 5),
        *[(in_checkpoint(n), -signal.SIGKILL, n - 1) for n in (1, 6, 12)],
    ],
)
def test_interrupted_and_resumed_gives_the_same_weights(
    tmp_path, uninterrupted, interrupt, code, steps
):
    whole, log = uninterrupted
    assert run_in_child(tmp_path, interrupt) == code
    again = made_trainer(tmp_path, Regression(dropout=0.3))
    if steps:
        content = torch.load(again.checkpoint.path, weights_only=True)
        assert content["state"]["progress"]["step"] == steps
    else:
        assert not again.checkpoint.path.exists()
    # Numbers drawn before it must not matter to a run that goes on.
    torch.manual_seed(99 if steps else 11)
    progress = again.run(points(10), points(5, seed=1))
    assert torch.equal(again.method.weight, whole.method.weight)
    assert torch.equal(again.method.bias, whole.method.bias)
    assert without_clock(progress.log) == without_clock(log)
    for field in ("step", "examples", "tokens", "flops", "best_step", "best_loss"):
        assert getattr(progress, field) == getattr(whole.progress, field)
    assert [e["seconds"] for e in progress.log] == sorted(e["seconds"] for e in progress.log)


def test_a_finished_run_is_not_trained_again(tmp_path):
    first = made_trainer(tmp_path)
    first.run(points(10), points(5))
    again = made_trainer(tmp_path)
    progress = again.run(points(10), points(5))
    assert again.method.batches == 0
    assert progress == first.progress
    assert torch.equal(again.method.weight, first.method.weight)


def test_full_scale_a_checkpoint_is_mapped_and_copied_where_it_is_needed(tmp_path):
    """A process that resumes holds no second copy of weights and moments, and no map of a file that
    the leader will replace."""
    made_trainer(tmp_path).run(points(10), points(5))
    again = made_trainer(tmp_path)

    def mapped() -> bool:
        return str(again.checkpoint.path) in Path("/proc/self/maps").read_text()

    found = again.checkpoint.resume()
    assert mapped()
    del found
    again._resume()
    assert again.progress.step == 12 and not mapped()


def test_a_checkpoint_of_other_settings_is_not_used(tmp_path, capsys):
    made_trainer(tmp_path, fingerprint="old").run(points(10), [])
    again = made_trainer(tmp_path, fingerprint="new")
    again.run(points(10), [])
    assert again.method.batches == 12
    assert "made with other settings, data or code" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_an_interrupted_training_with_a_damaged_checkpoint_starts_anew(
    tmp_path, uninterrupted, damage, spoil, capsys
):
    whole, log = uninterrupted
    run_in_child(tmp_path, at_step(6, signal.SIGINT))
    path = made_trainer(tmp_path).checkpoint.path
    spoil(path, damage)
    again = made_trainer(tmp_path, Regression(dropout=0.3))
    torch.manual_seed(11)
    assert without_clock(again.run(points(10), points(5, seed=1)).log) == without_clock(log)
    assert torch.equal(again.method.weight, whole.method.weight)
    said = capsys.readouterr().err.splitlines()[0]
    assert said.startswith(f"{path}: truncated or corrupt (")
    assert said.endswith("; kept as checkpoint.pt.damaged, training starts from scratch")
    assert path.with_name("checkpoint.pt.damaged").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_handled_as_before_when_an_interrupted_training_has_ended(tmp_path, number):
    before = signal.getsignal(number)
    made_trainer(tmp_path).run(points(10), [])
    assert signal.getsignal(number) is before
    made = made_trainer(tmp_path / "stopped")
    at_step(2, number)(made)
    with pytest.raises(Interrupted) as stopped:
        made.run(points(10), [])
    assert stopped.value.code == 128 + number
    assert f"interrupted by {number.name} and saved at step 2 of seed 0;" in stopped.value.line
    assert signal.getsignal(number) is before


def saved_at(made, monkeypatch) -> list[int]:
    """The steps at which a run writes its checkpoint."""
    found = []
    monkeypatch.setattr(made, "_save", lambda: found.append(made.progress.step))
    made.run(points(10), [])
    return found


class Clock:
    """A clock that every training step moves on by a minute."""

    def __init__(self, made, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(trainer.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(trainer.time, "time", lambda: 5000 + self.now)
        make = made.method.batch

        def batch(examples):
            self.now += 60
            return make(examples)

        made.method.batch = batch


def test_a_checkpoint_is_written_every_few_minutes(tmp_path, monkeypatch):
    made = made_trainer(tmp_path, checkpoint_minutes=5)
    Clock(made, monkeypatch)
    assert saved_at(made, monkeypatch) == [5, 10, 12]


def test_a_checkpoint_is_written_two_minutes_ahead_of_the_jobs_end(tmp_path, monkeypatch):
    made = made_trainer(tmp_path)
    clock = Clock(made, monkeypatch)
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(5000 + clock.now + 9 * 60)))
    assert saved_at(made, monkeypatch) == [7, 12]


@pytest.mark.parametrize("lora_rank", [0, 2])
@pytest.mark.parametrize("gradient_checkpointing", [False, True])
def test_full_scale_executed_flops_by_hand(
    build, prompt, tmp_path, lora_rank, gradient_checkpointing
):
    """6 a trained weight, 4 a frozen one, 2 more where the forward pass is computed again."""
    method = build("text_only", lora_rank=lora_rank, gradient_checkpointing=gradient_checkpointing)
    examples = [method.encode(prompt(label="no", id=str(i)), answer=True) for i in range(4)]
    settings = {"steps": 1, "batch": 4, "lora_rank": lora_rank}
    trained = Trainer(method, Training(**settings), 0, tmp_path, "x").run(examples, [])

    # 2 layers: query and output of 32 x 32, key and value of 16 x 32, MLP of 3 x 48 x 32.
    qkv, rest, down = 32 * 32 + 2 * 16 * 32, 32 * 32 + 2 * 48 * 32, 48 * 32
    weights = 2 * (qkv + rest + down)
    length = examples[0].length
    tokens, supervised = 4 * length, 4 * examples[0].answer_tokens
    assert {e.length for e in examples} == {length}
    # Two products of 2 heads of 16; the backward pass has five.
    attention = 4 * 2 * (2 * 2 * length**2 * 32)
    passes = 6 - 2 * bool(lora_rank)
    expected = passes * (weights * tokens + 384 * 32 * supervised) + 3.5 * attention
    if lora_rank:
        sizes = 2 * (2 * 64 + 2 * 48 + 3 * 80)
        expected += 6 * lora_rank * sizes * tokens
        if not gradient_checkpointing:
            # What enters the first layer is not trained: no gradient goes there.
            expected -= 2 * (qkv + 3 * lora_rank * 32) * tokens
    if gradient_checkpointing:
        # But for the last product of a layer, whose result nothing asks for.
        last = lora_rank * 32 if lora_rank else down
        again = weights + lora_rank * 2 * (2 * 64 + 2 * 48 + 3 * 80) - 2 * last
        expected += 2 * again * tokens + attention
    assert trained.flops == pytest.approx(expected, rel=1e-9)
    assert trained.counted_tokens == tokens


def test_full_scale_flops_are_counted_now_and_then_and_laid_on_all_tokens(
    build, prompt, tmp_path, monkeypatch
):
    """The resampler counts, too, and what was counted outlives an interruption."""
    method = build("qformer")
    made = [prompt("ACGTACG" * i, label="no", id=str(i)) for i in range(1, 9)]
    examples = [method.encode(p, answer=True) for p in made]
    settings = Training(steps=5, batch=3, validate_every=2, checkpoint_minutes=1e-9)
    progress = Trainer(method, settings, 0, tmp_path, "x").run(examples, [])
    share = progress.counted_tokens / progress.tokens
    assert 0.3 < share < 0.9
    assert progress.flops == round(progress.counted_flops / share)
    again = Trainer(build("qformer"), settings, 0, tmp_path, "x").run(examples, [])
    assert (again.flops, again.counted_tokens) == (progress.flops, progress.counted_tokens)
    # The resampler's weights are as many as the backbone's: 6 for each of those is too little.
    body = sum(p.numel() for p in method.backbone.base_model.layers.parameters())
    assert progress.flops > 1.3 * 6 * body * progress.tokens


# --- learning -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["linear", "qformer", "onevocab"])
def test_methods_tell_apart_what_only_dna_tells_apart(build, prompt, tmp_path, name):
    """16 records of one text: below 0.01 nats a token; with another's DNA, above 1."""
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), 12)) for _ in range(16)]
    method = build(name)
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    labels = [x for x in letters if len(method.tokeniser(f" {x}")["input_ids"]) == 2][:16]
    examples = [
        method.encode(prompt(s, label=label), answer=True)
        for s, label in zip(sequences, labels, strict=True)
    ]
    assert len({len(e.ids) for e in examples}) == 1
    changes = {
        "steps": 60,
        "validate_every": 60,
        "batch": 16,
        "learning_rate": 0.01,
        "max_grad_norm": 1.0,
    }
    made = made_trainer(tmp_path, method, schedule="constant", **changes)
    made.run(examples, examples)
    assert made.progress.best_loss < 0.01
    shifted = [
        method.encode(prompt(s, label=label), answer=True)
        for s, label in zip(sequences[1:] + sequences[:1], labels, strict=True)
    ]
    assert loss_of(made, shifted) > 1


def test_text_only_cannot_tell_dna_apart(build, prompt):
    method = build("text_only").eval()
    one, other = (method.encode(prompt(s), answer=True) for s in ("ACGT", "TTTT"))
    assert one.ids.tolist() == other.ids.tolist()


def test_bfloat16_trains_close_to_float32(build, prompt, tmp_path):
    losses = []
    for precision in ("float32", "bfloat16"):
        method = build("linear")
        examples = [method.encode(prompt(s), answer=True) for s in ("ACGTA", "CCGTA")]
        made = made_trainer(
            tmp_path / precision, method, steps=5, batch=2, learning_rate=1e-4, precision=precision
        )
        losses.append([entry["loss"] for entry in made.run(examples, []).log])
        assert all(p.dtype == torch.float32 for p in method.parameters())
    assert losses[0] != losses[1]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.05)
