"""What a store of many parts costs: writers, files, index, and what a reader keeps in memory.

    python -m bench.scale --sequences 1000000 --parts 16

Rows are made up (8 states of 32 values each), so that what is measured is the store and no encoder;
the writers of the parts run one after another. Prints a table as Markdown, and an extrapolation
to ten million sequences of 100 nt and an encoder 1,280 wide, computed from it.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from seqfuse.encoders.store import index, shards
from seqfuse.encoders.store.reader import Store
from seqfuse.encoders.store.rows import Row, sequence_hash
from seqfuse.encoders.store.writer import BYTES_A_SHARD, Writer
from seqfuse.training.distributed.parts import Part

_STATES, _WIDTH, _LOOKUPS = 8, 32, 10_000
_DESCRIPTION = {"layout": "made-up", "width": _WIDTH, "stored": "float16", "resolution": "native"}
# The paper case: sequences, states each (one a nucleotide), their width, bytes of a value, parts.
_MANY, _LONG, _WIDE, _HALF, _JOBS = 10_000_000, 100, 1_280, 2, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=100_000)
    parser.add_argument("--parts", type=int, default=16)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seqfuse-scale-") as folder:
        rows = measured(Path(folder), args.sequences, args.parts)
    print(f"| {args.sequences:,} sequences in {args.parts} parts | |", "|---|---|", sep="\n")
    print("\n".join(f"| {what} | {value} |" for what, value in rows))


def measured(folder: Path, sequences: int, parts: int) -> list[tuple[str, str]]:
    """What each step took."""
    hashes = [sequence_hash(str(number)) for number in range(sequences)]
    starts = np.arange(_STATES, dtype=np.int32)
    spans = np.stack([starts, starts + 1], axis=1)
    states = np.random.default_rng(0).normal(size=(_STATES, _WIDTH)).astype(np.float16)
    pooled = states.mean(axis=0, dtype=np.float32)
    took, entered = [], []
    for number in range(1, parts + 1):
        own = [digest for digest in hashes if Part(number, parts).owns(digest)]
        begun = time.perf_counter()
        with Writer(folder, _DESCRIPTION) as writer:
            missing = [digest for digest in own if writer._held.locate(digest) is None]
            entered.append(time.perf_counter() - begun)
            for digest in missing:
                writer.add(Row(digest, _STATES, states, spans, pooled))
        took.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    with Writer(folder, _DESCRIPTION) as writer:
        own = [digest for digest in hashes if Part(1, parts).owns(digest)]
        assert all(writer._held.locate(digest) for digest in own)
    again = time.perf_counter() - begun
    loose = read(writer.folder, hashes)
    begun = time.perf_counter()
    index.build(writer.folder, writer.key, most_loose=0)
    built = time.perf_counter() - begun
    mapped = read(writer.folder, hashes)
    files = shards.listed(writer.folder)
    (made,) = writer.folder.glob(".index-*")
    a_row = made.stat().st_size / sequences
    return [
        ("shards", f"{len(files)}, {sum(p.stat().st_size for p in files) / 1e6:.0f} MB"),
        ("rows a second of one writer", f"{sequences / sum(took):,.0f}"),
        (
            "first look of the first writer, and of the last",
            f"{entered[0]:.1f} s, {entered[-1]:.1f} s",
        ),
        ("a part that is started again and finds all its rows", f"{again:.1f} s"),
        (
            "index",
            f"{made.stat().st_size / 1e6:.1f} MB, {a_row:.0f} bytes a row, built in {built:.1f} s",
        ),
        (
            "open, without the index",
            f"{loose[0]:.2f} s; after {_LOOKUPS:,} look-ups +{loose[2]:.0f} MB",
        ),
        ("open, with it", f"{mapped[0]:.2f} s; after {_LOOKUPS:,} look-ups +{mapped[2]:.0f} MB"),
        ("a look-up, with it", f"{1e6 * mapped[1] / _LOOKUPS:.0f} us"),
        *_on_paper(a_row),
    ]


def read(folder: Path, hashes: list[bytes]) -> tuple[float, float, float]:
    """Seconds to open, seconds of the look-ups, and the private memory (MB) that both took; what is
    mapped from a file can be taken back and does not count."""
    before = _private()
    begun = time.perf_counter()
    store = Store(folder)
    opened = time.perf_counter() - begun
    drawn = np.random.default_rng(0).integers(len(hashes), size=_LOOKUPS)
    begun = time.perf_counter()
    assert all(store.locate(hashes[number]) for number in drawn)
    return opened, time.perf_counter() - begun, _private() - before


def _private() -> float:
    return psutil.Process().memory_full_info().uss / 1e6


def _on_paper(a_row: float) -> list[tuple[str, str]]:
    bytes_ = _MANY * _LONG * _WIDE * _HALF
    count = -(-bytes_ // BYTES_A_SHARD)
    return [
        (
            "**ten million, on paper**",
            f"{_LONG} states x {_WIDE} values of {_HALF} bytes, {_JOBS} parts",
        ),
        ("states", f"{bytes_ / 1e12:.2f} TB"),
        ("files and inodes", f"{count:,} shards, {_JOBS} receipts while it runs, one index"),
        ("index", f"{_MANY * a_row / 1e6:,.0f} MB, mapped"),
        ("footers that a reader opens", f"0 with the index, {count:,} without"),
        (
            "footers that the writer of a part opens",
            f"{-(-count // _JOBS):,} when it is started again",
        ),
    ]


if __name__ == "__main__":
    main()
