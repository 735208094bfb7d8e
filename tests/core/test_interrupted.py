"""What a signal, a second process and a damaged file do to work that is under way."""

import os
import random
import signal
import subprocess
import sys
import threading

import pytest

from seqfuse.language.answers.resume_journal import Journal
from seqfuse.training.interruption.preemption import SIGNALS, Interrupted, Interruption, locked

# A command that says when it works, and takes its time over tidying up.
COMMAND = """
import argparse, signal, sys, time
from seqfuse import cli
from seqfuse.training.interruption.preemption import Interruption

def run(args):
    try:
        print("working", flush=True)
        time.sleep(60)
    finally:
        print("tidying", flush=True)
        time.sleep(float(sys.argv[1]))
        print("tidied", flush=True)

parsed = argparse.Namespace(run=run, command="seqfuse test")
cli._parser = lambda argv: argparse.Namespace(parse_args=lambda argv: parsed)
signal.signal(signal.SIGINT, getattr(signal, sys.argv[2]))
sys.exit(cli.main([]))
"""


def started(tidying: float, interrupts: str = "default_int_handler") -> subprocess.Popen:
    """The command, which is at work."""
    words = [sys.executable, "-c", COMMAND, str(tidying), interrupts]
    run = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stdout.readline() == "working\n"
    return run


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupted_command_tidies_up_and_says_so_in_one_line(number):
    with started(tidying=0) as run:
        run.send_signal(number)
        said, error = run.communicate()
    assert run.returncode == 128 + number
    assert said == "tidying\ntidied\n"
    assert error == f"seqfuse test: interrupted by {number.name}; run it again to continue\n"


def test_a_command_that_is_interrupted_twice_ends_at_once_without_a_traceback():
    with started(tidying=60) as run:
        run.send_signal(signal.SIGINT)
        assert run.stdout.readline() == "tidying\n"
        run.send_signal(signal.SIGINT)
        said, error = run.communicate()
    assert (run.returncode, said, error) == (-signal.SIGINT, "", "")


def test_a_command_that_was_started_to_ignore_ctrl_c_is_not_interrupted_by_it():
    """As a shell script starts what it leaves in the background."""
    with started(0, "SIG_IGN") as run:
        run.send_signal(signal.SIGINT)
        run.send_signal(signal.SIGTERM)
        run.communicate()
    assert run.returncode == 128 + signal.SIGTERM


def test_interrupted_work_is_finished_before_the_signal_is_obeyed():
    done = []
    with pytest.raises(Interrupted) as stopped, Interruption() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked and stop.due()
        done.append(1)
    assert done and stopped.value.code == 143


def test_an_interrupted_process_that_still_runs_is_waited_for(tmp_path, capfd):
    """As a job is whose snakemake was killed, and that the next snakemake starts again."""
    path, order = tmp_path / "state" / ".lock", []
    waiting = threading.Event()

    def second():
        waiting.set()
        with locked(path):
            order.append("second")

    thread = threading.Thread(target=second)
    with locked(path):
        thread.start()
        waiting.wait()
        while "waiting for its end" not in capfd.readouterr().err:
            pass
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert not path.exists()


# --- the journal of a prediction ------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path):
    """Run a job of four parts that fails behind the third; gives its journal's path."""
    out = tmp_path / "out.parquet"
    with pytest.raises(ZeroDivisionError), Journal(out) as journal:
        journal.begin("f")
        for part in range(4):
            journal.once(str(part), lambda part=part: [part, "é\n"] if part < 3 else 1 / 0)
    return journal.path


def done_anew(path, fingerprint: str = "f") -> list[int]:
    """Which of the four parts are computed when the job runs again."""
    computed = []
    with Journal(path.with_name("out.parquet")) as journal:
        journal.begin(fingerprint)
        for part in range(4):
            found = journal.once(str(part), lambda p=part: computed.append(p) or [p, "é\n"])
            assert found == [part, "é\n"]
    assert not path.exists() and not path.with_name(".out.parquet.lock").exists()
    return computed


def test_an_interrupted_job_goes_on_from_its_journal(journal):
    assert done_anew(journal) == [3]


def test_an_interrupted_line_counts_as_not_written(journal, capfd):
    journal.write_bytes(journal.read_bytes()[:-3])
    assert done_anew(journal) == [2, 3]
    assert "corrupt" not in capfd.readouterr().err


@pytest.mark.parametrize(("line", "anew"), [(1, [0, 1, 2, 3]), (2, [0, 3]), (4, [2, 3])])
@pytest.mark.parametrize("junk", [b"\0" * 30, b"\xff\xfe\n", b"half"])
def test_an_interrupted_jobs_damaged_journal_is_named_and_set_aside(
    journal, line, anew, junk, capfd
):
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1][:5] + junk + lines[line - 1][9:]
    journal.write_bytes(b"".join(lines))
    assert done_anew(journal) == anew
    said = capfd.readouterr().err.splitlines()[0]
    assert said.startswith(
        f"{journal}: truncated or corrupt (line {line} does not match its checksum)"
    )
    assert journal.with_name(f"{journal.name}.damaged").read_bytes() == b"".join(lines)


def test_an_interrupted_job_of_other_inputs_starts_anew(journal, capfd):
    assert done_anew(journal, "g") == [0, 1, 2, 3]
    assert "made with another model, other data or code" in capfd.readouterr().err


# --- a whole run ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_three_runs_interrupted_at_random_moments_end_in_the_same_bytes(root, record_property):
    seed = random.randrange(2**32)
    record_property("seed", seed)
    command = [sys.executable, "tests/kills.py", "--quick", "--runs", "3", "--seed", str(seed)]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
