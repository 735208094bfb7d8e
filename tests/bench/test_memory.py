"""The computed peak memory of a step is that of a process which takes it."""

import pytest

from bench import memory

# How far the two may be apart, and megabytes that do not matter.
TOLERANCE, NOTHING = 0.15, 2


def close(found: dict) -> bool:
    return found["computed"] == pytest.approx(found["measured"], rel=TOLERANCE, abs=NOTHING)


def test_rehearse_computes_what_a_process_takes():
    """Of the method that holds most kinds of memory: trained whole, with rows of its own."""
    assert close(memory.compared("onevocab"))


@pytest.mark.whole
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("method", memory.SIZED)
def test_rehearse_computes_what_every_method_takes(method, checkpointing):
    assert close(memory.compared(method, checkpointing))


@pytest.mark.whole
@pytest.mark.parametrize("method", memory.SIZED)
def test_rehearse_computes_what_answers_take(method):
    assert close(memory.answered(method))
