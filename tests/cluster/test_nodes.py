"""A training job of two processes, on two nodes under srun or on one node with two GPUs: they find
each other and learn the same."""

import json

import pytest

TRAINED = "results/tiny/language/tiny/text_only/model/seed0/log.jsonl"


@pytest.fixture(scope="module")
def prepared(tiny, tmp_path_factory, fresh):
    """Everything but the training, and the training's log in one process."""
    alone = fresh(tiny, tmp_path_factory.mktemp("alone") / "project")
    language = alone.settings("language") | {"methods": ["text_only"]}
    language["training"] = {"steps": 4, "batch": 8, "validate_every": 2}
    alone.configure(language=language)
    alone.finish(alone.start("--cores", "1", TRAINED))
    return alone


def losses(project) -> list[float]:
    lines = (project.root / TRAINED).read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


@pytest.mark.whole
def test_two_gpus_of_one_node_are_one_task_of_two_processes(prepared, cluster, tmp_path, fresh):
    project = fresh(prepared, tmp_path / "project", cluster, {"GLOO_SOCKET_IFNAME": "lo"})
    project.configure(gpu={"count": 2, "canary": True})
    project.finish(project.submit(TRAINED, "--forcerun", TRAINED))
    assert "gloo over 2 ranks" in project.log("canary")
    [job] = project.jobs("language_finetune")
    assert job["JobState"] == "COMPLETED" and job["TresPerJob"].endswith("gpu:a100:2")
    assert (job["NumNodes"], job["NumTasks"]) == ("1", "1")
    assert losses(project) == pytest.approx(losses(prepared), abs=1e-5)


def test_two_nodes_reach_the_loss_of_one_process(prepared, cluster, tmp_path, fresh):
    project = fresh(prepared, tmp_path / "project", cluster, {"GLOO_SOCKET_IFNAME": "lo"})
    project.configure(gpu={"nodes": 2, "canary": True})
    project.finish(project.submit(TRAINED, "--forcerun", TRAINED))
    assert "gloo over 2 ranks" in project.log("canary")
    [job] = project.jobs("language_finetune")
    assert job["NodeList"] == "gpu[1-2]" and job["JobState"] == "COMPLETED"
    assert losses(project) == pytest.approx(losses(prepared), abs=1e-5)
