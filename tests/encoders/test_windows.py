"""Windows of what an encoder cannot take at once: what they read, and what they keep."""

from types import SimpleNamespace

import numpy as np
import pytest

from seqfuse.encoders import windows
from seqfuse.encoders.models.tokenisers import Tokens


def test_windows_of_ten_by_hand():
    """Of 20 tokens: steps of 8, the last window at the end; what two share is cut in its middle."""
    assert list(windows.places(20, 10)) == [(0, 10, 0, 9), (8, 18, 9, 14), (10, 20, 14, 20)]
    assert list(windows.places(10, 10)) == [(0, 10, 0, 10)]
    assert list(windows.places(3, 10)) == [(0, 3, 0, 3)]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 30])
def test_full_scale_each_window_has_the_special_tokens_and_all_keep_each_token_once(count):
    """A tokeniser that puts 1 before and 2, 3 behind; a limit of ten tokens, these included."""
    tokeniser = SimpleNamespace(prefix=[1], suffix=[2, 3])
    ids = np.concatenate([[1], np.arange(10, 10 + count), [2, 3]])
    spans = np.stack([np.arange(count + 3)] * 2, axis=1)
    special = np.isin(ids, [1, 2, 3])
    found = list(windows.cut(Tokens(ids, spans, special), tokeniser, 10))
    for window in found:
        assert len(window.ids) <= 10
        assert window.ids[0] == 1 and window.ids[-2:].tolist() == [2, 3]
        assert window.special[[0, -2, -1]].all()
        inside = window.ids[1:-2]
        assert (np.diff(inside) == 1).all() and (window.spans[1:-2, 0] == inside - 9).all()
    kept = np.concatenate([window.ids[~window.special] for window in found])
    assert kept.tolist() == list(range(10, 10 + count))
    assert len(found) == 1 or count > 7
