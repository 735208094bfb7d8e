"""`python -m bench gpu` at its tiny shape on a CPU, so that it is ready when a card is lent."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml

from bench.gpu import script, shapes, steps, two_processes
from bench.gpu.card import PEAKS, Card
from seqfuse.language.backbones.loading import checkpoint_blocks
from seqfuse.training.trainer import Trainer

# What the machine with the card may lack.
BLOCKED = ("snakemake", "pyarrow", "pandas", "jsonschema", "datasets", "openai")
BLOCKING = f"import sys\nfor name in {BLOCKED!r}:\n    sys.modules[name] = None\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory, root) -> dict:
    """What a whole run wrote, in a process that has none of `BLOCKED`."""
    folder = tmp_path_factory.mktemp("gpu")
    (folder / "sitecustomize.py").write_text(BLOCKING)
    path = os.pathsep.join(map(str, (folder, root / "workflow", root)))
    command = [sys.executable, "-m", "bench", "gpu", "--shape", "tiny", "--device", "cpu"]
    done = subprocess.run(
        [*command, "--out", str(folder / "gpu.json")],
        cwd=root,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "gpu.json").read_text()) | {"said": done.stdout}


def test_gpu_script_takes_every_part_without_snakemake_or_parquet(run):
    names = [row["name"] for row in run["rows"]]
    expected = list(script.parts())
    for several, rows in (
        ("precisions", ["predict_float32", "predict_tf32", "predict_bfloat16"]),
        ("checkpoint", ["checkpoint_write", "checkpoint_read"]),
    ):
        place = expected.index(several)
        expected[place : place + 1] = rows
    assert names == expected
    assert not [row for row in run["rows"] if "failed" in row]
    assert all(f"\n{name}" in run["said"] for name in names)


def test_gpu_script_compares_with_plain_transformers_that_compute_the_same(run):
    rows = {row["name"]: row for row in run["rows"]}
    alone = [name for name, row in rows.items() if "ratio" not in row]
    assert alone == ["step_dna_only_kegg"]
    for name, row in rows.items():
        if name not in alone:
            assert row["ratio"] == pytest.approx(row["ours"] / row["baseline"])
    assert rows["generation"]["same_rows"] == 1.0
    assert rows["predict_float32"]["difference"] == 0.0
    assert rows["two_processes"]["backend"] == "gloo"


def test_gpu_script_says_what_it_ran_on(run):
    for name in ("card", "date", "torch", "transformers", "peft", "accelerate", "seconds"):
        assert run[name]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("", "it said nothing"),
        ("started\nKilled\n", "Killed"),
        (
            "Traceback:\n  File 'errors/x.py'\n[rank0]: torch.DistBackendError: NCCL failed\n"
            "Last error:\nDuplicate GPU\n",
            "[rank0]: torch.DistBackendError: NCCL failed Last error: Duplicate GPU",
        ),
    ],
)
def test_gpu_script_tells_why_a_process_failed(tmp_path, said, reason):
    (tmp_path / "said").write_text(said)
    assert two_processes._reason(tmp_path / "said") == reason


def test_gpu_script_names_each_process_that_failed(monkeypatch, root):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(root / "workflow"), str(root))))
    said = two_processes._refusal("none", ["tiny", "cpu", "no-such-backend", "nowhere.json"])
    assert said.count("ended with status 1: ") >= 1
    assert "no-such-backend" in said


def test_gpu_script_goes_on_behind_a_part_that_fails():
    def broken():
        raise ValueError("no\n kernel")

    (row,) = script.take("broken", broken, left=1.0)
    assert row["failed"] == "ValueError: no kernel"
    assert script.line(row) == f"{'broken':24} FAILED ValueError: no kernel"
    (late,) = script.take("late", broken, left=0.0)
    assert late["failed"] == "left out: the minutes given were over"


def test_gpu_script_refuses_to_time_sides_that_differ():
    with pytest.raises(AssertionError, match="the losses differ"):
        steps.same(11.9, 11.7)
    with pytest.raises(AssertionError, match="the losses differ"):
        steps.same(float("nan"), 11.7)


def test_gpu_script_counts_useful_operations_by_hand():
    """Text only, LoRA of rank 8 on a frozen backbone of two layers."""
    shape = shapes.SHAPES["tiny"]
    method = shapes.build("text_only", shape, torch.device("cpu"))
    examples = shapes.encode(method, shapes.nt(shape, 2))
    lengths = np.array([example.length for example in examples], float)
    hidden, inner, heads, key_heads, each = 64, 96, 4, 2, 16
    queries, keys = heads * each, key_heads * each
    matrices = [(hidden, queries), (hidden, keys), (hidden, keys), (queries, hidden)]
    matrices += [(hidden, inner), (hidden, inner), (inner, hidden)]
    frozen = sum(a * b for a, b in matrices) + 2 * hidden + 2 * each
    trained = sum(8 * (a + b) for a, b in matrices)
    supervised = sum((example.weights > 0).sum() for example in examples)
    expected = 2 * (4 * frozen + 6 * trained) * lengths.sum()
    expected += 4 * 768 * hidden * supervised
    expected += 2 * 6 * (lengths**2).sum() * queries
    assert steps.useful_flops(method, examples) == pytest.approx(expected)


def test_full_scale_mfu_leaves_recomputation_out_which_a_run_counts(tmp_path):
    """What a step must compute is one number; what is executed is another where blocks are run
    again."""
    shape, useful, executed = shapes.SHAPES["tiny"], [], []
    for again in (False, True):
        method = shapes.build("text_only", shape, torch.device("cpu"))
        if again:
            checkpoint_blocks(method.backbone)
        examples = shapes.encode(method, shapes.nt(shape, 2))
        useful.append(steps.useful_flops(method, examples))
        trainer = Trainer(method, steps.training(2), 0, tmp_path / str(again), "x")
        trainer._step(examples)
        executed.append(trainer.progress.flops)
    assert useful[0] == useful[1]
    assert executed[1] > 1.2 * executed[0]


def test_gpu_script_states_the_peak_of_each_card():
    card = Card("cpu")
    assert card.mfu(1e12, 1.0) is None
    card.peak = PEAKS["A100"]
    assert card.mfu(156e12, 1.0) == 0.5


def test_gpu_script_trains_as_the_papers_preset_says(root):
    preset = yaml.safe_load((root / "workflow" / "presets" / "paper.yaml").read_text())
    language = preset["language"]
    settings = steps.training(1)
    # A rate and a schedule are no matter of speed.
    for name in ("weight_decay", "precision", "lora_rank"):
        assert getattr(settings, name) == language["training"][name]
    assert language["overrides"]["onevocab"]["lora_rank"] == 0
    # Left to the card; whole training is measured with it, as 40 GB ask for.
    assert language["training"]["gradient_checkpointing"] is None
    assert shapes.WHOLE == ("onevocab",)


def test_gpu_script_has_prompts_of_keggs_length():
    """Facts: 1,159 records, of which 642 have more than 2,048 tokens with NT's tokens for DNA."""
    shape = shapes.SHAPES["real"]
    lengths = []
    for prompt in shapes.kegg(shape, 200):
        shown = sum(steps.nt_tokens(segment.sequence) + 2 for segment in prompt.dna)
        lengths.append(shown + len(prompt.question) + len(prompt.reasoning) + 20)
    assert np.mean(np.array(lengths) > 2048) == pytest.approx(642 / 1159, abs=0.1)
