"""Servers and connections that fail, and a process that is killed: nothing is lost or paid twice.

The server counts what it charges. Every test runs the command again and again, as a person would,
until it ends well.
"""

import json
import multiprocessing
import os

import pytest

from seqfuse.judge import batch, connection

from .openai_server import BODIES, completion, flagged, verdict

# Two records; the second has no reasoning, which is not sent. One record, three dimensions.
ASKED = 3
BATCH = ["--batch", "true"]
DIRECT = ["--keep-answers", "true", "--concurrency", "1"]
MODES = pytest.mark.parametrize("mode", [BATCH, DIRECT], ids=["batch", "direct"])
MALFORMED = {"content": '{"reason": "cut'}


@pytest.fixture(autouse=True)
def no_wait(monkeypatch):
    monkeypatch.setattr(batch, "_POLL", 0.01)
    monkeypatch.setattr(batch, "_SETTLES", 0.1)
    monkeypatch.setattr(connection.random, "uniform", lambda low, high: 0.005)


def once(at: str, fault: str, nth=1):
    """A fault of one call of a kind."""
    return lambda call, number: fault if (call, number) == (at, nth) else None


def ask(judged, server, *words) -> int:
    # Each run may try once, so that going on is left to the next one.
    words = ["--judge", "openai", "--base-url", server.url, *words]
    return judged.run("--attempts", "1", *words)


def runs(judged, server, *words) -> int:
    """How many runs it takes until one ends well."""
    return next(n for n in range(1, 5) if ask(judged, server, *words) == 0)


def patience(fault: str) -> list[str]:
    """Only a server that drips is waited for until its time is up."""
    return ["--timeout", "1"] if fault == "drip" else []


def spent(judged) -> int:
    """The requests of the ledger."""
    lines = (judged.folder / "store" / "spending.ndjson").read_text().splitlines()
    return sum(json.loads(line)["requests"] for line in lines if line)


def each_paid_once(judged, server) -> bool:
    assert judged.statuses() == {"ok": 6}
    assert spent(judged) == ASKED
    assert list((judged.folder / "store").glob("*.batch.*")) == []
    return sorted(server.charged.values()) == [1] * ASKED


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [(fault, "1") for fault in ("drop", "drip", *BODIES)] + [("drop", "3"), ("HTML", "3")],
)
def test_an_answer_that_is_lost_is_fetched(judged, server, fault, attempts):
    server.fault = once("POST /chat/completions", fault, nth=2)
    needed = runs(judged, server, *DIRECT, "--attempts", attempts, *patience(fault))
    assert needed == (2 if attempts == "1" else 1) or fault == "drip"
    assert each_paid_once(judged, server)


@pytest.mark.parametrize(
    ("call", "fault"),
    [("POST /batches", fault) for fault in ("drop", "drip", *BODIES)]
    + [("GET /batches/", fault) for fault in ("drop", "cut JSON", "HTML")]
    + [("GET /files/x", fault) for fault in ("drop", "drip", "cut JSON", "HTML")]
    + [("POST /files", "drop"), ("GET /batches", "drop")],
)
def test_a_batch_is_created_once_whatever_is_lost(judged, server, call, fault):
    if call == "GET /batches":
        lost = once("POST /batches", "drop")
        server.fault = lambda at, nth: lost(at, nth) or once(call, fault)(at, nth)
    else:
        server.fault = once(call, fault)
    # What is cut is read again by the same run.
    attempts = "2" if call == "GET /files/x" else "1"
    assert (
        runs(judged, server, *BATCH, "--attempts", attempts, *patience(fault)) <= 2
        or fault == "drip"
    )
    assert len(server.batches) == 1
    assert each_paid_once(judged, server)


@pytest.mark.parametrize(
    ("mode", "call"),
    [(DIRECT, "POST /chat/completions")]
    + [(BATCH, f"{kind}") for kind in ("POST /files", "POST /batches", "GET /batches/")]
    + [(BATCH, "GET /files/x")],
)
def test_a_client_that_is_killed_goes_on(judged, server, mode, call):
    server.fault = once(call, "kill")
    fork = multiprocessing.get_context("fork")
    client = fork.Process(target=lambda: os._exit(ask(judged, server, *mode)))
    client.start()
    server.client = client.pid
    client.join()
    assert client.exitcode == -9
    assert runs(judged, server, *mode) == 1
    assert each_paid_once(judged, server)


def test_a_batch_that_the_server_never_took_is_sent_again(judged, server, monkeypatch):
    begin = server.begin
    answers = [(502, {}, "lost"), None]
    monkeypatch.setattr(server, "begin", lambda request: answers.pop(0) or begin(request))
    assert runs(judged, server, *BATCH) == 2
    assert each_paid_once(judged, server)


def test_batches_that_the_server_does_not_list_are_left_to_the_user(judged, server, capsys):
    server.fault = once("POST /batches", "drop")
    server.list = lambda: (404, {}, json.dumps({"error": {"message": "no such path"}}))
    assert ask(judged, server, *BATCH) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    [path] = (judged.folder / "store").glob("*.batch.*")
    assert f"remove {path} to have its 3 questions asked again" in error
    assert len(server.batches) == 1


def test_the_other_mode_picks_a_batch_up(judged, server):
    server.fault = once("GET /batches/", "drop")
    assert ask(judged, server, *BATCH) == 2
    assert runs(judged, server, *DIRECT) == 1
    assert each_paid_once(judged, server)


@pytest.mark.parametrize("keeps", [False, True])
def test_what_a_server_does_not_keep_is_asked_again_and_counted(judged, server, keeps):
    server.keeps = False
    server.fault = once("POST /chat/completions", "drop", nth=2)
    assert runs(judged, server, *DIRECT, "--keep-answers", str(keeps).lower()) == 2
    assert judged.statuses() == {"ok": 6}
    assert spent(judged) == server.charged.total() == ASKED + 1


@MODES
def test_a_filtered_question_is_a_refusal_that_is_kept(judged, server, mode):
    server.behave = lambda number, request: flagged() if number == 1 else verdict()
    assert runs(judged, server, *mode) == 1
    assert judged.statuses() == {"ok": 5, "refused": 1}
    assert ask(judged, server, *mode) == 0
    assert len(server.requests) == ASKED


@MODES
@pytest.mark.parametrize("second", [verdict(3), MALFORMED], ids=["read", "malformed"])
def test_a_malformed_verdict_has_one_more_try(judged, server, mode, second):
    asked = []

    def behave(number, request):
        asked.append(request["messages"])
        if number == 1:
            return MALFORMED
        return second if asked[-1] in asked[1:-1] else verdict()

    server.behave = behave
    runs(judged, server, *mode)
    assert judged.statuses() == ({"ok": 5, "malformed": 1} if second is MALFORMED else {"ok": 6})
    assert ask(judged, server, *mode) == 0
    assert len(server.requests) == spent(judged) == ASKED + 1


def test_a_bad_answer_in_a_batch_is_an_attempt_within_the_budget(judged, server, capsys):
    empty = (200, {}, json.dumps(completion(verdict()) | {"choices": []}))
    server.behave = lambda number, request: empty if number in (1, 3) else verdict()
    words = [*BATCH, "--attempts", "3"]
    assert ask(judged, server, *words, "--max-requests", "4") == 2
    assert "judge.max_requests = 4, of which 4 are sent" in capsys.readouterr().err
    assert ask(judged, server, *words, "--max-requests", "5") == 0
    assert judged.statuses() == {"ok": 6}


def test_a_batch_that_is_refused_costs_nothing_and_says_why(judged, server, capsys):
    def failed(name):
        errors = {"data": [{"message": "Enqueued token limit reached"}]}
        return 200, {}, json.dumps({"id": name, "status": "failed", "errors": errors})

    progress = server.progress
    server.progress = failed
    assert ask(judged, server, *BATCH) == 2
    assert "ended early (Enqueued token limit reached)" in capsys.readouterr().err
    server.progress = progress
    assert runs(judged, server, *BATCH) == 1
    assert sorted(server.charged.values()) == [1] * ASKED
