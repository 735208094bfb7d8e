"""Predictions of a fine-tuned method about altered DNA, and about the same DNA as it is."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from seqfuse.encoders import found_again
from seqfuse.errors import UserError
from seqfuse.language import prompts
from seqfuse.language.answers import prediction
from seqfuse.language.answers.resume_journal import Journal
from seqfuse.language.finetuning.checkpoint import Description
from seqfuse.language.probing.alterations import altered
from seqfuse.language.prompts import Prompt, Settings
from seqfuse.language.suite import Suite
from seqfuse.registry.methods import METHODS

UNALTERED = "none"


def probe(
    model: Path,
    datasets: Sequence[str],
    records: Sequence[Path],
    encoders: Sequence[Path],
    probes: Sequence[str],
    rows: int,
    settings: Settings,
    precision: str,
    journal: Journal,
) -> list[dict]:
    """Rows of `tables.PREDICTIONS` of every seed: the sampled records as they are, then each probe.

    A method that reads encoder states reads those of the live encoder, also of the unaltered DNA,
    so that nothing but the DNA differs. `encoders` has one folder, one a seed, or none: then each
    checkpoint says where its own lay. A thinking method reasons anew about what it is shown.
    """
    trained = prediction.read(model, datasets)
    description = next(iter(trained.values()))
    if not METHODS[description.method].sees_dna:
        raise UserError(
            f"{model}: method {description.method!r} is shown no DNA; there is nothing to probe"
        )
    suite = Suite.read(datasets, records)
    asked = [
        pair
        for name, found in suite.records.items()
        for pair in _asked(name, found, probes, rows, settings)
    ]
    if not asked:
        raise UserError(f"{', '.join(map(str, records))}: no test record to probe")
    about = [prompt for _, prompt in asked]
    if len(encoders) not in (0, 1, len(trained)):
        raise UserError(
            f"--encoder: {len(encoders)} folders for {len(trained)} seeds; give one each"
        )
    shared = len(encoders) == 1
    of_seed = dict(zip(trained, [*encoders] * len(trained) if shared else encoders, strict=False))

    def states(folder: Path, description: Description) -> found_again.Live:
        live = found_again.Live(description.encoder, folder, of_seed.get(folder))
        live.hold(prediction.sequences(about))
        return live

    found = prediction.of_seeds(trained, states, about, settings, precision, journal)
    names = [name for name, _ in asked] * len(trained)
    return [{**row, "probe": name} for row, name in zip(found, names, strict=True)]


def sample(dataset: str, records: Sequence[Mapping], rows: int) -> list[Mapping]:
    """At most `rows` test records in their order: those that the sequence decides before the rest,
    each of the two drawn by the dataset's name."""
    test = [record for record in records if record["split"] == "test"]
    order = np.random.default_rng(list(dataset.encode())).permutation(len(test)).tolist()
    order.sort(key=lambda i: test[i]["subset"] != "sequence_decides")
    return [test[i] for i in sorted(order[:rows])]


def _asked(
    dataset: str,
    records: Sequence[Mapping],
    probes: Sequence[str],
    rows: int,
    settings: Settings,
) -> Iterator[tuple[str, Prompt]]:
    """(probe, prompt) of every sampled record, unaltered and under every probe that applies."""
    thinks = settings.reasoning and prompts.reasons(records)
    chosen = sample(dataset, records, rows)
    ids = [record["id"] for record in chosen]
    dnas = [tuple(s for s in (r["sequence"], r["variant"]) if s) for r in chosen]
    for name in (UNALTERED, *probes):
        shown = dnas if name == UNALTERED else altered(name, ids, dnas)
        for record, dna in zip(chosen, shown, strict=True):
            if dna is not None:
                columns = dict(zip(("sequence", "variant"), (*dna, None), strict=False))
                yield (
                    name,
                    prompts.from_record(dataset, {**record, **columns}, thinks, settings.system),
                )
