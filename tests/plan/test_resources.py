"""What jobs ask for: memory, time, disk, GPUs and launch lines, each worked out by hand."""

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from seqfuse.files import MANIFEST
from seqfuse.plan.inputs import Inputs
from seqfuse.plan.submission.launch import launched
from seqfuse.plan.submission.resources import Needs

# What a method adds to a backbone of so few weights at least.
ADDED = 300_000


class Files(dict):
    """A job's inputs as Snakemake passes them: by name or attribute, and all in order."""

    __getattr__ = dict.__getitem__

    def __iter__(self):
        for value in self.values():
            yield from [value] if isinstance(value, str) else value


@pytest.fixture(scope="module")
def needs(small_run) -> Needs:
    return Needs(small_run, Inputs(small_run), unknown=lambda: "unknown")


@pytest.fixture
def table(tmp_path) -> str:
    """Sequences of 6, 9 and 12 letters, each once or twice, and RNA of 2 and 3 codons."""
    columns = {"sequence": ["ACGTAC", "A" * 9, "ACGTAC"], "variant": [None, "A" * 9, "C" * 12]}
    columns["rna"] = ["AUGAUG", "AUGAUGAUG", None]
    pq.write_table(pa.table(columns), tmp_path / "table.parquet")
    return str(tmp_path / "table.parquet")


@pytest.fixture
def model(tmp_path) -> str:
    """A model of 5 x 4 + 4 = 24 weights, 8 wide."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"hidden_size": 8, "vocab_size": 30}))
    tensors = {"w": np.zeros((5, 4), np.float16), "b": np.zeros(4, np.float16)}
    save_file(tensors, folder / "model.safetensors")
    (folder / MANIFEST).write_text("{}")
    return str(folder / MANIFEST)


@pytest.fixture
def receipt(table, tmp_path) -> str:
    """Of 15 states and 2 means of 8 numbers in float32: 544 bytes."""
    (tmp_path / "store" / "key").mkdir(parents=True)
    (tmp_path / "store" / "key" / "key.json").write_text('{"layout": "esm2", "stored": "float32"}')
    found = {"store": str(tmp_path / "store"), "key": "key", "table": table, "width": 8,
             "columns": ["sequence"], "resolution": "native"}  # fmt: skip
    (tmp_path / "receipt.json").write_text(json.dumps(found))
    return str(tmp_path / "receipt.json")


# --- memory and time ----------------------------------------------------------


def test_threads_are_those_of_the_kind_of_job(needs):
    assert (needs.threads("light"), needs.threads("gpu")) == (1, 4)


def test_memory_is_thrice_what_is_read_and_grows_with_the_attempt(needs, tmp_path):
    (tmp_path / "a").write_bytes(bytes(2_500_000))
    ask = needs.mem_mb("light")
    assert ask(None, [], 1) == 100
    assert ask(None, [tmp_path / "a"], 1) == 100 + 3 * 2
    assert ask(None, [tmp_path / "a"], 3) == 3 * 106
    with pytest.raises(FileNotFoundError):
        ask(None, [tmp_path / "b"], 1)


def test_full_scale_memory_of_a_node_counts_its_processes(make_run, tmp_path):
    """Slurm's memory is that of a node: 4 GPUs on each of two nodes are four processes there."""
    (tmp_path / "a").write_bytes(bytes(2_500_000))
    run = make_run(gpu={"count": 4, "nodes": 2, "model": None})
    ask = Needs(run, Inputs(run), unknown=str).training("language_finetune", None)["mem_mb"]
    assert ask(None, [tmp_path / "a"], 2) == 2 * 4 * (1000 + 3 * 2)


def test_time_grows_with_the_seeds_and_the_attempt(needs):
    assert needs.runtime("light")(None, 1) == 7
    assert needs.runtime("gpu", 2)(None, 3) == 2 * 30 * 3


# --- disk ----------------------------------------------------------


def test_disk_is_rounded_up_and_twice_the_tables_that_are_read(needs, tmp_path):
    (tmp_path / "a.parquet").write_bytes(bytes(600_000))
    (tmp_path / "a.json").write_bytes(bytes(5_000_000))
    inputs = [tmp_path / "a.parquet", tmp_path / "a.json"]
    assert needs.disk_mb(needs.tables_disk)(None, inputs) == 2
    assert needs.disk_mb(needs.tables_disk)(None, []) == 0
    assert needs.disk_mb(lambda wildcards, input: 800_001)(None, inputs) == 3


def test_disk_is_unknown_where_an_input_is_missing_or_cut(needs, tmp_path, of):
    (tmp_path / "cut.json").write_text('{"store": ')
    for name in ("absent.json", "cut.json"):
        files = Files(embeddings=[str(tmp_path / name)], backbone="none")
        job = of(suite="tasks", method="dna_only")
        assert needs.disk_mb(needs.finetune_disk)(job, files) == "unknown"


@pytest.mark.parametrize("encoder", ["demo-nt", "demo-nt@random", "seqclip", "seqclip_random"])
def test_the_store_grows_by_the_tokens_of_the_encoders_layout(needs, table, model, of, encoder):
    job = of(view="sequence", encoder=encoder)
    # Of six letters: 1 + (1 + 3) + 2 tokens, in float16; three means in float32.
    found = needs.embeddings_disk(job, Files(table=table, model=model))
    assert found == 7 * 8 * 2 + 3 * 8 * 4


def test_rna_is_stored_by_codons(needs, table, model, of):
    job = of(view="rna", encoder="demo-rnafm")
    found = needs.embeddings_disk(job, Files(table=table, model=model))
    assert found == 5 * 8 * 2 + 2 * 8 * 4


def test_one_learning_rate_keeps_no_trials(needs, model, receipt, of):
    files = Files(backbone=model, embeddings=[receipt, receipt])
    # LoRA of rank 2 trains 2 x (5 + 4) weights. Two seeds, and one in the making.
    saved, trained = 24 + ADDED, 18 + ADDED
    expected = 2 * 4 * saved + (2 + 1) * 16 * trained + 2 * 544
    assert needs.finetune_disk(of(suite="tasks", method="linear"), files) == expected


def test_full_scale_a_job_of_one_seed_or_rate_keeps_one_checkpoint(needs, model, of):
    files = Files(backbone=model, embeddings=[])
    for seeds, names in ((2, {}), (1, {"seed": "5"}), (1, {"rate": "0.1"})):
        expected = (seeds * 4 + (seeds + 1) * 16) * (24 + ADDED)
        for method in ("onevocab", "seqclip_hot"):
            job = of(suite="tasks", method=method, **names)
            assert needs.finetune_disk(job, files) == expected


def test_a_method_without_a_language_model_has_no_checkpoint_of_one(needs, receipt, of):
    files = Files(backbone="none", embeddings=[receipt])
    assert needs.finetune_disk(of(suite="tasks", method="dna_only_long"), files) == 544


def test_pre_training_is_one_seed_of_a_whole_encoder(needs, model):
    expected = (4 + (1 + 1) * 16) * (24 + ADDED)
    assert needs.pretrain_disk(None, Files(encoder=model)) == expected


def test_attention_pooling_tries_every_entropy_with_every_rate(needs, receipt, of):
    files = Files(dna=receipt, rna=receipt, protein=receipt)
    # 2 rates x 3 entropies; a head of 1000 weights.
    expected = (2 * 4 + (2 + 6 + 1) * 16) * 1000
    assert needs.arm_disk(of(dataset="demo-classes", arm="mil"), files) == expected + 3 * 544


def test_other_arms_try_the_rates_alone(needs, receipt, of):
    expected = (2 * 4 + (2 + 2 + 1) * 16) * 1000 + 544
    assert needs.arm_disk(of(dataset="demo-classes", arm="dna"), Files(dna=receipt)) == expected


def test_encoders_that_an_arm_trains_are_saved_whole_and_kept_as_their_lora(
    needs, model, receipt, of
):
    files = Files(dna_model=model, rna_model=model, protein=receipt)
    saved, trained = 1000 + 2 * 24, 1000 + 2 * 18
    expected = 2 * 4 * saved + (2 + 2 + 1) * 16 * trained + 544
    assert needs.arm_disk(of(dataset="demo-classes", arm="concat_lora"), files) == expected


def test_end_to_end_arms_keep_every_weight(needs, model, of):
    files = Files(dna_model=model, rna_model=model, protein_model=model)
    expected = (2 * 4 + (2 + 2 + 1) * 16) * (1000 + 3 * 24)
    assert needs.arm_disk(of(dataset="demo-classes", arm="concat_full"), files) == expected


def test_interpretation_maps_what_its_fusions_read(needs, receipt, of):
    files = Files(dna=receipt, rna=receipt, protein=receipt, records="records.parquet")
    assert needs.interpretation_disk(of(dataset="demo-classes"), files) == 3 * 544


# --- GPUs and launch lines ----------------------------------------------------------


def test_a_training_job_on_one_node(needs):
    asked = needs.training("language_finetune", needs.tables_disk)
    assert list(asked) == ["gpu", "gpu_model", "mem_mb", "disk_mb", "runtime", "nodes"]
    assert (asked["gpu"], asked["gpu_model"], asked["nodes"]) == (2, "a100", 1)
    assert asked["mem_mb"](None, [], 1) == 2 * 1000 and asked["disk_mb"](None, []) == 0
    assert asked["runtime"](None, 1) == 2 * 30
    assert (
        needs.training("language_finetune", needs.tables_disk, needs.runtime("gpu"))["runtime"](
            None, 1
        )
        == 30
    )


def test_a_training_job_on_several_nodes_starts_its_own_processes(make_run):
    run = make_run(gpu={"count": 4, "nodes": 2, "model": None})
    asked = Needs(run, Inputs(run), unknown=str).training("language_finetune", None)
    kept = ("gpu", "gpu_model", "nodes", "tasks", "mpi", "tasks_per_gpu")
    assert [asked[name] for name in kept] == [8, None, 2, 2, "srun", 0]


def test_full_scale_rules_of_one_process_ask_for_one_gpu(root):
    """Only what `start` launches has a process for each GPU of a node."""
    rules = [
        (name, body)
        for path in (root / "workflow" / "rules").glob("*.smk")
        for name, body in re.findall(r"^rule (\w+):\n((?:(?: .*)?\n)+)", path.read_text(), re.M)
    ]
    asked = {name: re.findall(r"\bgpu=(.+),", body) for name, body in rules}
    alone = [name for name, body in rules if "start(" not in body]
    assert {"language_probe", "language_attention", "language_predict"} <= set(alone)
    assert all(asked[name] in ([], ["1"]) for name in alone), asked


def test_one_process_is_launched_plainly():
    assert launched("seqfuse x", {"count": 1, "nodes": 1}, threads=8) == "seqfuse x"


def test_processes_of_one_node_are_launched_by_accelerate():
    assert launched("seqfuse x --a 1", {"count": 4, "nodes": 1}, threads=8) == (
        "accelerate launch --multi_gpu --mixed_precision no --dynamo_backend no"
        " --num_machines 1 --num_processes 4 --main_process_port 0 --no_python"
        " seqfuse x --a 1 --processes 4"
    )


@pytest.mark.parametrize(("count", "cpus", "processes"), [(4, 32, 8), (1, 8, 2)])
def test_processes_of_several_nodes_are_launched_by_torchrun_under_srun(count, cpus, processes):
    assert launched("seqfuse x", {"count": count, "nodes": 2}, threads=8) == (
        f"srun --nodes 2 --ntasks 2 --ntasks-per-node 1 --cpus-per-task {cpus}"
        f" --kill-on-bad-exit=1 torchrun --nnodes 2 --nproc-per-node {count}"
        " --rdzv-backend c10d --rdzv-endpoint $(hostname):$((20000 + SLURM_JOB_ID % 20000))"
        f" --rdzv-id $SLURM_JOB_ID --no-python seqfuse x --processes {processes}"
    )
