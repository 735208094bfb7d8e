"""Embed the sequences of a table that are not in the store yet.

Reads columns of a table and a model folder. Writes one row for each distinct sequence into the
store, under a key that describes how it was made, and a receipt, by which training finds the rows.
If interrupted, it keeps its rows (if killed, its finished shards) and continues from there. Several
may write at once. With --part, only one part of the sequences, chosen by hash, is embedded; once
all parts are done, a call without --part finds every row in the store and writes the receipt.

    seqfuse embeddings write --table sequences/kegg/records.parquet --columns sequence variant \\
        --model models/ntv2-500m --resolution native --store results/embeddings --out kegg.json
"""

import argparse
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.settings import cli_flags
from seqfuse.training.distributed.parts import Part

_ROWS_AT_ONCE = 65_536


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--table", required=True, help="Parquet table with an id and columns of sequences"
    )
    parser.add_argument(
        "--columns", required=True, nargs="+", metavar="COLUMN", help="columns to embed"
    )
    parser.add_argument("--model", required=True, help="folder of `seqfuse data model`")
    parser.add_argument(
        "--resolution",
        choices=["native", "codon"],
        default="native",
        help="a state a token, or the mean of each codon (default: native)",
    )
    parser.add_argument("--store", required=True, help="folder of the store, shared by all runs")
    parser.add_argument(
        "--part", metavar="3of8", help="embed only one part of the sequences, the third of eight"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--out", required=True, help="receipt to write, JSON")
    cli_flags.add(parser, "embeddings")


def run(args: argparse.Namespace) -> None:
    import torch

    from seqfuse.encoders.embedder import Embedder, Settings, keep_freed_memory
    from seqfuse.encoders.store import index
    from seqfuse.encoders.store.writer import Writer
    from seqfuse.files import write_json
    from seqfuse.progress import say, track
    from seqfuse.training.interruption.preemption import Interruption

    torch.set_num_threads(args.threads)
    keep_freed_memory()
    settings = cli_flags.take(args, Settings)
    part = Part.parse(args.part) if args.part else None
    sequences = distinct(args.table, args.columns, part)
    embedder = Embedder(args.model, settings, args.resolution)
    with Interruption() as stop, Writer(args.store, embedder.description) as writer:
        missing = embedder.count({s: at for s, at in sequences.items() if not writer.holds(s)})
        say(
            f"{args.table}: {len(sequences)} distinct sequences, {len(sequences) - len(missing)}"
            f" in the store, {len(missing)} to embed ({embedder.bytes(missing) / 1e6:.1f} MB)"
        )
        for row in track(embedder.rows(missing), len(missing), "sequences"):
            writer.add(row)
            if stop.asked:
                break
    if part is None:
        index.build(writer.folder, writer.key)
    receipt = {
        "store": args.store,
        "key": writer.key,
        "model": args.model,
        "table": args.table,
        "columns": args.columns,
        "resolution": args.resolution,
        "sequences": len(sequences),
        "width": embedder.width,
    }
    write_json(args.out, receipt)


def distinct(table: str | Path, columns: list[str], part: Part | None = None) -> dict[str, str]:
    """The distinct sequences of a table's columns, or of one part of them, each with the place of
    its first occurrence; nulls are skipped.

    Raises `UserError` for a missing column, an empty sequence, and a table without sequences.
    """
    import pyarrow as pa

    from seqfuse import tables
    from seqfuse.encoders.store.rows import sequence_hash

    schema = pa.schema([(name, pa.string()) for name in ["id", *columns]])
    content = tables.read(table, schema)
    places: dict[str, str] = {}
    others = 0
    for column in columns:
        # In pieces, because ten million sequences would take gigabytes as Python strings.
        for rows in content.select(["id", column]).to_batches(_ROWS_AT_ONCE):
            for name, sequence in zip(*(one.to_pylist() for one in rows), strict=True):
                if sequence is None or sequence in places:
                    continue
                where = f"{table}: {column} of record {name!r}"
                if not sequence:
                    raise UserError(f"{where} is empty; clean the table with `seqfuse sequences`")
                if part is None or part.owns(sequence_hash(sequence)):
                    places[sequence] = where
                else:
                    others += 1
    if not places and not others:
        raise UserError(f"{table}: no sequence in {', '.join(columns)}; nothing to embed")
    return places
