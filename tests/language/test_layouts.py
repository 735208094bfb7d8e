"""Backbones of every layout against plain transformers: logits, loss, labels, LoRA, the export."""

import shutil

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer

from seqfuse.language.answers.generation import Generation
from seqfuse.language.methods.onevocab import written
from seqfuse.registry.layouts import DECODERS
from tests.language import layouts

TEXTS = [
    "Does the variant change the site? Answer: yes",
    "Which disease follows? The site is lost, so the gene BRCA1 is silent. Answer: anaemia",
]
LABELS = ["yes", "no", "anaemia"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of each layout, by name."""
    root = tmp_path_factory.mktemp("layouts")
    return {name: layouts.write(name, root / name, TEXTS) for name in layouts.LAYOUTS}


@pytest.fixture(params=layouts.LAYOUTS)
def folder(request, folders):
    return folders[request.param]


def asked(prompt):
    """Prompts of very different lengths, one of them several windows long."""
    return [
        prompt("ACGTACG", "ACC"),
        prompt("ACGTTGCA" * 4, question="Which disease follows? " * 4),
        prompt(question="So?"),
    ]


def as_text(method, prompt) -> str:
    """A prompt to OneVocab as its exported tokeniser reads it."""
    segments = method.chat.segments(prompt)
    return "".join(
        s if isinstance(s, str) else written(method.vocabulary, s.sequence) for s in segments
    )


def plain(folder):
    return AutoModelForCausalLM.from_pretrained(folder).eval()


def test_layout_of_every_decoder_is_tested():
    assert layouts.LAYOUTS.keys() == DECODERS.keys()


@torch.no_grad()
def test_layout_logits_of_a_left_padded_batch_are_those_of_plain_transformers(
    build, prompt, folder
):
    method, model = build("text_only", folder).eval(), plain(folder)
    examples = [method.encode(p, answer=False) for p in asked(prompt)]
    assert max(e.length for e in examples) > 3 * layouts.WINDOW
    said = Generation(method, examples).run(4)
    for example, row in zip(examples, said.generated.tolist(), strict=True):
        ids = example.ids.tolist()
        for token in row:
            scores = model(torch.tensor([ids])).logits[0, -1]
            scores[sorted(set(range(len(scores))) - set(method.text_ids()))] = -torch.inf
            assert int(scores.argmax()) == token
            ids.append(token)
            if token == method.end:
                break


@torch.no_grad()
def test_layout_labels_side_by_side_score_as_each_does_alone(build, prompt, folder):
    method, model = build("text_only", folder).eval(), plain(folder)
    examples = [method.encode(p, answer=False) for p in asked(prompt)]
    found = Generation(method, examples).run(3).label_scores([LABELS] * len(examples))
    lead, known = method.tokens("Answer:").tolist(), method.text_ids()
    for example, scores in zip(examples, found, strict=True):
        for label in LABELS:
            tail = [*method.tokens(f" {label}").tolist(), method.end]
            context = [*example.ids.tolist(), *lead]
            logits = model(torch.tensor([context + tail])).logits[0, len(context) - 1 : -1]
            silent = torch.ones(logits.shape[-1], dtype=torch.bool)
            silent[known] = False
            nats = logits.masked_fill(silent, -torch.inf).log_softmax(-1)
            expected = sum(float(nats[i, token]) for i, token in enumerate(tail))
            assert scores[label] == pytest.approx(expected, abs=1e-3)


def test_layout_loss_is_the_cross_entropy_of_plain_transformers(build, prompt, folder):
    method, model = build("text_only", folder).eval(), plain(folder)
    made = [method.encode(p, answer=True) for p in asked(prompt)]
    batch = method.batch(made)
    expected = sum(
        F.cross_entropy(
            model(torch.from_numpy(e.ids)[None]).logits[0, :-1][e.weights[1:] > 0],
            torch.from_numpy(e.ids)[1:][e.weights[1:] > 0],
            reduction="sum",
        )
        for e in made
    )
    loss = method.loss(batch)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-4)
    loss.backward()
    expected.backward()
    ours, theirs = dict(method.backbone.named_parameters()), dict(model.named_parameters())
    for name, parameter in theirs.items():
        torch.testing.assert_close(ours[name].grad, parameter.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("tied", [True, False])
def test_layout_of_onevocab_is_exported_and_generates_in_plain_transformers(
    build, prompt, folder, tied, tmp_path
):
    """Whatever the published folder was set to for `generate`."""
    source = tmp_path / "source"
    layouts.write(folder.name, source, TEXTS, tie_word_embeddings=tied)
    made = asked(prompt)[:2]
    method = build("onevocab", source)
    optimiser = torch.optim.SGD(method.parameters(), lr=1e-3)
    method.loss(method.batch([method.encode(p, answer=True) for p in made])).backward()
    optimiser.step()
    method.eval()
    examples = [method.encode(p, answer=False) for p in made]
    ours = [Generation(method, [e]).run(6).generated[0].tolist() for e in examples]
    with torch.no_grad():
        batch = method.batch(examples[:1])
        hidden = method.backbone.base_model(inputs_embeds=method.embed(batch)).last_hidden_state
        expected, known = method.logits(hidden), method.text_ids()
    method.save(tmp_path / "made")
    model = plain(tmp_path / "made")
    tables = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    assert (tables[0] is tables[1]) == tied
    with torch.no_grad():
        found = model(batch.ids).logits
    torch.testing.assert_close(found[..., known], expected[..., known], rtol=1e-4, atol=1e-4)
    tokeniser = AutoTokenizer.from_pretrained(tmp_path / "made")
    for p, answer in zip(made, ours, strict=True):
        text = as_text(method, p)
        ids = tokeniser(text, add_special_tokens=False, return_tensors="pt")
        assert ids["input_ids"].tolist() == [method.encode(p, answer=False).ids.tolist()]
        assert ids["input_ids"][0].tolist().count(tokeniser.bos_token_id or -1) == bool(
            tokeniser.bos_token_id
        )
        said = model.generate(**ids, max_new_tokens=6)[0, ids["input_ids"].shape[1] :].tolist()
        assert said == answer


def test_layout_adapted_is_exported_with_lora_in_every_linear_layer_of_its_blocks(
    build, prompt, folder, tmp_path
):
    method = build("text_only", folder, lora_rank=2)
    layers = [m for m in plain(folder).base_model.modules() if isinstance(m, nn.Linear)]
    trained = [n for n, p in method.named_parameters() if p.requires_grad]
    assert len(trained) == 2 * len(layers) and all("lora_" in n for n in trained)
    with torch.no_grad():
        for parameter in method.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    made = method.encode(prompt("ACGT"), answer=True)
    with torch.no_grad():
        before = method.eval().loss(method.batch([made]))
        method.save(tmp_path)
        after = build("text_only", tmp_path).eval().loss(method.batch([made]))
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["linear", "qformer"])
def test_layout_shows_vectors_of_the_scale_of_its_text(build, prompt, folder, name):
    """Gemma multiplies what it reads of its table by the root of its width; a marker, too."""
    method = build(name, folder)
    words = method.token_embeddings(torch.arange(300)).std()
    assert 0.5 < method.markers.std() / words < 2
    made = method.encode(prompt("ACGTACGT"), answer=True)
    method.loss(method.batch([made])).backward()
    assert method.markers.grad.abs().sum() > 0


def test_layout_gradients_are_the_same_with_activations_computed_again(build, prompt, folder):
    grads = []
    for again in (False, True):
        method = build("onevocab", folder, gradient_checkpointing=again).train()
        made = [method.encode(p, answer=True) for p in asked(prompt)]
        method.loss(method.batch(made)).backward()
        grads.append([p.grad for p in method.parameters() if p.grad is not None])
    torch.testing.assert_close(grads[1], grads[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["gemma2", "gpt_neox"])
def test_layout_sharded_over_two_processes_has_the_loss_of_one(
    build, prompt, folders, together, tmp_path, name
):
    from seqfuse.training.distributed import processes

    def work():
        method = build("onevocab", folders[name])
        if processes.count() > 1:
            method.shard()
        loss = method.loss(method.batch([method.encode(p, answer=True) for p in asked(prompt)]))
        loss.backward()
        grads = [p.grad for p in method.backbone.base_model.layers.parameters()]
        whole = [getattr(grad, "full_tensor", lambda grad=grad: grad)() for grad in grads]
        return loss.item(), [grad.norm().item() for grad in whole]

    loss, norms = work()
    for found in together(2, work, tmp_path / "results"):
        assert found[0] == pytest.approx(loss, rel=1e-5)
        assert found[1] == pytest.approx(norms, rel=1e-4)


def test_layout_whose_tokeniser_has_a_token_more_than_its_table(build, prompt, folders, tmp_path):
    """As Gemma 3 of one billion, whose table has no row for its token of images."""
    source = tmp_path / "source"
    shutil.copytree(folders["llama"], source)
    tokeniser = AutoTokenizer.from_pretrained(source)
    tokeniser.add_tokens([f"<unused{i}>" for i in range(401 - len(tokeniser))], special_tokens=True)
    tokeniser.save_pretrained(source)
    method = build("onevocab", source)
    assert method.vocabulary.offset == 400 and max(method.text_ids()) == 399
    made = prompt("ACGT")
    example = method.encode(made, answer=False)
    ours = Generation(method.eval(), [example]).run(4).generated[0].tolist()
    method.save(tmp_path / "made")
    text = as_text(method, made)
    ids = AutoTokenizer.from_pretrained(tmp_path / "made")(
        text, add_special_tokens=False, return_tensors="pt"
    )
    assert ids["input_ids"][0].tolist() == example.ids.tolist()
    said = plain(tmp_path / "made").generate(**ids, max_new_tokens=4)
    assert said[0, example.length :].tolist() == ours


@pytest.mark.parametrize("metaspace", [False, True])
def test_layout_of_a_prompt_in_parts_is_tokenised_as_its_text(build, prompt, tmp_path, metaspace):
    """Also where a tokeniser puts a space before the first word of a text, and of no part."""
    source = layouts.write("mistral", tmp_path / "source", TEXTS)
    layouts.tokeniser_of("instruct", TEXTS, metaspace).save_pretrained(source)
    method, made = build("onevocab", source), prompt("ACGTN", "ACT")
    ids = method.encode(made, answer=False).ids.tolist()
    assert ids.count(method.tokeniser.bos_token_id) == 1
    method.save(tmp_path / "made")
    text = as_text(method, made)
    assert AutoTokenizer.from_pretrained(tmp_path / "made")(
        text, add_special_tokens=False)["input_ids"] == ids  # fmt: skip
    assert method.tokeniser.decode(method.tokens(" yes")).strip() == "yes"


def test_layout_is_trained_asked_and_exported_by_the_commands(project, commands, tmp_path):
    """Predictions of a test row, and plain `generate` on the text that the card shows."""
    from seqfuse import tables
    from seqfuse.language.finetuning import checkpoint

    gemma = layouts.write("gemma2", tmp_path / "gemma2", [*TEXTS, "Gene of grey, tawny mice."])
    words = ["--backbone", gemma, "--seeds", 0, "--reasoning", "false"]
    model = commands.finetune("onevocab", tmp_path / "model", *words)
    found = commands.predict("onevocab", model, tmp_path / "said.parquet", "--reasoning", "false")
    rows = tables.read(found, tables.PREDICTIONS).to_pylist()
    method = checkpoint.load(model / "seed0", None, "float32")
    export, tokeniser = plain(model / "seed0"), AutoTokenizer.from_pretrained(model / "seed0")
    shown = {row["id"]: row for row in tables.read(
        project / "mice" / "records.parquet", tables.CLEAN).to_pylist()}  # fmt: skip
    card = (model / "seed0" / "README.md").read_text()
    start = method.chat.frame(None, False).start
    assert repr(start)[1:-1] in card and "- mice: grey, tawny" in card
    for row in [row for row in rows if row["dataset"] == "mice"][:3]:
        record = shown[row["id"]]
        dna = "".join(written(method.vocabulary, record[c]) for c in ("sequence", "variant"))
        text = f"{start}{dna}{record['question']}{method.chat.frame(None, False).opened}"
        ids = tokeniser(text, add_special_tokens=False, return_tensors="pt")
        room = max(row["answer_tokens"], 1)
        said = export.generate(**ids, max_new_tokens=room)[0, ids["input_ids"].shape[1] :].tolist()
        assert tokeniser.decode([i for i in said if i != method.end]) == row["text"]


@pytest.mark.parametrize("name", ["gemma2", "mistral", "gpt_neox"])
def test_layout_resumes_to_the_same_weights(
    build, examples_of, folders, tmp_path, monkeypatch, name
):
    from seqfuse.training.trainer import Trainer, Training

    settings = Training(
        steps=4, batch=4, learning_rate=0.01, validate_every=2, checkpoint_minutes=1e-9
    )

    def trainer(state):
        method = build("onevocab", folders[name])
        return Trainer(method, settings, 0, tmp_path / state, "f"), examples_of(method)

    def weights(made):
        return {key: weight.detach().clone() for key, weight in made.trained.items()}

    whole, examples = trainer("whole")
    whole.run(examples, examples[::3])
    cut, examples = trainer("cut")
    step, calls = cut._step, iter(range(4))

    def failing(part):
        if next(calls) == 2:
            raise RuntimeError("the node is lost")
        return step(part)

    monkeypatch.setattr(cut, "_step", failing)
    with pytest.raises(RuntimeError, match="the node is lost"):
        cut.run(examples, examples[::3])
    again, examples = trainer("cut")
    rest, step = [], again._step
    monkeypatch.setattr(again, "_step", lambda part: rest.append(part) or step(part))
    assert again.run(examples, examples[::3]).step == 4
    assert len(rest) == 2
    torch.testing.assert_close(weights(again), weights(whole), rtol=0, atol=0)
    assert not torch.equal(weights(again)["dna_input"], build("onevocab", folders[name]).dna_input)
