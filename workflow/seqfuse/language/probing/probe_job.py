"""Predictions of a fine-tuned method about altered DNA, and about the same DNA as it is."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqfuse.encoders import found_again
from seqfuse.errors import UserError
from seqfuse.language import prompts
from seqfuse.language.answers import prediction
from seqfuse.language.answers.resume_journal import Journal
from seqfuse.language.finetuning.checkpoint import Description
from seqfuse.language.probing import conflicts
from seqfuse.language.probing.alterations import Dna, altered
from seqfuse.language.prompts import Prompt, Settings
from seqfuse.language.suite import Suite
from seqfuse.registry.methods import METHODS

UNALTERED, CONFLICT = "none", "conflict"


class Asked(NamedTuple):
    """A prompt, the probe that it stands for, and in a conflict the record that its DNA is of."""

    probe: str
    prompt: Prompt
    dna_of: str | None = None


def probe(
    model: Path,
    datasets: Sequence[str],
    records: Sequence[Path],
    encoders: Sequence[Path],
    probes: Sequence[str],
    rows: int,
    conflict_rows: int,
    settings: Settings,
    precision: str,
    journal: Journal,
) -> list[dict]:
    """Rows of `tables.CONFLICTS` of every seed: the sampled records as they are, then each probe,
    then the conflicts, which alone have a `dna_of`.

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
        one
        for name, found in suite.records.items()
        for one in _asked(name, found, probes, rows, conflict_rows, settings)
    ]
    if not asked:
        raise UserError(f"{', '.join(map(str, records))}: no test record to probe")
    about = [one.prompt for one in asked]
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
    return [
        {**row, "probe": one.probe, "dna_of": one.dna_of}
        for row, one in zip(found, asked * len(trained), strict=True)
    ]


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
    conflict_rows: int,
    settings: Settings,
) -> Iterator[Asked]:
    """Every sampled record unaltered and under every probe that applies, and the conflicts."""
    thinks = settings.reasoning and prompts.reasons(records)

    def shown(record: Mapping, dna: Dna) -> Prompt:
        columns = dict(zip(("sequence", "variant"), (*dna, None), strict=False))
        return prompts.from_record(dataset, {**record, **columns}, thinks, settings.system)

    chosen = sample(dataset, records, rows)
    ids, dnas = [record["id"] for record in chosen], [conflicts.dna(record) for record in chosen]
    for name in (UNALTERED, *probes):
        found = dnas if name == UNALTERED else altered(name, ids, dnas)
        for record, dna in zip(chosen, found, strict=True):
            if dna is not None:
                yield Asked(name, shown(record, dna))
    if conflict_rows:
        for record, giver in conflicts.conflicts(dataset, list(records), conflict_rows):
            yield Asked(CONFLICT, shown(record, conflicts.dna(giver)), giver["id"])
