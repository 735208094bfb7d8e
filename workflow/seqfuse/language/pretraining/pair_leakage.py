"""Genes and stretches of DNA that what an encoder was trained on shares with a benchmark's rows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse import tables
from seqfuse.bio import record_batches
from seqfuse.bio.normalise import flat

# A word of 31 letters fits 64 bits, and two genomes share one by chance once in 10^18 pairs.
K = 31
# Of long sequences one word in 16 is compared, and a row needs four different ones: some 90 nt in
# common. Repeats of one codon, as of polyglutamine, have three words at most.
SCALE, _LEAST = 16, 4
_LISTED = 20
_CODE = np.full(256, 4, np.uint64)
_CODE[np.frombuffer(b"ACGT", np.uint8)] = np.arange(4, dtype=np.uint64)
_SCHEMA = pa.schema([tables.CLEAN.field(name) for name in ("split", "sequence", "group")])


def method(scale: int) -> str:
    """How shared rows are found, in words."""
    sample = f", of a sample of one {K}-mer in {scale}" if scale > 1 else ""
    return (
        f"genes: equal `group`; dna: {_LEAST} common {K}-mers of `sequence` or more, on either"
        f" strand{sample}; only rows of the split train count"
    )


@dataclass(frozen=True)
class Pairs:
    """What is trained on: the genes' names, and of their DNA one word in `scale`, ascending."""

    count: int
    genes: frozenset[str]
    words: np.ndarray
    scale: int

    @classmethod
    def read(cls, path: Path, scale: int = SCALE) -> "Pairs":
        """The training rows of a table of cleaned pairs, or of study B's cleaned records."""
        count, genes, found = 0, set(), [np.empty(0, np.uint64)]
        for batch in record_batches.read(path, _SCHEMA):
            batch = batch.filter(pa.array([split == "train" for split in _list(batch, "split")]))
            count += len(batch)
            genes.update(name for name in _list(batch, "group") if name)
            found.append(np.unique(words(batch["sequence"], scale)[0]))
        return cls(count, frozenset(genes), np.unique(np.concatenate(found)), scale)


def of(seen: Pairs, path: Path) -> dict:
    """{split: counts} of the held-out rows of a table of cleaned records.

    `genes` is null where the records, or the pairs, name none.
    """
    rows: dict[str, list[tuple[str | None, bool]]] = {"val": [], "test": []}
    for batch in record_batches.read(path, _SCHEMA):
        found, owner = words(batch["sequence"], seen.scale)
        known = np.isin(found, seen.words)
        distinct = np.unique(np.stack([owner[known].astype(np.uint64), found[known]]), axis=1)[0]
        shared = np.bincount(distinct.astype(np.int64), minlength=len(batch)) >= _LEAST
        for split, gene, hit in zip(
            _list(batch, "split"), _list(batch, "group"), shared.tolist(), strict=True
        ):
            if split in rows:
                rows[split].append((gene, hit))
    return {split: _counts(seen, found) for split, found in rows.items() if found}


def words(column: pa.Array, scale: int = SCALE) -> tuple[np.ndarray, np.ndarray]:
    """The sampled words uint64[m] of a column of sequences, the lesser of both strands, and the row
    int[m] that each stands in."""
    data, offsets = flat(column)
    places = len(data) - K + 1
    if places < 1:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    letters = _CODE[data]
    forward, backward = np.zeros(places, np.uint64), np.zeros(places, np.uint64)
    known = np.ones(places, bool)
    for shift in range(K):
        part = letters[shift : shift + places]
        known &= part < 4
        forward = (forward << np.uint64(2)) | (part & np.uint64(3))
        backward |= (np.uint64(3) - (part & np.uint64(3))) << np.uint64(2 * shift)
    word = np.minimum(forward, backward)
    owner = np.repeat(np.arange(len(column)), np.diff(offsets))
    # An odd factor and the upper bits: a sample that no kind of word is likelier to be in.
    mixed = (word * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
    chosen = known & (owner[:places] == owner[K - 1 :]) & (mixed % np.uint64(scale) == 0)
    return word[chosen], owner[:places][chosen]


def _counts(seen: Pairs, rows: list[tuple[str | None, bool]]) -> dict:
    asked = {gene for gene, _ in rows if gene}
    common = sorted(asked & seen.genes)
    genes = None
    if asked and seen.genes:
        named = sum(gene in seen.genes for gene, _ in rows)
        genes = {"rows": named, "share": named / len(rows), "genes": len(common)}
        genes |= {"of": len(asked), "first": common[:_LISTED]}
    hits = sum(hit for _, hit in rows)
    return {"rows": len(rows), "genes": genes, "dna": {"rows": hits, "share": hits / len(rows)}}


def _list(batch: pa.RecordBatch, name: str) -> list:
    return batch[name].to_pylist()
