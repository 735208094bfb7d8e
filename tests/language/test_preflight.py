"""What would stop a prediction or spoil its scores is refused before anything is trained."""

import pytest

from seqfuse.errors import UserError
from seqfuse.language import prompts
from seqfuse.language.finetuning.preflight import Preflight
from seqfuse.language.prompts import Settings
from seqfuse.language.suite import Suite

LONG = "word " * 100


@pytest.fixture
def refused(project, commands, suite_rows, write_records, tmp_path):
    """How a fine-tuning of one dataset is refused, with record `place` changed; nothing is made."""

    def make(place: int, change: dict, *more, method: str = "text_only") -> str:
        rows = suite_rows(0, 28)
        rows[place] |= change
        path = write_records(tmp_path / "records.parquet", rows)
        words = ("--datasets", "mice", "--records", path, *more)
        if method == "dna_only":
            words += ("--embeddings", project / "mice" / "nt.json")
        found = commands.refused_finetune(method, tmp_path / "out", *words)
        assert not (tmp_path / "out").exists()
        assert not list(tmp_path.rglob("checkpoint.pt"))
        return found

    return make


@pytest.mark.parametrize("method", ["text_only", "dna_only"])
@pytest.mark.parametrize(("place", "split"), [(3, "train"), (26, "val"), (27, "test")])
def test_a_sign_of_the_prompt_format_is_found_at_start(refused, method, place, split):
    found = refused(place, {"split": split, "question": "Is <think> it?"}, method=method)
    assert f"mice, record 'r{place}': question holds '<think>', a control token" in found


@pytest.mark.parametrize("column", ["question", "reasoning", "label"])
@pytest.mark.parametrize(("place", "split"), [(3, "train"), (26, "val"), (27, "test")])
def test_a_control_token_of_the_tokeniser_is_found_at_start(
    build, suite_rows, monkeypatch, column, place, split
):
    method = build("text_only")
    method.tokeniser.add_tokens(["<s>"], special_tokens=True)
    monkeypatch.setattr(method.chat, "control", prompts.control_tokens(method.tokeniser))
    rows = suite_rows(0, 28)
    rows[place] |= {"split": split, column: "grey <s>"}
    message = rf"mice, record 'r{place}': {column} holds '<s>', a control token"
    with pytest.raises(UserError, match=message):
        preflight(method, rows, Settings())


def test_an_answer_that_prediction_would_cut_is_found_at_start(refused):
    found = refused(3, {"reasoning": LONG})
    assert (
        "mice, record 'r3': the answer has" in found and "prediction stops after 64; raise" in found
    )
    assert "language.prompt.max_new_tokens to" in found


@pytest.mark.parametrize(("place", "split"), [(3, "train"), (26, "val"), (27, "test")])
def test_the_number_of_new_tokens_that_suffices(build, suite_rows, place, split):
    method, rows = build("text_only"), suite_rows(0, 28)
    rows[place] |= {"split": split, "reasoning": LONG}
    needed = len(method.tokens(f"{LONG}\n</think>\n\nAnswer:")) + 1  # the end token
    needed += len(method.tokens(f" {rows[place]['label']}"))
    with pytest.raises(UserError, match=rf"has {needed} tokens, .*max_new_tokens to {needed} "):
        preflight(method, rows, Settings(max_new_tokens=needed - 1))
    preflight(method, rows, Settings(max_new_tokens=needed))
    # Without reasoning nothing but the label is written.
    preflight(method, rows, Settings(reasoning=False, max_new_tokens=12))


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_prompt_without_room_for_new_tokens_is_found_at_start(build, suite_rows, split):
    method, rows = build("onevocab"), suite_rows(0, 28)
    rows[27] |= {"split": split, "question": LONG}
    shown = len(method.tokens(LONG)) + 200
    with pytest.raises(UserError, match=r"'r27': (\d+) tokens .*\.max_tokens to \1 ") as caught:
        preflight(method, rows, Settings(max_tokens=shown, max_new_tokens=200))
    needed = int(str(caught.value).split(" tokens")[0].split()[-1])
    preflight(method, rows, Settings(max_tokens=needed, max_new_tokens=200))
    method.backbone.config.max_position_embeddings = needed - 1
    with pytest.raises(UserError, match=f"the backbone reads at most {needed - 1}"):
        preflight(method, rows, Settings(max_tokens=needed, max_new_tokens=200))


def test_all_that_is_too_long_is_found_at_start(build, suite_rows):
    method, rows = build("text_only"), suite_rows(0, 28)
    rows[3] |= {"reasoning": LONG}
    with pytest.raises(UserError, match=r"max_new_tokens to .*; and .*\.max_tokens to ") as caught:
        preflight(method, rows, Settings(max_tokens=120, max_new_tokens=30))
    words = str(caught.value).split(" to ")
    most, whole = (int(word.split()[0]) for word in (words[1], words[-1]))
    preflight(method, rows, Settings(max_tokens=whole, max_new_tokens=most))


def preflight(method, rows: list[dict], settings: Settings) -> None:
    """What a fine-tuning does with its records before it trains."""
    suite = Suite({"mice": rows})
    checked = Preflight(method, settings)
    list(checked.trained(method.encode(p, answer=True) for p in suite.training(settings)))
    checked.hold(suite)


# --- a model whose DNA cannot matter --------------------------------------------------------------

FROZEN = {"trainable_parts": ("text", "backbone")}


def blind(method, *sequences: str) -> None:
    """What a fine-tuning does before it trains, of examples with this DNA."""
    from seqfuse.language.prompts import Dna, Prompt

    made = [Prompt(s, "mice", (Dna(s),), "Which colour?", False, label="grey") for s in sequences]
    encoded = [method.encode(prompt, answer=True) for prompt in made]
    Preflight(method, Settings()).refuse_blind(encoded)


def test_full_scale_frozen_rows_that_are_all_alike_are_refused(build):
    method = build("onevocab", settings=FROZEN | {"initialisation": "mean"})
    with pytest.raises(UserError, match="DNA cannot matter to this model"):
        blind(method, "ACGTAC", "ACGTAC", "ACGTACGT", "TTTTTT")
    # One and the same DNA says nothing of the model.
    blind(method, "ACGTAC", "ACGTAC")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("onevocab", FROZEN),
        # They start alike, and training tells them apart.
        ("onevocab", {"initialisation": "mean", "trainable_parts": ("dna",)}),
        ("linear", None),
        ("qformer", None),
        ("text_only", None),
    ],
)
def test_full_scale_a_model_that_reads_dna_or_shows_none_trains(build, name, settings):
    try:
        refused = blind(build(name, settings=settings), "ACGTAC", "TTTTTTTT")
    except UserError as error:
        refused = str(error)
    assert refused is None


def test_full_scale_an_adapter_that_starts_at_zero_trains_and_a_frozen_one_does_not(build):
    method = build("linear")
    method.adapter.weight.data.zero_()
    blind(method, "ACGTAC", "TTTTTTTT")
    method.adapter.requires_grad_(False)
    with pytest.raises(UserError, match="DNA cannot matter"):
        blind(method, "ACGTAC", "TTTTTTTT")


def test_full_scale_two_sequences_differ_behind_frozen_rows(build, prompt):
    """Two random 600-mers differed by 0.0 in every logit where the rows were the mean."""
    import numpy as np
    import torch

    random = np.random.default_rng(0)
    sequences = ["".join(random.choice(list("ACGT"), 600)) for _ in range(2)]

    def difference(rule: str) -> float:
        method = build("onevocab", settings=FROZEN | {"initialisation": rule}).eval()
        assert not method.dna_input.requires_grad
        with torch.no_grad():
            scores = [
                method.logits(
                    method.backbone.base_model(
                        inputs_embeds=method.embed(
                            method.batch([method.encode(prompt(s), answer=False)])
                        )
                    ).last_hidden_state[0, -1]
                )[method.text_ids()]
                for s in sequences
            ]
        return (scores[0] - scores[1]).abs().max().item()

    assert difference("mean") == 0
    assert difference("random") > 0.1
