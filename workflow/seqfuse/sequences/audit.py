"""What leaks: duplicates within and across splits, and what a lookup without a model scores.

Two passes over the cleaned records: one for 64-bit keys (41 bytes a row are kept), one for the
sketches of a bounded sample of sequences.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse import tables
from seqfuse.bio import record_batches, sketch
from seqfuse.bio.normalise import keys
from seqfuse.bio.splits import SPLITS
from seqfuse.sequences import lookups, wording
from seqfuse.statistics.correlation import spearman
from seqfuse.statistics.inference import FEWEST

HELD_OUT = ("val", "test")
# Distinct sequences whose sketches are compared: those with the smallest keys, a random sample.
QUERIES, POOL = 1000, 20_000
_MOST_CLASSES = 200  # above this, classes are counted but not listed
_DIGITS = 6
# Shares beyond which the audit warns.
_SEEN, _ABOVE_MAJORITY = 0.01, 0.2


@dataclass(frozen=True)
class _Rows:
    """One value a row: split (index into SPLITS), keys of texts, and the regression target."""

    split: np.ndarray
    sequence: np.ndarray
    pair: np.ndarray
    question: np.ndarray
    label: np.ndarray
    record: np.ndarray
    value: np.ndarray
    has_question: bool
    has_label: bool
    has_value: bool

    def of(self, split: str) -> np.ndarray:
        """Which rows are in `split` (bool)."""
        return self.split == SPLITS.index(split)


def audit(records: Path, clusters: dict) -> dict:
    """The audit of a table of cleaned records; `clusters` is what `clusters.write` says of them."""
    rows, labels, words = _collect(records)
    counts = {name: int(rows.of(name).sum()) for name in SPLITS}
    report = {
        "splits": counts,
        "independent": clusters["independent"],
        "groups": clusters["groups"],
        "seen": clusters["seen"],
        "homologues": clusters["homologues"],
        "constant": [name for name in HELD_OUT if _constant(rows, name)],
        "classes": len({label for counts in labels.values() for label in counts}),
        "labels": _listed(labels),
        "duplicates": _duplicates(rows),
        "near_duplicates": _near_duplicates(records, rows),
        "lookups": {name: _lookups(rows, name) for name in HELD_OUT if counts[name]},
        "telling_words": words.telling(),
    }
    return report | {"warnings": _warnings(report, rows)}


def _collect(records: Path) -> tuple[_Rows, dict[str, Counter], wording.Words]:
    columns = ("split", "sequence", "variant", "question", "label", "value")
    parts: dict[str, list[np.ndarray]] = {}
    labels: dict[str, Counter] = {}
    words = wording.Words()
    for batch in record_batches.read(records, _schema(*columns)):
        split = batch["split"].to_pylist()
        arrays = {
            "split": np.array([SPLITS.index(name) for name in split], np.int8),
            "sequence": keys(batch["sequence"]),
            "pair": keys(batch["sequence"], batch["variant"]),
            "question": keys(batch["question"]),
            "label": keys(batch["label"]),
            "record": keys(*(batch[n] for n in ("sequence", "variant", "question", "label"))),
            "value": np.array(batch["value"].to_numpy(zero_copy_only=False), np.float64),
            "has_question": _has(batch["question"]),
            "has_label": _has(batch["label"]),
            "has_value": _has(batch["value"]),
        }
        for name, values in arrays.items():
            parts.setdefault(name, []).append(values)
        words.add(split, batch["question"].to_pylist(), batch["label"].to_pylist())
        for name, label in zip(split, batch["label"].to_pylist(), strict=True):
            if label is not None:
                labels.setdefault(name, Counter())[label] += 1
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    flags = {name: bool(joined.pop(name).all()) for name in list(joined) if name.startswith("has_")}
    return _Rows(**joined, **flags), labels, words


def _constant(rows: _Rows, split: str) -> bool:
    """Whether all regression targets of a split are one number."""
    values = rows.value[rows.of(split)]
    return rows.has_value and not rows.has_label and len(values) > 0 and not np.ptp(values)


def _schema(*columns: str) -> pa.Schema:
    return pa.schema([tables.CLEAN.field(name) for name in columns])


def _has(column: pa.Array) -> np.ndarray:
    return np.array([column.null_count == 0])


def _listed(labels: dict[str, Counter]) -> dict | None:
    if any(len(counts) > _MOST_CLASSES for counts in labels.values()):
        return None
    return {split: dict(sorted(counts.items())) for split, counts in labels.items()}


def _duplicates(rows: _Rows) -> dict:
    """Exact duplicates: of the DNA (reference and variant), and of whole records."""
    repeats = {"dna": _repeats(rows, rows.pair), "records": _repeats(rows, rows.record)}
    return repeats | {"agreement": _agreement(rows)}


def _repeats(rows: _Rows, contents: np.ndarray) -> dict:
    train = np.unique(contents[rows.of("train")])
    repeats = {"distinct": len(np.unique(contents)), "repeated_within": {}, "seen_in_train": {}}
    for name in SPLITS:
        own = contents[rows.of(name)]
        repeats["repeated_within"][name] = len(own) - len(np.unique(own))
        if name != "train":
            seen = int(np.isin(own, train).sum())
            repeats["seen_in_train"][name] = {"rows": seen, "share": _share(seen, len(own))}
    return repeats


def _agreement(rows: _Rows) -> dict | None:
    """How often equal DNA has equal labels, which bounds any model that sees only the DNA."""
    if rows.has_value and not rows.has_label:
        order = np.argsort(rows.pair, kind="stable")
        starts = np.flatnonzero(np.diff(rows.pair[order], prepend=rows.pair[order][0] + 1))
        several = starts[np.diff(starts, append=len(order)) > 1]
        first, second = rows.value[order][several], rows.value[order][several + 1]
        lowest, highest = (
            extreme.reduceat(rows.value[order], starts) for extreme in (np.minimum, np.maximum)
        )
        return {
            "repeated": len(several),
            "with_several_values": int((lowest < highest).sum()),
            "spearman_of_two": _spearman(first, second),
        }
    if not rows.has_label:
        return None
    pairs, counts = np.unique(np.stack([rows.pair, rows.label]), axis=1, return_counts=True)
    _, first, labels = np.unique(pairs[0], return_index=True, return_counts=True)
    most = np.maximum.reduceat(counts, first)
    return {
        "repeated": int((np.add.reduceat(counts, first) > 1).sum()),
        "with_several_labels": int((labels > 1).sum()),
        "ceiling_of_dna": _share(int(most.sum()), len(rows.pair)),
    }


def _near_duplicates(records: Path, rows: _Rows) -> dict:
    """How many distinct sequences have a near-duplicate in their split, and in train."""
    distinct = {name: np.unique(rows.sequence[rows.of(name)]) for name in SPLITS}
    queries = {name: unique[:QUERIES] for name, unique in distinct.items()}
    pools = {name: unique[:POOL] for name, unique in distinct.items()}
    wanted = np.unique(np.concatenate(list(pools.values())))
    sketches = _sketch(records, rows.sequence, wanted)

    def near(queries: np.ndarray, pool: np.ndarray) -> dict:
        if not len(queries) or not len(pool):
            return {"compared": 0, "near": 0, "share": None}
        place = np.minimum(np.searchsorted(pool, queries), len(pool) - 1)
        is_near = sketch.near(
            sketches[np.searchsorted(wanted, queries)],
            sketches[np.searchsorted(wanted, pool)],
            same=np.where(pool[place] == queries, place, -1),
        )
        count = int(is_near.sum())
        return {"compared": len(queries), "near": count, "share": _share(count, len(queries))}

    return {
        "method": f"bottom-{sketch.SIZE} MinHash of {sketch.K}-mers of `sequence`, one strand; "
        f"near means a Jaccard index of at least {sketch.NEAR}, about "
        f"{100 * sketch.identity(sketch.NEAR):.1f} % identity; exact duplicates do not count",
        "error": "standard error of the index at the threshold: "
        f"{(sketch.NEAR * (1 - sketch.NEAR) / sketch.SIZE) ** 0.5:.3f}; none for sequences of at "
        f"most {sketch.SIZE + sketch.K - 2} nt",
        "sample": f"at most {QUERIES} distinct sequences a split, compared with at most {POOL}",
        "within": {name: near(queries[name], pools[name]) for name in SPLITS},
        "in_train": {name: near(queries[name], pools["train"]) for name in HELD_OUT},
    }


def _sketch(records: Path, row_keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """One sketch for each key in `wanted` (ascending): uint32 [len(wanted), SIZE]."""
    sketches = np.empty((len(wanted), sketch.SIZE), np.uint32)
    firsts = np.full(len(row_keys), -1)
    chosen, first = np.unique(row_keys, return_index=True)
    kept = np.isin(chosen, wanted)
    firsts[first[kept]] = np.searchsorted(wanted, chosen[kept])
    row = 0
    for batch in record_batches.read(records, _schema("sequence")):
        places = firsts[row : row + len(batch)]
        sketches[places[places >= 0]] = sketch.sketches(
            batch["sequence"].filter(pa.array(places >= 0))
        )
        row += len(batch)
    return sketches


def _lookups(rows: _Rows, split: str) -> dict | None:
    """The scores on one split of lookups learnt from train; None without labels or values."""
    train, here = rows.of("train"), rows.of(split)
    if not train.any():
        return None
    if rows.has_label:
        majority = lookups.ranked(rows.label[train])[0]
        right = int((rows.label[here] == majority).sum())
        scores = {"majority": {"right": right, "n": int(here.sum())}}
        scores["majority"]["accuracy"] = _share(right, int(here.sum()))
        by = {"question": rows.question} if rows.has_question else {}
        for name, contents in (by | {"dna": rows.pair}).items():
            table = lookups.commonest(contents[train], rows.label[train])
            predicted, seen = lookups.answer(table, contents[here], majority)
            hits = predicted == rows.label[here]
            scores[name] = {
                "right": int(hits.sum()),
                "n": len(hits),
                "accuracy": _share(int(hits.sum()), len(hits)),
                "seen": int(seen.sum()),
                "accuracy_seen": _share(int(hits[seen].sum()), int(seen.sum())),
            }
        return scores
    if rows.has_value:
        table = lookups.means(rows.pair[train], rows.value[train])
        predicted, seen = lookups.answer(table, rows.pair[here], rows.value[train].mean())
        value = rows.value[here]
        return {
            "dna": {
                "n": len(value),
                "seen": int(seen.sum()),
                "spearman": _spearman(predicted, value),
                "spearman_seen": _spearman(predicted[seen], value[seen]),
            }
        }
    return None


def _warnings(report: dict, rows: _Rows) -> list[str]:
    warnings = [f"no row in {name}" for name, count in report["splits"].items() if not count]
    independent = report["independent"]["test"]
    if 0 < independent < FEWEST:
        warnings.append(
            f"{independent} independent {'row' if independent == 1 else 'rows'} in test: with fewer"
            f" than {FEWEST}, no difference between methods can be shown"
        )
    for name, seen in report["duplicates"]["dna"]["seen_in_train"].items():
        if (seen["share"] or 0) > _SEEN:
            part = f"{seen['rows']} of {report['splits'][name]}"
            warnings.append(f"{part} rows of {name} have DNA that train holds")
    for name, near in report["near_duplicates"]["in_train"].items():
        if (near["share"] or 0) > _SEEN:
            part = f"{near['near']} of {near['compared']}"
            warnings.append(f"{part} distinct sequences of {name} have a near-duplicate in train")
    for name, scores in report["lookups"].items():
        if scores and "question" in scores:
            question, majority = scores["question"]["accuracy"], scores["majority"]["accuracy"]
            if question > majority + _ABOVE_MAJORITY:
                percent = f"{100 * question:.2f} %"
                warnings.append(
                    f"a dictionary of questions scores {percent} on {name}, without DNA"
                )
    warnings += wording.warnings(report["telling_words"])
    if rows.has_label and report["splits"]["train"]:
        known = np.unique(rows.label[rows.of("train")])
        missing = int((~np.isin(rows.label, known)).sum())
        if missing:
            warnings.append(f"{missing} rows have a label that train does not hold")
    return warnings


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, _DIGITS) if whole else None


def _spearman(first: np.ndarray, second: np.ndarray) -> float | None:
    """The rank correlation; None where either is constant."""
    if not len(first) or not np.ptp(first) or not np.ptp(second):
        return None
    return round(float(spearman(first, second)[0]), _DIGITS)
