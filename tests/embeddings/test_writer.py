"""The store, written: what is finished stays, what is not leaves nothing, and two may write."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from seqfuse.encoders.store import writer as module
from seqfuse.encoders.store.reader import Store
from seqfuse.encoders.store.writer import Writer

SEQUENCES = ["A" * length + "CG" for length in range(150)]
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
    assert not list(folder.glob(".shard-*"))
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
        assert module.sha256(shard) == shard.stem
    assert names(store.folder) == {shard.name for shard in shards} | {"key.json", ".lock"}


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
    assert not module.damaged_shards(key)
    for sequence in SEQUENCES:
        np.testing.assert_array_equal(store.get(sequence), made_up(sequence).states)


def test_a_damaged_shard_is_named_and_replaced(write, random_sequences, capfd):
    sequences = random_sequences("ACGU", range(10, 20))
    store = write({"rna": sequences}, "rna-fm")
    (shard,) = store.folder.glob("*.parquet")
    sound = shard.read_bytes()
    shard.chmod(0o644)
    shard.write_bytes(sound[:1000] + bytes([sound[1000] ^ 1]) + sound[1001:])
    capfd.readouterr()
    write({"rna": sequences}, "rna-fm")
    said = capfd.readouterr().err
    assert f"{shard}: cut or corrupt (it does not match its checksum); kept as" in said
    assert shard.with_name(f"{shard.name}.damaged").exists()
    assert "0 in the store, 10 to embed" in said
    assert shard.read_bytes() == sound
