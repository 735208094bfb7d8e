"""A record's DNA and its text as the decoder is given them: one vector each (the papers' Fig. 6).

Both are means over input embeddings, before the decoder's first layer: those of the DNA segments,
without the two markers around each, and those of the tokens of question and reference reasoning.
Every method of a suite shows the same records, so that what differs is the way DNA enters.
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
# A plane of fewer pairs shows nothing.
_FEWEST, _MOST = 10, 100


def rows(
    model: Path,
    datasets: Sequence[str],
    records: Sequence[Path],
    receipts: Sequence[Path],
    out: Path,
) -> list[dict]:
    """Rows of `tables.VECTORS` from the first seed of `model`; none where there is nothing to show.

    That is a method that shows no DNA or no text, or a suite whose texts are nearly all the same.
    The folder of `out` holds the decoded encoder states meanwhile.
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
    found = [
        prompts.from_record(name, row, thinks=False)
        for name, rows in records.items()
        for row in rows
        if row["split"] == "test"
    ]
    order = np.random.default_rng(_SEED).permutation(len(found))
    by_text: dict[str, Prompt] = {}
    for place in order:
        by_text.setdefault(text(found[place]), found[place])
    return list(by_text.values())[:_MOST]


def text(prompt: Prompt) -> str:
    """What is said about the DNA: the question, and the reference reasoning where there is one."""
    return " ".join(filter(None, (prompt.question, prompt.reasoning)))


@torch.no_grad()
def pair(method: LanguageMethod, prompt: Prompt, several: bool) -> list[dict]:
    """The two rows of one record; with `several` datasets grouped by dataset, else by label."""
    words = torch.from_numpy(method.tokens(text(prompt))).to(method.device)
    means = {"dna": _dna(method, prompt), "text": method.token_embeddings(words).mean(0)}
    owner = {
        "id": f"{prompt.dataset}/{prompt.id}",
        "group": prompt.dataset if several else prompt.label,
    }
    return [owner | {"kind": kind, "vector": v.float().tolist()} for kind, v in means.items()]


def _dna(method: LanguageMethod, prompt: Prompt) -> Tensor:
    """The mean of the input embeddings in all DNA segments, markers left out, [width]."""
    embedded = method.embed(method.batch([method.encode(prompt, answer=False)]))[0]
    return embedded[method.dna_columns(prompt)].mean(0)
