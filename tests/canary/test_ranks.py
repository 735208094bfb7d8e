"""The ranks of a canary, two processes on CPUs: they add up, or one line says that they do not."""

import contextlib
import json
import multiprocessing
import os
import socket
import time

import pytest
import torch.distributed

from seqfuse import cli
from seqfuse.canary import gpus, ranks
from seqfuse.canary.findings import Finding


@pytest.fixture
def started(tmp_path, capfd):
    """Start two ranks of a canary; (exit statuses, complaints, findings by check)."""
    findings = tmp_path / "canary.json"
    words = ["canary", "--processes", "2", "--gpus", "2"]
    words += ["--findings", str(findings)]
    with contextlib.closing(socket.socket()) as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]

    def child(rank: int) -> None:
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_PORT": port}
        os.environ.update({k: str(v) for k, v in place.items()}, MASTER_ADDR="localhost")
        torch.set_num_threads(1)
        raise SystemExit(cli.main(words))

    def start():
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=child, args=(rank,)) for rank in range(2)]
        for one in children:
            one.start()
        for one in children:
            one.join()
        told = capfd.readouterr().err.splitlines()
        lines = [line for line in told if line.startswith("seqfuse canary: error: ")]
        rows = json.loads(findings.read_text())["findings"]
        statuses = [one.exitcode for one in children]
        return statuses, lines, {row["check"]: row for row in rows}

    return start


def test_two_ranks_add_up(started):
    statuses, lines, found = started()
    assert (statuses, lines) == ([0, 0], [])
    assert found["all-reduce"]["found"] == "gloo over 2 ranks"
    assert found["all-reduce"]["passed"] is True


def test_an_interface_that_is_not_there_is_one_line(started, monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "absent0")
    statuses, lines, found = started()
    # Only the first fails, so that no launcher ends it before it has spoken.
    assert statuses == [1, 0] and len(lines) == 1
    assert "all-reduce: " in lines[0] and "absent0" in lines[0]
    assert "the interface that NCCL_SOCKET_IFNAME (on CPUs GLOO_SOCKET_IFNAME) names" in lines[0]
    assert found["all-reduce"]["passed"] is False


def test_a_wrong_sum_is_one_line(started, monkeypatch):
    plain = torch.distributed.all_reduce

    def all_reduce(number, **words):
        plain(number, **words)
        number += 1

    monkeypatch.setattr(torch.distributed, "all_reduce", all_reduce)
    statuses, lines, _ = started()
    assert statuses == [1, 0] and len(lines) == 1
    assert "all-reduce: gloo adds up to 4 instead of 3" in lines[0]


def test_a_rank_that_hangs_is_one_line(started, monkeypatch):
    monkeypatch.setattr(ranks, "_SECONDS", 1.0)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda *args, **words: time.sleep(3600))
    statuses, lines, found = started()
    assert statuses == [1, 0] and len(lines) == 1
    assert "not all of 2 ranks answered within 2 s" in lines[0]
    assert found["all-reduce"]["passed"] is False


def test_a_rank_that_does_not_come_is_one_line(started, monkeypatch):
    plain = torch.distributed.init_process_group

    def init(*args, **words):
        if ranks.rank() == 1:
            raise ValueError("no route to host")
        plain(*args, **words)

    monkeypatch.setattr(ranks, "_SECONDS", 1.0)
    monkeypatch.setattr(torch.distributed, "init_process_group", init)
    own = [Finding("node7", "GPU 1 memory", "too little", passed=False)]
    monkeypatch.setattr(gpus, "check", lambda *rest: own if ranks.rank() else [])
    statuses, lines, found = started()
    assert statuses == [1, 0]
    # What the other found itself it tells itself.
    assert sorted(line.split(": ")[3] for line in lines) == ["GPU 1 memory", "all-reduce"]
    assert found["all-reduce"]["passed"] is False


def test_what_another_rank_found_is_one_line_of_the_first(started, monkeypatch):
    def check(node, *rest):
        yield Finding(node, "GPU 1 bfloat16", "it is broken", passed=ranks.rank() == 0)

    monkeypatch.setattr(gpus, "check", check)
    statuses, lines, found = started()
    assert statuses == [1, 0] and len(lines) == 1 and "GPU 1 bfloat16: it is broken" in lines[0]
    assert found["all-reduce"]["found"] == "not tried, because other checks failed"
