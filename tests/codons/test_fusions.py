"""The fusions against the paper's equations, written out with loops and with torch's modules."""

import math

import pytest
import torch
from torch import nn

from seqfuse.codons.fusions.concat import Concat
from seqfuse.codons.fusions.mil import GatedMil, OneGateMil, SharedMil, TokenMil
from seqfuse.codons.fusions.single import Single
from seqfuse.codons.fusions.xattn import HEADS, CrossAttention

WIDTHS, WIDTH = {"dna": 6, "rna": 5, "protein": 4}, 8
LENGTHS = (7, 3, 1)


@pytest.fixture
def mask() -> torch.Tensor:
    return torch.arange(7) < torch.tensor(LENGTHS)[:, None]


@pytest.fixture
def views(mask) -> dict[str, torch.Tensor]:
    """States [3, 7, D]: of three sequences, with other numbers than 0 where the padding is."""
    return {view: torch.randn(*mask.shape, width) for view, width in WIDTHS.items()}


def cut(views, row) -> dict[str, torch.Tensor]:
    """One sequence's states without padding."""
    return {view: x[row, : LENGTHS[row]] for view, x in views.items()}


def affine(layer: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    return torch.einsum("ow,...w->...o", layer.weight, x) + layer.bias


def check(fused, row, wanted) -> None:
    """A row's codons, and nothing at its padding."""
    assert torch.allclose(fused.states[row, : LENGTHS[row]], wanted, atol=1e-6)
    assert not fused.states[row, LENGTHS[row] :].any()


def test_a_single_modality_is_its_projection(views, mask):
    layer = Single({"rna": 5}, WIDTH)
    fused = layer({"rna": views["rna"]}, mask)
    for row in range(len(LENGTHS)):
        check(fused, row, torch.tanh(affine(layer.project[0], cut(views, row)["rna"])))
    assert fused.weights is None and fused.entropy is None


def test_concat_puts_an_mlp_of_dna_beside_the_others(views, mask):
    layer = Concat(WIDTHS, WIDTH)
    fused = layer(views, mask)
    for row in range(len(LENGTHS)):
        own = cut(views, row)
        dna = affine(layer.dna[1], torch.tanh(affine(layer.dna[0][0], own["dna"])))
        joined = torch.cat([dna, own["rna"], own["protein"]], dim=1)
        assert joined.shape[1] == WIDTH + 5 + 4
        check(fused, row, torch.tanh(affine(layer.project[0], joined)))


def test_concat_of_two_leaves_the_third_out(views, mask):
    pair = {view: views[view] for view in ("rna", "protein")}
    layer = Concat({"rna": 5, "protein": 4}, WIDTH)
    assert not hasattr(layer, "dna")
    joined = torch.cat([pair["rna"][0], pair["protein"][0]], dim=1)
    check(layer(pair, mask), 0, torch.tanh(affine(layer.project[0], joined)))


def gate(layer: GatedMil, view: str, state: torch.Tensor) -> torch.Tensor:
    """s = w' (tanh(V h) * sigmoid(U h)) of one vector of a modality."""
    name = view if view in layer.content else "one"
    content, open_ = affine(layer.content[name], state), affine(layer.gate[name], state)
    return (layer.score.weight[0] * torch.tanh(content) / (1 + torch.exp(-open_))).sum()


def mil_by_hand(layer, states) -> tuple[torch.Tensor, torch.Tensor]:
    """(alpha [M], Z [C, W]) of one sequence from its projected modalities."""
    scores = [gate(layer, view, h.mean(0)) for view, h in zip(WIDTHS, states, strict=True)]
    scores = torch.stack(scores) / layer.log_temperature.exp()
    alpha = torch.exp(scores) / torch.exp(scores).sum()
    return alpha, sum(a * h for a, h in zip(alpha, states, strict=True))


@pytest.mark.parametrize(("kind", "gates"), [(GatedMil, [*WIDTHS]), (OneGateMil, ["one"])])
def test_mil_weighs_the_modalities_of_a_sequence(kind, gates, views, mask):
    layer = kind(WIDTHS, WIDTH)
    assert list(layer.content) == list(layer.gate) == gates
    nn.init.constant_(layer.log_temperature, math.log(0.3))
    fused = layer(views, mask)
    assert torch.allclose(fused.weights.sum(1), torch.ones(3), atol=1e-6)
    for row in range(len(LENGTHS)):
        own = cut(views, row)
        states = [torch.tanh(affine(layer.project[view][0], own[view])) for view in WIDTHS]
        alpha, wanted = mil_by_hand(layer, states)
        assert torch.allclose(fused.weights[row], alpha, atol=1e-6)
        check(fused, row, wanted)
        entropy = -sum(a * math.log(a) for a in alpha.tolist())
        assert fused.entropy[row].item() == pytest.approx(entropy, abs=1e-5)


def test_shared_mil_has_one_projection_of_states_filled_up_with_zeros(views, mask):
    layer = SharedMil(WIDTHS, WIDTH)
    assert list(layer.project) == ["shared"] and layer.project["shared"][0].in_features == 6
    fused = layer(views, mask)
    weight, bias = layer.project["shared"][0].weight, layer.project["shared"][0].bias
    for row in range(len(LENGTHS)):
        states = [
            torch.tanh(x @ weight[:, : x.shape[1]].T + bias) for x in cut(views, row).values()
        ]
        alpha, wanted = mil_by_hand(layer, states)
        assert torch.allclose(fused.weights[row], alpha, atol=1e-6)
        check(fused, row, wanted)


def test_token_mil_weighs_the_modalities_of_a_codon(views, mask):
    layer = TokenMil(WIDTHS, WIDTH)
    fused = layer(views, mask)
    for row, length in enumerate(LENGTHS):
        own = cut(views, row)
        states = [torch.tanh(affine(layer.project[view][0], own[view])) for view in WIDTHS]
        by_codon = [mil_by_hand(layer, [h[c : c + 1] for h in states]) for c in range(length)]
        check(fused, row, torch.cat([z for _, z in by_codon]))
        alphas = torch.stack([alpha for alpha, _ in by_codon])
        assert torch.allclose(fused.weights[row], alphas.mean(0), atol=1e-6)
        entropy = -(alphas * alphas.log()).sum(1).mean()
        assert fused.entropy[row].item() == pytest.approx(entropy.item(), abs=1e-5)


@pytest.mark.parametrize(("temperature", "held_at"), [(1e-4, 0.02), (1e4, 20.0), (3.0, 3.0)])
def test_full_scale_the_temperature_is_clamped_and_comes_back(temperature, held_at, views, mask):
    layer = GatedMil(WIDTHS, WIDTH)
    nn.init.constant_(layer.log_temperature, math.log(temperature))
    layer.clamp()
    assert layer.log_temperature.exp().item() == pytest.approx(held_at, rel=1e-6)
    # At a bound it has a gradient, and can come back.
    layer(views, mask).entropy.sum().backward()
    assert layer.log_temperature.grad.abs() > 0


def test_equal_modalities_weigh_the_same_and_have_the_largest_entropy(mask):
    layer = GatedMil({"dna": 4, "rna": 4, "protein": 4}, WIDTH)
    for view in ("rna", "protein"):
        for part in (layer.project, layer.content, layer.gate):
            part[view].load_state_dict(part["dna"].state_dict())
    same = torch.randn(*mask.shape, 4)
    fused = layer({"dna": same, "rna": same, "protein": same}, mask)
    assert torch.allclose(fused.weights, torch.full((3, 3), 1 / 3))
    assert torch.allclose(fused.entropy, torch.full((3,), math.log(3)))


def attention(layer, view) -> nn.MultiheadAttention:
    """torch's module with the weights of one modality's attention."""
    ours = layer.attend[view]
    theirs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.both.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.both.bias]))
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    return theirs.eval()


def test_cross_attention_is_torchs_over_all_codons_of_all_modalities(views, mask):
    layer = CrossAttention(WIDTHS, WIDTH).eval()
    fused, maps = layer(views, mask), layer.maps(views, mask)
    for row, length in enumerate(LENGTHS):
        own = cut(views, row)
        states = {v: torch.tanh(affine(layer.project[v][0], x)) for v, x in own.items()}
        context = torch.cat(list(states.values()))[None]
        asked = []
        for number, (view, state) in enumerate(states.items()):
            mixed, weights = attention(layer, view)(state[None], context, context)
            asked.append(layer.norms[view](state + mixed[0]))
            found = maps[row, number, :length][:, :, :length].flatten(1)
            assert torch.allclose(found, weights[0], atol=1e-6)
        mean = sum(asked) / 3 + sum(states.values()) / 3
        check(fused, row, layer.norm(mean))
    assert torch.allclose(maps.sum((-1, -2)), torch.ones(3, 3, 7), atol=1e-5)


def test_cross_attention_drops_only_in_training(views, mask):
    layer = CrossAttention(WIDTHS, WIDTH)
    assert not torch.equal(layer(views, mask).states, layer(views, mask).states)
    layer.eval()
    assert torch.equal(layer(views, mask).states, layer(views, mask).states)
