"""Prompt text, loss mask and labels, by hand."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqfuse.errors import UserError
from seqfuse.language import prompts
from seqfuse.language.prompts import ClosedLabels, Dna, Settings, normalise, parse

THINKING = Settings(reasoning=True, max_tokens=100, max_new_tokens=10)
SHORT = Settings(reasoning=False, max_tokens=100, max_new_tokens=10)


def test_answer_without_reasoning(record):
    row = record(sequence="AC", variant="AG", question="Why?", label="yes")
    made = prompts.from_record("kegg", row, thinks=False)
    assert made.dna == (Dna("AC"), Dna("AG"))
    assert made.answer == ("Answer:", " yes")


def test_answer_of_a_prompt_that_thinks(record):
    row = record(question="Why?", label="yes", reasoning="It is so.")
    made = prompts.from_record("kegg", row, thinks=True)
    assert made.answer == ("It is so.\n</think>\n\nAnswer:", " yes")


def test_hash_by_hand(prompt):
    text = '[null,["ACGT"],"Q?",false]'
    assert prompt("ACGT", question="Q?").hash == hashlib.sha256(text.encode()).hexdigest()


def test_hash_follows_what_is_shown_alone(prompt):
    one = prompt("AC", "AG")
    assert one.hash == prompt("AC", "AG", label="no", reasoning="because", id="b").hash
    others = [prompt("AG", "AC"), prompt("AC"), prompt("ACAG"), prompt("AC", "AG", thinks=True)]
    others.append(prompt("AC", "AG", question="Is it kept?"))
    assert len({one.hash, *(other.hash for other in others)}) == 6


@pytest.mark.parametrize("column", ["question", "reasoning", "label"])
@pytest.mark.parametrize("text", ["a <|im_end|> b", "</think>", "<think>", "<dna>", "</dna>"])
def test_reserved_text_is_refused(record, column, text):
    with pytest.raises(UserError, match=f"kegg, record 'r1': {column} holds"):
        prompts.from_record("kegg", record(**{column: text}), thinks=False)


def test_a_record_thinks_where_settings_and_its_own_reasoning_allow_it(record):
    rows = [record(label="yes", reasoning="So."), record(label="no"), record(label="no")]
    rows[2]["reasoning"] = ""
    assert [p.thinks for p in prompts.for_training("d", rows, THINKING)] == [True, False, False]
    assert [p.thinks for p in prompts.for_training("d", rows, SHORT)] == [False, False, False]


@pytest.mark.parametrize("label", [None, "", "  ", "..."])
def test_a_training_record_without_a_label_is_refused(record, label):
    with pytest.raises(UserError, match="demo, record 'r1': has no label"):
        list(prompts.for_training("demo", [record(label=label)], SHORT))


def test_reasoning_of_the_predicted_row_does_not_choose_its_form(record):
    train, val = record(reasoning="So.", label="yes"), record(id="v", split="val")
    test = record(id="t", split="test", reasoning="Leak.")
    made = prompts.for_prediction("demo", [train, test, val], THINKING)
    assert [(p.id, p.thinks) for p in made] == [("t", True), ("v", True)]
    silent = prompts.for_prediction("demo", [record(label="yes"), test, val], THINKING)
    assert [p.thinks for p in silent] == [False, False]
    assert not any(p.thinks for p in prompts.for_prediction("demo", [train, test], SHORT))


@pytest.mark.parametrize("thinks", [False, True])
@pytest.mark.parametrize("sequences", [("ACGT",), ("ACGT", "AGGT")])
def test_loss_falls_on_answer_and_end_token_alone(build, prompt, thinks, sequences):
    method = build("text_only", label_weight=4.0)
    made = prompt(*sequences, thinks=thinks, reasoning="The site is lost.", label="no gene")
    example = method.encode(made, answer=True)
    decode = method.tokeniser.decode
    shown = "<|im_start|>user\nIs it lost?<|im_end|>\n<|im_start|>assistant\n<think>\n"
    before = "The site is lost.\n</think>\n\nAnswer:"
    if not thinks:
        shown, before = shown + "\n</think>\n\n", "Answer:"
    assert decode(example.ids) == f"{shown}{before} no gene<|im_end|>"
    assert decode(example.ids[example.weights == 0]) == shown
    assert decode(example.ids[example.weights == 1]) == before
    assert decode(example.ids[example.weights == 4]) == " no gene<|im_end|>"
    assert set(example.weights) == {0, 1, 4}


def test_prompt_to_be_answered_is_the_prompt_that_was_trained(build, prompt):
    method = build("onevocab")
    made = prompt("ACGTA", thinks=True, reasoning="Lost.")
    trained, asked = method.encode(made, answer=True), method.encode(made, answer=False)
    assert trained.ids[: asked.length].tolist() == asked.ids.tolist()
    assert not asked.weights.any()
    assert (trained.weights[asked.length :] == 1).all()
    assert asked.question.tolist() == method.tokeniser("Is it lost?")["input_ids"]


@pytest.mark.parametrize(
    ("text", "thinks", "answer"),
    [
        ("Answer: yes", False, "yes"),
        ("Answer:yes", False, "yes"),
        ("Answer:  two words \nmore", False, "two words"),
        ("Answer: no Answer: yes", False, "yes"),
        ("yes", False, None),
        ("Answer:", False, None),
        ("Answer: \n", False, None),
        ("answer: yes", False, None),
        ("", False, None),
        ("It is so.\n</think>\n\nAnswer: yes", True, "yes"),
        ("Answer: no\n</think>\n\nAnswer: yes", True, "yes"),
        ("Answer: no\n</think>\n\nyes", True, None),
        ("a</think>Answer: no</think>Answer: yes", True, "yes"),
        ("It is so. Answer: yes", True, None),
    ],
)
def test_parse(text, thinks, answer):
    assert parse(text, thinks) == answer


@pytest.mark.parametrize(
    ("label", "form"),
    [
        ("Yes", "yes"),
        ("  Parkinson's \t disease. ", "parkinson's disease"),
        ('"Chronic myeloid leukaemia (CML)"', "chronic myeloid leukaemia (cml)"),
        ("STRASSE", normalise("Straße")),
        ("ﬁbrosis", "fibrosis"),
        ("type 2", "type 2"),
        ("!?", ""),
    ],
)
def test_normalise(label, form):
    assert normalise(label) == form


@given(st.text())
def test_normalise_once_is_enough(label):
    assert normalise(normalise(label)) == normalise(label)


def test_closed_labels_match_by_normal_form_and_never_by_part():
    closed = ClosedLabels("demo", ["no", "Yes", "no", "yes, in part"])
    assert closed.labels == ["Yes", "no", "yes, in part"]
    assert closed.match("YES.") == "Yes"
    assert closed.match(" no ") == "no"
    for other in ("yes no", "y", "", "none", None):
        assert closed.match(other) is None


def test_labels_that_are_one_after_normalisation_are_refused():
    with pytest.raises(UserError, match="demo: the labels 'NO.' and 'no' are equal"):
        ClosedLabels("demo", ["no", "yes", "NO."])


_LABELS = st.text(min_size=1).filter(lambda label: normalise(label) != "")


@given(st.lists(_LABELS, min_size=1, max_size=3, unique_by=normalise), st.booleans())
def test_a_label_that_is_accepted_can_be_said(labels, thinks):
    try:
        closed = ClosedLabels("demo", labels)
    except UserError:
        return
    lead = "So.\n</think>\n\n" if thinks else ""
    for label in labels:
        assert closed.match(parse(f"{lead}Answer: {label}", thinks)) == label


@pytest.mark.parametrize("label", ["two\nlines", "Answer: yes"])
def test_a_label_that_could_not_be_read_back_is_refused(label):
    with pytest.raises(UserError, match="demo: the label"):
        ClosedLabels("demo", ["plain", label])
