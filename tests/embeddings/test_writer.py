"""The store, written: what is finished stays, what is not leaves nothing, and two may write."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from seqfuse.cli import main
from seqfuse.embeddings.maintenance import damaged
from seqfuse.encoders.store import shards
from seqfuse.encoders.store import writer as module
from seqfuse.encoders.store.reader import Store
from seqfuse.encoders.store.rows import sequence_hash
from seqfuse.encoders.store.writer import Writer
from seqfuse.files import sha256
from seqfuse.training.distributed.parts import Part

SEQUENCES = ["A" * length + "CG" for length in range(150)]
MANY = ["".join(bases) for bases in itertools.product("ACGT", repeat=4)]
# Embeds with small shards, and dies when the fourth one is written but not yet published.
KILLED = """
import os, signal, sys
from seqfuse.cli import main
from seqfuse.encoders.store import writer
writer.BYTES_A_SHARD = 4000
publish, count = writer._Shard.publish, 0

def counted(self):
    global count
    count += 1
    if count == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    publish(self)

writer._Shard.publish = counted
main(sys.argv[1:])
"""


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_a_killed_run_keeps_its_finished_shards(write, models, tmp_path, random_sequences, capfd):
    sequences = random_sequences("ACGU", range(10, 30))
    expected = write({"rna": sequences}, "rna-fm", store="undisturbed")
    words = ["embeddings", "write", "--table", str(tmp_path / "table.parquet"), "--columns", "rna"]
    words += ["--model", str(models / "rna-fm"), "--store", str(tmp_path / "store")]
    words += ["--out", str(tmp_path / "receipt.json")]
    (tmp_path / "receipt.json").unlink()
    run = subprocess.run([sys.executable, "-c", KILLED, *words], capture_output=True)
    assert run.returncode == -signal.SIGKILL
    assert not (tmp_path / "receipt.json").exists()
    (folder,) = (tmp_path / "store").iterdir()
    assert len(list(folder.glob(".shard-*"))) == 1
    # A letter takes 128 bytes, so the shards are those of lengths 29-28, 27-26, 25-24, (23-22).
    assert sorted(row.length for row in Store(folder).stream()) == list(range(24, 30))

    capfd.readouterr()
    store = write({"rna": sequences}, "rna-fm")
    assert "20 distinct sequences, 6 in the store, 14 to embed" in capfd.readouterr().err
    # It cannot be told from another writer's, until it is a week old.
    (left,) = folder.glob(".shard-*")
    (sign,) = folder.glob(".writer-*")
    for path in (left, sign):
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 8 * 24 * 3600))
    write({"rna": sequences}, "rna-fm")
    assert not list(folder.glob(".*"))
    for sequence in sequences:
        np.testing.assert_array_equal(store.get(sequence), expected.get(sequence))


def test_an_interrupted_run_keeps_every_row(write, random_sequences, monkeypatch, capfd):
    sequences = random_sequences("ACGU", range(10, 30))
    expected = write({"rna": sequences}, "rna-fm", store="undisturbed")
    add, added = Writer.add, []

    def counted(self, row):
        add(self, row)
        added.append(row)
        if len(added) == 8:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Writer, "add", counted)
    assert write({"rna": sequences}, "rna-fm") == 130
    assert len(added) == 8
    capfd.readouterr()
    store = write({"rna": sequences}, "rna-fm")
    assert "20 distinct sequences, 8 in the store, 12 to embed" in capfd.readouterr().err
    for sequence in sequences:
        np.testing.assert_array_equal(store.get(sequence), expected.get(sequence))


def test_an_error_leaves_only_finished_shards(tmp_path, description, made_up, monkeypatch):
    monkeypatch.setattr(module, "ROWS_A_GROUP", 4)
    monkeypatch.setattr(module, "BYTES_A_SHARD", 200)
    with pytest.raises(RuntimeError), Writer(tmp_path, description) as writer:
        for sequence in SEQUENCES[10:30]:
            writer.add(made_up(sequence))
        writer._finish_group()
        writer.add(made_up("CG"))
        writer._finish_group()
        raise RuntimeError
    assert not list(writer.folder.glob(".shard-*"))
    assert len(Store(writer.folder)) == 20


def test_shards_are_bounded_and_named_by_their_checksum(tmp_path, fill, monkeypatch):
    monkeypatch.setattr(module, "BYTES_A_SHARD", 20_000)
    store = fill(tmp_path, SEQUENCES)
    shards = list(store.folder.glob("*.parquet"))
    # 32 rows or 20,000 bytes end a group, 20,000 bytes a shard. A letter takes 8 bytes: lengths
    # 2-33 make 4,480, 34-65 12,672, 66-96 20,088; then 97-120, 121-140 and 141-151.
    groups = sorted(module.pq.ParquetFile(shard).num_row_groups for shard in shards)
    assert groups == [1, 1, 1, 3]
    for shard in shards:
        first, last = shard.stem.partition(".")[0].split("-")
        assert sha256(shard) == shard.stem.rpartition(".")[2]
        table = module.pq.read_table(shard, columns=["sequence"])["sequence"]
        starts = sorted(sequence.hex()[:4] for sequence in table.to_pylist())
        assert (starts[0], starts[-1]) == (first, last)
    assert names(store.folder) == {shard.name for shard in shards} | {"key.json"}


def test_two_writers_share_a_store(tmp_path, description, made_up):
    with Writer(tmp_path, description) as first:
        first.add(made_up("ACG"))
        first._finish_group()
        with Writer(tmp_path, description) as second:
            # The second one came while the first was writing, and left its shard alone.
            assert len(list(first.folder.glob(".shard-*"))) == 1
            second.add(made_up("ACG"))
            second.add(made_up("CCCC"))
        first.add(made_up("GG"))
    store = Store(first.folder)
    assert len(store) == 3
    assert sum(1 for _ in store.stream()) == 4
    for sequence in ("ACG", "CCCC", "GG"):
        np.testing.assert_array_equal(store.get(sequence), made_up(sequence).states)


def test_many_writers_and_a_reader_at_once(tmp_path, fill, description, made_up, monkeypatch):
    monkeypatch.setattr(module, "BYTES_A_SHARD", 500)
    monkeypatch.setattr(module, "ROWS_A_GROUP", 3)
    key = fill(tmp_path, ["G"]).folder
    start, read = threading.Barrier(4), []

    def write(sequences):
        start.wait()
        fill(tmp_path, sequences)

    def watch():
        start.wait()
        for _ in range(20):
            read.append(Store(key).get("G"))

    threads = [threading.Thread(target=write, args=(SEQUENCES[i::2],)) for i in range(2)]
    threads += [threading.Thread(target=write, args=(SEQUENCES,)), threading.Thread(target=watch)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = Store(key)
    assert len(store) == 151
    assert len(read) == 20
    assert not damaged(key)
    assert not list(key.glob(".*"))
    for sequence in SEQUENCES:
        np.testing.assert_array_equal(store.get(sequence), made_up(sequence).states)


def test_a_cut_shard_is_named_and_replaced(write, random_sequences, capfd):
    sequences = random_sequences("ACGU", range(10, 20))
    store = write({"rna": sequences}, "rna-fm")
    (shard,) = store.folder.glob("*.parquet")
    sound = shard.read_bytes()
    shard.chmod(0o644)
    shard.write_bytes(sound[:-30])
    capfd.readouterr()
    write({"rna": sequences}, "rna-fm")
    said = capfd.readouterr().err
    assert f"{shard}: truncated or corrupt (" in said and "; kept as" in said
    assert shard.with_name(f"{shard.name}.damaged").exists()
    assert "0 in the store, 10 to embed" in said
    assert shard.read_bytes() == sound


def test_a_flipped_byte_is_set_aside_by_verify_and_its_rows_are_embedded_again(
    write, random_sequences, tmp_path, capfd
):
    """A writer does not read what lies there: a thousand of them would read all of it."""
    sequences = random_sequences("ACGU", range(10, 20))
    store = write({"rna": sequences}, "rna-fm")
    (shard,) = store.folder.glob("*.parquet")
    sound = shard.read_bytes()
    shard.chmod(0o644)
    shard.write_bytes(sound[:1000] + bytes([sound[1000] ^ 1]) + sound[1001:])
    assert main(["embeddings", "verify", "--store", str(tmp_path / "store"), "--set-aside"]) == 2
    assert f"{shard}: truncated or corrupt (it does not match" in capfd.readouterr().err
    write({"rna": sequences}, "rna-fm")
    assert "0 in the store, 10 to embed" in capfd.readouterr().err
    assert shard.read_bytes() == sound


def of_part(part):
    return [one for one in MANY if part.owns(sequence_hash(one))]


def embedded_by(folder, description, made_up, part, killed_at=None):
    """One of many writers, in a process of its own: the sequences of its part that are missing."""
    with Writer(folder, description) as writer:
        missing = [one for one in of_part(part) if not writer.holds(one)]
        for row, sequence in enumerate(missing):
            if row == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)
            writer.add(made_up(sequence))


def test_eight_writers_at_once_two_killed_nothing_lost_nothing_double(
    tmp_path, description, made_up, monkeypatch
):
    monkeypatch.setattr(module, "BYTES_A_SHARD", 200)  # eight rows
    monkeypatch.setattr(module, "ROWS_A_GROUP", 4)
    fork = multiprocessing.get_context("fork")

    def run(parts):
        started = [
            fork.Process(
                target=embedded_by,
                args=(tmp_path, description, made_up, Part(n, 8), killed_at),
            )
            for n, killed_at in parts.items()
        ]
        for process in started:
            process.start()
        for process in started:
            process.join()
        return [process.exitcode for process in started]

    codes = run(dict.fromkeys(range(1, 9)) | {3: 10, 6: 13})
    assert codes == [0, 0, -9, 0, 0, -9, 0, 0]
    (key,) = tmp_path.iterdir()
    kept = sum(1 for _ in Store(key).stream())
    assert len(MANY) - len(of_part(Part(3, 8))) - len(of_part(Part(6, 8))) < kept < len(MANY)
    assert run({3: None, 6: None}) == [0, 0]
    stored = [row.sequence for row in Store(key).stream()]
    assert len(stored) == len(set(stored)) == len(MANY)
    assert not damaged(key)


def test_writers_of_parts_read_no_shard_of_the_others(tmp_path, description, made_up, monkeypatch):
    for number in range(1, 9):
        embedded_by(tmp_path, description, made_up, Part(number, 8))
    read, places = [], shards.places
    monkeypatch.setattr(
        shards, "places", lambda shard, key: read.append(shard) or places(shard, key)
    )
    with Writer(tmp_path, description) as writer:
        assert all(writer.holds(one) for one in of_part(Part(3, 8)))
    (own,) = read
    first = int(own.name[:4], 16)
    assert 2 * 2**16 / 8 <= first < 3 * 2**16 / 8
