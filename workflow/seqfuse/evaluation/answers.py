"""Predictions, joined with gold records by id and checked against them.

Anything that would make a score wrong is refused here in one line: missing, unknown or repeated
rows, predictions of another dataset, an answer that is not a label, a likelihood that is NaN.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqfuse import labels, tables
from seqfuse.bio.stated_variant import NOTHING, stated
from seqfuse.errors import UserError
from seqfuse.evaluation.gold import Gold, codes

_KEY = ("dataset", "method", "seed", "probe")


@dataclass(frozen=True)
class Answers:
    """The answers of one method with one seed under one probe, as arrays over the n gold rows.

    `present` bool[n] is False on rows without an answer. `predicted` int[n] indexes the classes; an
    answer that is not a label has the index len(classes). `likeliest` int[n] is the label with the
    highest likelihood, and `confidence` float[n] its share of the likelihood of all labels.
    `substring` bool[n] marks texts that contain the gold label anywhere.

    The others are None unless they apply. `unaltered` int[n]: for a probe, what the same checkpoint
    predicts on the unaltered input. `aliased` bool[n]: which answers became a label by an alias.
    `cut` bool[n]: which generated answers reached the length limit. `dna_label` int[n]: for a
    conflict, the label of the record that the DNA is from. `stated` bool[n, 3]: whether the answer
    states reference, alternate and position of the variant correctly.
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


def read_answers(path: Path, golds: dict[str, Gold], sampled: bool = False) -> Iterator[Answers]:
    """Each (dataset, method, seed, probe) of one table of predictions, joined with its records.

    Unaltered predictions must cover every split; probes may leave out whole splits. In a `sampled`
    table, both may cover any rows.
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
    """The gold row int[m] of each prediction; an unknown or repeated id is refused."""
    index = pc.index_in(ids, gold.id)
    if index.null_count:
        stranger = ids.filter(pc.is_null(index))[0].as_py()
        raise UserError(
            f"{who}: {index.null_count} predictions for no val or test record of {gold.dataset}, "
            f"the first for id {stranger!r}; were they made from another dataset?"
        )
    rows = index.to_numpy().astype(np.int64)
    times = np.bincount(rows, minlength=len(gold.id))
    if times.max() > 1:
        twice = gold.id[int(times.argmax())].as_py()
        raise UserError(f"{who}: id {twice!r} is predicted {times.max()} times; keep one")
    return rows


def _refuse_partial(rows: np.ndarray, gold: Gold, who: str, whole: bool) -> None:
    """Refuse predictions that cover a split in part, or, if they must be `whole`, leave one out."""
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
    """`answers` with every field that the task of `gold` needs and the table has columns for."""
    fields = dict(vars(answers))
    if gold.label is None:
        value = part["predicted_value"].to_numpy()
        _refuse(~np.isfinite(value), part, f"{who}: predicted_value is not a number")
        return Answers(**fields | {"value": _at(rows, gold, value, np.nan)})
    invalid = len(gold.classes)
    predicted = codes(part["predicted"], gold.classes)
    if gold.aliases:
        meant = codes(_by_alias(part, gold.aliases), gold.classes)
        fields["aliased"] = _at(rows, gold, (predicted == invalid) & (meant < invalid), False)
    strange = (predicted == invalid) & part["predicted"].is_valid().to_numpy()
    _refuse(strange, part, f"{who}: predicted is not a label of {gold.dataset} (write null)")
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
        gold_labels = [gold.classes[gold.label[row]].lower() for row in rows]
        texts = [(text or "").lower() for text in part["text"].to_pylist()]
        contained = [label in text for label, text in zip(gold_labels, texts, strict=True)]
        fields["substring"] = _at(rows, gold, contained, False)
        if gold.stated is not None:
            fields["stated"] = np.zeros((len(gold.id), 3), bool)
            for row, text in zip(rows, part["text"].to_pylist(), strict=True):
                answered, true = stated(text) or NOTHING, gold.stated[row] or NOTHING
                fields["stated"][row] = [a == b for a, b in zip(answered, true, strict=True)]
    return Answers(**fields)


def _by_alias(part: pa.Table, aliases: Mapping[str, str]) -> pa.Array:
    """The label whose alias each generated answer is, or null."""
    meant = []
    for text, mode in zip(part["text"].to_pylist(), part["mode"].to_pylist(), strict=True):
        answer = labels.parse(text or "", thinks=mode == "own")
        meant.append(answer and aliases.get(labels.normalise(answer)))
    return pa.array(meant, pa.string())


def _likelihoods(part: pa.Table, gold: Gold, who: str) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest class int[m] and its share float[m] of the summed likelihood of all labels."""
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
    return codes(keys.take(pa.array(best)), gold.classes), share


def _refuse(bad: np.ndarray, part: pa.Table, message: str) -> None:
    """Refuse bad rows, naming the first."""
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise UserError(f"{message}: {int(bad.sum())} rows, the first is {part['id'][row]}")
