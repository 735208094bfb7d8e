"""Predictions of every method: the table against the records, the model again, and bad input."""

import math
import os
import shutil
import signal
import subprocess
import sys

import pytest

from seqfuse import tables
from seqfuse.language import prompts
from seqfuse.language.answers import decoding
from seqfuse.language.answers.generation import Generation
from seqfuse.registry.methods import METHODS


@pytest.mark.parametrize("method", [n for n, m in METHODS.items() if not m.trains_fusion])
def test_every_val_and_test_record_of_every_seed(project, commands, tmp_path, method):
    model = commands.finetune(method, tmp_path / "model")
    out = commands.predict(method, model, tmp_path / "predictions.parquet")
    rows = tables.read(out, tables.PREDICTIONS).to_pylist()

    expected = []
    for seed in (0, 3):
        for name in ("mice", "rats"):
            found = tables.read(project / name / "records.parquet", tables.CLEAN).to_pylist()
            expected += [(r["id"], name, method, seed) for r in found if r["split"] != "train"]
    assert [(r["id"], r["dataset"], r["method"], r["seed"]) for r in rows] == expected
    assert {row["probe"] for row in rows} == {"none"}
    assert all(row["predicted_value"] is None for row in rows)
    for row in rows:
        loglik = dict(row["loglik"])
        assert list(loglik) == ["grey", "tawny"]
        assert all(-math.inf < nats < 0 for nats in loglik.values())
        assert row["prompt_tokens"] > 0
        assert len(row["prompt_hash"]) == 64
        assert row["mode"] == ("own" if METHODS[method].generates else None)
        if METHODS[method].generates:
            answer = prompts.parse(row["text"], thinks=True)
            assert row["predicted"] == (answer if answer in loglik else None)
            assert 1 <= row["answer_tokens"] <= 12
            assert row["cut"] is False or row["answer_tokens"] == 12
        else:
            assert row["text"] is None and row["answer_tokens"] is None and row["cut"] is None
            assert row["predicted"] == max(loglik, key=loglik.get)
            assert sum(map(math.exp, loglik.values())) == pytest.approx(1, rel=1e-5)
    again = commands.predict(method, model, tmp_path / "again.parquet")
    assert again.read_bytes() == out.read_bytes()
    assert not list(tmp_path.glob(".states-*"))


def test_full_scale_no_more_validation_rows_are_answered_than_asked_for(
    project, commands, tmp_path
):
    from seqfuse.bio import draws

    model = commands.finetune("dna_only", tmp_path / "model", "--seeds", 0)
    out = tmp_path / "predictions.parquet"
    commands.predict("dna_only", model, out, "--validation-rows", 2)
    asked = {
        (row["dataset"], row["id"]) for row in tables.read(out, tables.PREDICTIONS).to_pylist()
    }
    for name in ("mice", "rats"):
        records = tables.read(project / name / "records.parquet", tables.CLEAN).to_pylist()
        val = [row for row in records if row["split"] == "val"]
        drawn = draws.drawn([row["label"] for row in val], 2)
        kept = {row["id"] for row, one in zip(val, drawn, strict=True) if one}
        kept |= {row["id"] for row in records if row["split"] == "test"}
        assert len(val) > 2 and {id for dataset, id in asked if dataset == name} == kept


def test_predictions_say_which_answers_were_cut_whatever_was_found_at_start(commands, tmp_path):
    """Of two tokens none is an answer; after five steps the model still says something."""
    model = commands.finetune("text_only", tmp_path / "model")
    out = tmp_path / "predictions.parquet"
    commands.predict("text_only", model, out, "--max-new-tokens", 2)
    rows = tables.read(out, tables.PREDICTIONS).to_pylist()
    assert {row["answer_tokens"] for row in rows if row["cut"]} == {2}
    assert all(row["answer_tokens"] <= 2 and not row["text"] for row in rows if not row["cut"])


def test_a_trained_model_says_what_the_question_gives_away(project, commands, tmp_path):
    plain = ("--reasoning", "false")
    words = ("--seeds", 0, "--steps", 200, "--batch", 8, "--learning-rate", 5e-3, *plain)
    model = commands.finetune("text_only", tmp_path / "model", *words)
    out = commands.predict("text_only", model, tmp_path / "out.parquet", *plain)
    gold = {}
    for name in ("mice", "rats"):
        for row in tables.read(project / name / "records.parquet", tables.CLEAN).to_pylist():
            gold[name, row["id"]] = row
    rows = tables.read(out, tables.PREDICTIONS).to_pylist()
    given = [row for row in rows if "Gene" in gold[row["dataset"], row["id"]]["question"]]
    assert given
    for row in given:
        assert row["predicted"] == gold[row["dataset"], row["id"]]["label"]
        assert row["text"] == f"Answer: {row['predicted']}"
        assert row["mode"] == "empty"
        assert max(dict(row["loglik"]), key=dict(row["loglik"]).get) == row["predicted"]


def test_one_dataset_of_the_suite_alone(project, commands, tmp_path):
    model = commands.finetune("onevocab", tmp_path / "model", "--seeds", 0)
    both = commands.predict("onevocab", model, tmp_path / "both.parquet")
    only = ("--datasets", "rats", "--records", project / "rats" / "records.parquet")
    one = commands.predict("onevocab", model, tmp_path / "one.parquet", *only)
    everything = tables.read(both, tables.PREDICTIONS).to_pylist()
    found = tables.read(one, tables.PREDICTIONS).to_pylist()
    expected = [row for row in everything if row["dataset"] == "rats"]
    assert [row["predicted"] for row in found] == [row["predicted"] for row in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert dict(ours["loglik"]) == pytest.approx(dict(theirs["loglik"]), abs=1e-4)


@pytest.fixture
def end_in_batch(monkeypatch):
    """Batches of one or two prompts; the process ends while the n-th of them from now is answered.
    Returns the batches that were begun."""
    begun, whole = [], Generation.run

    def arm(number: int) -> list:
        def run(self, most):
            begun.append(self)
            if len(begun) == number:
                os.kill(os.getpid(), signal.SIGINT)
            return whole(self, most)

        begun.clear()
        monkeypatch.setattr(decoding, "_EXAMPLES", 2)
        monkeypatch.setattr(Generation, "run", run)
        return begun

    yield arm


def ended(command, *words) -> None:
    with pytest.raises(AssertionError, match="130"):
        command(*words)


def test_an_interrupted_prediction_resumes_to_the_same_bytes(commands, tmp_path, end_in_batch):
    """Two seeds of 16 prompts each, two at a time."""
    model = commands.finetune("onevocab", tmp_path / "model")
    out, journal = tmp_path / "out.parquet", tmp_path / ".out.parquet.journal"
    end_in_batch(0)
    whole = commands.predict("onevocab", model, tmp_path / "whole.parquet").read_bytes()
    end_in_batch(11)
    ended(commands.predict, "onevocab", model, out)
    assert not out.exists()
    # The process may end in the middle of a line.
    lines = journal.read_bytes().splitlines(keepends=True)
    assert len(lines) == 1 + 10
    journal.write_bytes(b"".join(lines)[:-20])
    begun = end_in_batch(0)
    assert commands.predict("onevocab", model, out).read_bytes() == whole
    assert len(begun) == 16 - 9
    assert not journal.exists()


def test_a_journal_of_another_job_counts_as_none(commands, tmp_path, end_in_batch):
    model = commands.finetune("onevocab", tmp_path / "model", "--seeds", 0)
    out = tmp_path / "out.parquet"
    end_in_batch(3)
    ended(commands.predict, "onevocab", model, out)
    begun = end_in_batch(0)
    commands.predict("onevocab", model, out, "--max-new-tokens", 5)
    assert len(begun) == 8
    rows = tables.read(out, tables.PREDICTIONS).to_pylist()
    assert max(row["answer_tokens"] for row in rows) == 5


def test_a_dataset_that_was_not_trained_on(project, commands, tmp_path):
    model = commands.finetune("text_only", tmp_path / "model", "--seeds", 0)
    out = tmp_path / "out.parquet"
    found = commands.refused_predict("text_only", model, out, "--datasets", "mice", "cats")
    assert f"{model}: was not trained on cats" in found and "mice, rats" in found
    assert not out.exists()


def test_no_model(project, commands, tmp_path):
    found = commands.refused_predict("text_only", project, tmp_path / "out.parquet")
    assert f"{project}: no seed folder; give the --out of `seqfuse language finetune`" in found
    (tmp_path / "model" / "seed0").mkdir(parents=True)
    found = commands.refused_predict("text_only", tmp_path / "model", tmp_path / "out.parquet")
    assert f"{tmp_path / 'model' / 'seed0'}: not a model of" in found and "no method.json" in found


def test_embeddings_that_are_missing_or_of_another_encoder(project, commands, tmp_path):
    model = commands.finetune("dna_only", tmp_path / "model", "--seeds", 0)
    out = tmp_path / "out.parquet"
    found = commands.refused_predict("text_only", model, out)
    assert "'dna_only' reads encoder states: give --embeddings" in found
    receipts = [project / name / "seqclip.json" for name in ("mice", "rats")]
    found = commands.refused_predict("dna_only", model, out, "--embeddings", *receipts)
    assert f"{receipts[0]}: embeddings with key" in found and "fine-tuned with" in found


def test_full_scale_each_seed_reads_the_encoder_that_it_was_trained_on(project, commands, tmp_path):
    """Seed 0 on one encoder's states, seed 3 on another's: what each says is what it says alone."""

    def rows(path) -> list[dict]:
        return tables.read(path, tables.PREDICTIONS).to_pylist()

    model = tmp_path / "model"
    of = {
        name: [project / dataset / f"{name}.json" for dataset in ("mice", "rats")]
        for name in ("nt", "seqclip")
    }
    for seed, receipts in zip((0, 3), of.values(), strict=True):
        commands.finetune("linear", model, "--seeds", seed, "--embeddings", *receipts)
    both = ["--embeddings", *of["nt"], *of["seqclip"]]
    found = rows(commands.predict("linear", model, tmp_path / "both.parquet", *both))
    encoders = ["--encoder", project / "nt", project / "seqclip" / "encoder"]
    probed = rows(commands.probe(model, tmp_path / "probed.parquet", *encoders))
    for seed, name in zip((0, 3), of, strict=True):
        alone = tmp_path / name
        alone.mkdir()
        (model / f"seed{seed}").rename(alone / f"seed{seed}")
        own = commands.predict(
            "linear", alone, tmp_path / f"{name}.parquet", "--embeddings", *of[name]
        )
        assert [row for row in found if row["seed"] == seed] == rows(own)
        folder = encoders[1 + list(of).index(name)]
        again = commands.probe(alone, tmp_path / f"{name}.probed.parquet", "--encoder", folder)
        assert [row for row in probed if row["seed"] == seed] == rows(again)


def test_a_checkpoint_without_its_tensors(commands, tmp_path):
    model = commands.finetune("linear", tmp_path / "model", "--seeds", 0)
    (model / "seed0" / "adapter.safetensors").unlink()
    found = commands.refused_predict("linear", model, tmp_path / "out.parquet")
    assert "adapter.safetensors: no such file" in found


def test_a_checkpoint_of_another_method(commands, tmp_path):
    linear = commands.finetune("linear", tmp_path / "linear", "--seeds", 0)
    qformer = commands.finetune("qformer", tmp_path / "qformer", "--seeds", 0)
    shutil.copy(qformer / "seed0" / "adapter.safetensors", linear / "seed0")
    found = commands.refused_predict("linear", linear, tmp_path / "out.parquet")
    assert "is missing or of another method" in found


def test_a_method_without_a_language_model_does_not_pay_for_one():
    program = (
        "import sys\n"
        "from seqfuse.language.answers import input_vectors\n"
        "from seqfuse.language.finetuning import finetuning_job\n"
        "from seqfuse.language.methods import dna_only\n"
        "from seqfuse.language.probing import probe_job\n"
        "print([name for name in ('transformers', 'peft', 'accelerate') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_parts_give_the_bytes_of_one_part_and_resume(commands, tmp_path, end_in_batch):
    """Two seeds of 16 prompts each, two at a time: 16 batches, each answered by one part alone."""
    model = commands.finetune("onevocab", tmp_path / "model")
    end_in_batch(0)
    inputs, out = tmp_path / "inputs.parquet", tmp_path / "out.parquet"
    whole = commands.predict("onevocab", model, out, "--inputs", inputs).read_bytes()
    vectors = inputs.read_bytes()
    for count in (1, 3, 8):
        parts, begun = [], []
        for number in range(1, count + 1):
            part, counted = f"{number}of{count}", end_in_batch(0)
            path = tmp_path / f"{part}.jsonl"
            parts.append(commands.predict("onevocab", model, path, "--part", part))
            begun.append(len(counted))
        assert sum(begun) == 16 and max(begun) - min(begun) <= 1
        for path in (inputs, out):
            path.unlink()
        counted = end_in_batch(0)
        words = ("--inputs", inputs, "--parts", *parts[::-1])
        assert commands.predict("onevocab", model, out, *words).read_bytes() == whole
        assert inputs.read_bytes() == vectors
        assert not counted and not list(tmp_path.glob(".*"))

    path = tmp_path / "1of2.jsonl"
    end_in_batch(3)
    ended(commands.predict, "onevocab", model, path, "--part", "1of2")
    assert not path.exists()
    begun = end_in_batch(0)
    commands.predict("onevocab", model, path, "--part", "1of2")
    assert len(begun) == 8 - 2

    said = commands.refused_predict("onevocab", model, out, "--parts", path, "--max-new-tokens", 5)
    assert f"{path}: it was made with another model, other data" in said and "delete it" in said
    assert "write 3of8" in commands.refused_predict("onevocab", model, out, "--part", "4of3")
