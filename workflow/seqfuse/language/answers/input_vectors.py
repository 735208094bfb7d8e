"""A record's DNA and its text as one vector each, before the decoder (the papers' Fig. 6).

Both are means over input embeddings, before the decoder's first layer: of the DNA segments, without
the two markers around each, and of the tokens of question and reference reasoning. All methods of a
suite use the same records, so that they differ only in how DNA enters.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seqfuse.files import scratch_directory
from seqfuse.language import prompts
from seqfuse.language.answers import prediction
from seqfuse.language.finetuning import checkpoint
from seqfuse.language.methods.method import LanguageMethod
from seqfuse.language.prompts import Prompt
from seqfuse.language.suite import Suite
from seqfuse.registry.methods import METHODS

_SEED = 0
# The fewest and most pairs of a figure; fewer would show nothing.
_FEWEST, _MOST = 10, 100


def rows(
    model: Path,
    datasets: Sequence[str],
    records: Sequence[Path],
    receipts: Sequence[Path],
    out: Path,
) -> list[dict]:
    """Rows of `tables.VECTORS` from the first seed of `model`.

    There are none for a method without DNA or without text, or a suite with too few different
    texts. Decoded encoder states are kept in the folder of `out` for the time being.
    """
    trained = prediction.read(model, datasets)
    folder, description = next(iter(trained.items()))
    method = METHODS[description.method]
    asked = sample(Suite.read(datasets, records).records)
    if not (method.sees_dna and method.generates) or len(asked) < _FEWEST:
        return []
    with scratch_directory(out) as memory:
        states = None
        if method.reads_store:
            states = prediction.frozen_states(description, datasets, receipts, asked, memory)
        loaded = checkpoint.load(folder, states, "float32")
        return [row for prompt in asked for row in pair(loaded, prompt, len(datasets) > 1)]


def sample(records: Mapping[str, Sequence[Mapping]]) -> list[Prompt]:
    """At most `_MOST` test records of different texts, drawn with one seed from all datasets."""
    test = [
        prompts.from_record(name, row, thinks=False)
        for name, rows in records.items()
        for row in rows
        if row["split"] == "test"
    ]
    order = np.random.default_rng(_SEED).permutation(len(test))
    by_text: dict[str, Prompt] = {}
    for number in order:
        by_text.setdefault(text(test[number]), test[number])
    return list(by_text.values())[:_MOST]


def text(prompt: Prompt) -> str:
    """A record's text: the question and, if there is one, the reference reasoning."""
    return " ".join(filter(None, (prompt.question, prompt.reasoning)))


@torch.no_grad()
def pair(method: LanguageMethod, prompt: Prompt, several: bool) -> list[dict]:
    """The two rows of one record, grouped by dataset if there are `several`, else by label."""
    words = torch.from_numpy(method.tokens(text(prompt))).to(method.device)
    means = {"dna": _dna(method, prompt), "text": method.token_embeddings(words).mean(0)}
    owner = {
        "id": f"{prompt.dataset}/{prompt.id}",
        "group": prompt.dataset if several else prompt.label,
    }
    return [owner | {"kind": kind, "vector": v.float().tolist()} for kind, v in means.items()]


def _dna(method: LanguageMethod, prompt: Prompt) -> Tensor:
    """The mean of the input embeddings in all DNA segments, without markers, [width]."""
    embedded = method.embed(method.batch([method.encode(prompt, answer=False)]))[0]
    return embedded[method.dna_columns(prompt)].mean(0)
