"""Prediction with a trained language method: k-mers to ids, answers in batches, label likelihoods.

The numbers of prompts and labels follow the scale; the default takes a minute.
"""

import os
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import torch

from bench.measure import Setting, alternate, result
from seqfuse.encoders.models import random_models
from seqfuse.language.answers.decoding import answer
from seqfuse.language.answers.generation import Generation, label_tokens
from seqfuse.language.methods.examples import Example
from seqfuse.language.methods.kmers import KmerVocabulary
from seqfuse.language.methods.method import Setup
from seqfuse.language.methods.text_only import TextOnly
from seqfuse.language.prompts import Prompt, Settings

K, ALPHABET = 6, "ACGTN"
ROWS, NEW = 3200, 32
LABELS = [f"disease of kind {number}" for number in range(37)]


def kmer_tokenise(setting: Setting) -> dict:
    """1,000 sequences of 1.2 kb to ids; baseline: every k-mer an added token of a fast tokeniser.

    The baseline is given raw DNA without prose, which is the least it can be given.
    """
    os.environ["RAYON_NUM_THREADS"] = str(setting.threads)
    from tokenizers import AddedToken, Tokenizer, models

    vocabulary = KmerVocabulary(K, ALPHABET, 0)
    tokeniser = Tokenizer(models.BPE())
    words = ["".join(word) for k in (K, 1) for word in product(ALPHABET, repeat=k)]
    tokeniser.add_tokens([AddedToken(word, normalized=False) for word in words])
    letters = np.random.default_rng(0).choice(list("ACGT"), (1000, 1203))
    sequences = ["".join(row) for row in letters]

    def ours() -> list[np.ndarray]:
        return [vocabulary.encode(sequence) for sequence in sequences]

    def baseline() -> list[np.ndarray]:
        encodings = tokeniser.encode_batch_fast(sequences, add_special_tokens=False)
        return [np.array(row.ids) for row in encodings]

    for one, other in zip(ours(), baseline(), strict=True):
        assert np.array_equal(one, other), "kmer_tokenise: the ids differ"
    times = alternate(setting, ours, baseline)
    return result("kmer_tokenise", *times, "s", 12, rows=len(sequences), difference=0.0)


def predict(setting: Setting) -> dict:
    """64 prompts of 100 to 400 tokens at the default scale, 32 new tokens; baseline: transformers'
    `generate`, with its cache, one prompt at a time. Ours scores two labels as well."""
    method = _method(setting.folder)
    lengths = np.random.default_rng(0).integers(100, 401, setting.rows(ROWS, least=2)).tolist()
    # What reasons may write as much as `max_new_tokens` says.
    prompts = [replace(_prompt(method, tokens), thinks=True) for tokens in lengths]
    settings = Settings(reasoning=False, max_tokens=2048, max_new_tokens=NEW)
    labels = {"bench": ["yes", "no"]}

    def ours() -> list[str]:
        return [said.text for said in answer(method, prompts, labels, settings)]

    def baseline() -> list[str]:
        return [_alone(method, method.encode(prompt, answer=False)) for prompt in prompts]

    assert ours() == baseline(), "predict: the texts differ"
    times = alternate(setting, ours, baseline)
    return result("predict", *times, "s", 3, rows=len(prompts), difference=0.0)


def label_scoring(setting: Setting) -> dict:
    """37 labels (at the default scale) of a prompt of 1,000 tokens; baseline: a forward pass of
    prompt and label each, the vocabulary projection at the label alone."""
    method = _method(setting.folder)
    prompt = _prompt(method, 1000)
    example = method.encode(prompt, answer=False)
    labels = LABELS[: setting.rows(50 * len(LABELS), least=2)]

    def ours() -> list[float]:
        return list(Generation(method, [example]).run(1).label_scores([labels])[0].values())

    def baseline() -> list[float]:
        return [_whole_pass(method, example, label) for label in labels]

    measured, expected = np.array(ours()), np.array(baseline())
    difference = float(np.abs(measured / expected - 1).max())
    assert difference < 1e-4, f"label_scoring: differs by {difference:.1e}"
    times = alternate(setting, ours, baseline)
    return result("label_scoring", *times, "s", 8, rows=len(labels), difference=difference)


MEASURES = [kmer_tokenise, predict, label_scoring]


@cache
def _method(folder: Path) -> TextOnly:
    """A Qwen3 of 6 layers x 256 with random weights and Qwen3's vocabulary."""
    config = {
        "hidden_size": 256,
        "intermediate_size": 768,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 32,
    }
    place = folder / "qwen3"
    place.mkdir()
    random_models.write("qwen3", config, 0, LABELS, place)
    method = TextOnly(Setup(place)).eval()
    # A tokeniser learnt from so little text has few tokens; the projection is over Qwen3's rows.
    method.backbone.resize_token_embeddings(151_936, mean_resizing=False)
    method.text_ids = lambda: range(151_936)
    return method


def _prompt(method: TextOnly, tokens: int) -> Prompt:
    """A prompt of so many tokens: its question is random letters, which are a token each."""
    random = np.random.default_rng(tokens)
    around = method.encode(_question(""), answer=False).length
    prompt = _question("".join(random.choice(list("QXZJ"), tokens - around)))
    assert method.encode(prompt, answer=False).length == tokens, "a letter is no token of its own"
    return prompt


def _question(text: str) -> Prompt:
    return Prompt("r", "bench", (), text, thinks=False)


@torch.inference_mode()
def _alone(method: TextOnly, example: Example) -> str:
    """The text that transformers generates behind one prompt."""
    ids = torch.from_numpy(example.ids)[None]
    made = method.backbone.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=NEW,
        do_sample=False,
        eos_token_id=method.end,
        pad_token_id=method.end,
    )
    said = made[0, ids.shape[1] :].tolist()
    return method.tokeniser.decode(said[: said.index(method.end)] if method.end in said else said)


@torch.inference_mode()
def _whole_pass(method: TextOnly, example: Example, label: str) -> float:
    """The summed log-likelihood of a label, from one pass over all tokens."""
    tail = torch.from_numpy(label_tokens(method, label))
    lead = torch.from_numpy(method.tokens("Answer:"))
    ids = torch.cat([torch.from_numpy(example.ids), lead, tail])[None]
    scores = method.backbone(ids, logits_to_keep=len(tail) + 1, use_cache=False).logits
    return float(scores[0, :-1].log_softmax(-1).gather(1, tail[:, None]).sum())
