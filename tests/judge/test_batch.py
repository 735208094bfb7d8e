"""The Batch API: one file of questions a model, verdicts from another, nothing lost between."""

import json
import os
import re
import signal

import pytest

from seqfuse.judge import batch as judge_batch

from .openai_server import KEY, verdict

ASKED = 3


@pytest.fixture(autouse=True)
def no_wait(monkeypatch):
    monkeypatch.setattr(judge_batch, "_POLL", 0.01)


def ask(judged, server, *extra) -> int:
    words = ["--judge", "openai", "--batch", "true", "--base-url", server.url]
    return judged.run(*words, *extra)


def error(capsys) -> str:
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("seqfuse judge: error: ")
    assert KEY not in last
    return last


def test_verdicts_come_back_from_a_batch(judged, server):
    server.behave = lambda number, request: verdict(4)
    assert ask(judged, server) == 0
    assert judged.statuses() == {"ok": 6}
    assert sorted(judged.verdicts()["score"]) == [0, 0, 0, 4, 4, 4]
    [lines] = [found for name, found in server.files.items() if name == "file-0"]
    asked = [json.loads(line) for line in lines]
    assert {line["url"] for line in asked} == {"/v1/chat/completions"}
    assert {line["custom_id"] for line in asked} <= set(judged.verdicts()["key"])
    assert len(asked) == ASKED and "linear" not in "".join(lines)
    # Nothing is under way any more, and nothing is asked again.
    assert list((judged.folder / "store").glob("*.batch.*")) == []
    assert ask(judged, server) == 0
    assert len(server.batches) == 1


def test_each_model_has_a_batch(judged, server):
    assert ask(judged, server, "--second-model", "other") == 0
    models = [{json.loads(x)["body"]["model"] for x in server.files[f"file-{n}"]} for n in (0, 1)]
    assert models == [{"o3-mini"}, {"other"}]


def test_a_run_that_is_stopped_while_it_waits_picks_its_batch_up(judged, server, monkeypatch):
    async def stop(seconds):
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(judge_batch.asyncio, "sleep", stop)
        assert ask(judged, server) == 130
    [waiting] = (judged.folder / "store").glob("*.batch.*")
    assert KEY not in waiting.read_text()
    assert ask(judged, server) == 0
    assert len(server.batches) == 1
    assert judged.statuses() == {"ok": 6}


def test_questions_without_an_answer_are_asked_anew(judged, server, capsys):
    server.behave = lambda number, request: (500, {}, "") if number in (1, 3) else verdict()
    assert ask(judged, server, "--attempts", "2") == 2
    assert "1 of 3 questions came back without a verdict (HTTP 500" in error(capsys)
    assert ask(judged, server) == 0
    assert [len(server.files[f"file-{n}"]) for n in (0, 1, 2)] == [ASKED, 1, 1]


def test_a_question_that_the_server_refuses_is_not_asked_again_by_the_same_run(
    judged, server, capsys
):
    wrong = (400, {}, json.dumps({"error": {"message": "no such model", "code": "unknown"}}))
    server.behave = lambda number, request: wrong if number == 1 else verdict()
    assert ask(judged, server) == 2
    assert "1 of 3 questions came back without a verdict (HTTP 400: unknown)" in error(capsys)
    assert len(server.batches) == 1


def test_a_batch_over_the_budget_is_not_sent(judged, server, capsys):
    assert ask(judged, server, "--max-requests", "2") == 2
    assert (
        "judge.max_requests = 2, of which 0 are sent, leaves no room for 3 more requests"
        in error(capsys)
    )
    money = ["--output-price", "1000", "--answer-tokens", "20", "--max-cost"]
    # Three answers cost .06 USD at most, and .03 USD as it turns out.
    assert ask(judged, server, *money, "0.05") == 2
    assert "3 more requests could cost more than judge.max_cost = 0.05 USD" in error(capsys)
    assert server.files == {}
    assert ask(judged, server, *money, "0.06") == 0
    spent = (judged.folder / "store" / "spending.ndjson").read_text()
    assert sum(map(float, re.findall(r'"usd": ([-0-9.e]+)', spent))) == pytest.approx(0.03)


def test_a_wrong_key_and_an_unreachable_server_are_one_line(judged, server, capsys, monkeypatch):
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}})
    monkeypatch.setattr(server, "upload", lambda _: (401, {}, body))
    assert ask(judged, server) == 2
    assert "refuses the key in OPENAI_API_KEY (HTTP 401)" in error(capsys)
    server.close()
    assert ask(judged, server, "--attempts", "1") == 2
    assert "the server at 127.0.0.1: no connection; run again later" in error(capsys)
