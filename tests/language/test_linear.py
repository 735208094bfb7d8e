"""The linear adapter: where DNA states stand, what trains, what is saved."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from seqfuse.errors import UserError


def embeddings_by_hand(method, made) -> torch.Tensor:
    """The input embeddings [T, width] of a prompt, segment by segment."""
    table = method.backbone.get_input_embeddings().weight
    parts = []
    for segment in method.chat.segments(made):
        if isinstance(segment, str):
            parts.append(table[torch.tensor(method.tokeniser(segment)["input_ids"])])
        else:
            states = torch.from_numpy(method.setup.states.get(segment.sequence)).float()
            adapted = states @ method.adapter.weight.T + method.adapter.bias
            parts += [method.markers[:1], adapted, method.markers[1:]]
    return torch.cat(parts)


@pytest.mark.parametrize("left", [False, True])
def test_states_stand_between_markers_in_the_order_of_the_prompt(build, prompt, left):
    method = build("linear")
    # 2 + 1 states in the first prompt, none in the second, 4 in the third.
    made = [prompt("ACGTACG", "ACC"), prompt(question="And?"), prompt("ACGTTGCA" * 3)]
    examples = [method.encode(p, answer=False) for p in made]
    assert [[slot.length for slot in e.slots] for e in examples] == [[4, 3], [], [6]]
    batch = method.batch(examples, left)
    embedded = method.embed(batch)
    for row, p in enumerate(made):
        torch.testing.assert_close(embedded[row][batch.mask[row]], embeddings_by_hand(method, p))


def test_logits_follow_the_embeddings(build, prompt):
    method = build("linear")
    made = prompt("ACGTACG", "ACC")
    embedded = embeddings_by_hand(method, made)
    expected = method.backbone(inputs_embeds=embedded[None]).logits[0]
    batch = method.batch([method.encode(made, answer=False)])
    found = method.backbone(inputs_embeds=method.embed(batch)).logits[0]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", ["linear", "qformer", "onevocab", "text_only"])
def test_loss_is_the_weighted_sum_of_nats_of_the_answer(build, prompt, name):
    """Against full logits of one example at a time, and whatever else is in the batch."""
    method = build(name, label_weight=3.0)
    made = [
        prompt("ACGTACG", "ACC", label="no"),
        prompt("ACGT", question="And this long one, is it lost?", thinks=True, reasoning="Why?"),
    ]
    examples = [method.encode(p, answer=True) for p in made]
    expected = 0.0
    for example, p in zip(examples, made, strict=True):
        alone = method.batch([example])
        with torch.no_grad():
            hidden = method.backbone.base_model(inputs_embeds=method.embed(alone))[0][0]
            # Of the whole table: what no answer may hold is told apart from all the same.
            scores = F.log_softmax(F.linear(hidden, torch.cat(method.output_tables())), -1)
        said = sum((list(method.tokeniser(t)["input_ids"]) for t in p.answer), [])
        said.append(method.tokeniser.convert_tokens_to_ids("<|im_end|>"))
        label = 1 + len(method.tokeniser(p.answer[1])["input_ids"])
        start = example.length - len(said)
        for place, token in enumerate(said):
            weight = 3 if place >= len(said) - label else 1
            expected -= weight * scores[start + place - 1, token].item()
    assert method.loss(method.batch(examples)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["linear", "qformer", "text_only"])
@pytest.mark.parametrize("lora_rank", [0, 2])
def test_exactly_what_should_train_gets_a_gradient(build, prompt, name, lora_rank):
    method = build(name, lora_rank=lora_rank)
    if lora_rank:
        # B starts at zero, so that A would get no gradient in the very first step.
        for key, parameter in method.named_parameters():
            if "lora_B" in key:
                torch.nn.init.normal_(parameter)
    method.loss(method.batch([method.encode(prompt("ACGTACG", "ACC"), answer=True)])).backward()
    moved = {k for k, p in method.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved == {k for k, p in method.named_parameters() if p.requires_grad}
    backbone = {k for k in moved if k.startswith("backbone.")}
    if not lora_rank:
        assert backbone == {f"backbone.{k}" for k, _ in method.backbone.named_parameters()}
        return
    # Two layers of seven linear layers, A and B each; never the vocabulary's.
    assert len(backbone) == 2 * 7 * 2
    assert all("lora_" in k and "lm_head" not in k and "embed" not in k for k in backbone)


def test_adapter_starts_from_the_backbones_scale(build):
    method = build("linear")
    assert method.adapter.weight.shape == (32, 8)
    table = method.backbone.get_input_embeddings().weight
    assert method.markers.std().item() == pytest.approx(table.std().item(), rel=0.3)


def losses(method, made):
    with torch.no_grad():
        method.eval()
        return method.loss(method.batch([method.encode(p, answer=True) for p in made])).item()


@pytest.mark.parametrize("name", ["linear", "qformer", "text_only"])
def test_a_saved_method_says_the_same(build, prompt, tmp_path, name):
    made = [prompt("ACGTACG", "ACC"), prompt("ACGT")]
    method = build(name, seed=1, lora_rank=2)
    with torch.no_grad():
        for parameter in method.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn_like(parameter)
    before = losses(method, made)
    method.save(tmp_path)
    again = build(name, folder=tmp_path, seed=2)
    again.restore(tmp_path)
    assert losses(again, made) == pytest.approx(before, rel=1e-5)
    assert (tmp_path / "adapter.safetensors").exists() == (name != "text_only")


def test_a_checkpoint_of_another_method_is_refused(build, tmp_path):
    build("linear").save(tmp_path)
    with pytest.raises(UserError, match="'adapter.bias' is missing or of another method"):
        build("qformer").restore(tmp_path)
    (tmp_path / "adapter.safetensors").unlink()
    with pytest.raises(UserError, match="no such file; is this a checkpoint of another method?"):
        build("linear").restore(tmp_path)


def test_an_adapter_of_another_encoder_is_refused(build, tmp_path):
    build("linear").save(tmp_path)
    method = build("linear")
    method.adapter = torch.nn.Linear(9, 32)
    with pytest.raises(UserError, match=r"adapter.weight has shape \[32, 8\].*\[32, 9\]"):
        method.restore(tmp_path)


def test_a_backbone_that_is_cut_or_foreign_is_refused(backbone, tmp_path, build):
    shutil.copytree(backbone, tmp_path, dirs_exist_ok=True)
    (tmp_path / "config.json").rename(tmp_path / "elsewhere.json")
    with pytest.raises(UserError, match="config.json is missing"):
        build("linear", folder=tmp_path)
    (tmp_path / "elsewhere.json").rename(tmp_path / "config.json")
    whole = load_file(tmp_path / "model.safetensors")
    lost = "model.layers.1.mlp.up_proj.weight"
    path, extra = tmp_path / "model.safetensors", {"model.foreign": torch.zeros(1)}
    for tensors, message in (
        ({k: v for k, v in whole.items() if k != lost}, f"missing keys.*{lost}"),
        (whole | extra, "unexpected keys.*model.foreign"),
    ):
        save_file(tensors, path, metadata={"format": "pt"})
        with pytest.raises(UserError, match=message):
            build("linear", folder=tmp_path)
    save_file(whole, path, metadata={"format": "pt"})
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"intermediate_size": 40}))
    with pytest.raises(UserError, match="mismatched keys.*mlp.down_proj"):
        build("linear", folder=tmp_path)


def test_a_sharded_backbone_is_the_same_backbone(backbone, tmp_path, build, prompt):
    whole = build("text_only")
    whole.backbone.save_pretrained(tmp_path, max_shard_size="30KB")
    whole.tokeniser.save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    made = [prompt("ACGT")]
    assert losses(build("text_only", folder=tmp_path), made) == losses(whole, made)


def test_a_backbone_without_the_end_token_is_refused(backbone, tmp_path, build):
    shutil.copytree(backbone, tmp_path, dirs_exist_ok=True)
    for path in tmp_path.glob("tokenizer*.json"):
        path.write_text(path.read_text().replace("<|im_end|>", "<|fin|>"))
    with pytest.raises(
        UserError, match=r"'<\|im_end\|>' is not a token, so nothing ends an answer"
    ):
        build("text_only", folder=tmp_path)
