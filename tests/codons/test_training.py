"""Training: what validation chooses, the entropy term, early stopping, resuming, equal bytes."""

import json
import os
import signal

import numpy as np
import pytest

from seqfuse import tables
from seqfuse.codons.training import Trainer
from seqfuse.encoders.store.reader import Store
from seqfuse.files import read_json
from seqfuse.registry.arms import ARMS
from seqfuse.training.interruption.preemption import Interrupted

# Files of an arm that depend on its inputs alone; cost.json also holds seconds and memory.
SAME = ("seed0.safetensors", "seed1.safetensors", "predictions.parquet", "log.jsonl")


def content(folder, names=SAME) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names}


def rows(folder, name="predictions", schema=tables.PREDICTIONS) -> list[dict]:
    return tables.read(folder / f"{name}.parquet", schema).to_pylist()


def log(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_trains_and_predicts(arm, study, tmp_path, monkeypatch):
    out, decoded = tmp_path / "out", []
    decode = Store.memory_map

    def spied(store, sequences, folder):
        decoded.append(decode(store, sequences, folder))
        return decoded[-1]

    monkeypatch.setattr(Store, "memory_map", spied)
    study.job(arm, tmp_path / "state", epochs=1).run(out)
    found = [row for row in rows(out) if row["probe"] == "none"]
    held_out = [r["id"] for s in ("val", "test") for r in study.records if r["split"] == s]
    for seed in (0, 1):
        assert [row["id"] for row in found if row["seed"] == seed] == held_out
    assert {(row["dataset"], row["method"]) for row in found} == {("small", arm)}
    assert all(np.isfinite(row["predicted_value"]) for row in found)
    # Both seeds read one decoded file a stored modality, which is gone when they are trained.
    assert not (tmp_path / "state" / "memory").exists()
    assert len({found.path for found in decoded}) == len(decoded)
    assert len(decoded) == (0 if ARMS[arm].tuning else len(ARMS[arm].modalities))
    assert (out / "weights.parquet").exists() == ARMS[arm].weighs
    if ARMS[arm].weighs:
        for row in rows(out, "weights", tables.WEIGHTS):
            assert row["dna"] + row["rna"] + row["protein"] == pytest.approx(1, abs=1e-6)
    cost = read_json(out / "cost.json")
    assert (cost["study"], cost["suite"], cost["method"]) == ("codons", "small", arm)
    for seed in cost["seeds"]:
        # 24 training rows in batches of 8.
        assert (seed["steps"], seed["examples"]) == (3, 24)
        assert seed["flops"] > 0 and seed["trained_parameters"] > 0


def test_full_scale_a_fusions_bounds_hold_after_every_step(study, tmp_path, monkeypatch):
    from seqfuse.codons.fusions.mil import GatedMil

    calls, clamp = [], GatedMil.clamp
    monkeypatch.setattr(GatedMil, "clamp", lambda layer: (calls.append(1), clamp(layer)))
    study.job("mil", tmp_path / "state", epochs=1).run(tmp_path / "out")
    assert len(calls) == 2 * 3  # seeds, steps


def test_classes_get_log_probabilities(classes, tmp_path):
    out = tmp_path / "out"
    classes.job("mil", tmp_path / "state", epochs=1).run(out)
    for row in rows(out):
        said = dict(row["loglik"])
        assert list(said) == ["high", "low", "middle"]
        assert np.exp(list(said.values())).sum() == pytest.approx(1)
        assert row["predicted"] == max(said, key=said.get)


def test_training_learns(study, tmp_path):
    """The value is a mean over codons, which a mean and an MLP can follow."""
    settings = {"head": "mean", "dropout": 0.0, "learning_rate": (0.01,)}
    long = {
        "epochs": 60,
        "early_stopping_patience": 60,
        "lr_patience": 60,
        "width": 16,
        "channels": 16,
    }
    study.job("rna", tmp_path / "state", **settings, **long).run(tmp_path / "out")
    last = [row for row in log(tmp_path / "out") if row["epoch"] == 60]
    assert len(last) == 2 and all(row["score"] > 0.9 for row in last)


def test_two_runs_give_the_same_bytes(study, tmp_path):
    for name in ("one", "two"):
        study.job("xattn", tmp_path / name).run(tmp_path / f"{name}.out")
    assert content(tmp_path / "one.out") == content(tmp_path / "two.out")


@pytest.fixture
def cut(monkeypatch):
    """Run a job to which signals come while its n-th step from now is computed."""
    whole = Trainer._step

    def run(job, out, step: int, *signals: int) -> Interrupted:
        done = []

        def interrupted(self, batch):
            done.append(None)
            if len(done) == step:
                for number in signals:
                    os.kill(os.getpid(), number)
            return whole(self, batch)

        with monkeypatch.context() as patch, pytest.raises(Interrupted) as stopped:
            patch.setattr(Trainer, "_step", interrupted)
            job.run(out)
        assert not out.exists()
        return stopped.value

    return run


@pytest.mark.parametrize(
    ("arm", "step"), [("mil", 2), ("mil", 7), ("mil", 14), ("concat_lora", 7), ("concat_full", 8)]
)
def test_an_interrupted_run_resumes_to_the_same_bytes(arm, step, study, tmp_path, cut, monkeypatch):
    """Steps 1 to 9 are of seed 0, 10 to 18 of seed 1; an epoch has three. Ctrl-C comes twice."""
    study.job(arm, tmp_path / "whole").run(tmp_path / "whole.out")
    twice = (signal.SIGINT, signal.SIGINT)
    stopped = cut(study.job(arm, tmp_path / "cut"), tmp_path / "cut.out", step, *twice)
    seed, epoch = divmod(step - 1, 9)[0], (step - 1) % 9 // 3 + 1
    assert stopped.code == 128 + signal.SIGINT
    assert f"interrupted by SIGINT and saved in epoch {epoch} of seed {seed};" in stopped.line
    assert list((tmp_path / "cut" / arm).glob("*.pt"))
    trained = []
    with monkeypatch.context() as patch:
        real = Trainer._step
        patch.setattr(Trainer, "_step", lambda self, b: (trained.append(1), real(self, b))[1])
        study.job(arm, tmp_path / "cut").run(tmp_path / "cut.out")
    assert len(trained) == 18 - step
    names = (*SAME, "weights.parquet") if ARMS[arm].weighs else SAME
    assert content(tmp_path / "whole.out", names) == content(tmp_path / "cut.out", names)
    assert not list((tmp_path / "cut" / arm).glob("*.pt"))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_an_interrupted_run_whose_checkpoint_is_damaged_starts_anew(
    damage, study, tmp_path, cut, spoil, capsys
):
    study.job("rna", tmp_path / "whole").run(tmp_path / "whole.out")
    cut(study.job("rna", tmp_path / "state"), tmp_path / "out", 14, signal.SIGTERM)
    first, second = sorted((tmp_path / "state" / "rna").glob("*.pt"))
    spoil(second, damage)
    capsys.readouterr()
    study.job("rna", tmp_path / "state").run(tmp_path / "out")
    assert content(tmp_path / "out") == content(tmp_path / "whole.out")
    (said,) = [line for line in capsys.readouterr().err.splitlines() if str(second) in line]
    assert said.endswith(f"; kept as {second.name}.damaged, training starts from scratch")
    assert [path.name for path in second.parent.iterdir()] == [f"{second.name}.damaged"]


def test_a_checkpoint_of_other_settings_is_not_resumed(study, tmp_path, cut, capsys):
    cut(study.job("rna", tmp_path / "state"), tmp_path / "out", 2, signal.SIGTERM)
    study.job("rna", tmp_path / "state", dropout=0.4).run(tmp_path / "out")
    assert (
        "made with other settings, data or code; starting from scratch" in capsys.readouterr().err
    )
    study.job("rna", tmp_path / "fresh", dropout=0.4).run(tmp_path / "fresh.out")
    assert content(tmp_path / "out") == content(tmp_path / "fresh.out")


def test_the_learning_rate_is_the_one_with_the_best_validation_score(study, tmp_path):
    rates = (1e-5, 0.02, 1e-3)
    best = {}
    for rate in rates:
        out = tmp_path / f"{rate}.out"
        study.job("rna", tmp_path / f"{rate}", seeds=(0,), learning_rate=(rate,)).run(out)
        best[rate] = max((row["validation_score"], -row["validation_loss"]) for row in log(out))
    study.job("rna", tmp_path / "all", learning_rate=rates).run(tmp_path / "out")
    chosen = max(best, key=best.get)
    assert len(set(best.values())) == 3
    cost = read_json(tmp_path / "out" / "cost.json")
    assert [seed["learning_rate"] for seed in cost["seeds"]] == [chosen, chosen]
    assert cost["trials"] == 3
    alone = content(tmp_path / f"{chosen}.out", ["seed0.safetensors"])
    assert content(tmp_path / "out", ["seed0.safetensors"]) == alone


def test_test_targets_decide_nothing(study, tmp_path):
    """With other test values every file is the same, the choice of settings included."""
    changed = [
        record | ({"value": -9.0 * record["value"]} if record["split"] == "test" else {})
        for record in study.records
    ]
    other = study.write(tmp_path / "other", changed)
    settings = {"learning_rate": (1e-3, 0.02), "entropy": (0.0, 1.0)}
    study.job("mil", tmp_path / "a", **settings).run(tmp_path / "a.out")
    other.job("mil", tmp_path / "b", **settings).run(tmp_path / "b.out")
    assert content(tmp_path / "a.out") == content(tmp_path / "b.out")


def test_the_best_epoch_by_validation_is_kept(study, tmp_path):
    """Training for longer than the best epoch leaves the model of the best epoch."""
    study.job("rna", tmp_path / "long", seeds=(0,), epochs=12, early_stopping_patience=12).run(
        tmp_path / "l.out"
    )
    (cost,) = read_json(tmp_path / "l.out" / "cost.json")["seeds"]
    scores = [row["validation_score"] for row in log(tmp_path / "l.out")]
    assert scores[cost["best_epoch"] - 1] == max(scores) and cost["epochs"] == 12
    assert cost["best_epoch"] < 12
    short = study.job("rna", tmp_path / "short", seeds=(0,), epochs=cost["best_epoch"])
    short.run(tmp_path / "s.out")
    name = ["seed0.safetensors"]
    assert content(tmp_path / "l.out", name) == content(tmp_path / "s.out", name)


def test_training_stops_when_patience_is_out(study, tmp_path):
    job = study.job("rna", tmp_path / "state", seeds=(0,), epochs=60, early_stopping_patience=2)
    job.run(tmp_path / "out")
    (cost,) = read_json(tmp_path / "out" / "cost.json")["seeds"]
    assert cost["epochs"] == cost["best_epoch"] + 2 < 60


def test_the_entropy_term_makes_the_weights_decisive(study, tmp_path):
    """The loss adds the entropy, so its minimum has less of it than a loss without."""
    entropies = []
    for weight in (0.0, 1.0):
        settings = {
            "entropy": (weight,),
            "epochs": 30,
            "early_stopping_patience": 30,
            "learning_rate": (0.1,),
        }
        out = tmp_path / f"{weight}.out"
        study.job("mil", tmp_path / f"{weight}", seeds=(0,), **settings).run(out)
        triples = [
            [row[view] for view in ("dna", "rna", "protein")]
            for row in rows(out, "weights", tables.WEIGHTS)
        ]
        entropies.append(np.mean([-sum(a * np.log(a + 1e-12) for a in t) for t in triples]))
    assert entropies[1] < 0.8 * entropies[0]


def test_only_an_arm_with_an_entropy_term_tries_its_weights(study, tmp_path):
    settings = {"entropy": (0.0, 0.1, 1.0), "learning_rate": (1e-3, 1e-2)}
    assert len(study.job("mil", tmp_path, **settings)._trials()) == 6
    free = study.job("mil_no_entropy", tmp_path, **settings)._trials()
    assert [(t.learning_rate, t.entropy) for t in free] == [(1e-3, 0.0), (1e-2, 0.0)]
