"""Genes and DNA that an encoder's training set shares with the rows of a benchmark."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse import tables
from seqfuse.bio import record_batches
from seqfuse.bio.normalise import flat

# A 31-mer fits into 64 bits, and two random 31-mers are equal once in 10^18 pairs.
K = 31
# Of long sequences one k-mer in 16 is compared, and a row needs four different ones in common, from
# about 90 nt. Repeats of a single codon, as in polyglutamine, have at most three different k-mers.
SCALE, _LEAST = 16, 4
_LISTED = 20
_CODE = np.full(256, 4, np.uint64)
_CODE[np.frombuffer(b"ACGT", np.uint8)] = np.arange(4, dtype=np.uint64)
_SCHEMA = pa.schema([tables.CLEAN.field(name) for name in ("split", "sequence", "group")])


def method(scale: int) -> str:
    """A description of how shared rows are identified."""
    sample = f", of a sample of one {K}-mer in {scale}" if scale > 1 else ""
    return (
        f"genes: equal `group`; dna: {_LEAST} common {K}-mers of `sequence` or more, on either"
        f" strand{sample}; only rows of the split train count"
    )


@dataclass(frozen=True)
class Pairs:
    """A training set: the names of its genes, and one in `scale` of its DNA's k-mers, ascending."""

    count: int
    genes: frozenset[str]
    words: np.ndarray
    scale: int

    @classmethod
    def read(cls, path: Path, scale: int = SCALE) -> "Pairs":
        """The training rows of a table of cleaned pairs, or of study B's cleaned records."""
        count, genes, by_batch = 0, set(), [np.empty(0, np.uint64)]
        for batch in record_batches.read(path, _SCHEMA):
            batch = batch.filter(pa.array([split == "train" for split in _list(batch, "split")]))
            count += len(batch)
            genes.update(name for name in _list(batch, "group") if name)
            by_batch.append(np.unique(words(batch["sequence"], scale)[0]))
        return cls(count, frozenset(genes), np.unique(np.concatenate(by_batch)), scale)


def of(seen: Pairs, path: Path) -> dict:
    """{split: counts} of the held-out rows of a table of cleaned records.

    `genes` is null if the records, or the pairs, name no genes.
    """
    rows: dict[str, list[tuple[str | None, bool]]] = {"val": [], "test": []}
    for batch in record_batches.read(path, _SCHEMA):
        kmers, owner = words(batch["sequence"], seen.scale)
        known = np.isin(kmers, seen.words)
        distinct = np.unique(np.stack([owner[known].astype(np.uint64), kmers[known]]), axis=1)[0]
        shared = np.bincount(distinct.astype(np.int64), minlength=len(batch)) >= _LEAST
        for split, gene, hit in zip(
            _list(batch, "split"), _list(batch, "group"), shared.tolist(), strict=True
        ):
            if split in rows:
                rows[split].append((gene, hit))
    return {split: _counts(seen, of_split) for split, of_split in rows.items() if of_split}


def words(column: pa.Array, scale: int = SCALE) -> tuple[np.ndarray, np.ndarray]:
    """The sampled canonical k-mers uint64[m] of a column of sequences (the smaller of both
    strands), and the row int[m] of each."""
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
    # Hash by an odd factor and the upper bits, so that the sample favours no kind of k-mer.
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
