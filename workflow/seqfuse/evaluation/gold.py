"""The gold records of a dataset: what answers are scored against."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqfuse import tables
from seqfuse.bio import clusters, draws
from seqfuse.bio.stated_variant import Variant, stated
from seqfuse.errors import UserError

# The split name of rows that are predicted fold by fold, each by a fit that did not see it.
FOLDS = "folds"


@dataclass(frozen=True)
class Gold:
    """The val and test records of one dataset, as arrays over their n rows.

    `classes` holds every label of the whole dataset, sorted; `label` int[n] indexes it. A dataset
    has either `label` or `value` float[n]. `subsets` holds the rows, bool[n], that are also scored
    separately: by what decides their label, and by how similar they are to training records. Rows
    with the same `cluster` int[n] are not independent samples of each other (bio/clusters.py).
    `aliases` maps the normal form of each other name of a label to that label. `left_out` are the
    ids of validation records that no method is scored on. `stated` holds each row's variant (or
    None), if the gold answers of the dataset begin by stating it.
    """

    dataset: str
    id: pa.Array
    split: np.ndarray
    subsets: dict[str, np.ndarray]
    cluster: np.ndarray
    classes: tuple[str, ...]
    label: np.ndarray | None
    value: np.ndarray | None
    variants: bool
    metric: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    left_out: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    stated: list[Variant | None] | None = None


def read_gold(
    path: Path,
    clustered: Path,
    dataset: str,
    study: str,
    folds: bool = False,
    validation_rows: int | None = None,
) -> Gold:
    """The records that methods are scored on, from a cleaned table of `dataset` and its clusters.

    These are all test records and the `validation_rows` validation records that prediction draws
    (all, if None). With `folds` they are instead the rows of any split whose label only the
    sequence decides, as one split named "folds".
    """
    left_out = pa.array([], pa.string())
    columns = ["id", "split", "variant", "label", "value", "subset", "reasoning"]
    table = tables.read(path, tables.CLEAN, columns)
    classes = tuple(sorted(pc.unique(table["label"].drop_null()).to_pylist()))
    if folds:
        table = table.filter(pc.equal(table["subset"], "sequence_decides")).combine_chunks()
        table = table.set_column(1, "split", pa.array([FOLDS] * table.num_rows, pa.string()))
    else:
        table = table.filter(pc.is_in(table["split"], pa.array(["val", "test"]))).combine_chunks()
        scored = np.ones(table.num_rows, bool)
        val = np.flatnonzero(pc.equal(table["split"], "val").to_numpy(zero_copy_only=False))
        scored[val] = draws.drawn(table["label"].take(pa.array(val)).to_pylist(), validation_rows)
        left_out = table["id"].filter(pa.array(~scored)).combine_chunks()
        table = table.filter(pa.array(scored)).combine_chunks()
    if not table.num_rows:
        what = "record that only the sequence decides" if folds else "val or test record"
        raise UserError(f"{path}: no {what} of {dataset} to score")
    column = "label" if classes else "value"
    if table[column].null_count:
        row = pc.index(pc.is_null(table[column]), True).as_py()
        raise UserError(f"{path}: record {table['id'][row]} has no {column} to score against")
    variants = table["variant"].null_count < table.num_rows
    ids = table["id"].combine_chunks()
    decides = np.array(table["subset"].to_pylist(), dtype=object)
    lines = [stated(text) for text in table["reasoning"].to_pylist()] if variants else []
    return Gold(
        dataset=dataset,
        id=ids,
        split=np.array(table["split"].to_pylist()),
        subsets=_subsets(decides) | _subsets(clusters.seen(clustered, ids)),
        cluster=clusters.read(clustered, ids),
        classes=classes,
        label=codes(table["label"], classes) if classes else None,
        value=None if classes else table["value"].to_numpy(),
        variants=variants,
        metric=primary(study, not classes, variants),
        left_out=left_out,
        stated=lines if any(lines) else None,
    )


def primary(study: str, regression: bool, variants: bool) -> str:
    """The metric that compares the methods of a dataset, as in the papers.

    Regression: Spearman. Study A: accuracy for variants (KEGG), MCC for single sequences (NT
    tasks). Study B: accuracy for classes (E. coli).
    """
    if regression:
        return "spearman"
    return "mcc" if study == "language" and not variants else "accuracy"


def codes(labels: pa.ChunkedArray | pa.Array, classes: tuple[str, ...]) -> np.ndarray:
    """Indices int64[n] of labels in `classes`; len(classes) for any other label and for null."""
    index = pc.index_in(labels, pa.array(classes, pa.string()), skip_nulls=True)
    return pc.fill_null(index, len(classes)).to_numpy().astype(np.int64)


def _subsets(names: np.ndarray) -> dict[str, np.ndarray]:
    """{subset: rows bool[n]}, from each row's subset name (or None) [n]."""
    return {name: names == name for name in sorted({name for name in names if name})}
