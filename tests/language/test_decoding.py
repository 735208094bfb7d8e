"""Batched, cached answers against one example at a time without a cache."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seqfuse.errors import UserError
from seqfuse.language.answers import decoding
from seqfuse.language.answers.decoding import answer, check_lengths
from seqfuse.language.answers.generation import Generation, GrowingLayer, LabelTree
from seqfuse.language.prompts import Settings
from seqfuse.plan.rehearsal.answering import cached_beyond

METHODS = ["linear", "qformer", "onevocab", "text_only"]
LABELS = ["yes", "no", "anaemia of the site", "y"]
CLOSED = Settings(reasoning=False, max_tokens=2000, max_new_tokens=6)


def of_lengths(prompt, thinks=False):
    """Prompts of very different lengths, with two sequences, one and none."""
    return [
        prompt("ACGTACG", "ACC", thinks=thinks, id="two"),
        prompt("ACGTTGCAN" * 5, question="Which disease follows? " * 6, thinks=thinks, id="long"),
        prompt(question="So?", thinks=thinks, id="none"),
        prompt("A", thinks=thinks, id="one"),
    ]


@torch.no_grad()
def next_scores(method, example, ids) -> torch.Tensor:
    """Log-probabilities [1 + len(ids), V] behind the prompt and behind each of `ids`."""
    embedded = method.embed(method.batch([example]))
    said = method.token_embeddings(torch.tensor([ids], dtype=torch.long))
    whole = torch.cat([embedded, said], dim=1)
    hidden = method.backbone.base_model(inputs_embeds=whole, use_cache=False).last_hidden_state
    return method.logits(hidden[0, example.length - 1 :]).log_softmax(-1)


def greedy(method, example, most: int) -> list[int]:
    ids: list[int] = []
    while len(ids) < most and (not ids or ids[-1] != method.end):
        ids.append(int(next_scores(method, example, ids)[-1].argmax()))
    return ids


def loglik(method, example, context: list[int], label: str) -> float:
    """The sum of log-softmax over the label's tokens and the end token, behind `context`."""
    tail = [*method.tokeniser(f" {label}")["input_ids"], method.end]
    scores = next_scores(method, example, context + tail)
    return sum(scores[len(context) + i, token].item() for i, token in enumerate(tail))


@pytest.fixture
def script(monkeypatch):
    """Make a method generate given ids, one list a row, whatever it would say itself."""

    def make(method, rows):
        width = max(map(len, rows))
        padded = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
        step = iter(range(width))

        def logits(hidden):
            return torch.nn.functional.one_hot(padded[:, next(step)], 500).float()

        monkeypatch.setattr(method, "logits", logits)

    return make


@pytest.mark.parametrize("name", METHODS)
def test_a_batch_generates_what_each_prompt_alone_does_without_a_cache(build, prompt, name):
    method = build(name).eval()
    examples = [method.encode(p, answer=False) for p in of_lengths(prompt)]
    found = Generation(method, examples).run(6)
    expected = [greedy(method, example, 6) for example in examples]
    assert len({tuple(ids) for ids in expected}) > 1
    assert found.counts == [len(ids) for ids in expected]
    for row, ids in zip(found.generated.tolist(), expected, strict=True):
        assert row[: len(ids)] == ids


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("new", [1, 5])
def test_label_likelihood_is_the_sum_of_log_softmax_with_the_end(build, prompt, name, new):
    """Without reasoning the context is the prompt and `Answer:`, whatever was generated."""
    method = build(name).eval()
    examples = [method.encode(p, answer=False) for p in of_lengths(prompt)]
    labels = [LABELS, LABELS[:1], LABELS[::-1], LABELS[1:]]
    found = Generation(method, examples).run(new).label_scores(labels)
    context = method.tokeniser("Answer:")["input_ids"]
    for example, names, scores in zip(examples, labels, found, strict=True):
        assert list(scores) == names
        for label in names:
            expected = loglik(method, example, context, label)
            assert scores[label] == pytest.approx(expected, rel=1e-4), label
    assert found[0]["yes"] != pytest.approx(found[3]["no"], rel=1e-2)


@pytest.mark.parametrize("name", ["linear", "onevocab"])
def test_label_likelihood_follows_the_models_own_reasoning(
    build, prompt, script, monkeypatch, name
):
    method = build(name).eval()
    examples = [method.encode(p, answer=False) for p in of_lengths(prompt, thinks=True)]

    def ids(text):
        return method.tokeniser(text)["input_ids"]

    said = [
        ids("Lost.\n</think>\n\nAnswer: no") + [method.end],
        # Never closed: the generation ran out of tokens, in the longest row.
        ids("The site is lost, so the gene is silent and so on"),
        # Ended without closing.
        ids("Lost") + [method.end],
        # Closed twice; and what stands behind the last is not context.
        ids("a</think>b</think> c d"),
    ]
    most = max(map(len, said))
    assert len(said[1]) == most
    contexts = [
        ids("Lost.\n</think>\n\nAnswer:"),
        said[1] + ids("\n</think>\n\nAnswer:"),
        ids("Lost") + ids("\n</think>\n\nAnswer:"),
        ids("a</think>b</think>\n\nAnswer:"),
    ]
    # A row that does not end is filled up, so that it says as much as the longest.
    said[3] += ids(" so so so so so so so so so so so so so so so so so so so so")
    said[3] = said[3][:most]
    script(method, said)
    generation = Generation(method, examples).run(most)
    monkeypatch.undo()
    assert generation.counts == [len(row) for row in said]
    assert generation.texts()[0] == "Lost.\n</think>\n\nAnswer: no"
    assert generation.texts()[2] == "Lost"
    found = generation.label_scores([LABELS] * 4)
    for example, context, scores in zip(examples, contexts, found, strict=True):
        for label in LABELS:
            expected = loglik(method, example, context, label)
            assert scores[label] == pytest.approx(expected, rel=1e-4), label


def test_reasoning_closed_by_the_very_last_token(build, prompt, script, monkeypatch):
    """The last generated token was never fed to the model, yet it belongs to the context."""
    method = build("linear").eval()
    example = method.encode(prompt("ACGTACG", thinks=True), answer=False)
    said = method.tokeniser("Lost.\n</think>")["input_ids"]
    script(method, [said])
    generation = Generation(method, [example]).run(len(said))
    monkeypatch.undo()
    (found,) = generation.label_scores([LABELS])
    context = method.tokeniser("Lost.\n</think>\n\nAnswer:")["input_ids"]
    for label in LABELS:
        expected = loglik(method, example, context, label)
        assert found[label] == pytest.approx(expected, rel=1e-4)


def test_scores_are_those_that_training_lowers(build, prompt, monkeypatch):
    """The loss of a record is minus the likelihood of `Answer:` and of its label, among all rows of
    the table; answers are chosen and scored among those that are text."""
    method = build("linear").eval()
    monkeypatch.setattr(method, "text_ids", lambda: range(384))
    made = prompt("ACGTACG", "ACC", label="no")
    with torch.no_grad():
        loss = method.loss(method.batch([method.encode(made, answer=True)])).item()
    example = method.encode(made, answer=False)
    field = method.tokeniser("Answer:")["input_ids"]
    scores = next_scores(method, example, field)
    opened = sum(scores[i, token].item() for i, token in enumerate(field))
    (found,) = Generation(method, [example]).run(1).label_scores([["no"]])
    assert -loss == pytest.approx(opened + found["no"], rel=1e-4)


def test_an_answer_that_ran_out_of_tokens_is_cut(build, prompt, script):
    method = build("text_only").eval()
    end, other = method.end, method.tokens("x")[0].item()
    script(method, [[other, other], [other, end]])
    generated = Generation(method, [method.encode(prompt(), answer=False)] * 2).run(2)
    # Both rows have two tokens; one said in time that it had ended.
    assert (generated.counts, generated.cut) == ([2, 2], [True, False])


def test_an_ended_row_stays_ended_while_others_go_on(build, prompt, script):
    method = build("text_only").eval()
    ids = method.tokeniser("yes no so it is")["input_ids"]
    rows = [[ids[0], method.end, *ids[:3]], ids[:5]]
    script(method, rows)
    made = [method.encode(p, answer=False) for p in of_lengths(prompt)[:2]]
    generation = Generation(method, made).run(5)
    assert generation.generated.tolist() == [[ids[0], *[method.end] * 4], ids[:5]]
    assert generation.counts == [2, 5]
    assert generation.rows == [ids[:1], ids[:5]]


def test_generation_stops_when_every_row_has_ended(build, prompt, script):
    method = build("text_only").eval()
    script(method, [[3, 4, method.end], [method.end]])
    made = [method.encode(p, answer=False) for p in of_lengths(prompt)[:2]]
    generation = Generation(method, made).run(50)
    assert generation.generated.shape == (2, 3)
    assert generation.counts == [3, 1]
    assert generation.texts()[1] == ""


@pytest.mark.parametrize("name", ["linear", "onevocab"])
def test_answers_come_in_order_however_they_are_batched(build, prompt, monkeypatch, name):
    method = build(name).eval()
    made = of_lengths(prompt) + of_lengths(prompt, thinks=True)
    seen = []
    whole = answer(method, made, {"demo": LABELS}, CLOSED, seen.append)
    # What reasons does not share a batch with what does not.
    assert seen == [4, 4]
    monkeypatch.setitem(decoding._TOKENS, "cpu", 60)
    seen.clear()
    parts = answer(method, made, {"demo": LABELS}, CLOSED, seen.append)
    assert len(seen) > 3
    assert sum(seen) == 8
    for p, one, other in zip(made, whole, parts, strict=True):
        example = method.encode(p, answer=False)
        assert one.prompt_tokens == other.prompt_tokens == example.length
        ids = greedy(method, example, CLOSED.max_new_tokens)
        assert one.answer_tokens == other.answer_tokens == len(ids)
        text = method.tokeniser.decode([i for i in ids if i != method.end])
        assert one.text == other.text == text
        assert one.loglik == pytest.approx(other.loglik, rel=1e-4)
        for label, nats in one.loglik.items():
            # The label's tokens and the end token.
            tokens = len(method.tokeniser(f" {label}")["input_ids"]) + 1
            assert one.loglik_per_token[label] == pytest.approx(nats / tokens)


def test_a_prompt_over_the_limit_is_refused_by_name(build, prompt):
    method = build("onevocab")
    examples = [method.encode(prompt("ACGT" * 20, id="r7"), answer=False)]
    length = examples[0].length
    exact = Settings(reasoning=False, max_tokens=length + 6, max_new_tokens=6)
    check_lengths(method, examples, exact, [6])
    with pytest.raises(
        UserError,
        match=rf"demo, record 'r7': {length + 7} tokens with its answer exceed the limit of"
        rf" {length + 6}; raise language.prompt.max_tokens to {length + 7} \(--max-tokens\)",
    ):
        check_lengths(method, examples, exact, [7])
    with pytest.raises(UserError, match=f"{length} tokens.* exceed the limit of 20; raise"):
        check_lengths(
            method, examples, Settings(reasoning=False, max_tokens=20, max_new_tokens=6), [0]
        )
    method.backbone.config.max_position_embeddings = 30
    with pytest.raises(UserError, match="limit of 30; the backbone reads at most 30"):
        check_lengths(method, examples, exact, [0])


def test_answers_refuse_what_leaves_no_room_for_the_new_tokens(build, prompt):
    method = build("text_only").eval()
    length = method.encode(prompt(), answer=False).length
    fits, tight = (
        Settings(reasoning=False, max_tokens=length + room, max_new_tokens=3) for room in (3, 2)
    )
    assert len(answer(method, [prompt()], {"demo": LABELS}, fits)) == 1
    with pytest.raises(UserError, match=f"{length + 3} tokens with its answer exceed"):
        answer(method, [prompt()], {"demo": LABELS}, tight)


def test_a_growing_layer_holds_what_concatenation_holds():
    layer, parts = GrowingLayer(), [torch.randn(2, 3, n, 4) for n in (5, 1, 1, 9, 1, 40)]
    for count in range(1, len(parts) + 1):
        new = parts[count - 1]
        keys, values = layer.update(new, -new)
        expected = torch.cat(parts[:count], dim=2)
        assert torch.equal(keys, expected) and torch.equal(values, -expected)
        assert layer.get_seq_length() == expected.shape[2]


@pytest.mark.parametrize(("prompt", "said"), [(5, 2), (5, 6), (4, 20), (1, 50)])
def test_rehearse_knows_the_room_of_a_growing_layer(prompt, said):
    layer = GrowingLayer()
    for count in (prompt, *[1] * said):
        new = torch.zeros(1, 1, count, 1)
        layer.update(new, new)
    room = layer._buffers[0].shape[2]
    assert cached_beyond("cuda", prompt, said) == room - 2 * prompt
    assert cached_beyond("cpu", prompt, said) == layer.get_seq_length() - 2 * prompt


def test_label_tree_by_hand():
    tree = LabelTree(np.array([1, 2]), [np.array([3, 9]), np.array([4, 5, 9])])
    assert tree.ids.tolist() == [1, 2, 3, 9, 4, 5, 9]
    assert tree.depths.tolist() == [0, 1, 2, 3, 2, 3, 4]
    assert tree.seen.astype(int).tolist() == [
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 0, 0, 1, 0, 0],
        [1, 1, 0, 0, 1, 1, 0],
        [1, 1, 0, 0, 1, 1, 1],
    ]


# --- what an answer may hold ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["onevocab", "linear"])
def test_full_scale_no_answer_holds_dna_or_a_row_that_is_no_text(build, prompt, tmp_path, name):
    """Before it is saved, and after, when table and tokeniser hold the DNA's tokens as well."""
    method = build(name).eval()
    assert method.logits(torch.randn(1, 32)).requires_grad
    known = set(method.tokeniser.get_vocab().values())
    assert max(known) < 383  # the table has rows that are no token, as Qwen3's has
    with torch.no_grad():
        # What is no text would be said at every step.
        tables = method.output_tables()
        tables[0][[i for i in range(384) if i not in known]] *= 1e3
        tables[-1][-1] *= 1e3
    asked = [method.encode(p, answer=False) for p in of_lengths(prompt)]
    said = Generation(method, asked).run(6)
    scores = said.label_scores([LABELS] * 4)
    assert set(said.generated.flatten().tolist()) <= known
    # Nothing of the mass is lost to what cannot be said.
    hidden = torch.randn(3, 32)
    silent = [i for i in range(sum(map(len, tables))) if i not in known]
    logits = method.logits(hidden)
    assert torch.isneginf(logits[:, silent]).all() and logits[:, sorted(known)].isfinite().all()
    if name == "linear":
        return
    settings = method.saved_settings()
    method.save(tmp_path)
    again = build(name, tmp_path, settings).eval()
    assert again.text_ids() == sorted(known) and again.end == method.end
    assert len(again.tokeniser.get_vocab()) > len(known)
    found = Generation(again, [again.encode(p, answer=False) for p in of_lengths(prompt)]).run(6)
    assert found.texts() == said.texts() and "<|im_end|>" not in found.texts()[0]
    for ours, saved in zip(scores, found.label_scores([LABELS] * 4), strict=True):
        assert saved == pytest.approx(ours, rel=1e-4)


# --- how much an answer may take ------------------------------------------------------------------


def test_full_scale_an_answer_without_reasoning_takes_no_more_than_its_labels(build, prompt):
    method = build("text_only").eval()
    longest = max(len(method.tokeniser(f" {label}")["input_ids"]) for label in LABELS)
    field = len(method.tokeniser("Answer:")["input_ids"])
    closed, thinking = prompt(), prompt(thinks=True)
    assert method.room(thinking, LABELS, 1024) == 1024
    # Its end, and some for another spelling.
    assert method.room(closed, LABELS, 1024) == field + longest + 1 + 8
    assert method.room(closed, LABELS, 6) == 6
    settings = Settings(max_tokens=2000, max_new_tokens=1024)
    (said,) = answer(method, [closed], {"demo": LABELS}, settings)
    assert said.answer_tokens <= field + longest + 1 + 8


def test_full_scale_batches_are_as_large_as_their_answers_allow(build, prompt, monkeypatch):
    """57 prompts of 128 tokens shared 65,536 with 1,024 new ones each; 256 do with a label."""
    method = build("text_only").eval()
    monkeypatch.setitem(decoding._TOKENS, "cpu", 65536)
    asked = [prompt(question="So? " * 25, id=str(i)) for i in range(300)]
    examples = [method.encode(p, answer=False) for p in asked]
    assert 100 < examples[0].length < 130
    rooms = [method.room(p, LABELS, 1024) for p in asked]
    sizes = [len(part) for part, _ in decoding._batches(method, examples, rooms)]
    assert sizes == [256, 44]
    thinking = [replace(e, prompt=prompt(thinks=True)) for e in examples]
    sizes = [len(part) for part, _ in decoding._batches(method, thinking, [1024] * 300)]
    assert max(sizes) < 60
