"""The linear adapter on an encoder that trains: where it starts, what moves, what is saved."""

import numpy as np
import pytest
import torch

from seqfuse import encoders
from seqfuse.language.methods.linear import Linear
from seqfuse.language.methods.linear_tuned import LinearTuned
from seqfuse.language.methods.method import Setup


@pytest.fixture
def tuned(project):
    """The method on the small project's encoder, with LoRA or without."""

    def make(rank: int) -> LinearTuned:
        torch.manual_seed(0)
        return LinearTuned(Setup(project / "qwen3", lora_rank=rank, encoder=project / "nt"))

    return make


class Whole:
    """States in full precision of the encoder as it is published, one sequence at a time."""

    def __init__(self, folder):
        self.encoder = encoders.load(folder).eval()

    @torch.no_grad()
    def get(self, sequence: str) -> np.ndarray:
        tokens = self.encoder.tokenise(sequence)
        return self.encoder(torch.from_numpy(tokens.ids)[None])[0, ~tokens.special].numpy()


def loss(method, prompts) -> float:
    examples = [method.encode(prompt, answer=True) for prompt in prompts]
    with torch.no_grad():
        return method.eval().loss(method.batch(examples)).item()


def test_it_starts_where_the_linear_adapter_on_frozen_states_does(project, tuned, prompt):
    found = tuned(4)
    frozen = Linear(Setup(project / "qwen3", states=Whole(project / "nt"), encoder_width=16))
    frozen.adapter.load_state_dict(found.adapter.state_dict())
    frozen.markers.data.copy_(found.markers.data)
    asked = [prompt("ACGTACGTN", "ACG"), prompt("ACGTTGCATGCA" * 3)]
    assert loss(found, asked) == pytest.approx(loss(frozen, asked), rel=1e-5)


@pytest.mark.parametrize("rank", [0, 2])
def test_exactly_what_should_train_gets_a_gradient(tuned, prompt, rank):
    method = tuned(rank)
    for name, parameter in method.named_parameters():
        # LoRA's second factor is zero at the start, which would stop the first one's gradient.
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    method.loss(method.batch([method.encode(prompt("ACGTACGT", "ACG"), answer=True)])).backward()
    moved = {n for n, p in method.named_parameters() if p.grad is not None and p.grad.any()}
    own = {"adapter.weight", "adapter.bias", "markers"}
    everything = {name for name, _ in method.named_parameters()}
    if rank:
        assert moved == own | {name for name in everything if "lora_" in name}
        assert any(name.startswith("encoder.") for name in moved)
        assert any(name.startswith("backbone.") for name in moved)
    else:
        head = {name for name in everything if name.startswith("encoder.lm_head.")}
        assert head and moved == everything - head


def test_the_checkpoint_holds_the_encoder_in_its_published_layout(tuned, prompt, tmp_path):
    method = tuned(2)
    before = {k: v.clone() for k, v in method.encoder.state_dict().items() if "lora" not in k}
    for name, parameter in method.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    asked = [prompt("ACGTACGTAC", "ACG")]
    expected = loss(method, asked)
    method.save(tmp_path)
    found = encoders.load(tmp_path / "encoder")
    assert len(before) == len(found.state_dict())
    assert any(
        not torch.equal(a, b)
        for a, b in zip(before.values(), found.state_dict().values(), strict=True)
    )
    again = LinearTuned(Setup(tmp_path))
    again.restore(tmp_path)
    assert loss(again, asked) == pytest.approx(expected, rel=1e-4)
