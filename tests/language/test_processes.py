"""Training in two processes (gloo, CPU) against one: the same losses, weights and files."""

import contextlib
import json
import multiprocessing
import os
import pickle
import signal
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from seqfuse import cli
from seqfuse.errors import UserError
from seqfuse.language.pretraining.contrastive_pretraining import (
    ContrastTrainer,
    Pair,
    Piece,
    contrastive,
    duplicate_pairs,
)
from seqfuse.training import launch, processes
from seqfuse.training.trainer import CLOCKED, Trainer, Training

SETTINGS = Training(
    steps=4,
    batch=8,
    learning_rate=0.01,
    weight_decay=0.1,
    warmup=0.25,
    validate_every=2,
    chunk_tokens=120,
    checkpoint_minutes=1e9,
)


def without_clock(log):
    return [{k: v for k, v in entry.items() if k not in CLOCKED} for entry in log]


def together(count: int, work, folder: Path, joins: bool = False) -> list:
    """What `work()` returns in each of `count` processes; their exit codes where it does not.

    `joins` says that the work itself joins the other processes.
    """
    with contextlib.closing(socket.socket()) as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]

    def child(rank: int):
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_PORT": port}
        os.environ.update({k: str(v) for k, v in place.items()}, MASTER_ADDR="localhost")
        torch.set_num_threads(1)
        with contextlib.nullcontext() if joins else launch.started(count):
            (folder / f"{rank}.pickle").write_bytes(pickle.dumps(work()))

    folder.mkdir(exist_ok=True)
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=child, args=(rank,)) for rank in range(count)]
    for one in children:
        one.start()
    for one in children:
        one.join()
    found = [folder / f"{rank}.pickle" for rank in range(count)]
    return [
        pickle.loads(path.read_bytes()) if path.exists() else one.exitcode
        for path, one in zip(found, children, strict=True)
    ]


def examples_of(method, prompt) -> list:
    """Eight examples of many lengths: chunks hold one to three, so shares are uneven."""
    rng = np.random.default_rng(3)
    made = []
    for number in range(8):
        sequence = "".join(rng.choice(list("ACGT"), 7 + 6 * number))
        answer = {"thinks": True, "reasoning": "It is lost. " * number} if number % 2 else {}
        made.append(method.encode(prompt(sequence, sequence[:9], **answer), answer=True))
    return made


def trained(build, prompt, name: str, state: Path, **changes):
    """Train for four steps, every example in every step; the log and the weights."""
    settings = replace(SETTINGS, **changes)
    method = build(name, gradient_checkpointing=settings.gradient_checkpointing)
    if settings.fsdp and processes.count() > 1:
        method.shard()
    made = Trainer(method, settings, 0, state, "f")
    examples = examples_of(method, prompt)
    progress = made.run(examples, examples[::3])
    weights = {k: getattr(p, "full_tensor", lambda p=p: p)() for k, p in made.trained.items()}
    return progress.log, {k: w.detach().clone() for k, w in weights.items()}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("linear", {}),
        ("onevocab", {"gradient_checkpointing": True}),
        ("onevocab", {"fsdp": True}),
        ("qformer", {"fsdp": True, "gradient_checkpointing": True}),
    ],
)
def test_two_processes_give_the_losses_of_one(build, prompt, tmp_path, name, changes):
    def work(state):
        return trained(build, prompt, name, tmp_path / state, **changes)

    log, weights = work("one")
    found = together(2, lambda: work("two"), tmp_path / "results")
    assert without_clock(found[0][0]) == without_clock(found[1][0])
    for ours, theirs in zip(log, found[0][0], strict=True):
        assert theirs.keys() == ours.keys()
        for key in {"loss", "validation_loss", "gradient_norm"} & ours.keys():
            assert theirs[key] == pytest.approx(ours[key], abs=1e-5, rel=1e-5)
        assert (theirs["tokens"], theirs["step"]) == (ours["tokens"], ours["step"])
    for key, weight in found[0][1].items():
        torch.testing.assert_close(weight, found[1][1][key], atol=0, rtol=0)
    moved = [(weights[k] - weight).abs().max().item() for k, weight in found[0][1].items()]
    assert max(moved) < 2e-3


@pytest.mark.parametrize("fsdp", [False, True])
def test_two_processes_that_are_stopped_resume_to_the_same_weights(build, prompt, tmp_path, fsdp):
    """SIGTERM reaches one of them alone; LoRA's dropout draws numbers in both."""

    def build_lora(name, **setup):
        return build(name, lora_rank=2, **setup)

    def work(state, stop=None):
        if stop is not None and processes.rank() == 1:
            whole = Trainer._step

            def step(self, examples):
                if self.progress.step + 1 == stop:
                    os.kill(os.getpid(), signal.SIGTERM)
                return whole(self, examples)

            Trainer._step = step
        return trained(build_lora, prompt, "linear", tmp_path / state, fsdp=fsdp)

    whole = together(2, lambda: work("whole"), tmp_path / "first")
    stopped = together(2, lambda: work("cut", stop=3), tmp_path / "second")
    assert stopped == [143, 143]
    content = torch.load(tmp_path / "cut" / "checkpoint.pt", weights_only=True)
    assert content["state"]["progress"]["step"] == 3
    again = together(2, lambda: work("cut"), tmp_path / "third")
    for one, other in zip(whole, again, strict=True):
        assert without_clock(one[0]) == without_clock(other[0])
        for key, weight in one[1].items():
            assert torch.equal(weight, other[1][key]), key


class Towers(nn.Module):
    """The two towers of SeqCLIP as matrices, and its temperature."""

    device = torch.device("cpu")

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.gene, self.text = nn.Linear(5, 4), nn.Linear(6, 4)
        self.log_temperature = nn.Parameter(torch.tensor(-1.0))

    @property
    def temperature(self):
        return self.log_temperature.exp()

    def batch(self, examples):
        return examples

    def genes(self, pairs):
        x = torch.tensor(np.stack([pair.row["x"] for pair in pairs]))
        return nn.functional.normalize(self.gene(x), dim=-1)

    def texts(self, pairs):
        x = torch.tensor(np.stack([pair.vector for pair in pairs]))
        return nn.functional.normalize(self.text(x), dim=-1)

    def loss(self, batch):
        return self.contrast(self.genes(batch), self.texts(batch), batch)

    def contrast(self, genes, texts, pairs):
        return contrastive(genes, texts, self.temperature, duplicate_pairs(pairs))

    def clamp_temperature(self):
        pass

    def flops(self, tokens, supervised):
        return tokens


class Tokens:
    """A gene of some length."""

    def __init__(self, length):
        self.ids = np.zeros(length, np.int64)


def contrasted(state: Path, chunk_tokens: int):
    rng = np.random.default_rng(0)
    pairs = [
        Pair(
            {"x": rng.normal(size=5).astype(np.float32), "sequence": f"s{i // 2}", "text": f"t{i}"},
            [Piece(Tokens(2 + i), 1.0)],
            rng.normal(size=6).astype(np.float32),
            np.ones(1, np.float32),
        )
        for i in range(7)
    ]
    settings = replace(SETTINGS, batch=7, chunk_tokens=chunk_tokens)
    made = ContrastTrainer(Towers(), settings, 0, state, "f")
    log = made.run(pairs, pairs[:5]).log
    return log, {k: p.detach().clone() for k, p in made.trained.items()}


@pytest.mark.parametrize("count", [1, 2])
def test_a_contrastive_batch_that_is_cut_keeps_all_its_negatives(tmp_path, count):
    log, weights = contrasted(tmp_path / "whole", 1000)
    cut = together(count, lambda: contrasted(tmp_path / "cut", 12), tmp_path / "results")
    for ours, theirs in zip(log, cut[0][0], strict=True):
        for key in {"loss", "validation_loss", "gradient_norm"} & ours.keys():
            assert theirs[key] == pytest.approx(ours[key], rel=1e-5)
    for found in cut:
        for key, weight in found[1].items():
            torch.testing.assert_close(weight, weights[key], atol=1e-5, rtol=1e-4)
    assert log[1]["gene_to_text"] == cut[0][0][1]["gene_to_text"]


def test_a_launcher_that_starts_too_few_is_an_error(commands, tmp_path):
    for refused in (
        commands.refused_finetune("text_only", tmp_path / "out", "--processes", 2),
        commands.refused_pretrain(tmp_path / "out", "--processes", 2),
    ):
        assert "--processes 2, but 1 started" in refused and "--num_processes 2" in refused


def test_more_processes_than_asked_for_are_an_error(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(UserError, match="--processes 1, but 4 started"), launch.started(1):
        pass


def losses_of(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_the_commands_write_once_from_two_processes(project, commands, tmp_path):
    one = commands.finetune("text_only", tmp_path / "one", "--seeds", 0)
    two, seqclip = tmp_path / "two", tmp_path / "seqclip"
    words = [*commands.finetuning("text_only", two), "--seeds", 0]
    for number, asked in enumerate([words, commands.pretraining(seqclip)]):
        argv = ["language", *map(str, asked), "--processes", "2"]
        codes = together(2, lambda argv=argv: cli.main(argv), tmp_path / str(number), joins=True)
        assert codes == [0, 0]
    assert losses_of(two / "seed0") == pytest.approx(losses_of(one / "seed0"), abs=1e-5)
    assert losses_of(seqclip) == pytest.approx(losses_of(project / "seqclip"), abs=1e-5)
    assert json.loads((two / "seed0" / "cost.json").read_text())["seeds"][0]["processes"] == 2
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
