"""Cleaning of records, batch by batch: every row read is kept or rejected with a reason.

Memory does not grow with the length of the sequences in a file, only by some 40 bytes a row.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqfuse import tables
from seqfuse.bio import frames, record_batches, stated_variant
from seqfuse.bio.homology import Search
from seqfuse.bio.normalise import first_foreign, normalise
from seqfuse.bio.proteins import ProteinSearch
from seqfuse.bio.reading import cells
from seqfuse.bio.reading.bad_rows import BadRow, BadRows
from seqfuse.errors import UserError
from seqfuse.sequences import subsets
from seqfuse.sequences.coding import CodingCheck
from seqfuse.sequences.part import Part
from seqfuse.sequences.plan import Plan
from seqfuse.sequences.windows import cut
from seqfuse.settings.advice import in_yaml
from seqfuse.settings.sections import Section

_SEQUENCES = ("sequence", "variant")
# What `normalise` changes, by its name in the audit and in a warning.
_CHANGES = {"ambiguous": "IUPAC codes to N", "gaps": "gaps", "spaces": "white space"}


class Settings(Section, path="sequences"):
    """What is cleaned, cut, dropped and split anew."""


class Cleaner:
    """Cleans one file of records under given settings.

    Study codons requires whole codons. For another study, `coding` says that the sequences code for
    proteins, and `cds` that their codons start after this many nucleotides, which are cut off.
    """

    def __init__(
        self,
        records: Path,
        study: str,
        settings: Settings,
        coding: bool = False,
        cds: int | None = None,
    ):
        self.records, self.settings, self.cds = records, settings, cds
        self.whole = study == "codons"
        self.framed = self.whole or cds is not None
        self.coding = self.framed or coding
        self.cut, self.bad = 0, BadRows()

    def cleaned(self) -> Iterator[Part]:
        """The file, part by part; after the last, a `UserError` if the settings refuse a row."""
        first = self.cut = 0
        self.bad = BadRows()
        for batch in record_batches.read(self.records, tables.RECORDS):
            rows = np.arange(first, first + len(batch))
            part = Part(batch, rows, [None] * len(batch))
            self._letters(part)
            for name in _SEQUENCES if self.cds else ():
                part.put(name, pc.utf8_slice_codeunits(part.batch[name], start=self.cds))
            self._lengths(part)
            if self.settings.state_variant:
                self._state(part)
            if self.coding:
                self._frames(part)
            yield part
            first += len(batch)
        self.bad.refuse()

    def _letters(self, part: Part) -> None:
        policy = self.settings.ambiguous
        part.changed = {name: np.zeros(len(part.rows), np.int64) for name in _CHANGES}
        for name in _SEQUENCES:
            column = part.batch[name]
            spelt = normalise(column)
            missing = np.array(column.is_null()) if name == "variant" else False
            unknown = (spelt.known + spelt.ambiguous == 0) & ~missing
            for i in np.flatnonzero(spelt.foreign):
                letter = first_foreign(column[i].as_py())
                fault = cells.foreign(letter, name)
                fix = f"{fault.fix}, or reject such rows with ambiguous: drop"
                self._refuse(part, i, policy != "drop", fault.what, fix, letter)
            for i in np.flatnonzero(unknown & (spelt.foreign == 0)):
                what, fix = f"{name} has no A, C, G or T", "remove the row or set ambiguous: drop"
                self._refuse(part, i, policy != "drop", what, fix)
            for i in np.flatnonzero(spelt.ambiguous) if policy != "to_n" else ():
                what, fix = f"{name} has ambiguous codes", "set ambiguous: to_n or drop"
                self._refuse(part, i, policy == "refuse", what, fix)
            for change, counts in part.changed.items():
                counts += getattr(spelt, change)
            part.put(name, spelt.letters)

    def _lengths(self, part: Part) -> None:
        settings = self.settings
        lengths = np.array(pc.fill_null(pc.binary_length(part.batch["sequence"]), 0))
        for i in np.flatnonzero(lengths < settings.min_length):
            part.reject(i, f"shorter than {settings.min_length} nt")
        for i in np.flatnonzero(lengths % 3) if self.whole else ():
            if settings.partial_codon == "refuse" and part.reasons[i] is None:
                fix = "set sequences: {partial_codon: keep} or drop, or check that this is coding"
                self._refuse(part, i, True, "{} nt is not a multiple of 3", fix, int(lengths[i]))
            if settings.partial_codon == "drop":
                part.reject(i, "length is not a multiple of 3")
        if settings.max_length:
            self._limit(part)

    def _limit(self, part: Part) -> None:
        limit, policy = self.settings.max_length, self.settings.too_long
        columns = {name: part.batch[name].to_pylist() for name in _SEQUENCES}
        for i, (sequence, variant) in enumerate(zip(*columns.values(), strict=True)):
            longest = max(len(sequence), len(variant or ""))
            if longest <= limit or part.reasons[i]:
                continue
            if policy == "refuse":
                fix = "raise max_length or set too_long: drop, window or truncate"
                self._refuse(part, i, True, f"{{}} nt is over max_length {limit}", fix, longest)
                continue
            if policy == "drop":
                part.reject(i, f"longer than {limit} nt")
                continue
            pair = cut(sequence, variant, limit, policy, step=3 if self.coding else 1)
            if pair is None:
                part.reject(i, f"the variant does not fit into {limit} nt")
            else:
                columns["sequence"][i], columns["variant"][i] = pair
                self.cut += 1
        for name, values in columns.items():
            part.put(name, pa.array(values, pa.string()))

    def _state(self, part: Part) -> None:
        """Begin the reasoning with the line that states the variant, placed in the cut sequence."""
        columns = (part.batch[name].to_pylist() for name in (*_SEQUENCES, "reasoning"))
        texts = []
        for sequence, variant, reasoning in zip(*columns, strict=True):
            change = stated_variant.between(sequence, variant) if sequence and variant else None
            texts.append("\n".join(filter(None, (change and change.line, reasoning))) or None)
        part.put("reasoning", pa.array(texts, pa.string()))

    def _frames(self, part: Part) -> None:
        batch, policy = part.batch, self.settings.internal_stops
        self._genetic_codes(part)
        part.frames = frames.frames(batch["id"], batch["sequence"], self.settings.genetic_code)
        if self.cds is not None:
            part.variant_frames = frames.of_variants(batch, self.settings.genetic_code)
        for i in np.flatnonzero(np.array(part.frames["codons"]) == 0) if self.framed else ():
            part.reject(i, "no codon")
        inside = np.array(part.frames["internal_stops"])
        # The user says that this set of study language is coding, so each record must be.
        stops = policy == "refuse" or (self.cds is not None and policy == "keep")
        for i in np.flatnonzero(inside) if stops or policy == "drop" else ():
            if part.reasons[i] is None:
                fix = "set internal_stops: keep or drop, or check genetic_code and the frame"
                what = "a stop inside the frame"
                if self.cds is not None:
                    what = "not coding: a stop inside the frame"
                    fix = "check `frame` and genetic_code, or set internal_stops: drop"
                self._refuse(part, i, stops, what, fix)

    def _genetic_codes(self, part: Part) -> None:
        """Reject rows that the set's genetic code would mistranslate."""
        ours, theirs = self.settings.genetic_code, part.batch["transl_table"]
        for i in np.flatnonzero(pc.fill_null(pc.not_equal(theirs, ours), False)):
            table = theirs[int(i)].as_py()
            take_theirs = in_yaml({"cleaning": {"genetic_code": table}})
            drop_rows = in_yaml({"cleaning": {"other_genetic_code": "drop"}})
            fix = (
                f"write {take_theirs} in the dataset's entry if all rows have it, or drop such rows"
                f" with {drop_rows}"
            )
            what = f"transl_table is {{}} but genetic_code is {ours}"
            self._refuse(part, i, self.settings.other_genetic_code == "refuse", what, fix, table)

    def proteins(self) -> ProteinSearch | None:
        """The search for homologous proteins, if the settings ask for one."""
        settings = self.settings
        if not self.coding or settings.homologues == "none":
            return None
        search = Search(settings.homologues, settings.homologue_identity)
        return ProteinSearch(search, settings.genetic_code)

    def _refuse(
        self, part: Part, i: int, stops: bool, what: str, fix: str, example: object = ""
    ) -> None:
        """Reject a row; if `stops`, fail after the last row. `what` has {} for the example."""
        if stops and part.reasons[i] is None:
            self.bad.add(part.place(int(i), self.records), BadRow(what, example, fix))
        part.reject(i, what.format(repr(example)))


def clean(cleaner: Cleaner, folder: Path) -> dict:
    """Write records, rejects and (for coding sets) frames into `folder`; return the counts."""
    records, settings = cleaner.records, cleaner.settings
    plan = Plan.of(cleaner)
    ambiguous = subsets.ambiguous_questions(records)
    tally, reasons_seen, coding = Counter(), Counter(), CodingCheck(settings.genetic_code)
    changed = {name: Counter(rows=0, letters=0) for name in _CHANGES}
    with _writers(folder, cleaner.framed) as writers:
        for part in cleaner.cleaned():
            if plan:
                plan.apply(part)
            kept = part.kept
            keep = pa.array(kept)
            batch = part.batch.append_column(
                tables.CLEAN.field("subset"), subsets.subset(part.batch, ambiguous)
            )
            cleaned = batch.select(tables.CLEAN.names).filter(keep)
            writers["records"].write_batch(cleaned.cast(tables.CLEAN))
            writers["rejects"].write_batch(_rejects(records, part))
            for name, counts in changed.items():
                letters = part.changed[name][kept]
                counts.update(rows=int((letters > 0).sum()), letters=int(letters.sum()))
            if part.frames is not None:
                framed = part.frames.filter(keep)
                coding.add(framed, cleaned["sequence"], part.kept_places(records))
                if cleaner.framed:
                    writers["frames"].write_batch(framed.cast(tables.FRAMES))
                if part.variant_frames is not None:
                    paired = keep.filter(part.batch["variant"].is_valid())
                    of_variants = part.variant_frames.filter(paired)
                    writers["frames"].write_batch(of_variants.cast(tables.FRAMES))
            tally.update(read=len(kept), kept=int(kept.sum()))
            reasons_seen.update(reason for reason in part.reasons if reason is not None)
    rejected = sum(reasons_seen.values())
    if tally["kept"] + rejected != tally["read"]:
        raise AssertionError(f"{tally['kept']} kept + {rejected} rejected != {tally['read']} read")
    if not tally["kept"]:
        raise UserError(
            f"{records}: none of {tally['read']} rows was kept: {_commonest(reasons_seen)}"
        )
    summary = {
        "rows": {"read": tally["read"], "kept": tally["kept"], "rejected": rejected},
        "cut": cleaner.cut,
        "changed": {name: dict(counts) for name, counts in changed.items()},
        "rejected": dict(reasons_seen),
        "coding": coding.summary() if cleaner.coding else None,
    }
    warnings = [*_warnings(summary, settings), *(coding.warnings() if cleaner.coding else ())]
    return summary | {"warnings": warnings + (plan.warnings(reasons_seen) if plan else [])}


def _warnings(summary: dict, settings: Settings) -> Iterator[str]:
    """What the report should say about the counts of `clean`."""
    if summary["cut"]:
        how = (
            "around the variant or the middle" if settings.too_long == "window" else "at the start"
        )
        yield f"{summary['cut']} rows are cut to {settings.max_length} nt {how}"
    changes = [
        f"{_CHANGES[name]} ({counts['letters']:,} letters of {counts['rows']:,} rows)"
        for name, counts in summary["changed"].items()
        if counts["rows"]
    ]
    if changes:
        yield f"cleaning changed {', '.join(changes)}"


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


def _rejects(records: Path, part: Part) -> pa.RecordBatch:
    rejected = [i for i, reason in enumerate(part.reasons) if reason is not None]
    places = part.places(records) if rejected else []
    columns = {
        "file": [places[i].file for i in rejected],
        "line": [places[i].number for i in rejected],
        "row": [int(part.rows[i]) + 1 for i in rejected],
        "id": [places[i].id for i in rejected],
        "reason": [part.reasons[i] for i in rejected],
    }
    return pa.RecordBatch.from_pydict(columns, schema=tables.REJECTS)


def _commonest(reasons: Counter) -> str:
    return f"{reasons.most_common(1)[0][0]} ({reasons.most_common(1)[0][1]} rows)"
