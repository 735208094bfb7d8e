"""All interpretations of the trained fusions of one dataset, written as one folder."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse import tables
from seqfuse.codons.interpretation import attention_maps, knockout, mutagenesis
from seqfuse.codons.interpretation.trained_arms import Trials
from seqfuse.errors import UserError
from seqfuse.files import atomic_directory
from seqfuse.progress import say, track
from seqfuse.settings.sections import Section

_SEED = 0  # draws the test sequences that are examined one by one
# Rows turned into a table at once: a Python row takes ten times the memory of an Arrow row.
_ROWS = 20_000


class Settings(Section, path="codons/interpretation"):
    """Whose sequences are mutated, and how many."""


def write(
    trials: Trials,
    encoders: Mapping[str, Path | None],
    settings: Settings,
    confidence: float,
    out: Path,
) -> None:
    """Compute and write `out`, which appears only when it is complete.

    Raises `UserError` if the chosen arm is not among the trained ones."""
    arm = settings.arm or list(trials.arms)[-1]
    if arm not in trials.arms:
        raise UserError(
            f"--arm: {arm!r} is not among the trained arms given ({', '.join(trials.arms)})"
        )
    drawn = np.random.default_rng(_SEED).permutation(trials.test)[: settings.sequences]
    synonyms = mutagenesis.synonyms_of(trials.dataset)
    lost = [knockout.measure(trials, name, confidence) for name in trials.arms]
    attended = [
        attention_maps.attention(trials, trained, drawn)
        for seeds in trials.arms.values()
        for trained in seeds
    ]
    views = {view: trials.stores[view] for view in trials.arms[arm][0].arm.modalities}
    live = mutagenesis.Embedders(views, encoders)
    if len(drawn):
        say(mutagenesis.expected_time(trials, arm, live, synonyms, drawn.tolist()))
    mutated = track(drawn.tolist(), len(drawn), "sequences mutated")
    usage = ({"dataset": trials.dataset.name} | row for row in synonyms.usage())
    with atomic_directory(out) as folder:
        for name, rows, schema in (
            ("knockout", itertools.chain.from_iterable(lost), tables.KNOCK_OUTS),
            ("codons", usage, tables.CODON_USAGE),
            (
                "mutagenesis",
                itertools.chain.from_iterable(
                    mutagenesis.scan(trials, arm, live, synonyms, row) for row in mutated
                ),
                tables.MUTANTS,
            ),
            ("attention", itertools.chain.from_iterable(attended), tables.ATTENTION),
            ("fused", attention_maps.fused(trials, trials.arms[arm][0]), tables.FUSED),
        ):
            tables.write(folder / f"{name}.parquet", _table(rows, schema), schema)


def _table(rows: Iterable[dict], schema: pa.Schema) -> pa.Table:
    """A table from many rows, only a few of which are in memory as dictionaries at a time."""
    rows, parts = iter(rows), [tables.from_rows([], schema)]
    while part := list(itertools.islice(rows, _ROWS)):
        parts.append(tables.from_rows(part, schema))
    return pa.concat_tables(parts)
