"""The judge behind a server: what is asked, what is paid for, what is kept, what is said."""

import contextlib
import hashlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from seqfuse.judge import budget as judge_budget
from seqfuse.judge import connection, question, reading, verdicts
from seqfuse.judge import server as judge_server
from seqfuse.judge.question import Question

from .openai_server import KEY, verdict

# Two records; the second has no reasoning, which is not sent. One record, three dimensions.
ASKED = 3


def ask(judged, server, *extra, **how) -> int:
    return judged.run("--judge", "openai", "--base-url", server.url, *extra, **how)


def error(capsys) -> str:
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("seqfuse judge: error: ")
    assert KEY not in last
    return last


def test_verdicts_arrive_as_they_were_given(judged, server):
    server.behave = lambda number, request: verdict(4, "The pathway is left out.")
    assert ask(judged, server) == 0
    rows = judged.verdicts().set_index(["id", "dimension"])
    assert set(rows["judge"]) == {"o3-mini"}
    assert set(rows["status"]) == {"ok"}
    assert (rows.loc["r1", "score"] == 4).all()
    assert set(rows.loc["r1", "reason"]) == {"The pathway is left out."}
    assert (rows.loc["r2", "score"] == 0).all()
    assert len(server.requests) == ASKED


def test_the_judge_sees_the_texts_and_not_the_method(judged, server):
    assert ask(judged, server) == 0
    request = server.requests[0]
    assert request["path"] == "/v1/chat/completions"
    assert request["model"] == "o3-mini"
    assert request["response_format"]["json_schema"]["strict"] is True
    assert json.loads(request["messages"][1]["content"]) == {
        "reference": "kappa leads to cobalt ataxia",
        "candidate": "kappa leads to ataxia",
    }
    assert "linear" not in json.dumps(server.requests)
    assert set(server.keys) == {f"Bearer {KEY}"}


def test_refused_and_malformed_are_kept_and_counted(judged, server, capsys):
    refused = {"role": "assistant", "content": None, "refusal": "I cannot judge this."}
    malformed = {"role": "assistant", "content": '{"reason": "cut sh'}
    answers = [refused, malformed, malformed, verdict(11), verdict(11)]
    server.behave = lambda number, request: answers[number]
    assert ask(judged, server, "--concurrency", "1") == 0
    assert judged.statuses() == {"refused": 1, "malformed": 2, "ok": 3}
    assert "refused: 1 of" in capsys.readouterr().err
    rows = judged.verdicts()
    assert rows[rows["status"] != "ok"]["score"].isna().all()
    assert "I cannot judge this." in set(rows["reason"])
    # They were paid for: nothing is asked again.
    assert ask(judged, server) == 0
    assert len(server.requests) == ASKED + 2


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"choices": [{"message": {"content": "8"}}]}),
        json.dumps({"choices": [{"message": {"content": None}}]}),
        json.dumps({"choices": [{"message": {"content": '{"score": "11", "reason": "x"}'}}]}),
        json.dumps({"choices": [{"message": {"content": '{"score": "8/9", "reason": "x"}'}}]}),
        json.dumps({"choices": [{"message": {"content": '{"score": 8}'}}]}),
        json.dumps({"choices": [{"message": {"content": '{"score": 7.5, "reason": "x"}'}}]}),
        json.dumps({"choices": [{"message": {"content": '{"score": true, "reason": "x"}'}}]}),
        json.dumps({"choices": [{"message": {"content": '{"score": -1, "reason": "x"}'}}]}),
        json.dumps({"choices": [{"message": {"content": '{"score": 8, "reason": null}'}}]}),
    ],
)
def test_malformed_bodies(body):
    found = reading.read_verdict(body)
    assert (found["status"], found["score"]) == ("malformed", None)


@pytest.mark.parametrize(
    "content",
    [
        '{"score": 7, "reason": "x"}',
        '{"score": 7.0, "reason": "x"}',
        '{"score": "7", "reason": "x"}',
        '{"score": "7/10", "reason": "x"}',
        '```json\n{"reason": "x", "score": 7}\n```',
        '<think>{"score": 2, "reason": "no"} Hm.</think>\n{"reason": "x", "score": 7}',
        'My verdict {so far}: {"reason": "x", "score": 7}. I hope it helps.',
        "x\nScore: 7/10",
        "x\n\n**7 / 10**",
    ],
)
def test_forms_of_a_verdict_that_are_read(content):
    found = reading.read_verdict(json.dumps({"choices": [{"message": {"content": content}}]}))
    assert (found["status"], found["score"], found["reason"]) == ("ok", 7.0, "x")


def test_another_length_or_form_of_answer_is_another_question(judged, server, monkeypatch):
    assert ask(judged, server) == 0
    assert ask(judged, server, "--answer-tokens", "200") == 0
    assert len(server.requests) == 2 * ASKED
    monkeypatch.setitem(question.SCHEMA, "additionalProperties", True)
    assert ask(judged, server) == 0
    assert len(server.requests) == 3 * ASKED


def test_a_filtered_answer_is_a_refusal():
    choice = {"message": {"content": ""}, "finish_reason": "content_filter"}
    assert reading.read_verdict(json.dumps({"choices": [choice]}))["status"] == "refused"


def late(monkeypatch, number):
    """The answer to request `number` comes too late, however fast the machine is."""
    asked = itertools.count()

    @contextlib.asynccontextmanager
    async def timeout(seconds):
        this = next(asked)
        yield
        if this == number:
            raise TimeoutError

    monkeypatch.setattr(judge_server.asyncio, "timeout", timeout)


def test_a_busy_server_is_asked_again_after_the_time_it_names(judged, server, monkeypatch):
    busy = (429, {"Retry-After": "7"}, '{"error": {"message": "slow down"}}')
    server.behave = lambda number, request: busy if number == 0 else verdict()
    named, pause = [], judge_server.pause
    monkeypatch.setattr(judge_server, "pause", lambda *why: named.append(pause(*why)) or 0.0)
    assert ask(judged, server, "--concurrency", "1") == 0
    assert named == [7.0]
    assert len(server.requests) == ASKED + 1
    assert judged.statuses() == {"ok": 6}


@pytest.mark.parametrize("trouble", [None, (500, {"Retry-After": "0.01"}, "down"), "late"])
def test_trouble_passes(judged, server, monkeypatch, trouble):
    monkeypatch.setattr(connection.random, "uniform", lambda low, high: 0.02)
    if trouble == "late":
        late(monkeypatch, 1)
    else:
        server.behave = lambda number, request: trouble if number == 1 else verdict()
    assert ask(judged, server, "--concurrency", "1") == 0
    assert judged.statuses() == {"ok": 6}
    assert len(server.requests) == ASKED + 1


def test_trouble_that_stays_ends_in_one_line(judged, server, capsys):
    server.behave = lambda number, request: (503, {"Retry-After": "0.01"}, "down")
    assert ask(judged, server, "--attempts", "2", "--concurrency", "1") == 2
    said = error(capsys)
    assert "gave no verdict in 2 attempts (HTTP 503); run again later" in said
    assert len(server.requests) == 2
    assert not (judged.folder / "out.parquet").exists()


def test_an_unreachable_server_ends_in_one_line(judged, server, capsys, monkeypatch):
    monkeypatch.setattr(connection.random, "uniform", lambda low, high: 0.01)
    url = server.url
    server.close()
    assert judged.run("--judge", "openai", "--base-url", url, "--attempts", "2") == 2
    assert "(no connection); run again later" in error(capsys)


def test_a_server_that_hangs_up_while_we_write_ends_in_one_line(judged):
    judged.records([("r1", "long " * 2_000_000), ("r2", "short")])
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up():
            for _ in range(3):
                connection = listening.accept()[0]
                connection.shutdown(socket.SHUT_WR)
                time.sleep(0.05)
                connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        words = judged.words("--judge", "openai", "--base-url", url, "--attempts", "3")
        command = [sys.executable, "-m", "seqfuse.cli", *words, "--concurrency", "1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 2
    assert "(no connection); run again later" in done.stderr


def test_a_second_run_asks_nothing(judged, server):
    assert ask(judged, server) == 0
    first = judged.folder.joinpath("out.parquet").read_bytes()
    server.behave = lambda number, request: pytest.fail("asked again")
    assert ask(judged, server) == 0
    assert len(server.requests) == ASKED
    assert judged.folder.joinpath("out.parquet").read_bytes() == first


def test_a_stopped_run_goes_on_from_the_store(judged, server, capsys):
    assert ask(judged, server, "--max-requests", "2", "--concurrency", "1") == 2
    said = error(capsys)
    assert "judge.max_requests = 2, of which 2 are sent, leaves no room for another request" in said
    assert "2 of 3 new verdicts are stored" in said
    assert ask(judged, server) == 0
    assert len(server.requests) == ASKED
    assert judged.statuses() == {"ok": 6}


def test_a_budget_of_zero_sends_nothing(judged, server, capsys):
    assert ask(judged, server, "--max-requests", "0") == 2
    assert "judge.max_requests = 0, of which 0 are sent, leaves no room for another" in error(
        capsys
    )
    assert server.requests == []


def test_a_line_cut_by_a_crash_is_asked_again(judged, server):
    assert ask(judged, server) == 0
    [store] = (judged.folder / "store").glob("*.jsonl")
    store.write_bytes(store.read_bytes()[:-20])
    assert ask(judged, server) == 0
    assert len(server.requests) == ASKED + 1
    assert ask(judged, server) == 0
    assert len(server.requests) == ASKED + 1


def test_a_corrupt_line_is_named_and_asked_again(judged, server, capsys):
    assert ask(judged, server) == 0
    [store] = (judged.folder / "store").glob("*.jsonl")
    lines = store.read_bytes().splitlines(keepends=True)
    store.write_bytes(b"\0" * 40 + b"\n" + b"".join(lines[1:]))
    capsys.readouterr()
    assert ask(judged, server) == 0
    said = capsys.readouterr().err
    assert f"{store}: a truncated or corrupt line; its question is asked again" in said
    assert len(server.requests) == ASKED + 1


def test_an_interrupted_judge_stores_what_is_in_flight_and_pays_for_nothing_twice(
    judged, server, capsys
):
    def behave(number, request):
        if number == 0:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
        return verdict()

    server.behave = behave
    assert ask(judged, server, "--concurrency", "1") == 130
    assert capsys.readouterr().err.splitlines()[-1].startswith("seqfuse judge: interrupted by SIG")
    assert len(server.requests) == 1
    server.behave = lambda number, request: verdict()
    assert ask(judged, server) == 0
    assert len(server.requests) == ASKED
    assert judged.statuses() == {"ok": 6}


def test_equal_answers_are_paid_for_once(judged, server):
    judged.texts({"r1": "same text", "r2": "same text"}, seeds=(0, 1))
    judged.records([("r1", "one reference"), ("r2", "one reference")])
    assert ask(judged, server) == 0
    assert len(server.requests) == ASKED
    assert len(judged.verdicts()) == 2 * 2 * 3
    judged.texts({"r1": "same text", "r2": "same text"}, method="qformer")
    assert ask(judged, server, method="qformer") == 0
    assert len(server.requests) == ASKED


def test_another_prompt_or_model_is_judged_anew(judged, server, monkeypatch):
    assert ask(judged, server) == 0
    before = set(judged.verdicts()["key"])
    plain = verdicts._prompt
    monkeypatch.setattr(
        verdicts,
        "_prompt",
        lambda dimension: plain(dimension) + " Be strict." * (dimension == "completeness"),
    )
    assert ask(judged, server) == 0
    assert len(server.requests) == ASKED + 1
    assert "Be strict." in server.requests[-1]["messages"][0]["content"]
    assert len(set(judged.verdicts()["key"]) - before) == 2
    assert ask(judged, server, "--model", "another") == 0
    assert len(server.requests) == 2 * ASKED + 1


def test_a_missing_key_is_said_in_one_line(judged, capsys, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    assert judged.run("--judge", "openai") == 2
    said = error(capsys)
    assert "the environment has no OPENAI_API_KEY" in said
    assert "judge.judge to overlap" in said


def test_a_server_of_ones_own_needs_no_key(judged, server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    assert ask(judged, server) == 0
    assert len(server.requests) == ASKED


def test_a_wrong_key_ends_at_once_and_is_not_repeated(judged, server, capsys):
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}})
    server.behave = lambda number, request: (401, {}, body)
    assert ask(judged, server, "--concurrency", "1") == 2
    assert "refuses the key in OPENAI_API_KEY (HTTP 401)" in error(capsys)
    assert len(server.requests) == 1


def test_a_spent_account_is_not_asked_again(judged, server, capsys):
    body = json.dumps({"error": {"message": "quota", "code": "insufficient_quota"}})
    server.behave = lambda number, request: (429, {}, body)
    assert ask(judged, server, "--concurrency", "1") == 2
    assert "the account's quota is spent" in error(capsys)
    assert len(server.requests) == 1


def test_a_refused_request_repeats_no_key(judged, server, capsys):
    body = json.dumps({"error": {"message": f"bad model\nfor {KEY}"}})
    server.behave = lambda number, request: (404, {}, body)
    assert ask(judged, server, "--concurrency", "1") == 2
    assert "(HTTP 404)" in error(capsys)


def test_the_key_is_in_no_file_and_no_log(judged, server):
    body = json.dumps({"error": {"message": f"{KEY} was seen"}})
    server.behave = lambda number, request: (400, {}, body) if number > 1 else verdict()
    words = judged.words("--judge", "openai", "--base-url", server.url, "--concurrency", "1")
    command = [sys.executable, "-m", "seqfuse.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    written = done.stdout + done.stderr
    written += "".join(p.read_text("latin-1") for p in judged.folder.rglob("*") if p.is_file())
    assert "Same chain." in written
    assert KEY not in written


def test_no_more_requests_are_in_flight_than_allowed(judged, server):
    judged.records([(f"r{i}", f"reference {i}") for i in range(8)])
    judged.texts({f"r{i}": "a candidate" for i in range(8)})
    flying, most = [0], [0]

    def behave(number, request):
        flying[0] += 1
        most[0] = max(most[0], flying[0])
        time.sleep(0.02)
        flying[0] -= 1
        return verdict()

    server.behave = behave
    assert ask(judged, server, "--concurrency", "3") == 0
    assert len(server.requests) == 24
    assert 2 <= most[0] <= 3


def test_the_pause_before_another_attempt(monkeypatch):
    monkeypatch.setattr(connection.random, "uniform", lambda low, high: high)
    assert [connection.pause(n, {}) for n in (0, 1, 2, 20)] == [0.5, 1.0, 2.0, 60.0]
    assert connection.pause(3, {"retry-after": "7"}) == 7.0
    assert connection.pause(0, {"retry-after-ms": "250", "retry-after": "7"}) == 0.25
    assert connection.pause(0, {"retry-after": "99999"}) == 300.0
    assert connection.pause(0, {"retry-after": "soon"}) == 0.5
    monkeypatch.setattr(connection.time, "time", lambda: 1_000_000_000.0)
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(1_000_000_030))
    assert connection.pause(0, {"retry-after": date}) == 30.0


def test_a_budget_in_money_is_never_passed(judged, server, capsys):
    # An answer costs 10 tokens of 1 USD a thousand = .01 USD, and is allowed 20 = .02 USD.
    money = ["--input-price", "0", "--output-price", "1000", "--answer-tokens", "20"]
    assert ask(judged, server, *money, "--max-cost", "0.035", "--concurrency", "1") == 2
    said = error(capsys)
    assert "another request could cost more than judge.max_cost = 0.035 USD" in said
    assert "of which 0.0200 are spent" in said
    assert len(server.requests) == 2
    assert server.requests[0]["max_completion_tokens"] == 20
    # What earlier runs have spent counts.
    assert ask(judged, server, *money, "--max-cost", "0.035") == 2
    assert len(server.requests) == 2
    assert ask(judged, server, *money, "--max-cost", "0.04") == 0
    assert len(server.requests) == ASKED


def test_prices_by_hand():
    budget = judge_budget.Budget(9, None, input_price=2, output_price=8)
    assert budget.price(1_000_000, 500_000) == 6.0
    # At most a token a byte of the request, "é" holds two, and 500 of the answer.
    empty, full = (Question("model", "completeness", *texts, 500) for texts in ("  ", ("abé", "c")))
    assert budget.most(full) - budget.most(empty) == pytest.approx((5 - 2) * 2 / 1e6)
    rest = len(json.dumps(empty.body, separators=(",", ":")))
    assert budget.most(empty) == pytest.approx((rest * 2 + 500 * 8) / 1e6)


def test_a_budget_in_money_needs_prices(judged, server, capsys):
    assert ask(judged, server, "--max-cost", "1") == 2
    assert "judge.max_cost has no effect without a price" in error(capsys)
    assert server.requests == []


def test_requests_in_flight_count_against_the_budget(judged, server):
    server.behave = lambda number, request: time.sleep(0.1) or verdict()
    money = ["--output-price", "1000", "--answer-tokens", "20", "--max-cost", "0.05"]
    # Two may be in flight at .02 USD each; a third could pass .05 USD.
    assert ask(judged, server, *money, "--concurrency", "3") == 2
    assert len(server.requests) == 2


def test_an_answer_without_a_count_of_tokens_is_charged_in_full(judged, server, capsys):
    body = json.dumps({"choices": [{"message": verdict()}]})
    server.behave = lambda number, request: (200, {}, body)
    money = ["--output-price", "1000", "--answer-tokens", "20", "--max-cost", "0.05"]
    assert ask(judged, server, *money, "--concurrency", "1") == 2
    assert "of which 0.0400 are spent" in error(capsys)


def test_a_dry_run_counts_and_asks_nothing(judged, server, capsys):
    prices = ["--input-price", "1", "--output-price", "1000", "--answer-tokens", "20"]
    assert ask(judged, server, "--dry-run", *prices) == 0
    assert "3 requests with about" in capsys.readouterr().err
    assert server.requests == []
    assert not (judged.folder / "out.parquet").exists()
    assert ask(judged, server, *prices) == 0
    assert ask(judged, server, "--dry-run", *prices) == 0
    assert "0 requests with about 0 prompt tokens" in capsys.readouterr().err


def test_a_second_model_and_the_swapped_order_are_judges_of_their_own(judged, server, capsys):
    def behave(number, request):
        first = next(iter(json.loads(request["messages"][1]["content"])))
        return verdict({"o3-mini": 6, "other": 3}[request["model"]] + (first == "candidate"))

    server.behave = behave
    assert ask(judged, server, "--second-model", "other", "--swap-order", "true") == 0
    assert len(server.requests) == 3 * ASKED
    rows = judged.verdicts()
    scores = rows[rows["id"] == "r1"].groupby("judge")["score"].unique().map(list).to_dict()
    assert scores == {"o3-mini": [6.0], "other": [3.0], "o3-mini, candidate first": [7.0]}
    # r2 has no reasoning and scores 0 with everyone: differences (3 - 6, 0) and (7 - 6, 0).
    said = capsys.readouterr().err
    agreed = "Spearman 1.00, mean difference {}, mean distance {}, 2 verdicts"
    assert f"completeness: o3-mini and other: {agreed.format('-1.50', '1.50')}" in said
    assert f"o3-mini and o3-mini, candidate first: {agreed.format('+0.50', '0.50')}" in said
    # The second judge is asked for what is missing alone.
    assert ask(judged, server) == 0
    assert len(server.requests) == 3 * ASKED


def test_repeats_are_judges_of_their_own_and_questions_of_their_own(judged, server):
    server.behave = lambda number, request: verdict(number % 11)
    assert ask(judged, server, "--repeats", "3", "--concurrency", "1") == 0
    assert len(server.requests) == 3 * ASKED
    rows = judged.verdicts()
    assert set(rows["judge"]) == {"o3-mini", "o3-mini, repeat 2", "o3-mini, repeat 3"}
    assert rows.loc[rows["id"] == "r1", "key"].nunique() == 3 * ASKED
    # Neither the texts nor the prompts differ: only the model's own noise is measured.
    assert len({json.dumps(request["messages"]) for request in server.requests}) == ASKED


def test_the_overlap_judge_stands_beside_the_model_under_its_own_name(judged, server):
    assert ask(judged, server) == 0
    rows = judged.everything().groupby("judge")
    assert rows.size().to_dict() == {"o3-mini": 6, "word overlap": 2}
    assert rows.get_group("word overlap")["prompt"].isna().all()


def test_a_verdict_says_its_prompt_and_what_it_took(judged, server, root):
    assert ask(judged, server) == 0
    rows = judged.verdicts().set_index(["id", "dimension"]).loc["r1"]
    assert set(rows["prompt_tokens"]) == {100} and set(rows["answer_tokens"]) == {10}
    for dimension, row in rows.iterrows():
        prompt = root / "resources" / "judge" / f"{dimension}.md"
        assert row["prompt"] == hashlib.sha256(prompt.read_bytes()).hexdigest()


@pytest.mark.parametrize("code", ["invalid_prompt", "content_filter"])
def test_a_text_that_the_server_flags_is_a_refusal_and_no_end(judged, server, code):
    flagged = (400, {}, json.dumps({"error": {"message": "flagged", "code": code}}))
    server.behave = lambda number, request: flagged if number == 0 else verdict()
    assert ask(judged, server, "--concurrency", "1") == 0
    assert judged.statuses() == {"ok": 5, "refused": 1}
    assert code in set(judged.verdicts()["reason"])
    assert len(server.requests) == ASKED


def test_what_another_process_stored_meanwhile_is_not_asked(judged, server):
    def behave(number, request):
        # While the first question is answered, another process stores the verdicts of all.
        [path] = (judged.folder / "other").glob("*.jsonl")
        shutil.copy(path, judged.folder / "store" / "another.jsonl")
        return verdict(2)

    words = ["--judge", "openai", "--base-url", server.url, "--concurrency", "1"]
    assert judged.run(*words, "--store", str(judged.folder / "other")) == 0
    server.behave = behave
    assert ask(judged, server, "--concurrency", "1") == 0
    assert len(server.requests) == ASKED + 1
    assert sorted(judged.verdicts()["score"]) == [0, 0, 0, 2, 7, 7]


def test_a_request_that_may_have_been_charged_counts(judged, server, capsys, monkeypatch):
    monkeypatch.setattr(connection.random, "uniform", lambda low, high: 0.02)
    late(monkeypatch, 0)
    # An answer costs .01 USD, one that never came .02 USD: .03 are spent, another may cost .02.
    money = ["--output-price", "1000", "--answer-tokens", "20", "--max-cost", "0.045"]
    assert ask(judged, server, *money, "--concurrency", "1") == 2
    assert "of which 0.0300 are spent" in error(capsys)
    assert len(server.requests) == 2


def test_an_unreachable_server_costs_nothing(judged, server, capsys, monkeypatch):
    monkeypatch.setattr(connection.random, "uniform", lambda low, high: 0.01)
    url = server.url
    server.close()
    money = ["--output-price", "1000", "--answer-tokens", "20", "--max-cost", "0.03"]
    words = ["--judge", "openai", "--base-url", url, "--attempts", "3", "--concurrency", "1"]
    assert judged.run(*words, *money) == 2
    assert "(no connection)" in error(capsys)


def test_processes_that_share_a_store_share_the_budget(tmp_path):
    budget = judge_budget.Budget(5, 1.0, 0, 0)
    ledgers = [judge_budget.Ledger(tmp_path, budget) for _ in range(2)]
    attempts = [judge_budget.Attempt(0.2) for _ in range(4)]
    assert [ledgers[n % 2].reserve(one) for n, one in enumerate(attempts)] == [None] * 4
    for _ in range(2):  # the second time, as after a crash, changes nothing
        ledgers[1].settle(attempts[0].name, 0.05)
    # .65 USD are spent: .35 are left, and one request.
    assert "0.6500 are spent" in ledgers[1].reserve(judge_budget.Attempt(0.36))
    assert ledgers[1].reserve(judge_budget.Attempt(0.35)) is None
    assert "of which 5 are sent" in ledgers[0].reserve(judge_budget.Attempt(0.0))
    # A line that a crash cut short hides no other one.
    with (tmp_path / "spending.ndjson").open("ab") as handle:
        handle.write(b'\n{"requests": 1, "us')
    later = judge_budget.Ledger(tmp_path, judge_budget.Budget(6, None, 0, 0))
    assert later.reserve(judge_budget.Attempt(0.0)) is None
    again = judge_budget.Ledger(tmp_path, budget)
    assert (again.requests, again.spent) == (6, pytest.approx(1.0))
