"""SmolLM2-135M-Instruct with its pre-trained weights: what it says before and after DNA joins it.

Weights at random hide what these tests look for: a text that changes by one token, a prompt that a
trained model does not understand, a loss that falls because everything falls from chance.
"""

import re

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from seqfuse import cli
from seqfuse.language.answers.decoding import answer
from seqfuse.language.answers.generation import Generation
from seqfuse.language.finetuning import checkpoint
from seqfuse.language.pretraining.text_tower import TextEncoder
from seqfuse.language.prompts import Dna, Prompt, Settings

# What a model that was never taught English would answer to none of.
QUESTIONS = [
    "What is the capital of France?",
    "What is DNA made of?",
    "Name three colours.",
    "Which planet is the largest?",
    "What is the opposite of hot?",
    "What do bees make?",
    "Who wrote Romeo and Juliet?",
    "How many legs has a spider?",
    "What is the chemical symbol of gold?",
    "Which gas do plants take up?",
]
NEW = 12
ONEVOCAB = {
    "k": 6,
    "alphabet": "ACGTN",
    "initialisation": "mean",
    "trainable_parts": ("dna", "text", "backbone"),
}


@pytest.fixture
def build(smollm2):
    """OneVocab or text_only on SmolLM2."""
    from seqfuse.language.methods.method import Setup

    def make(name: str, **setup):
        settings = ONEVOCAB if name == "onevocab" else {}
        return checkpoint.build(name, Setup(smollm2, settings=settings, **setup))

    return make


def asked(question: str, *dna: str, label: str | None = None) -> Prompt:
    return Prompt(question, "quiz", tuple(map(Dna, dna)), question, False, None, label)


def said(method, prompts) -> list[list[int]]:
    """The greedy ids of each prompt, answered in one batch."""
    examples = [method.encode(prompt, answer=False) for prompt in prompts]
    return Generation(method.eval(), examples).run(NEW).rows


def test_real_model_ten_texts_are_the_same_before_and_after_15625_rows_are_added(build, smollm2):
    """Before: transformers alone, a prompt at a time. After: OneVocab, all in one padded batch."""
    method = build("onevocab")
    prompts = [asked(question) for question in QUESTIONS]
    # 15,625 six-mers, five letters, <dna>, </dna>.
    assert len(method.dna_input) == 15_632
    after = said(method, prompts)
    del method
    model = AutoModelForCausalLM.from_pretrained(smollm2)
    plain = build("text_only")
    before = []
    for prompt in prompts:
        ids = torch.from_numpy(plain.encode(prompt, answer=False).ids)[None]
        found = model.generate(ids, max_new_tokens=NEW, do_sample=False, eos_token_id=plain.end)
        row = found[0, ids.shape[1] :].tolist()
        before.append(row[: row.index(plain.end)] if plain.end in row else row)
    assert after == before
    assert len({tuple(row) for row in after}) > 5


def test_real_model_a_left_padded_batch_answers_as_single_prompts_do(build):
    method = build("onevocab").eval()
    prompts = [asked(QUESTIONS[n], "ACGTTGCA" * n, "ACGTTGCC" * n) for n in (1, 9, 3)]
    labels = {"quiz": ["Paris", "a sugar and a base", "red"]}
    together = answer(method, prompts, labels, Settings())
    for prompt, found in zip(prompts, together, strict=True):
        [alone] = answer(method, [prompt], labels, Settings())
        assert found.text == alone.text
        assert found.loglik == pytest.approx(alone.loglik, abs=2e-3)


@pytest.mark.parametrize("lora_rank", [0, 8], ids=["full", "lora"])
def test_real_model_training_lowers_the_loss(build, lora_rank):
    method = build("onevocab", lora_rank=lora_rank)
    pairs = [("ACGTTGCA" * 4, "muscular dystrophy"), ("TTGACCGA" * 4, "cystic fibrosis")]
    question = "Which disease does the variant contribute to?"
    examples = [method.encode(asked(question, dna, label=name), True) for dna, name in pairs]
    batch = method.batch(examples)
    trained = [p for p in method.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-3 if lora_rank else 1e-4)
    losses = []
    for _ in range(3):
        loss = method.train().loss(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[2] < losses[1] < losses[0]


def save(method, folder):
    """Write a method as `seqfuse language finetune` does, here before its first step."""
    labels = {"quiz": ["Paris, because it is the capital of France", "Berlin"]}
    name, settings = method.__class__.__name__, method.saved_settings()
    name = {"OneVocab": "onevocab", "TextOnly": "text_only"}[name]
    described = (name, name, "quiz", 0, settings, labels, None, 0, None, [], "float32")
    checkpoint.save(folder, method, checkpoint.Description(*described))


def test_real_model_answers_in_english_on_a_terminal(build, tmp_path, capsys):
    save(build("text_only"), tmp_path)
    (tmp_path / "dna.fa").write_text(">one\nACGTTGCAN\n")
    words = ["ask", "--model", tmp_path, "--dna", tmp_path / "dna.fa", "--question", QUESTIONS[0]]
    assert cli.main(list(map(str, words))) == 0
    text, _, labels = capsys.readouterr().out.rpartition("\n\n")
    assert re.search(r"\bis\b.*\bParis\b", text)
    assert len(labels.splitlines()) == 2


def test_real_model_the_export_says_the_same_in_transformers_alone(build, tmp_path):
    method = build("onevocab").eval()
    example = method.encode(asked(QUESTIONS[0], "ACGTTGCAN"), answer=False)
    ours = Generation(method, [example]).run(NEW).generated[0].tolist()
    save(method, tmp_path)
    del method
    kinds = (AutoModelForCausalLM, AutoTokenizer)
    model, tokeniser = (kind.from_pretrained(tmp_path) for kind in kinds)
    ids = torch.from_numpy(example.ids)[None]
    assert (
        tokeniser(tokeniser.decode(ids[0]), add_special_tokens=False)["input_ids"]
        == ids[0].tolist()
    )
    mask = torch.ones_like(ids)
    found = model.generate(ids, attention_mask=mask, max_new_tokens=NEW, do_sample=False)
    assert found[0, ids.shape[1] :].tolist() == ours


def test_real_model_minilm_places_descriptions_by_what_they_say(minilm):
    """As SeqCLIP's text encoder: two descriptions of one gene are nearer than those of two."""
    texts = [
        "This gene encodes a chloride channel; mutations cause cystic fibrosis.",
        "Variants of this ion channel lead to a lung disease with thick mucus.",
        "The protein is a collagen of bone and tendon.",
    ]
    found = TextEncoder(minilm, "mean").embed(texts)
    one, same, other = (found[text] / np.linalg.norm(found[text]) for text in texts)
    assert one.shape == (384,)
    assert one @ same > 0.3 > one @ other
