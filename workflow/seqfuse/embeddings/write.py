"""Embed the sequences of a table that the store does not hold yet.

Reads columns of a table and a model folder. Writes rows into the store, one a distinct sequence,
under a key that says how they are made, and a receipt, by which training finds them. Interrupted,
it keeps the rows that it has and goes on from there (killed, the finished shards); several may
write at once.

    seqfuse embeddings write --table sequences/kegg/records.parquet --columns sequence variant \\
        --model models/ntv2-500m --resolution native --store results/embeddings --out kegg.json
"""

import argparse
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.settings import cli_flags


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
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--out", required=True, help="receipt to write, JSON")
    cli_flags.add(parser, "embeddings")


def run(args: argparse.Namespace) -> None:
    import torch

    from seqfuse.encoders.embedder import Embedder, Settings, keep_freed_memory
    from seqfuse.encoders.store.writer import Writer
    from seqfuse.files import write_json
    from seqfuse.progress import say, track
    from seqfuse.training.interruption.preemption import Interruption

    torch.set_num_threads(args.threads)
    keep_freed_memory()
    settings = cli_flags.take(args, Settings)
    sequences = distinct(args.table, args.columns)
    embedder = Embedder(args.model, settings, args.resolution)
    with Interruption() as stop, Writer(args.store, embedder.description) as writer:
        missing = embedder.count({s: at for s, at in sequences.items() if s not in writer.held})
        say(
            f"{args.table}: {len(sequences)} distinct sequences, {len(sequences) - len(missing)}"
            f" in the store, {len(missing)} to embed ({embedder.bytes(missing) / 1e6:.1f} MB)"
        )
        for row in track(embedder.rows(missing), len(missing), "sequences"):
            writer.add(row)
            if stop.asked:
                break
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


def distinct(table: str | Path, columns: list[str]) -> dict[str, str]:
    """The distinct sequences of a table's columns, each with where it stands first; nulls skipped.

    A missing column, an empty sequence, and a table without sequences are `UserError`s.
    """
    import pyarrow as pa

    from seqfuse import tables

    schema = pa.schema([(name, pa.string()) for name in ["id", *columns]])
    content = tables.read(table, schema)
    names = content["id"].to_pylist()
    found: dict[str, str] = {}
    for column in columns:
        for name, sequence in zip(names, content[column].to_pylist(), strict=True):
            if sequence is not None:
                found.setdefault(sequence, f"{table}: {column} of record {name!r}")
    if not found:
        raise UserError(f"{table}: no sequence in {', '.join(columns)}; nothing to embed")
    if "" in found:
        raise UserError(f"{found['']} is empty; clean the table with `seqfuse sequences`")
    return found
