"""Predictions of a fine-tuned method for altered DNA, and for the same DNA unaltered."""

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
    """A prompt, its probe, and for a conflict the id of the record that its DNA is from."""

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
    """Rows of `tables.CONFLICTS` for every seed: the sampled records unaltered, then each probe,
    then the conflicts, which alone have a `dna_of`.

    A method that reads encoder states reads them from the live encoder, for unaltered DNA too, so
    that only the DNA differs. `encoders` holds one folder, one for each seed, or none: then each
    checkpoint knows the location of its own. A method that thinks reasons about each prompt anew.
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
        for name, of_dataset in suite.records.items()
        for one in _asked(name, of_dataset, probes, rows, conflict_rows, settings)
    ]
    if not asked:
        raise UserError(f"{', '.join(map(str, records))}: no test record to probe")
    shown = [one.prompt for one in asked]
    if len(encoders) not in (0, 1, len(trained)):
        raise UserError(
            f"--encoder: {len(encoders)} folders for {len(trained)} seeds; give one each"
        )
    shared = len(encoders) == 1
    of_seed = dict(zip(trained, [*encoders] * len(trained) if shared else encoders, strict=False))

    def states(folder: Path, description: Description) -> found_again.Live:
        live = found_again.Live(description.encoder, folder, of_seed.get(folder))
        live.hold(prediction.sequences(shown))
        return live

    answered = prediction.of_seeds(trained, states, shown, settings, precision, journal)
    return [
        {**row, "probe": one.probe, "dna_of": one.dna_of}
        for row, one in zip(answered, asked * len(trained), strict=True)
    ]


def sample(dataset: str, records: Sequence[Mapping], rows: int) -> list[Mapping]:
    """At most `rows` test records, in their order, drawn with the dataset's name as seed; those
    whose label only the sequence decides come first."""
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
        of_probe = dnas if name == UNALTERED else altered(name, ids, dnas)
        for record, dna in zip(chosen, of_probe, strict=True):
            if dna is not None:
                yield Asked(name, shown(record, dna))
    if conflict_rows:
        for record, donor in conflicts.conflicts(dataset, list(records), conflict_rows):
            yield Asked(CONFLICT, shown(record, conflicts.dna(donor)), donor["id"])
