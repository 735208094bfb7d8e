"""Predictions of a fine-tuned method: rows of `tables.PREDICTIONS` for val and test, all seeds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from seqfuse import fingerprint
from seqfuse.errors import UserError
from seqfuse.files import canonical_json, checksums, digest, read_json, scratch_directory
from seqfuse.labels import parse
from seqfuse.language.answers.resume_journal import Journal
from seqfuse.language.finetuning import checkpoint
from seqfuse.language.finetuning.checkpoint import Description
from seqfuse.language.prompts import ClosedLabels, Prompt, Settings
from seqfuse.language.suite import Suite, read_states
from seqfuse.progress import say
from seqfuse.registry.methods import METHODS
from seqfuse.settings.sections import Section
from seqfuse.training.precision import products
from seqfuse.training.provenance import surroundings


class Prediction(Section, path="language/prediction"):
    """The precision of answers, and the number of validation records."""


def predict(
    model: Path,
    datasets: Sequence[str],
    records: Sequence[Path],
    receipts: Sequence[Path],
    settings: Settings,
    asking: Prediction,
    journal: Journal,
) -> list[dict]:
    """The answers of every seed in `model` about each dataset's test records and
    `asking.validation_rows` of its validation records.

    If the journal is that of a part, only its batches are answered. Decoded encoder states are kept
    in the journal's folder for the time being.
    """
    trained = read(model, datasets)
    suite = Suite.read(datasets, records)
    asked = list(suite.held_out(settings, asking.validation_rows))
    if not asked:
        raise UserError(f"{', '.join(map(str, records))}: no val or test record to predict")
    with scratch_directory(journal.path) as memory:

        def states(folder: Path, description: Description):
            return frozen_states(description, datasets, receipts, asked, memory)

        rows = of_seeds(trained, states, asked, settings, asking.precision, journal)
        return [{**row, "probe": "none"} for row in rows]


def read(model: Path, datasets: Sequence[str]) -> dict[Path, Description]:
    """The checkpoint folder of every seed, with its description; `UserError` if the model was not
    trained on all `datasets`."""
    trained = {folder: checkpoint.read_description(folder) for folder in checkpoint.seeds(model)}
    known = next(iter(trained.values())).labels
    for name in datasets:
        if name not in known:
            raise UserError(
                f"{model}: was not trained on {name} and does not know its labels; it was trained"
                f" on {', '.join(known)}"
            )
    return trained


def of_seeds(
    trained: dict[Path, Description],
    states_of: Callable[[Path, Description], object],
    asked: Sequence[Prompt],
    settings: Settings,
    precision: str,
    journal: Journal,
) -> list[dict]:
    """One row, without `probe`, for every seed and prompt, in order.

    Prompts of other parts are left out, and batches that an interrupted run of the same job
    answered are taken from its journal. `states_of` gives the encoder states that a checkpoint
    reads; seeds with the same encoder share them.
    """
    method = next(iter(trained.values())).method
    module = METHODS[method].implementation.split(":")[0]
    made_from = [
        [checksums(folder) for folder in trained],
        [[prompt.dataset, prompt.id, prompt.hash] for prompt in asked],
        asdict(settings),
        precision,
        surroundings(),
        fingerprint.code("seqfuse.language.answers.prediction", module),
    ]
    journal.begin(digest(canonical_json(made_from)))
    rows: list[dict] = []
    states, key = None, None
    for folder, description in trained.items():
        if METHODS[method].reads_store and description.key != key:
            states, key = states_of(folder, description), description.key
        rows += _of_seed(folder, description, states, asked, settings, precision, journal)
    return rows


def frozen_states(
    description: Description,
    datasets: Sequence[str],
    receipts: Sequence[Path],
    asked: Sequence[Prompt],
    memory: Path,
):
    """The encoder states of all sequences in the prompts, from the encoder of training.

    `receipts` holds one receipt for each dataset, for each encoder in turn; the matching ones are
    used.
    """
    if not receipts:
        raise UserError(
            f"method {description.method!r} reads encoder states: give --embeddings, one receipt"
            " per dataset"
        )
    each = range(0, len(receipts), len(datasets))
    groups = [receipts[start : start + len(datasets)] for start in each]
    known = [group for group in groups if read_json(group[0]).get("key") == description.key]
    states, key, _ = read_states(datasets, (known or groups)[0], sequences(asked), memory)
    if key != description.key:
        raise UserError(
            f"{receipts[0]}: embeddings with key {key}, but the model was trained on"
            f" {description.key}; give the receipts that it was fine-tuned with"
        )
    return states


def sequences(asked: Sequence[Prompt]) -> list[str]:
    """The distinct sequences of prompts, in order of appearance."""
    return list(dict.fromkeys(segment.sequence for prompt in asked for segment in prompt.dna))


def _of_seed(
    folder: Path,
    description: Description,
    states: object | None,
    asked: Sequence[Prompt],
    settings: Settings,
    precision: str,
    journal: Journal,
) -> Iterator[dict]:
    precision = description.answers_in(precision)
    method = checkpoint.load(folder, states, precision)
    closed = {name: ClosedLabels(name, labels) for name, labels in description.labels.items()}
    progress = _Counter(f"seed {description.seed}, answers", len(asked))
    if METHODS[description.method].generates:
        from seqfuse.language.answers import decoding

        once = partial(_once, journal, description.seed)
        with products(method.device, precision):
            answers = decoding.answer(method, asked, description.labels, settings, progress, once)
        pairs = [
            (prompt, answer)
            for prompt, answer in zip(asked, answers, strict=True)
            if answer is not None
        ]
        asked = [prompt for prompt, _ in pairs]
        columns = [
            {
                **asdict(answer),
                "predicted": closed[prompt.dataset].match(parse(answer.text, prompt.thinks)),
                "mode": "own" if prompt.thinks else "empty",
                "loglik_per_token": list(answer.loglik_per_token.items()),
            }
            for prompt, answer in pairs
        ]
    else:
        with products(method.device, precision):
            classified = method.classify(asked, progress)
        columns = [
            {"predicted": max(loglik, key=loglik.get), "loglik": loglik, "prompt_tokens": tokens}
            for loglik, tokens in classified
        ]
    common = {"method": description.name, "seed": description.seed}
    for prompt, answer in zip(asked, columns, strict=True):
        question = {"id": prompt.id, "dataset": prompt.dataset, "prompt_hash": prompt.hash}
        answer["loglik"] = list(answer["loglik"].items())
        yield {**question, **common, **answer}


def _once(journal: Journal, seed: int, key: str, work: Callable[[], list]) -> list:
    return journal.once(f"{seed}/{key}", work)


class _Counter:
    """Reports how many of `total` are done."""

    def __init__(self, label: str, total: int):
        self.label, self.total, self.done = label, total, 0

    def __call__(self, count: int) -> None:
        self.done += count
        say(f"{self.label}: {self.done}/{self.total}")
