"""Which examples make a step, chunks of a step, and padded batches, by hand."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from seqfuse.training.batches import chunks, step_indices

lengths_of = st.lists(st.integers(1, 50), min_size=1, max_size=60)


@given(lengths_of, st.integers(1, 8), st.integers(1, 60), st.integers(0, 5))
def test_every_example_is_drawn_equally_often(lengths, batch, steps, seed):
    found = list(step_indices(lengths, batch, steps, seed))
    assert [len(step) for step in found] == [batch] * steps
    # All steps together are whole permutations one after another, the last one cut.
    counts = Counter(np.concatenate(found).tolist())
    drawn = [counts[i] for i in range(len(lengths))]
    assert max(drawn) - min(drawn) <= 1


def test_one_epoch_is_a_permutation():
    found = np.concatenate(list(step_indices(range(1, 41), 4, 10, seed=3)))
    assert sorted(found.tolist()) == list(range(40))


def test_steps_depend_on_the_arguments_alone():
    one, two, other = (
        np.stack(list(step_indices([5, 9, 2, 7, 7, 1], 2, 12, seed))).tolist() for seed in (1, 1, 2)
    )
    assert one == two
    assert one != other


def test_a_step_holds_similar_lengths_and_steps_are_mixed():
    # 16 steps of 4 are one pool: 32 examples of 100 and 32 of 130, which no stretch by a quarter
    # can make alike.
    lengths = np.random.default_rng(0).permutation(np.repeat([100, 130], 32))
    found = [lengths[step].tolist() for step in step_indices(lengths, 4, 16, seed=0)]
    assert sorted(found) == [[100] * 4] * 8 + [[130] * 4] * 8
    assert found != sorted(found)


def test_lengths_that_differ_little_meet_in_a_step():
    lengths = np.repeat([100, 105], 32)
    found = [set(lengths[step]) for step in step_indices(lengths, 4, 16, seed=0)]
    assert sum(len(step) == 2 for step in found) >= 8


def test_a_batch_larger_than_the_data_repeats_it():
    (found,) = step_indices([3, 4], 5, 1, seed=0)
    assert sorted(Counter(found.tolist()).values()) == [2, 3]


@pytest.mark.parametrize(
    ("lengths", "tokens", "most", "expected"),
    [
        # The longest leads; 10 tokens take one of 7, two of 4 or 5, three of 3.
        ([3, 7, 4, 3, 5, 2], 10, None, [[1], [4, 2], [0, 3, 5]]),
        ([3, 7, 4, 3, 5, 2], 10, 2, [[1], [4, 2], [0, 3], [5]]),
        ([30, 1], 10, None, [[0], [1]]),
        ([2, 2, 2], 100, None, [[0, 1, 2]]),
        ([2, 2, 2], 100, 1, [[2], [1], [0]]),
        ([0, 0], 10, None, [[0, 1]]),
    ],
)
def test_chunks_by_hand(lengths, tokens, most, expected):
    found = [sorted(part.tolist()) for part in chunks(lengths, tokens, most)]
    assert found == [sorted(part) for part in expected]


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 200), st.integers(1, 9))
def test_chunks_hold_everything_once_and_keep_to_the_limits(lengths, tokens, most):
    found = chunks(lengths, tokens, most)
    assert sorted(i for part in found for i in part) == list(range(len(lengths)))
    for part in found:
        assert len(part) <= most
        longest = max(lengths[i] for i in part)
        assert len(part) * longest <= tokens or len(part) == 1
    longests = [lengths[part[0]] for part in found]
    assert longests == sorted(longests, reverse=True)


def test_padding_masks_positions_and_slots_by_hand():
    from seqfuse.language.methods.examples import Batch, Example, Slot

    def example(ids, weights, *slots):
        return Example(None, np.array(ids), np.array(weights, np.float32), slots, np.zeros(0))

    pair = [
        example([5, 6], [0, 1]),
        example([7, 0, 0, 8], [0, 0, 0, 2], Slot(1, 2, "ACGT")),
    ]
    right = Batch.of(pair, torch.device("cpu"))
    assert right.ids.tolist() == [[5, 6, 0, 0], [7, 0, 0, 8]]
    assert right.mask.tolist() == [[True, True, False, False], [True] * 4]
    assert right.weights.tolist() == [[0, 1, 0, 0], [0, 0, 0, 2]]
    assert right.positions[0, :2].tolist() == [0, 1]
    assert right.positions[1].tolist() == [0, 1, 2, 3]
    assert right.slots() == [(1, Slot(1, 2, "ACGT"))]

    pair[0] = example([5, 0], [0, 1], Slot(1, 1, "AC"))
    left = Batch.of(pair, torch.device("cpu"), left=True)
    assert left.ids.tolist() == [[0, 0, 5, 0], [7, 0, 0, 8]]
    assert left.mask.tolist() == [[False, False, True, True], [True] * 4]
    assert left.weights.tolist() == [[0, 0, 0, 1], [0, 0, 0, 2]]
    assert left.positions[0, 2:].tolist() == [0, 1]
    assert left.slots() == [(0, Slot(3, 1, "AC")), (1, Slot(1, 2, "ACGT"))]


@pytest.mark.parametrize("name", ["linear", "qformer", "onevocab", "text_only"])
def test_full_scale_padding_on_the_right_needs_no_mask(build, prompt, name, monkeypatch):
    """Logits of every real token and the gradient of every weight are those with a mask, and
    attention is called as its fastest kernel wants it: causal, without one."""
    method = build(name)
    made = [prompt("ACGTACG", "ACC"), prompt("ACG", thinks=True, reasoning="So it is lost.")]
    batch = method.batch([method.encode(p, answer=True) for p in made])
    assert not batch.mask.all()
    plain, attention = method.backbone.base_model.forward, F.scaled_dot_product_attention
    kernels, outputs, gradients = [], [], []

    def attend(*args, attn_mask=None, is_causal=False, **kwargs):
        kernels.append((attn_mask is not None, is_causal))
        return attention(*args, attn_mask=attn_mask, is_causal=is_causal, **kwargs)

    for mask in (None, batch.mask):

        def forward(attention_mask=None, mask=mask, **given):
            assert attention_mask is None
            with monkeypatch.context() as patched:
                patched.setattr(F, "scaled_dot_product_attention", attend)
                found = plain(attention_mask=mask, **given)
            outputs.append(method.logits(found.last_hidden_state)[batch.mask].detach())
            return found

        monkeypatch.setattr(method.backbone.base_model, "forward", forward)
        method.loss(batch).backward()
        trained = {k: p.grad.clone() for k, p in method.named_parameters() if p.grad is not None}
        gradients.append(trained)
        method.zero_grad()
    assert kernels == [(False, True)] * 2 + [(True, False)] * 2
    torch.testing.assert_close(outputs[0], outputs[1], atol=1e-4, rtol=1e-5)
    assert gradients[0].keys() == gradients[1].keys()
    for key, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][key], atol=1e-4, rtol=1e-4)
