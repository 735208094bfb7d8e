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
    """In which precision, and which validation records."""


def predict(
    model: Path,
    datasets: Sequence[str],
    records: Sequence[Path],
    receipts: Sequence[Path],
    settings: Settings,
    asking: Prediction,
    journal: Journal,
) -> list[dict]:
    """The answers of every seed in `model` about every test record and `asking.validation_rows` of
    every dataset's val; of a part of the work only the batches that fall to it are answered, and
    land in its journal.

    The folder of the journal holds the decoded encoder states meanwhile.
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
    """The checkpoint folder of every seed, with its description; all know all `datasets`."""
    trained = {folder: checkpoint.read_description(folder) for folder in checkpoint.seeds(model)}
    known = next(iter(trained.values())).labels
    for name in datasets:
        if name not in known:
            raise UserError(
                f"{model}: was not trained on {name}, so it knows no label of it; it knows"
                f" {', '.join(known)}"
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
    """A row less its `probe` for every seed and prompt, in order, but for prompts that fall to
    another part; what a run of the same job that
    was ended has answered already is taken from its journal. `states_of` gives the encoder states
    that a checkpoint reads; seeds with one encoder share them."""
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
    """The encoder states of every sequence that is asked about, from the encoder of training: its
    receipts are among those given, one a dataset for each encoder in turn."""
    if not receipts:
        raise UserError(
            f"method {description.method!r} reads encoder states: give --embeddings, one receipt a"
            " dataset"
        )
    each = range(0, len(receipts), len(datasets))
    groups = [receipts[start : start + len(datasets)] for start in each]
    known = [group for group in groups if read_json(group[0]).get("key") == description.key]
    states, key, _ = read_states(datasets, (known or groups)[0], sequences(asked), memory)
    if key != description.key:
        raise UserError(
            f"{receipts[0]}: embeddings of the key {key}, but the model was trained on those of"
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
        said = [
            {
                **asdict(found),
                "predicted": closed[prompt.dataset].match(parse(found.text, prompt.thinks)),
                "mode": "own" if prompt.thinks else "empty",
                "loglik_per_token": list(found.loglik_per_token.items()),
            }
            for prompt, found in zip(asked, answers, strict=True)
            if found is not None
        ]
        asked = [prompt for prompt, found in zip(asked, answers, strict=True) if found is not None]
    else:
        with products(method.device, precision):
            classified = method.classify(asked, progress)
        said = [
            {"predicted": max(loglik, key=loglik.get), "loglik": loglik, "prompt_tokens": tokens}
            for loglik, tokens in classified
        ]
    common = {"method": description.name, "seed": description.seed}
    for prompt, found in zip(asked, said, strict=True):
        place = {"id": prompt.id, "dataset": prompt.dataset, "prompt_hash": prompt.hash}
        found["loglik"] = list(found["loglik"].items())
        yield {**place, **common, **found}


def _once(journal: Journal, seed: int, key: str, work: Callable[[], list]) -> list:
    return journal.once(f"{seed}/{key}", work)


class _Counter:
    """Says how many of `total` are done, now and then."""

    def __init__(self, label: str, total: int):
        self.label, self.total, self.done = label, total, 0

    def __call__(self, count: int) -> None:
        self.done += count
        say(f"{self.label}: {self.done}/{self.total}")
