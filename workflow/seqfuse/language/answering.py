"""Predictions of a fine-tuned method: rows of `tables.PREDICTIONS` for val and test, all seeds."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.language import decoding, prompts, saved
from seqfuse.language.catalogue import METHODS
from seqfuse.language.prompts import ClosedLabels, Prompt, Settings
from seqfuse.language.saved import Description
from seqfuse.language.suite import Suite, read_states
from seqfuse.language.tuning import device
from seqfuse.progress import say


def predict(
    model: Path,
    datasets: Sequence[str],
    records: Sequence[Path],
    receipts: Sequence[Path],
    settings: Settings,
    scratch: Path,
) -> list[dict]:
    """The answers of every seed in `model` about every val and test record; `scratch` is a folder
    that may hold the decoded encoder states meanwhile."""
    folders = saved.seeds(model)
    descriptions = [saved.read_description(folder) for folder in folders]
    suite = Suite.read(datasets, records)
    for name in datasets:
        if name not in descriptions[0].labels:
            raise UserError(
                f"{model}: was not trained on {name}, so it knows no label of it; it knows"
                f" {', '.join(descriptions[0].labels)}"
            )
    asked = [
        prompt
        for name, rows in suite.records.items()
        for prompt in prompts.for_prediction(name, rows, settings)
    ]
    if not asked:
        raise UserError(f"{', '.join(map(str, records))}: no val or test record to predict")
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".states-") as memory:
        states = None
        if METHODS[descriptions[0].method].reads_store:
            states = _states(descriptions[0], datasets, receipts, asked, Path(memory))
        return [
            row
            for folder, description in zip(folders, descriptions, strict=True)
            for row in _of_seed(folder, description, states, asked, settings)
        ]


def _states(description: Description, datasets, receipts, asked: Sequence[Prompt], memory: Path):
    """The encoder states of every sequence that is asked about, from the encoder of training."""
    if not receipts:
        raise UserError(
            f"method {description.method!r} reads encoder states: give --embeddings, one receipt a"
            " dataset"
        )
    sequences = dict.fromkeys(segment.sequence for prompt in asked for segment in prompt.dna)
    states, key, _ = read_states(datasets, receipts, list(sequences), memory)
    if key != description.key:
        raise UserError(
            f"{receipts[0]}: embeddings of the key {key}, but the model was trained on those of"
            f" {description.key}; give the receipts that it was fine-tuned with"
        )
    return states


def _of_seed(
    folder: Path,
    description: Description,
    states: object | None,
    asked: Sequence[Prompt],
    settings: Settings,
) -> Iterator[dict]:
    method = saved.load(folder, states).to(device())
    closed = {name: ClosedLabels(name, labels) for name, labels in description.labels.items()}
    progress = _Counter(f"seed {description.seed}, answers", len(asked))
    if METHODS[description.method].generates:
        answers = decoding.answer(method, asked, description.labels, settings, progress)
        said = [
            {
                "predicted": closed[prompt.dataset].match(prompts.parse(found.text, prompt.thinks)),
                "text": found.text,
                "loglik": found.loglik,
                "prompt_tokens": found.prompt_tokens,
                "answer_tokens": found.answer_tokens,
            }
            for prompt, found in zip(asked, answers, strict=True)
        ]
    else:
        said = [
            {"predicted": max(loglik, key=loglik.get), "loglik": loglik, "prompt_tokens": tokens}
            for loglik, tokens in method.classify(asked, progress)
        ]
    common = {"method": description.name, "seed": description.seed, "probe": "none"}
    for prompt, found in zip(asked, said, strict=True):
        place = {"id": prompt.id, "dataset": prompt.dataset, "prompt_hash": prompt.hash}
        found["loglik"] = list(found["loglik"].items())
        yield {**place, **common, **found}


class _Counter:
    """Says how many of `total` are done, now and then."""

    def __init__(self, label: str, total: int):
        self.label, self.total, self.done = label, total, 0

    def __call__(self, count: int) -> None:
        self.done += count
        say(f"{self.label}: {self.done}/{self.total}")
