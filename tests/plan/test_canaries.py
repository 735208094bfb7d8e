"""Which canaries a plan calls for, and what they are told."""

from types import SimpleNamespace

import pytest

from seqfuse.plan.submission import canaries
from seqfuse.plan.submission.canaries import Request

LIGHT, ONE, ALL = {"mem_mb": 1}, {"gpu": 1, "runtime": 5}, {"gpu": 4, "runtime": 9}


def job(resources, rule="language_finetune", inputs=()):
    return SimpleNamespace(rule=SimpleNamespace(name=rule), input=inputs, resources=resources)


def test_a_plan_without_gpus_calls_for_none():
    assert canaries.requests([job(LIGHT)], {"count": 4, "nodes": 1}, threads=2) == []


def test_each_kind_of_job_with_gpus_is_tried_once():
    gpu = {"count": 2, "nodes": 2}
    jobs = [job(LIGHT), job(ONE), job(ALL), job(ONE), job(ALL)]
    one, training = canaries.requests(jobs, gpu, threads=3)
    assert one == Request("one_gpu", ONE, "seqfuse canary --gpus 1")
    assert (training.name, training.resources, training.processes) == ("training", ALL, 4)
    assert training.command.startswith("srun --nodes 2 --ntasks 2 --ntasks-per-node 1")
    assert training.command.endswith("seqfuse canary --gpus 2 --processes 4")


def test_training_on_one_gpu_is_a_job_on_one_gpu():
    (one,) = canaries.requests([job(ONE)], {"count": 1, "nodes": 1}, threads=2)
    assert one.name == "one_gpu"


def test_only_models_of_the_hub_need_its_cache(make_run, monkeypatch):
    run = make_run()
    monkeypatch.setenv("HF_HOME", "/cache/hub")
    shared = {"results": "results/small", "store": run.settings["store"]}
    scratch = "results/small/data/models/demo-nt/manifest.json"
    made = job(ONE, inputs=[scratch, "results/small/data/d/card.json"])
    assert canaries.shared_folders([made], run) == shared
    for name in ("nt-v2-500m", "nt-v2-500m@random"):
        linked = job(ONE, inputs=[f"results/small/data/models/{name}/manifest.json"])
        found = canaries.shared_folders([made, linked], run)
        assert found == shared | {"HF_HOME": "/cache/hub"}


def test_what_is_not_known_yet_is_not_added_up():
    jobs = [
        job({"disk_mb": 5}, rule="embeddings"),
        job({"disk_mb": 7}),
        job({"disk_mb": 1}),
        job({"disk_mb": "<TBD>"}),
        job({}),
    ]
    assert canaries.written_mb(jobs) == {"results": 8, "store": 5}


@pytest.mark.parametrize(("jobs", "tried"), [([job(LIGHT)], False), ([job(ONE)], True)])
def test_partitions_are_tried_where_a_job_asks_for_a_gpu(make_run, monkeypatch, jobs, tried):
    calls = []
    monkeypatch.setattr(canaries, "look", lambda folders, sizes: (folders, sizes))
    monkeypatch.setattr(canaries, "try_partitions", lambda *words: calls.append(words))
    canaries.before_submission(jobs, make_run(), 4, "partitions.yaml")
    assert [[request.name for request in words[0]] for words in calls] == [["one_gpu"]] * tried
    for _, partitions, (folders, sizes), results, memory_gb in calls:
        assert (partitions, str(results), memory_gb) == ("partitions.yaml", "results/small", None)
        assert folders["results"] == "results/small"
        assert sizes == {"results": 0, "store": 0}
