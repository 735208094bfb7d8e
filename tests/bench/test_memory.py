"""The computed peak memory of a step: what is alive is counted once, and until it is gone."""

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from bench.memory import Live


def test_a_peak_is_the_most_that_was_alive_at_once():
    with FakeTensorMode(), Live() as live:
        one = torch.empty(1000)
        view = one.view(10, 100)
        assert live.now == live.peak == 4000
        two = torch.empty(500) + 1  # two tensors of 2,000 bytes, the first of which is gone
        assert (live.now, live.peak) == (6000, 8000)
        del one
        assert live.now == 6000, "the view keeps the storage"
        del view, two
        assert (live.now, live.peak) == (0, 8000)
