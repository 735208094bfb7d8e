"""Codon alignment: by hand, by brute force over nucleotides, and against torch's convolution."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seqfuse.codons.inputs.align import Average, Packed, Transposed
from seqfuse.codons.inputs.placement import place, place_in_order
from seqfuse.errors import UserError


def matrix(spans, codons, parts=1) -> np.ndarray:
    """The placement as shares [codons, outputs]."""
    placement = place(np.array(spans), codons, parts)
    found = np.zeros((codons, len(spans) * parts))
    np.add.at(found, (placement.codons, placement.outputs), placement.shares)
    return found


def by_nucleotide(spans, codons, parts=1) -> np.ndarray:
    """The same shares, counted over a grid of twelfths of a nucleotide."""
    fine = 12
    found = np.zeros((codons, len(spans) * parts))
    for token, (start, end) in enumerate(spans):
        for step in range((end - start) * fine):
            codon = (start * fine + step) // (3 * fine)
            if codon < codons:
                found[codon, token * parts + step * parts // ((end - start) * fine)] += 1
    return found / found.sum(1, keepdims=True)


def six_mers(letters: str) -> list[tuple[int, int]]:
    """Nucleotide Transformer's tokens: 6-mers of each stretch between Ns, then single bases."""
    found, start = [], 0
    for stretch in letters.split("N"):
        whole = len(stretch) // 6 * 6
        found += [(start + i, start + i + 6) for i in range(0, whole, 6)]
        found += [(start + i, start + i + 1) for i in range(whole, len(stretch))]
        start += len(stretch)
        if start < len(letters):
            found.append((start, start + 1))
        start += 1
    return found


def pack(sequences, placements, parts=1) -> tuple[Packed, int]:
    """A batch of token states, each sequence padded to the most codons of any."""
    codons = max(int(p.codons.max()) + 1 for p in placements)
    first = torch.cat([torch.arange(len(x)) == 0 for x in sequences])
    cells = np.concatenate([p.codons + codons * i for i, p in enumerate(placements)])
    starts = np.cumsum([0, *(len(x) * parts for x in sequences)])
    outputs = np.concatenate([p.outputs + starts[i] for i, p in enumerate(placements)])
    shares = torch.from_numpy(np.concatenate([p.shares for p in placements]))
    indices = torch.from_numpy(cells), torch.from_numpy(outputs)
    return Packed(torch.cat(sequences), first, *indices, shares), codons


def test_nine_nucleotides_are_one_six_mer_and_three_single_bases():
    """A length of 3 mod 6: half of real coding sequences."""
    spans = [(0, 6), (6, 7), (7, 8), (8, 9)]
    third = 1 / 3
    wanted = [[1, 0, 0, 0], [1, 0, 0, 0], [0, third, third, third]]
    assert matrix(spans, 3) == pytest.approx(np.array(wanted))


def test_two_outputs_of_a_token_stand_on_its_two_halves():
    spans = [(0, 6), (6, 7), (7, 8), (8, 9)]
    sixth = 1 / 6
    wanted = np.zeros((3, 8))
    wanted[0, 0], wanted[1, 1], wanted[2, 2:] = 1, 1, sixth
    assert matrix(spans, 3, parts=2) == pytest.approx(wanted)


def test_an_n_shifts_the_six_mers_behind_it():
    """ACGTN and then 6-mers that begin at nucleotide 5, out of phase with the codons."""
    spans = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 11), (11, 12)]
    third = 1 / 3
    wanted = [
        [third, third, third, 0, 0, 0, 0],
        [0, 0, 0, third, third, third, 0],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 2 * third, third],
    ]
    assert matrix(spans, 4) == pytest.approx(np.array(wanted))


def test_nucleotides_behind_the_last_codon_are_left_out():
    """Eight nucleotides are two codons; the two bases of the tail have no place."""
    assert matrix([(0, 6), (6, 7), (7, 8)], 2) == pytest.approx(np.array([[1, 0, 0], [1, 0, 0]]))


def test_a_residue_is_its_codon():
    spans = np.array([[0, 1], [1, 2], [2, 3]]) * 3
    assert matrix(spans, 3) == pytest.approx(np.eye(3))


def test_a_codon_without_a_token_is_named():
    with pytest.raises(UserError, match="codon 1 of 3 has no token"):
        place(np.array([[0, 3], [6, 9]]), 3)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("length", range(6, 24))
def test_every_length_is_exact(length, parts):
    spans = six_mers("A" * length)
    assert spans[-1][1] == length
    wanted = by_nucleotide(spans, length // 3, parts)
    assert matrix(spans, length // 3, parts) == pytest.approx(wanted)


@settings(max_examples=60)
@given(st.text("ACGTN", min_size=3, max_size=40), st.sampled_from([1, 2]))
def test_any_sequence_with_n_is_exact(letters, parts):
    spans, codons = six_mers(letters), len(letters) // 3
    wanted = by_nucleotide(spans, codons, parts)
    assert matrix(spans, codons, parts) == pytest.approx(wanted)


def test_the_spans_of_the_encoder_are_those_used_here(tmp_path):
    """Tokens of the real tokeniser, special ones left out, have the spans that the tests assume."""
    from seqfuse import encoders
    from seqfuse.encoders.models import random_models

    random_models.write("nucleotide-transformer-v2", {}, 0, [], tmp_path)
    tokeniser = encoders.implementation("nucleotide-transformer-v2").read_tokeniser(tmp_path)
    for letters in ("ATGGCC", "ATGGCCTAA", "ATGNCCGATTACATAA", "ATGGCCGATTACATAAC"):
        tokens = tokeniser.encode(letters)
        kept = [tuple(span) for span in tokens.spans[~np.asarray(tokens.special)].tolist()]
        assert kept == six_mers(letters)


def test_without_alignment_the_nth_token_stands_at_the_nth_codon():
    placement = place_in_order(tokens=5, codons=3)
    assert placement.codons.tolist() == placement.outputs.tolist() == [0, 1, 2]
    assert placement.shares.tolist() == [1, 1, 1]
    assert place_in_order(tokens=2, codons=3).codons.tolist() == [0, 1]


def test_the_average_of_single_nucleotides_is_a_pooling_of_three():
    sequences = [torch.randn(12, 5), torch.randn(6, 5)]
    placements = [place(np.arange(n)[:, None] + [[0, 1]], n // 3) for n in (12, 6)]
    packed, codons = pack(sequences, placements)
    found = Average()(packed, packed.tokens, 2 * codons).unflatten(0, (2, codons))
    assert torch.allclose(found[0], sequences[0].view(4, 3, 5).mean(1))
    assert torch.allclose(found[1, :2], sequences[1].view(2, 3, 5).mean(1))
    assert not found[1, 2:].any()


@pytest.mark.parametrize("kernel", [2, 3])
def test_on_whole_six_mers_it_is_torchs_transposed_convolution(kernel):
    layer = Transposed(4, kernel)
    nn.init.normal_(layer.taps)
    nn.init.normal_(layer.bias)
    convolution = nn.ConvTranspose1d(4, 4, kernel, stride=2)
    with torch.no_grad():
        # torch: [inputs, outputs, taps].
        convolution.weight.copy_(layer.taps.permute(2, 1, 0))
        convolution.bias.copy_(layer.bias)
    sequences = [torch.randn(5, 4), torch.randn(3, 4)]
    placements = [place(6 * np.arange(n)[:, None] + [[0, 6]], 2 * n, 2) for n in (5, 3)]
    packed, codons = pack(sequences, placements, parts=2)
    found = layer(packed, packed.tokens, 2 * codons).unflatten(0, (2, codons))
    for row, states in enumerate(sequences):
        wanted = convolution(states.T)[:, : 2 * len(states)].T
        assert torch.allclose(found[row, : 2 * len(states)], wanted, atol=1e-6)
    assert not found[1, 6:].any()


@pytest.mark.parametrize("kernel", [2, 3])
def test_training_starts_from_repetition(kernel):
    sequences = [torch.randn(4, 3)]
    spans = np.array([(0, 6), (6, 7), (7, 8), (8, 9)])
    packed, codons = pack(sequences, [place(spans, 3, 2)], parts=2)
    repeated, _ = pack(sequences, [place(spans, 3)])
    found = Transposed(3, kernel)(packed, packed.tokens, codons)
    assert torch.allclose(found, Average()(repeated, repeated.tokens, codons), atol=1e-6)
