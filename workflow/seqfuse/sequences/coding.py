"""Whether rows look like coding sequences, which ones do not, and what the cause may be."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqfuse.bio import frames
from seqfuse.bio.reading.bad_rows import NAMED, Place
from seqfuse.errors import several

# A set counts as coding if at most a tenth of its rows have an internal stop, or if it has at most
# a tenth of the internal stops expected by chance (a selenoprotein has one). The test must also be
# informative: half of the rows begin with a start codon, or half would have a stop by chance
# (windows of a coding sequence need not begin with a start codon). Of random sequences of 27
# codons, 1.6 % begin with ATG and 73 % have a stop.
STARTS, STOPS, CHANCE = 0.5, 0.1, 0.5
# An open frame ATG ... stop counts if it covers this share of its sequence. It is searched for in
# the first `_EXAMINED` rows with an internal stop, and named if this share of those has one.
_OPEN, _EXAMINED, _SHIFTED = 0.5, 200, 0.5


class CodingCheck:
    """Counts, batch by batch, whether rows look like coding sequences of a genetic code."""

    def __init__(self, table: int):
        self.table = table
        self.stops = [codon for codon, residue in frames.code(table).items() if residue == "*"]
        self.rows, self.counts, self.codons = 0, Counter(), Counter()
        self.places: list[Place] = []
        self.open: list[tuple[Place, int, int]] = []
        self.examined = 0

    def add(self, framed: pa.RecordBatch, sequences: pa.Array, places: Sequence[Place]) -> None:
        """Take the frames of kept rows, with their whole sequences and their places."""
        self.rows += len(framed)
        codons, inside = np.array(framed["codons"]), np.array(framed["internal_stops"])
        open_by_chance = (1 - len(self.stops) / 64) ** codons
        self.counts["starts"] += pc.sum(framed["start"]).as_py() or 0
        self.counts["with_stops"] += int((inside > 0).sum())
        self.counts["with_stops_by_chance"] += float((1 - open_by_chance).sum())
        self.counts["stops"] += int(inside.sum())
        self.counts["stops_by_chance"] += float(codons.sum() * len(self.stops) / 64)
        for row in np.flatnonzero(inside):
            dna = framed["dna"][int(row)].as_py()
            self.codons.update(c for c in re.findall("...", dna) if c in self.stops)
            if len(self.places) < NAMED:
                self.places.append(places[row])
            if self.examined < _EXAMINED:
                self._look(sequences[int(row)].as_py(), places[row])

    def _look(self, sequence: str, place: Place) -> None:
        """Note where a sequence that does not begin with ATG has an open frame elsewhere."""
        self.examined += 1
        if sequence.startswith("ATG"):
            return
        first, last = _longest(sequence, self.stops)
        if last - first >= _OPEN * len(sequence):
            self.open.append((place, first + 1, last))

    def summary(self) -> dict:
        """The counts as shares, whether the rows are coding sequences, and by which rule."""
        rows, counts = max(1, self.rows), self.counts
        starts, stops, chance = (
            counts[name] / rows for name in ("starts", "with_stops", "with_stops_by_chance")
        )
        excess = counts["stops"] / counts["stops_by_chance"] if counts["stops_by_chance"] else 0.0
        informative = starts >= STARTS or chance >= CHANCE
        return {
            "share_start": starts,
            "share_internal_stop": stops,
            "share_internal_stop_by_chance": chance,
            "internal_stops_to_chance": excess,
            "rows_with_internal_stops": counts["with_stops"],
            "internal_stop_codons": dict(sorted(self.codons.items())),
            "first": [str(place) for place in self.places],
            "is_coding": informative and (stops <= STOPS or excess <= STOPS),
            "rule": f"share_internal_stop <= {STOPS} or internal_stops_to_chance <= {STOPS}, and"
            f" share_start >= {STARTS} or share_internal_stop_by_chance >= {CHANCE}",
        }

    def warnings(self) -> Iterator[str]:
        """What a reader of the audit should know."""
        summary = self.summary()
        if not summary["is_coding"]:
            yield (
                f"not coding sequences: {100 * summary['share_start']:.1f} % start with"
                f" {'ATG' if self.table == 1 else 'a start codon'}, "
                f"{100 * summary['share_internal_stop']:.1f} % have a stop inside; codons mean"
                " nothing here"
            )
        rows = summary["rows_with_internal_stops"]
        if rows:
            first, *others = self.places
            numbers = ", ".join([first.within, *(str(place.number) for place in others)])
            more = ", …" if rows > len(self.places) else ""
            yield (
                f"{rows:,} of {self.rows:,} rows have a stop inside ({first.unit}s"
                f" {numbers}{more}): {self._cause()}; internal_stops: drop leaves them out"
            )

    def _cause(self) -> str:
        """What may have caused the internal stops."""
        if len(self.open) > _SHIFTED * self.examined:
            place, first, last = self.open[0]
            return (
                f"an open frame lies elsewhere, at nt {first}-{last} of {place.unit}"
                f" {place.number}: give its ends as columns cds_start and cds_end"
            )
        codons = ", ".join(sorted(self.codons))
        others = [
            str(table)
            for table in frames.TABLES
            if all(frames.code(table)[codon] != "*" for codon in self.codons)
        ]
        if not others:
            return f"{codons}, so a frameshift or no coding sequence"
        rare = " or selenocysteine" if [*self.codons] == ["TGA"] else ""
        return f"{codons} alone, so another genetic_code ({several(others, 20)}){rare}"


def _longest(sequence: str, stops: list[str]) -> tuple[int, int]:
    """The longest stretch ATG ... stop as (start, end), from 0, stop included; (0, 0) if none."""
    best = (0, 0)
    for frame in range(3):
        start = None
        for place in range(frame, len(sequence) - 2, 3):
            codon = sequence[place : place + 3]
            if start is None and codon == "ATG":
                start = place
            elif start is not None and codon in stops:
                best = max(best, (start, place + 3), key=lambda ends: ends[1] - ends[0])
                start = None
    return best
