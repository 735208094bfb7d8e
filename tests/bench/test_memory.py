"""The computed peak memory of a step is that of a process which takes it."""

import pytest

from bench import memory
from seqfuse.registry.methods import METHODS

# How far the two may be apart.
TOLERANCE = 0.15
# In every run of the tests: a frozen backbone, one that is trained whole, and recomputation.
FEW = [("qformer", False), ("onevocab", False), ("text_only", True)]


@pytest.mark.parametrize(("method", "checkpointing"), FEW)
def test_rehearse_computes_what_a_process_takes(method, checkpointing):
    assert memory.compared(method, checkpointing)["of"] == pytest.approx(1, abs=TOLERANCE)


@pytest.mark.whole
@pytest.mark.parametrize("method", METHODS)
def test_rehearse_computes_what_every_method_takes(method):
    assert memory.compared(method)["of"] == pytest.approx(1, abs=TOLERANCE)
