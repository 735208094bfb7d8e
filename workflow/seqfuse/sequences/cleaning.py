"""Cleaning of records, batch by batch: every row read is kept or rejected with a reason.

Memory does not grow with the length of the sequences in a file, only by some 40 bytes a row.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqfuse import tables
from seqfuse.bio import frames, record_batches, splits
from seqfuse.bio.homology import Search
from seqfuse.bio.normalise import first_foreign, keys, normalise
from seqfuse.bio.proteins import Coding
from seqfuse.errors import UserError
from seqfuse.sequences.resplit import Collector
from seqfuse.sequences.windows import cut
from seqfuse.settings.sections import Section

_SEQUENCES = ("sequence", "variant")
# A set counts as coding if at most a tenth of its rows have a stop inside, and if that says
# something: half of them start with ATG, or half of them would have a stop by chance (windows of a
# coding sequence need not start with ATG). Of random 27 codons, 1.6 % start with ATG and 73 % have
# a stop.
CODING_STARTS, CODING_STOPS, CODING_CHANCE = 0.5, 0.1, 0.5


class Settings(Section, path="sequences"):
    """What is cleaned, cut, dropped and split anew."""


class Cleaner:
    """Cleans one file of records under given settings.

    `study` codons asks for whole codons; `coding` says that the sequences of another code proteins.
    """

    def __init__(self, records: Path, study: str, settings: Settings, coding: bool = False):
        self.records, self.settings = records, settings
        self.framed = study == "codons"
        self.coding = self.framed or coding
        self.cut = 0

    def cleaned(self) -> Iterator[tuple[pa.RecordBatch, np.ndarray, list[str | None]]]:
        """(cleaned rows, their row numbers from 0, the reason each is rejected or None)."""
        first = self.cut = 0
        for batch in record_batches.read(self.records, tables.RECORDS):
            reasons: list[str | None] = [None] * len(batch)
            rows = np.arange(first, first + len(batch))
            batch = self._letters(batch, rows, reasons)
            batch = self._lengths(batch, rows, reasons)
            yield batch, rows, reasons
            first += len(batch)

    def _letters(self, batch, rows, reasons) -> pa.RecordBatch:
        policy = self.settings.ambiguous
        for name in _SEQUENCES:
            found = normalise(batch[name])
            missing = np.array(batch[name].is_null()) if name == "variant" else False
            unknown = (found.known + found.ambiguous == 0) & ~missing
            for i in np.flatnonzero(found.foreign):
                letter = first_foreign(batch[name][i].as_py())
                text = f"{name} has {letter!r}, which is no nucleotide code"
                if policy != "drop":
                    self._stop(batch, rows, i, f"{text}; is it a protein? Give DNA or RNA")
                reasons[i] = text
            for i in np.flatnonzero(unknown & (found.foreign == 0)):
                text = f"{name} has no A, C, G or T"
                if policy != "drop":
                    self._stop(batch, rows, i, f"{text}; remove the row or set ambiguous: drop")
                reasons[i] = reasons[i] or text
            for i in np.flatnonzero(found.ambiguous) if policy != "to_n" else ():
                text = f"{name} has ambiguous codes"
                if policy == "refuse":
                    self._stop(batch, rows, i, f"{text}; set ambiguous: to_n or drop")
                reasons[i] = reasons[i] or text
            batch = batch.set_column(batch.schema.get_field_index(name), name, found.letters)
        return batch

    def _lengths(self, batch, rows, reasons) -> pa.RecordBatch:
        settings = self.settings
        lengths = np.array(pc.fill_null(pc.binary_length(batch["sequence"]), 0))
        for i in np.flatnonzero(lengths < settings.min_length):
            reasons[i] = reasons[i] or f"shorter than {settings.min_length} nt"
        for i in np.flatnonzero(lengths % 3) if self.framed else ():
            if settings.partial_codon == "refuse" and reasons[i] is None:
                fix = "set sequences: {partial_codon: keep} or drop, or check that this is coding"
                self._stop(batch, rows, i, f"{lengths[i]} nt is no multiple of 3; {fix}")
            if settings.partial_codon == "drop":
                reasons[i] = reasons[i] or "length is no multiple of 3"
        return self._limit(batch, rows, reasons) if settings.max_length else batch

    def _limit(self, batch, rows, reasons) -> pa.RecordBatch:
        limit, policy = self.settings.max_length, self.settings.too_long
        columns = {name: batch[name].to_pylist() for name in _SEQUENCES}
        for i, (sequence, variant) in enumerate(zip(*columns.values(), strict=True)):
            longest = max(len(sequence), len(variant or ""))
            if longest <= limit or reasons[i]:
                continue
            if policy == "refuse":
                fix = "raise max_length or set too_long: drop, window or truncate"
                self._stop(batch, rows, i, f"{longest} nt is over max_length {limit}; {fix}")
            if policy == "drop":
                reasons[i] = f"longer than {limit} nt"
                continue
            pair = cut(sequence, variant, limit, policy, step=3 if self.coding else 1)
            if pair is None:
                reasons[i] = f"the variant does not fit into {limit} nt"
            else:
                columns["sequence"][i], columns["variant"][i] = pair
                self.cut += 1
        for name, values in columns.items():
            place = batch.schema.get_field_index(name)
            batch = batch.set_column(
                place, tables.RECORDS.field(name), pa.array(values, pa.string())
            )
        return batch

    def proteins(self) -> Coding | None:
        """How homologous proteins are found, where the settings ask for it."""
        settings = self.settings
        if not self.coding or settings.homologues == "none":
            return None
        search = Search(settings.homologues, settings.homologue_identity)
        return Coding(search, settings.genetic_code)

    def _stop(self, batch, rows, i, message: str) -> None:
        name = batch["id"][int(i)].as_py()
        raise UserError(f"{self.records}: row {rows[i] + 1} (id {name!r}): {message}")


def clean(cleaner: Cleaner, folder: Path) -> dict:
    """Write records, rejects and (study codons) frames into `folder`; the counts for the audit."""
    plan = _plan(cleaner)
    records = cleaner.records
    ambiguous = _ambiguous_questions(records)
    tally, reasons_seen, coding = Counter(), Counter(), _Coding()
    with _writers(folder, cleaner.framed) as writers:
        for batch, rows, reasons in cleaner.cleaned():
            if plan:
                batch = _set(batch, "split", plan.split[rows])
                for i in np.flatnonzero(plan.left_out[rows]):
                    reasons[i] = reasons[i] or "its label has one group"
                for i in np.flatnonzero(plan.repeated[rows]):
                    reasons[i] = reasons[i] or "duplicate"
                for i in np.flatnonzero(plan.undrawn[rows]):
                    reasons[i] = reasons[i] or "not drawn"
            if cleaner.coding:
                found = frames.frames(batch["id"], batch["sequence"], cleaner.settings.genetic_code)
                for i in np.flatnonzero(np.array(found["codons"]) == 0) if cleaner.framed else ():
                    reasons[i] = reasons[i] or "no codon"
            keep = pa.array([reason is None for reason in reasons])
            batch = batch.append_column(tables.CLEAN.field("subset"), _subset(batch, ambiguous))
            writers["records"].write_batch(batch.filter(keep).cast(tables.CLEAN))
            writers["rejects"].write_batch(_rejects(records, batch, rows, reasons))
            if cleaner.coding:
                found = found.filter(keep)
                coding.add(found)
                if cleaner.framed:
                    writers["frames"].write_batch(found.cast(tables.FRAMES))
            tally.update(read=len(batch), kept=sum(reason is None for reason in reasons))
            reasons_seen.update(reason for reason in reasons if reason is not None)
    rejected = sum(reasons_seen.values())
    if tally["kept"] + rejected != tally["read"]:
        raise AssertionError(f"{tally['kept']} kept + {rejected} rejected != {tally['read']} read")
    if not tally["kept"]:
        raise UserError(f"{records}: no row is left of {tally['read']}: {_commonest(reasons_seen)}")
    return {
        "rows": {"read": tally["read"], "kept": tally["kept"], "rejected": rejected},
        "cut": cleaner.cut,
        "rejected": dict(reasons_seen),
        "coding": coding.said() if cleaner.coding else None,
    }


def warnings(found: dict, settings: Settings) -> list[str]:
    """What the report should say about the counts of `clean`."""
    said, coding = [], found["coding"]
    if found["cut"]:
        how = (
            "around the variant or the middle" if settings.too_long == "window" else "at the start"
        )
        said.append(f"{found['cut']} rows are cut to {settings.max_length} nt {how}")
    if coding and not coding["is_coding"]:
        said.append(
            f"not coding sequences: {100 * coding['share_start']:.1f} % start with ATG, "
            f"{100 * coding['share_internal_stop']:.1f} % have a stop inside; codons mean nothing "
            "here"
        )
    return said


@dataclass(frozen=True)
class _Plan:
    """What only the whole set can tell: each row's new split, whether a split by groups cannot ask
    it, whether it repeats another, and whether a draw leaves it out."""

    split: np.ndarray
    left_out: np.ndarray
    repeated: np.ndarray
    undrawn: np.ndarray


def _plan(cleaner: Cleaner) -> _Plan | None:
    """A first pass over the file, where the settings ask for new splits, for no duplicates or for
    a draw."""
    settings = cleaner.settings
    if (settings.split_by, settings.duplicates, settings.draw) == ("official", "keep", []):
        return None
    collected = Collector(settings.split_by, cleaner.records, cleaner.proteins())
    contents, kept, coding = [], [], _Coding()
    for batch, _, reasons in cleaner.cleaned():
        collected.add(batch)
        contents.append(
            keys(*(batch[name] for name in ("sequence", "variant", "question", "label")))
        )
        kept.append(np.array([reason is None for reason in reasons]))
        if collected.proteins:
            found = frames.frames(batch["id"], batch["sequence"], settings.genetic_code)
            coding.add(found.filter(pa.array(kept[-1])))
    by_protein = collected.proteins is not None and coding.said()["is_coding"]
    split = collected.assign(settings.split_seed, by_protein)
    left_out = collected.left_out()
    asked = np.concatenate(kept) & ~left_out
    repeated = splits.repeated(np.concatenate(contents), split, asked, settings.duplicates)
    most = {name: int(rows) for name, _, rows in (word.partition("=") for word in settings.draw)}
    undrawn = splits.undrawn(split, asked & ~repeated, most, settings.split_seed)
    return _Plan(split, left_out, repeated, undrawn)


def _ambiguous_questions(records: Path) -> np.ndarray:
    """The keys of the questions that have more than one label in the file."""
    pairs = []
    schema = pa.schema([tables.RECORDS.field(name) for name in ("question", "label")])
    for batch in record_batches.read(records, schema):
        batch = batch.filter(batch["label"].is_valid())
        pairs.append(np.stack([keys(batch["question"]), keys(batch["question"], batch["label"])]))
    distinct = np.unique(np.concatenate(pairs, axis=1), axis=1)[0]
    questions, labels = np.unique(distinct, return_counts=True)
    return questions[labels > 1]


def _subset(batch: pa.RecordBatch, ambiguous: np.ndarray) -> pa.Array:
    """Whether the question alone decides the label; null without a question or a label."""
    decided = ~np.isin(keys(batch["question"]), ambiguous)
    asked = pc.and_(batch["question"].is_valid(), batch["label"].is_valid())
    return pc.if_else(
        asked, pc.if_else(pa.array(decided), "question_decides", "sequence_decides"), None
    )


@contextlib.contextmanager
def _writers(folder: Path, framed: bool) -> Iterator[dict[str, pq.ParquetWriter]]:
    schemas = {"records": tables.CLEAN, "rejects": tables.REJECTS}
    schemas |= {"frames": tables.FRAMES} if framed else {}
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(
                pq.ParquetWriter(folder / f"{name}.parquet", schema, compression="zstd")
            )
            for name, schema in schemas.items()
        }


def _rejects(records: Path, batch: pa.RecordBatch, rows, reasons) -> pa.RecordBatch:
    found = [i for i, reason in enumerate(reasons) if reason is not None]
    columns = {
        "file": [str(records)] * len(found),
        "row": [int(rows[i]) + 1 for i in found],
        "id": [batch["id"][i].as_py() for i in found],
        "reason": [reasons[i] for i in found],
    }
    return pa.RecordBatch.from_pydict(columns, schema=tables.REJECTS)


def _set(batch: pa.RecordBatch, name: str, values) -> pa.RecordBatch:
    place = batch.schema.get_field_index(name)
    return batch.set_column(place, batch.schema.field(name), pa.array(values, pa.string()))


def _commonest(reasons: Counter) -> str:
    return f"{reasons.most_common(1)[0][0]} ({reasons.most_common(1)[0][1]} rows)"


class _Coding:
    """Counts whether rows look like coding sequences."""

    def __init__(self):
        self.rows, self.counts = 0, Counter()

    def add(self, found: pa.RecordBatch) -> None:
        """Take the frames of rows that are kept."""
        self.rows += len(found)
        self.counts["starts"] += pc.sum(found["start"]).as_py() or 0
        self.counts["stops"] += pc.sum(pc.greater(found["internal_stops"], 0)).as_py() or 0
        self.counts["chance"] += float((1 - (61 / 64) ** np.array(found["codons"])).sum())

    def said(self) -> dict:
        """Whether they do, and by which thresholds."""
        rows = max(1, self.rows)
        starts, stops, chance = (self.counts[name] / rows for name in ("starts", "stops", "chance"))
        telling = starts >= CODING_STARTS or chance >= CODING_CHANCE
        return {
            "share_start": starts,
            "share_internal_stop": stops,
            "share_internal_stop_by_chance": chance,
            "is_coding": telling and stops <= CODING_STOPS,
            "rule": f"share_internal_stop <= {CODING_STOPS}, and share_start >= {CODING_STARTS} or "
            f"share_internal_stop_by_chance >= {CODING_CHANCE}",
        }
