"""The computed peak memory of a step is that of a process which takes it."""

import pytest

from bench import memory
from seqfuse.registry.methods import METHODS

# How far the two may be apart.
TOLERANCE = 0.15


def test_rehearse_computes_what_a_process_takes():
    """Of the method that holds most kinds of memory: trained whole, with rows of its own."""
    assert memory.compared("onevocab")["of"] == pytest.approx(1, abs=TOLERANCE)


@pytest.mark.whole
@pytest.mark.parametrize("method", METHODS)
def test_rehearse_computes_what_every_method_takes(method):
    assert memory.compared(method)["of"] == pytest.approx(1, abs=TOLERANCE)
