"""OneVocab: ids behind the table, rows that start and move as declared, an export that needs
nothing of ours."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer

from seqfuse.errors import UserError
from seqfuse.language.methods.kmers import KmerVocabulary
from seqfuse.language.methods.onevocab import extend_tokeniser, new_rows, written

PARTS = ("dna", "text", "backbone")
SUBSETS = [s for n in (1, 2, 3) for s in itertools.combinations(PARTS, n)]
# Rows of the backbone's table; its tokeniser has fewer tokens, as Qwen3's has.
ROWS = 384


def joint_table(method, table: str) -> torch.Tensor:
    """The text rows and the DNA rows of the input or output table, [V, width], as a copy."""
    text = getattr(method.backbone, f"get_{table}_embeddings")().weight
    return torch.cat([text, getattr(method, f"dna_{table}")]).detach().clone()


def is_tied(method) -> bool:
    return method.backbone.config.tie_word_embeddings


def example(method, made):
    return method.batch([method.encode(made, answer=True)])


# --- ids and start values -------------------------------------------------------------------------


def test_new_ids_start_behind_the_last_row_of_the_table(build, prompt):
    method = build("onevocab")
    assert method.backbone.config.vocab_size == ROWS > len(method.tokeniser)
    assert method.vocabulary.offset == ROWS
    # 25 pairs, five letters, <dna>, </dna>.
    assert method.segment("CAG").tolist() == [ROWS + 30, ROWS + 5, ROWS + 27, ROWS + 31]
    found = method.encode(prompt("CAG"), answer=False)
    assert found.ids.max() == ROWS + 31
    text = method.tokeniser("<|im_start|>user\n")["input_ids"]
    assert found.ids[: len(text) + 4].tolist() == text + method.segment("CAG").tolist()


@pytest.mark.parametrize("folder", ["backbone", "untied"])
def test_start_at_the_mean_of_the_text_rows(build, request, folder):
    method = build("onevocab", request.getfixturevalue(folder), {"initialisation": "mean"})
    for table in ("input", "output"):
        rows = joint_table(method, table)
        assert rows.shape == (ROWS + 32, 32)
        torch.testing.assert_close(rows[ROWS:], rows[:ROWS].mean(0).expand(32, 32))


def test_random_start_has_the_text_rows_mean_and_deviation(build):
    method = build("onevocab", settings={"k": 4, "initialisation": "random"})
    # Columns of mean 0 .. 310 and deviation 1 .. 32.
    number = torch.arange(32.0)
    text = torch.randn(500, 32) * (1 + number) + 10 * number
    dna = new_rows(method, text)
    assert dna.shape == (632, 32)
    # The mean of 632 draws is within 5 standard errors, their deviation within 15 %.
    error = text.std(0) / 632**0.5
    assert ((dna.mean(0) - text.mean(0)).abs() < 5 * error).all()
    assert ((dna.std(0) / text.std(0) - 1).abs() < 0.15).all()


def test_random_start_follows_the_seed(build):
    one, again, other = (
        joint_table(build("onevocab", seed=seed), "input")[ROWS:] for seed in (0, 0, 1)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_compositional_start_is_a_signed_sum_of_letters(build):
    method = build("onevocab", settings={"k": 2, "initialisation": "compositional"})
    rows = joint_table(method, "input")
    table, dna = rows[:ROWS], dict(zip(method.vocabulary.words, rows[ROWS:], strict=True))
    norm = table.norm(dim=1).mean()
    letter = {x: table[method.tokeniser(x)["input_ids"][0]] for x in "ACGTN"}
    # A single letter is +-its own text row in every column; that gives the first place's signs,
    # and the pair of two A, nonzero where both places agree, the second's.
    first = torch.sign(dna["A"] / letter["A"])
    agree = dna["AA"].abs() > 1e-6
    second = torch.where(agree, first, -first)
    assert 0 < agree.sum() < 32
    for word in ("A", "G", "N", "AA", "AC", "CA", "TN"):
        total = sum(s * letter[x] for s, x in zip((first, second)[: len(word)], word, strict=True))
        torch.testing.assert_close(dna[word], total * norm / total.norm())
        assert dna[word].norm().item() == pytest.approx(norm.item(), rel=1e-5)


# --- one softmax, one table -----------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["backbone", "untied"])
def test_logits_and_embeddings_are_those_of_one_table(build, request, folder):
    method = build("onevocab", request.getfixturevalue(folder))
    assert is_tied(method) == (folder == "backbone")
    ids = torch.tensor([[0, 5, ROWS - 1], [ROWS, ROWS + 31, 7]])
    expected = F.embedding(ids, joint_table(method, "input"))
    torch.testing.assert_close(method.token_embeddings(ids), expected)
    hidden = torch.randn(2, 3, 32)
    text = method.text_ids()
    expected = hidden @ joint_table(method, "output").T
    torch.testing.assert_close(method.logits(hidden)[..., text], expected[..., text])


@pytest.mark.parametrize("folder", ["backbone", "untied"])
@pytest.mark.parametrize("trained", SUBSETS, ids="+".join)
def test_exactly_what_is_trained_moves(build, request, prompt, folder, trained):
    """Three steps of AdamW with weight decay; what is not trained stays bit by bit."""
    method = build("onevocab", request.getfixturevalue(folder), {"trainable_parts": trained})
    tables = {t: joint_table(method, t) for t in ("input", "output")}
    rest = {k: p.detach().clone() for k, p in method.backbone.base_model.named_parameters()}
    parameters = [p for p in method.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=1e-2, weight_decay=0.5)
    for _ in range(3):
        method.loss(example(method, prompt("ACGTN"))).backward()
        optimiser.step()
        optimiser.zero_grad()
    for table, before in tables.items():
        moved = (joint_table(method, table) != before).any(dim=1)
        if table == "input" and not is_tied(method):
            # Transformers gives the row of the padding token zeros and no gradient.
            padding = method.backbone.config.pad_token_id
            assert not moved[padding]
            moved[padding] = "text" in trained
        assert moved[:ROWS].all() if "text" in trained else not moved[:ROWS].any()
        assert moved[ROWS:].all() if "dna" in trained else not moved[ROWS:].any()
    for name, parameter in method.backbone.base_model.named_parameters():
        if "embed_tokens" not in name:
            assert torch.equal(parameter, rest[name]) != ("backbone" in trained), name


def test_with_lora_only_its_factors_and_the_dna_rows_train(build):
    for trained in (("dna",), PARTS):
        method = build("onevocab", settings={"trainable_parts": trained}, lora_rank=2)
        names = {k for k, p in method.named_parameters() if p.requires_grad}
        assert {k for k in names if "lora_" not in k} == {"dna_input"}
        assert len(names) == 1 + 2 * 7 * 2


@pytest.mark.parametrize("trained", [(), ("dna", "rna")])
def test_unknown_parts_are_refused(build, trained):
    with pytest.raises(UserError, match="name one or more of dna, text, backbone"):
        build("onevocab", settings={"trainable_parts": trained})


# --- the export -----------------------------------------------------------------------------------


def trained_a_little(method, made):
    """The method after a step, so that every tensor differs from where it started."""
    optimiser = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.1)
    method.loss(example(method, made)).backward()
    optimiser.step()
    return method.eval()


@pytest.mark.parametrize("folder", ["backbone", "untied"])
@pytest.mark.parametrize("lora_rank", [0, 2])
def test_plain_transformers_loads_the_export_and_says_the_same(
    build, request, prompt, tmp_path, folder, lora_rank
):
    made = prompt("ACGTN", "ACTTN", label="no")
    method = build("onevocab", request.getfixturevalue(folder), lora_rank=lora_rank)
    trained_a_little(method, made)
    batch = example(method, made)
    with torch.no_grad():
        hidden = method.backbone.base_model(inputs_embeds=method.embed(batch)).last_hidden_state
        expected = method.logits(hidden)
    method.save(tmp_path)
    assert not (tmp_path / "adapter.safetensors").exists()

    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert tied == (folder == "backbone")
    assert model.config.vocab_size == ROWS + 32
    tokeniser = AutoTokenizer.from_pretrained(tmp_path)
    text = "".join(
        s if isinstance(s, str) else written(method.vocabulary, s.sequence)
        for s in method.chat.segments(made)
    )
    ids = tokeniser(text + "".join(made.answer) + "<|im_end|>", return_tensors="pt")["input_ids"]
    assert ids.tolist() == batch.ids.tolist()
    text_ids = method.text_ids()
    with torch.no_grad():
        found = model(ids).logits[..., text_ids]
    torch.testing.assert_close(found, expected[..., text_ids], atol=1e-5, rtol=1e-5)


def test_our_own_class_loads_the_export_and_says_the_same(build, prompt, tmp_path):
    made = prompt("ACGTN", "ACTTN")
    method = trained_a_little(build("onevocab"), made)
    before = method.loss(example(method, made)).item()
    settings = method.saved_settings()
    method.save(tmp_path)
    again = build("onevocab", tmp_path, settings)
    again.restore(tmp_path)
    assert again.segment("ACGTN").tolist() == method.segment("ACGTN").tolist()
    assert again.loss(example(again, made)).item() == pytest.approx(before, rel=1e-5)


def test_a_vocabulary_that_does_not_fit_the_checkpoint_is_refused(build, tmp_path):
    method = build("onevocab")
    settings = method.saved_settings()
    method.save(tmp_path)
    with pytest.raises(UserError, match="416 rows, but k = 3 .* needs 516"):
        build("onevocab", tmp_path, settings | {"k": 3})


def test_export_generates_as_our_own_decoding_does(build, prompt, tmp_path):
    """Where the likeliest tokens are text: transformers knows no other, and may say any row."""
    from seqfuse.language.answers.generation import Generation

    made = prompt("ACGTN", "ACTTN")
    method = trained_a_little(build("onevocab"), made)
    example_ = method.encode(made, answer=False)
    ours = Generation(method, [example_]).run(8).generated[0].tolist()
    method.save(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    ids = torch.from_numpy(example_.ids)[None]
    theirs = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False
    )[0, ids.shape[1] :].tolist()
    assert ours == theirs
    assert len(ours) > 1


@pytest.fixture(scope="module", params=[(1, "ACGTN"), (2, "ACGT"), (6, "ACGTN")], ids=str)
def exported(request, tmp_path_factory, backbone):
    """A vocabulary, the tokeniser exported with it, and the backbone's own."""
    import shutil

    folder = tmp_path_factory.mktemp("tokeniser") / "model"
    shutil.copytree(backbone, folder)
    vocabulary = KmerVocabulary(*request.param, ROWS)
    extend_tokeniser(folder / "tokenizer.json", vocabulary)
    load = AutoTokenizer.from_pretrained
    return vocabulary, load(folder), load(backbone)


prose = st.one_of(
    st.text(max_size=20),
    st.lists(
        st.sampled_from(
            ["BRCA1", "ACGT", "A", "T", "GATTACA", "TP53:p.R175H", "a CG island", "N", "\n", " "]
        ),
        max_size=6,
    ).map(" ".join),
)


@given(before=prose, sequence=st.text("ACGTN", max_size=30), after=prose)
def test_exported_tokeniser_gives_our_ids_on_prose_and_dna(exported, before, sequence, after):
    vocabulary, tokeniser, plain = exported
    ours = plain(before)["input_ids"] + [vocabulary.start]
    ours += [*vocabulary.encode(sequence).tolist(), vocabulary.stop] + plain(after)["input_ids"]
    assert tokeniser(before + written(vocabulary, sequence) + after)["input_ids"] == ours


@given(text=prose)
def test_text_without_dna_is_tokenised_as_by_the_backbone(exported, text):
    _, tokeniser, plain = exported
    assert tokeniser(text)["input_ids"] == plain(text)["input_ids"]


@given(sequence=st.text("ACGTN", max_size=30))
def test_exported_tokeniser_writes_back_what_it_read(exported, sequence):
    vocabulary, tokeniser, _ = exported
    text = written(vocabulary, sequence)
    assert tokeniser.decode(tokeniser(text)["input_ids"]) == text
    inside = text.removeprefix("<dna>").removesuffix("</dna>")
    assert inside.replace("<|", "").replace("|>", "") == sequence


def test_written_form_by_hand():
    vocabulary = KmerVocabulary(3, "ACGT", 0)
    assert written(vocabulary, "ACGTNATC") == "<dna><|ACG|><|T|><|N|><|A|><|T|><|C|></dna>"
