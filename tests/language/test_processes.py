"""Training in two processes (gloo, CPU) against one: the same losses, weights and files."""

import itertools
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributed.tensor import DTensor

from seqfuse import cli
from seqfuse.errors import UserError
from seqfuse.language.pretraining.contrastive_pretraining import (
    ContrastTrainer,
    Pair,
    Piece,
    contrastive,
    duplicate_pairs,
)
from seqfuse.training.distributed import launch, processes, sharding
from seqfuse.training.interruption.resume_checkpoint import discard
from seqfuse.training.interruption.trained_state import restore_best
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


def trained(build, examples_of, name: str, state: Path, whole: bool = True, **changes):
    """Train for four steps, every example in every step; the log and, gathered, the weights."""
    settings = replace(SETTINGS, **changes)
    method = build(name, gradient_checkpointing=settings.gradient_checkpointing)
    if settings.fsdp and processes.count() > 1:
        method.shard()
    made = Trainer(method, settings, 0, state, "f")
    examples = examples_of(method)
    progress = made.run(examples, examples[::3])
    if not whole:
        return progress.log, None
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
def test_two_processes_give_the_losses_of_one(
    build, examples_of, together, tmp_path, name, changes
):
    def work(state):
        return trained(build, examples_of, name, tmp_path / state, **changes)

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
def test_two_processes_that_are_stopped_resume_to_the_same_weights(
    build, examples_of, together, tmp_path, fsdp
):
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
        return trained(build_lora, examples_of, "linear", tmp_path / state, fsdp=fsdp)

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


@pytest.mark.parametrize("damaged", [False, True])
def test_full_scale_each_process_keeps_its_own_part_of_a_sharded_model(
    build, examples_of, together, tmp_path, damaged, spoil
):
    """No weight or moment is gathered to be saved, one rename publishes all parts, each process
    reads its own, and one that is damaged makes all of them start anew."""
    state = tmp_path / "state"

    def work():
        full = DTensor.full_tensor
        DTensor.full_tensor = lambda tensor: full(tensor) if tensor.ndim == 0 else _refuse()
        save = Trainer._save

        def saved(self):
            save(self)
            # A weight is whole in no process, but the vocabulary's and OneVocab's rows.
            part = self.checkpoint.resume()["part"]
            local = sum(tensor.numel() for tensor in part["trained"].values())
            halves = sum(p.numel() for p in self.trained.values() if isinstance(p, DTensor))
            assert abs(2 * local - halves) < 0.1 * halves
            assert part["moments"].keys() == part["trained"].keys() == part["best"].keys()

        Trainer._save = saved
        return trained(build, examples_of, "onevocab", state, fsdp=True, whole=False)[0]

    first = together(2, work, tmp_path / "first")
    (folder,) = state.glob("parts-*")
    assert sorted(path.name for path in folder.iterdir()) == ["rank0.pt", "rank1.pt"]
    content = torch.load(state / "checkpoint.pt", weights_only=True)["state"]
    assert not any(".layers." in name for name in content["trained"] | content["best"])
    # Nobody but the leader's last rename says that these parts are one checkpoint.
    (state / "parts-half").mkdir()
    if damaged:
        spoil(folder / "rank1.pt", "flipped")
    found = together(2, work, tmp_path / "second")
    assert without_clock(found[0]) == without_clock(first[0])
    again = [entry["seconds"] for entry in found[0]] != [entry["seconds"] for entry in first[0]]
    assert again == damaged
    assert (state / "checkpoint.pt.damaged").exists() == damaged
    assert (state / "parts-half").exists() != damaged

    method = build("onevocab")
    restore_best(method, state, "f")
    weights = dict(method.named_parameters())
    parts = [torch.load(path, weights_only=True) for path in sorted(state.glob("parts-*/*.pt"))]
    for name in parts[0]["best"]:
        assert torch.equal(weights[name], torch.cat([part["best"][name] for part in parts]))
    discard(state)
    assert not list(state.rglob("*.pt")) and not list(state.glob("parts-*"))


def test_full_scale_a_sharded_training_resumes_in_another_number_of_processes(
    build, examples_of, together, tmp_path, capfd
):
    """Two processes do two steps, three the third, and two the last; one does all four."""

    def work(state, stop=None):
        if stop is not None:
            whole = Trainer._step

            def step(self, examples):
                if self.progress.step + 1 == stop:
                    os.kill(os.getpid(), signal.SIGTERM)
                return whole(self, examples)

            Trainer._step = step
        return trained(build, examples_of, "qformer", tmp_path / state, fsdp=True)

    log, weights = work("one")
    assert together(2, lambda: work("many", stop=2), tmp_path / "first") == [143] * 2
    assert together(3, lambda: work("many", stop=3), tmp_path / "second") == [143] * 3
    (folder,) = (tmp_path / "many").glob("parts-*")
    assert len(list(folder.iterdir())) == 3
    found = together(2, lambda: work("many"), tmp_path / "third")
    said = capfd.readouterr().err
    assert "written by 2 processes, resumed by 3: " in said
    assert "written by 3 processes, resumed by 2: " in said
    for ours, theirs in zip(log, found[0][0], strict=True):
        assert theirs["step"] == ours["step"]
        for key in {"loss", "validation_loss", "gradient_norm"} & ours.keys():
            assert theirs[key] == pytest.approx(ours[key], abs=1e-5, rel=1e-5)
    for key, weight in found[0][1].items():
        assert (weight - weights[key]).abs().max().item() < 2e-3
        assert torch.equal(weight, found[1][1][key])


def test_parts_are_cut_anew_to_the_rows_that_fsdp_gives_each_process():
    whole = {"w": torch.arange(14.0).reshape(7, 2), "few": torch.arange(2.0)}

    def of(count):
        cut = [[t.chunk(count)[r] if r < len(t.chunk(count)) else t[:0] for r in range(count)]
               for t in whole.values()]  # fmt: skip
        return [{"m": dict(zip(whole, rows, strict=True)), "step": torch.tensor(3.0)}
                for rows in zip(*cut, strict=True)]  # fmt: skip

    for before, count in itertools.product((1, 2, 3, 5), repeat=2):
        for rank, expected in enumerate(of(count)):
            found = sharding.recut(of(before), rank, count)
            assert found["step"] == 3
            for name, tensor in expected["m"].items():
                assert torch.equal(found["m"][name], tensor)


def _refuse():
    raise AssertionError("a whole weight in one process")


class Towers(nn.Module):
    """The two towers of SeqCLIP as matrices, and its temperature."""

    device = torch.device("cpu")
    encoder = SimpleNamespace(max_length=10)

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
def test_a_contrastive_batch_that_is_cut_keeps_all_its_negatives(tmp_path, together, count):
    log, weights = contrasted(tmp_path / "whole", 1000)
    cut = together(count, lambda: contrasted(tmp_path / "cut", 12), tmp_path / "results")
    for ours, theirs in zip(log, cut[0][0], strict=True):
        for key in {"loss", "validation_loss", "gradient_norm"} & ours.keys():
            assert theirs[key] == pytest.approx(ours[key], rel=1e-5)
    for found in cut:
        for key, weight in found[1].items():
            torch.testing.assert_close(weight, weights[key], atol=1e-5, rtol=1e-4)
    assert log[1]["gene_to_text"] == cut[0][0][1]["gene_to_text"]


@pytest.mark.parametrize("count", [1, 2])
def test_full_scale_out_of_memory_keeps_all_negatives(tmp_path, together, count):
    """Memory runs out in the last process, while the others wait for its genes."""
    log, weights = contrasted(tmp_path / "whole", 1000)

    def work():
        genes, rows = Towers.genes, []

        def short(self, pairs):
            rows.append(len(pairs))
            if processes.rank() == count - 1 and len(pairs) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
            return genes(self, pairs)

        Towers.genes = short
        return *contrasted(tmp_path / "cut", 1000), rows

    for found, others, rows in together(count, work, tmp_path / "results"):
        assert rows[0] > 2 >= rows[-1]
        for ours, theirs in zip(log, found, strict=True):
            for key in {"loss", "validation_loss", "gradient_norm"} & ours.keys():
                assert theirs[key] == pytest.approx(ours[key], rel=1e-4)
        for key, weight in others.items():
            torch.testing.assert_close(weight, weights[key], atol=1e-5, rtol=1e-4)


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


def test_the_commands_write_once_from_two_processes(project, commands, together, tmp_path):
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
