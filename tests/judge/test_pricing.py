"""What judging a whole run would cost, by one command that asks nothing."""

import shlex

import pytest

from seqfuse.cli import main
from seqfuse.plan import dry_run

PRICES = ["--judge", "openai", "--input-price", "4", "--output-price", "1000"]


@pytest.fixture
def price(monkeypatch, judged, capsys):
    """Lines of `seqfuse price`, of a run that would judge these methods."""

    def priced(*methods, prices=PRICES, without=()) -> list[str]:
        jobs = [dry_run.Job("judge", command=_shell(judged, name, prices)) for name in methods]
        for name in without:
            (judged.folder / name).unlink()
        settings = {"seeds": [0, 1, 2]}
        monkeypatch.setattr(dry_run, "planned", lambda call: (jobs, settings))
        assert main(["price"]) == 0
        return capsys.readouterr().out.splitlines()

    return priced


def _shell(judged, method, prices) -> str:
    words = judged.words(*prices, "--answer-tokens", "100", method=method)
    return f"exec seqfuse {shlex.join(words)} 2> log.txt"


def test_a_question_that_two_methods_ask_counts_once(price, judged):
    judged.texts({"r1": "sigma leads to anaemia", "r2": "kappa leads to cobalt ataxia"})
    one, other, together = price("linear", "shuffled")
    assert one.startswith("s linear: 6 requests with about ")
    assert other.startswith("s shuffled: 6 requests")
    assert together.startswith("together: 6 requests")
    # 600 tokens of answers at .001 USD, and at most a token a byte of what is asked.
    least, most = (float(together.split(" USD")[n].split()[-1]) for n in (0, 1))
    assert most == pytest.approx(0.6 + 4 * least, rel=0.01)


def test_answers_that_are_not_there_are_taken_to_be_as_long_as_the_reference(price):
    lines = price("linear", "ceiling", without=["predictions.parquet"])
    assert lines[0].startswith("s linear: 18 requests") and "no answers yet" in lines[0]
    assert lines[1].startswith("s ceiling: 6 requests")
    assert lines[2].startswith("together: 24 requests")
    [line] = price("ceiling", without=["records.parquet"])
    assert line.startswith("s ceiling: unknown until its records exist")


def test_without_a_server_there_is_nothing_to_pay(price):
    [line] = price("linear", prices=[])
    assert line == "judge.judge is overlap: words are counted locally, nothing is asked"
    assert price() == ["Nothing is left to judge."]
