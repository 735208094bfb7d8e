"""Gold records and predictions, joined by id and held to each other.

Everything that could make a score lie is refused here in one line: rows that are missing, extra or
there twice, another dataset's predictions, an answer that is no label, a likelihood that is NaN.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqfuse import labels, tables
from seqfuse.bio import clusters, draws
from seqfuse.bio.stated_variant import NOTHING, Variant, stated
from seqfuse.errors import UserError

# The split whose rows are each predicted by what was fitted without them.
FOLDS = "folds"
_KEY = ("dataset", "method", "seed", "probe")


@dataclass(frozen=True)
class Gold:
    """The val and test records of one dataset, as arrays over their n rows.

    `classes` holds every label of the whole dataset, sorted; `label` int[n] indexes it. A dataset
    has either `label` or `value` float[n]. `subsets` names rows, bool[n], that are scored apart
    too: what decides their label, and how well train knows them. `cluster`
    int[n] numbers the clusters of rows that are no independent samples (bio/clusters.py).
    `aliases` holds the label of each other name, by the name's normal form. `left_out` are the ids
    of validation records that are not scored, whoever predicted them. `stated` holds the variant of
    each row (or None) of a set whose answers state it first.
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


@dataclass(frozen=True)
class Answers:
    """What one method with one seed says under one probe, as arrays over the gold rows.

    `present` bool[n] is False on the rows that a probe leaves out. `predicted` int[n] indexes the
    classes; an answer that is no label has the index behind the last class. `unaltered` int[n] is
    what the same checkpoint predicts on the unaltered input, where this is a probe of it; `aliased`
    bool[n] says which answers an alias turned into a label, where the dataset has aliases; `cut`
    bool[n] which were cut before they ended, where answers are generated. `dna_label` int[n] is the
    label of the record whose DNA stood with the question, where that is another one; `stated`
    bool[n, 3] whether reference, alternate and position of the variant are stated right.
    """

    dataset: str
    method: str
    seed: int
    probe: str
    present: np.ndarray
    predicted: np.ndarray | None = None
    value: np.ndarray | None = None
    likeliest: np.ndarray | None = None
    confidence: np.ndarray | None = None
    substring: np.ndarray | None = None
    unaltered: np.ndarray | None = None
    aliased: np.ndarray | None = None
    cut: np.ndarray | None = None
    dna_label: np.ndarray | None = None
    stated: np.ndarray | None = None


def read_gold(
    path: Path,
    clustered: Path,
    dataset: str,
    study: str,
    folds: bool = False,
    validation_rows: int | None = None,
) -> Gold:
    """The records that methods are scored on, from a cleaned table of `dataset` and its clusters:
    those of test, and the `validation_rows` of val that prediction draws, or all.

    With `folds` they are the rows of every split that only the sequence decides, which then are one
    split by the name "folds".
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
        label=_codes(table["label"], classes) if classes else None,
        value=None if classes else table["value"].to_numpy(),
        variants=variants,
        metric=primary(study, not classes, variants),
        left_out=left_out,
        stated=lines if any(lines) else None,
    )


def read_answers(path: Path, golds: dict[str, Gold], sampled: bool = False) -> Iterator[Answers]:
    """Each (dataset, method, seed, probe) of one table of predictions, joined with its records.

    Each split must be there whole, or, where the table is of probes, not at all; `sampled` tables
    may hold some rows of a split.
    """
    table = tables.read(path, tables.PREDICTIONS).combine_chunks()
    for key, part in _parts(table):
        dataset, method, seed, probe = key
        if dataset not in golds:
            raise UserError(
                f"{path}: predictions of dataset {dataset!r}, which is not evaluated here "
                f"({', '.join(golds)})"
            )
        gold = golds[dataset]
        part = part.filter(pc.invert(pc.is_in(part["id"], gold.left_out)))
        if not part.num_rows:
            continue
        who = f"{path}: {method}, seed {seed}, {dataset}"
        rows = _rows(part["id"], gold, who)
        if not sampled:
            _refuse_partial(rows, gold, who, whole=probe == "none")
        answers = Answers(dataset, method, seed, probe, present=_at(rows, gold, True, False))
        yield _filled(answers, part, rows, gold, who)


def _subsets(names: np.ndarray) -> dict[str, np.ndarray]:
    """The rows bool[n] of each subset that a row's name [n] (or None) puts it in."""
    return {name: names == name for name in sorted({name for name in names if name})}


def _codes(labels: pa.ChunkedArray | pa.Array, classes: tuple[str, ...]) -> np.ndarray:
    """Indices int64[n] of labels in `classes`; one past the last where there is none."""
    found = pc.index_in(labels, pa.array(classes, pa.string()), skip_nulls=True)
    return pc.fill_null(found, len(classes)).to_numpy().astype(np.int64)


def _parts(table: pa.Table) -> Iterator[tuple[tuple, pa.Table]]:
    """The rows of each (dataset, method, seed, probe), in the order of the table."""
    if not table.num_rows:
        return
    encoded = [table[name].combine_chunks().dictionary_encode() for name in _KEY]
    code = np.zeros(table.num_rows, dtype=np.int64)
    for column in encoded:
        code = code * len(column.dictionary) + column.indices.to_numpy()
    order = np.argsort(code, kind="stable")
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    for rows in np.split(order, starts[1:]):
        part = table.take(pa.array(rows))
        yield tuple(part[name][0].as_py() for name in _KEY), part


def _rows(ids: pa.ChunkedArray, gold: Gold, who: str) -> np.ndarray:
    """The gold row int[m] of each prediction; each at most once."""
    found = pc.index_in(ids, gold.id)
    if found.null_count:
        stranger = ids.filter(pc.is_null(found))[0].as_py()
        raise UserError(
            f"{who}: {found.null_count} predictions for no val or test record of {gold.dataset}, "
            f"the first for id {stranger!r}; were they made from another dataset?"
        )
    rows = found.to_numpy().astype(np.int64)
    times = np.bincount(rows, minlength=len(gold.id))
    if times.max() > 1:
        twice = gold.id[int(times.argmax())].as_py()
        raise UserError(f"{who}: id {twice!r} is predicted {times.max()} times; keep one")
    return rows


def _refuse_partial(rows: np.ndarray, gold: Gold, who: str, whole: bool) -> None:
    """Stop where a row of a split is missing; a split may be left out unless it must be `whole`."""
    for split in np.unique(gold.split).tolist():
        absent = np.setdiff1d(np.flatnonzero(gold.split == split), rows)
        if len(absent) and (whole or len(absent) < (gold.split == split).sum()):
            raise UserError(
                f"{who}: {len(absent)} {split} records have no prediction, "
                f"the first is {gold.id[int(absent[0])].as_py()!r}; predict them again"
            )


def _at(rows: np.ndarray, gold: Gold, values, default) -> np.ndarray:
    """An array over the gold rows that holds `values` at `rows` and `default` elsewhere."""
    placed = np.full(len(gold.id), default)
    placed[rows] = values
    return placed


def _filled(answers: Answers, part: pa.Table, rows: np.ndarray, gold: Gold, who: str) -> Answers:
    """`answers` with the columns that the task of `gold` is scored by."""
    fields = dict(vars(answers))
    if gold.label is None:
        value = part["predicted_value"].to_numpy()
        _refuse(~np.isfinite(value), part, f"{who}: predicted_value is not a number")
        return Answers(**fields | {"value": _at(rows, gold, value, np.nan)})
    invalid = len(gold.classes)
    predicted = _codes(part["predicted"], gold.classes)
    if gold.aliases:
        meant = _codes(_by_alias(part, gold.aliases), gold.classes)
        fields["aliased"] = _at(rows, gold, (predicted == invalid) & (meant < invalid), False)
    strange = (predicted == invalid) & part["predicted"].is_valid().to_numpy()
    _refuse(strange, part, f"{who}: predicted is no label of {gold.dataset} (write null)")
    if gold.aliases:
        predicted = np.where(predicted == invalid, meant, predicted)
    fields["predicted"] = _at(rows, gold, predicted, invalid)
    if part["loglik"].null_count < part.num_rows:
        likeliest, confidence = _likelihoods(part, gold, who)
        fields["likeliest"] = _at(rows, gold, likeliest, invalid)
        fields["confidence"] = _at(rows, gold, confidence, np.nan)
    if part["cut"].null_count < part.num_rows:
        fields["cut"] = _at(rows, gold, part["cut"].fill_null(False).to_numpy(), False)
    if part["text"].null_count < part.num_rows:
        wanted = [gold.classes[gold.label[row]].lower() for row in rows]
        texts = [(text or "").lower() for text in part["text"].to_pylist()]
        contained = [label in text for label, text in zip(wanted, texts, strict=True)]
        fields["substring"] = _at(rows, gold, contained, False)
        if gold.stated is not None:
            fields["stated"] = np.zeros((len(gold.id), 3), bool)
            for row, text in zip(rows, part["text"].to_pylist(), strict=True):
                said, own = stated(text) or NOTHING, gold.stated[row] or NOTHING
                fields["stated"][row] = [a == b for a, b in zip(said, own, strict=True)]
    return Answers(**fields)


def _by_alias(part: pa.Table, aliases: Mapping[str, str]) -> pa.Array:
    """The label that each generated answer means by an alias, or null."""
    found = []
    for text, mode in zip(part["text"].to_pylist(), part["mode"].to_pylist(), strict=True):
        answer = labels.parse(text or "", thinks=mode == "own")
        found.append(answer and aliases.get(labels.normalise(answer)))
    return pa.array(found, pa.string())


def _likelihoods(part: pa.Table, gold: Gold, who: str) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest class int[m] and its share float[m] of the labels' summed likelihood."""
    maps = part["loglik"].combine_chunks()
    offsets = maps.offsets.to_numpy().astype(np.int64)
    starts = offsets[:-1]
    _refuse(np.diff(offsets) == 0, part, f"{who}: no loglik where other rows have one")
    first, last = offsets[0], offsets[-1]
    values = maps.items.to_numpy()[first:last]
    owner = np.repeat(np.arange(part.num_rows), np.diff(offsets))
    nan = np.bincount(owner[np.isnan(values)], minlength=part.num_rows) > 0
    _refuse(nan, part, f"{who}: loglik holds NaN")
    top = np.maximum.reduceat(values, starts - first)
    _refuse(~np.isfinite(top), part, f"{who}: loglik has no finite maximum")
    share = 1 / np.add.reduceat(np.exp(values - top[owner]), starts - first)
    at_top = np.flatnonzero(values == top[owner])
    best = at_top[np.unique(owner[at_top], return_index=True)[1]]
    keys = maps.keys.slice(first, last - first)
    return _codes(keys.take(pa.array(best)), gold.classes), share


def _refuse(bad: np.ndarray, part: pa.Table, message: str) -> None:
    """Stop at the first row that is bad, naming it."""
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise UserError(f"{message}: {int(bad.sum())} rows, the first is {part['id'][row]}")


def primary(study: str, regression: bool, variants: bool) -> str:
    """The metric that a dataset's methods are compared by, as the papers chose it.

    Regression: Spearman. Study A: accuracy for variants (KEGG), MCC for single sequences (NT
    tasks). Study B: accuracy for classes (E. coli).
    """
    if regression:
        return "spearman"
    return "mcc" if study == "language" and not variants else "accuracy"
