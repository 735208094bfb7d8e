"""The embedding stage: `seqfuse embeddings write` and the store against plain loops.

Ours is the whole command, which reads the table, loads the model, embeds and writes the store. The
baselines embed with the model already in memory. That of embed_short saves one file per sequence,
as many scripts do; the others discard the states.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.nn.utils.rnn import pad_sequence

from bench.measure import Setting, alternate, exhaust, result
from seqfuse import encoders
from seqfuse.cli import main
from seqfuse.encoders.models.encoder import Encoder
from seqfuse.encoders.store.reader import Store

# States of both sides are float16, and float32 differs in the last place between batch shapes.
TOLERANCE = 4e-3
ROWS = 2000


def embed_mixed(setting: Setting) -> dict:
    """Lengths 60 to 3000, a third duplicates; baseline: padded random batches, all rows."""
    sequences = _mixed(setting.rows(ROWS))
    model, encoder = _model(setting, "mixed", width=128, layers=4)
    table = sequence_table(setting, "mixed", sequences)
    difference = _difference(embed(setting, table, model, "mixed"), _padded(encoder, sequences))
    ours, baseline = alternate(
        setting,
        lambda: embed(setting, table, model),
        lambda: exhaust(_padded(encoder, sequences)),
    )
    return result(
        "embed_mixed", ours, baseline, "s", 4.5, rows=len(sequences), difference=difference
    )


def embed_short(setting: Setting) -> dict:
    """Distinct sequences of 81; baseline: one at a time, each saved as a float32 torch file."""
    sequences = _random([81] * setting.rows(ROWS, least=200))
    model, encoder = _model(setting, "mixed", width=128, layers=4)
    table = sequence_table(setting, "short", sequences)
    difference = _difference(embed(setting, table, model, "short"), _single(encoder, sequences))
    folders = iter(range(setting.repeats))
    ours, baseline = alternate(
        setting,
        lambda: embed(setting, table, model),
        lambda: exhaust(_saved(_single(encoder, sequences), setting.folder / f"s{next(folders)}")),
    )
    return result(
        "embed_short", ours, baseline, "s", 2.2, rows=len(sequences), difference=difference
    )


def embed_limit(setting: Setting) -> dict:
    """Achieved FLOP/s, the store included; baseline: a large float32 matrix product."""
    width, layers = 320, 6
    sequences = _random(_lengths(setting.rows(ROWS)))
    model, encoder = _model(setting, "large", width=width, layers=layers)
    table = sequence_table(setting, "limit", sequences)
    difference = _difference(embed(setting, table, model, "limit"), _single(encoder, sequences))
    tokens = np.array([len(sequence) + 2 for sequence in sequences], np.float64)
    # Multiply-adds count twice: 12 D^2 weights a token, and T D of scores and T D of values.
    work = layers * (24 * tokens * width**2 + 4 * tokens**2 * width).sum()
    square = torch.randn(2048, 2048)
    ours, baseline = alternate(
        setting, lambda: embed(setting, table, model), lambda: [square @ square for _ in range(20)]
    )
    product = 20 * 2 * 2048**3
    return result(
        "embed_limit",
        work / ours / 1e9,
        product / baseline / 1e9,
        "GFLOP/s",
        0.38,
        rows=len(sequences),
        difference=difference,
    )


def embed_rerun(setting: Setting) -> dict:
    """1 % new rows in a store that holds the others; baseline: embedding all again."""
    sequences = _mixed(setting.rows(ROWS, least=100))
    new = _random(_lengths(max(1, len(sequences) // 100)), seed=1)
    model, _ = _model(setting, "mixed", width=128, layers=4)
    held = sequence_table(setting, "held", sequences)
    grown = sequence_table(setting, "grown", sequences + new)
    embed(setting, held, model, "filled")
    filled = [f"rerun{repeat}" for repeat in range(setting.repeats + 1)]
    for store in filled:
        shutil.copytree(setting.folder / "filled", setting.folder / store)
    again, fresh = (embed(setting, grown, model, store) for store in (filled.pop(), "again"))
    difference = _difference(again, _states(fresh, sequences + new))
    ours, baseline = alternate(
        setting,
        lambda: embed(setting, grown, model, filled.pop()),
        lambda: embed(setting, grown, model),
    )
    return result(
        "embed_rerun", ours, baseline, "s", 30, rows=len(sequences), difference=difference
    )


def embed_memory(setting: Setting) -> dict:
    """Peak memory of the command's own process on ten times the rows; baseline: on one time."""
    model, _ = _model(setting, "mixed", width=128, layers=4)
    rows = max(20, setting.rows(ROWS) // 4)
    few, many = (
        sequence_table(setting, "few", _mixed(rows)),
        sequence_table(setting, "many", _mixed(10 * rows)),
    )
    baseline, ours = (_peak(_command(setting, table, model)) for table in (few, many))
    return result("embed_memory", ours, baseline, "MB", 1 / 1.2, rows=10 * rows, difference=0.0)


def store_read(setting: Setting) -> dict:
    """Five shuffled epochs in batches of 32, the memory map's decoding included.

    Baseline: one torch file a sequence.
    """
    sequences = _random([100] * setting.rows(20_000))
    model, _ = _model(setting, "mixed", width=128, layers=4)
    written = embed(setting, sequence_table(setting, "read", sequences), model, "read")
    files = setting.folder / "files"
    files.mkdir()
    for row, sequence in enumerate(sequences):
        torch.save(torch.from_numpy(written.get(sequence)), files / f"{row}.pt")
    orders = [np.random.default_rng(epoch).permutation(len(sequences)) for epoch in range(5)]
    batches = [order[i : i + 32] for order in orders for i in range(0, len(order), 32)]
    maps = iter(range(setting.repeats + 1))

    def ours() -> Iterator[torch.Tensor]:
        mapped = Store(written.folder).memory_map(sequences, setting.folder / f"map{next(maps)}")
        for batch in batches:
            yield torch.from_numpy(np.stack([mapped.get(sequences[row]) for row in batch]))

    def baseline() -> Iterator[torch.Tensor]:
        for batch in batches:
            yield torch.stack([torch.load(files / f"{row}.pt") for row in batch])

    same = all(torch.equal(a, b) for a, b in zip(ours(), baseline(), strict=True))
    assert same, "store_read: the batches differ"
    times = alternate(setting, lambda: exhaust(ours()), lambda: exhaust(baseline()))
    return result("store_read", *times, "s", 4, rows=len(sequences), difference=0.0)


def store_bytes(setting: Setting) -> dict:
    """Size on disk, a third duplicates; baseline: a float32 torch file a row."""
    sequences = _mixed(setting.rows(ROWS))
    model, encoder = _model(setting, "mixed", width=128, layers=4)
    written = embed(setting, sequence_table(setting, "bytes", sequences), model, "bytes")
    files = setting.folder / "float32"
    difference = _difference(written, _saved(_single(encoder, sequences), files))
    ours, baseline = (
        sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        for folder in (written.folder, files)
    )
    return result(
        "store_bytes", ours, baseline, "MB", 2.8, rows=len(sequences), difference=difference
    )


MEASURES = [
    embed_mixed,
    embed_short,
    embed_limit,
    embed_rerun,
    embed_memory,
    store_read,
    store_bytes,
]


# --- the baselines ------------------------------------------------------------------------------


@torch.inference_mode()
def _padded(encoder: Encoder, sequences: list[str]) -> Iterator[tuple[str, torch.Tensor]]:
    """What a plain data loader does: batches of 16 in random order, padded to the longest."""
    order = np.random.default_rng(0).permutation(len(sequences))
    for start in range(0, len(order), 16):
        batch = [sequences[row] for row in order[start : start + 16]]
        ids = [torch.from_numpy(encoder.tokenise(sequence).ids) for sequence in batch]
        padded = pad_sequence(ids, batch_first=True, padding_value=encoder.tokeniser.pad)
        states = encoder(padded, padded != encoder.tokeniser.pad)
        for sequence, rows in zip(batch, states, strict=True):
            yield sequence, rows[1 : len(sequence) + 1]


@torch.inference_mode()
def _single(encoder: Encoder, sequences: list[str]) -> Iterator[tuple[str, torch.Tensor]]:
    """One sequence at a time."""
    for sequence in sequences:
        ids = torch.from_numpy(encoder.tokenise(sequence).ids)
        yield sequence, encoder(ids[None])[0, 1:-1]


def _saved(
    embedded: Iterator[tuple[str, torch.Tensor]], folder: Path
) -> Iterator[tuple[str, torch.Tensor]]:
    """Each sequence on its way into a file of its own, a repeat into another."""
    folder.mkdir()
    for row, (sequence, states) in enumerate(embedded):
        torch.save(states.clone(), folder / f"{row}.pt")
        yield sequence, states


# --- what both sides work on --------------------------------------------------------------------


def _lengths(count: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(60, 3001, count).tolist()


def _random(lengths: list[int], seed: int = 0) -> list[str]:
    random = np.random.default_rng([seed, 1])
    return ["".join(random.choice(list("ACGU"), length)) for length in lengths]


def _mixed(count: int) -> list[str]:
    """Random sequences of which a third are repeats of others."""
    distinct = _random(_lengths(count - count // 3))
    return distinct + distinct[: count // 3]


def _model(setting: Setting, name: str, width: int, layers: int) -> tuple[Path, Encoder]:
    """A scratch RNA-FM that takes 3000 nt, and the same one loaded."""
    folder = setting.folder / "models" / name
    shape = {"embed_dim": width, "ffn_embed_dim": 4 * width, "layers": layers}
    entry = {"kind": "scratch", "layout": "rna-fm", "config": shape | {"max_positions": 3002}}
    if not folder.exists():
        words = ["data", "model", "--name", name, "--entry", json.dumps(entry)]
        assert main([*words, "--out", str(folder)]) == 0
    return folder, encoders.load(folder)


def sequence_table(setting: Setting, name: str, sequences: list[str]) -> Path:
    path = setting.folder / f"{name}.parquet"
    ids = [str(row) for row in range(len(sequences))]
    pq.write_table(pa.table({"id": ids, "sequence": sequences}), path)
    return path


def _command(setting: Setting, table: Path, model: Path, store: str | None = None) -> list[str]:
    """The words of a run that writes into a named store, or into a fresh one."""
    _command.runs += 1
    store = store or f"fresh{_command.runs}"
    words = ["embeddings", "write", "--table", str(table), "--columns", "sequence"]
    words += ["--model", str(model), "--threads", str(setting.threads)]
    words += ["--store", str(setting.folder / store)]
    return [*words, "--out", str(setting.folder / f"receipt{_command.runs}.json")]


_command.runs = 0


def embed(setting: Setting, table: Path, model: Path, store: str | None = None) -> Store:
    words = _command(setting, table, model, store)
    assert main(words) == 0
    return Store.open(words[-1])


def _peak(words: list[str]) -> float:
    """The largest resident memory (MB) of a command in a process of its own."""
    program = [sys.executable, "-m", "seqfuse.cli", *words]
    with subprocess.Popen(program, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


def _states(store: Store, sequences: list[str]) -> Iterator[tuple[str, torch.Tensor]]:
    for sequence in sequences:
        yield sequence, torch.from_numpy(store.get(sequence))


def _difference(store: Store, expected: Iterator[tuple[str, torch.Tensor]]) -> float:
    """The largest difference between stored states and others, which must be within tolerance."""
    largest = max(
        float((torch.from_numpy(store.get(sequence)).float() - states.float()).abs().max())
        for sequence, states in expected
    )
    assert largest < TOLERANCE, f"states differ by {largest}"
    return largest
