"""The store, read: every way gives the same rows, and what is damaged or missing is named."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqfuse.encoders.store import index, writer
from seqfuse.encoders.store import reader as module
from seqfuse.encoders.store.reader import Store, decode_spans, encode_spans
from seqfuse.errors import UserError

SEQUENCES = ["A" * length + "CG" for length in range(100)]


@pytest.fixture
def store(tmp_path, fill, monkeypatch):
    """100 made-up rows in four row groups and several shards."""
    monkeypatch.setattr(writer, "BYTES_A_SHARD", 20_000)
    filled = fill(tmp_path / "store", SEQUENCES)
    assert len(list(filled.folder.glob("*.parquet"))) == 2
    return filled


@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))))
def test_spans_survive(pairs):
    spans = np.array(pairs, np.int32).reshape(-1, 2)
    np.testing.assert_array_equal(decode_spans(encode_spans(spans)), spans)


def test_every_way_of_reading_gives_what_was_written(store, made_up, tmp_path):
    mapped = store.memory_map(SEQUENCES, tmp_path / "maps")
    streamed = {row.sequence: row for row in store.stream()}
    assert len(streamed) == len(store) == 100
    asked = SEQUENCES[::-1] + SEQUENCES[:5]
    for sequence, states in zip(asked, store.batch(asked), strict=True):
        row = made_up(sequence)
        np.testing.assert_array_equal(states, row.states)
        np.testing.assert_array_equal(store.get(sequence), row.states)
        np.testing.assert_array_equal(mapped.get(sequence), row.states)
        np.testing.assert_array_equal(streamed[row.sequence].states, row.states)
        np.testing.assert_array_equal(store.spans(sequence), row.spans)
        np.testing.assert_array_equal(store.pooled(sequence), row.pooled)
    assert mapped.get("CG").dtype == store.get("CG").dtype == np.float16


def test_a_small_cache_changes_nothing(store, made_up, monkeypatch):
    monkeypatch.setattr(module, "_CACHE_BYTES", 1)
    for sequence in [*SEQUENCES[::17], *SEQUENCES[::13]]:
        np.testing.assert_array_equal(store.get(sequence), made_up(sequence).states)
    assert len(store._cache) == 1


def test_a_memory_map_is_decoded_once_and_never_written_to(store, tmp_path, monkeypatch):
    first = store.memory_map(SEQUENCES[:9], tmp_path)
    kept = first.get("ACG").copy()
    first.get("ACG")[:] = 0
    # Another order, a repeat: the same set, so the same file, and the store is not read.
    monkeypatch.setattr(module.shards, "column", None)
    second = store.memory_map([*SEQUENCES[8::-1], "CG"], tmp_path)
    assert second.path == first.path
    np.testing.assert_array_equal(second.get("ACG"), kept)


def test_decoding_keeps_nothing_in_memory(store, tmp_path):
    before = pa.total_allocated_bytes()
    store.memory_map(SEQUENCES, tmp_path)
    assert pa.total_allocated_bytes() == before


def test_another_set_is_another_memory_map(store, made_up, tmp_path):
    first = store.memory_map(SEQUENCES[:9], tmp_path)
    second = store.memory_map(SEQUENCES[4:20], tmp_path)
    assert first.path != second.path
    np.testing.assert_array_equal(second.get("AAAAACG"), made_up("AAAAACG").states)


def test_a_missing_sequence_is_named_in_one_line(store, tmp_path):
    named = r"[^\n]*\(7 letters, 'GATTACA'\)[^\n]*embeddings write[^\n]*"
    for call in (
        lambda: store.get("GATTACA"),
        lambda: store.spans("GATTACA"),
        lambda: store.batch(["CG", "GATTACA", "TTT"]),
        lambda: store.memory_map(["CG", "GATTACA", "TTT"], tmp_path),
    ):
        with pytest.raises(UserError, match=rf"\A{named}\Z"):
            call()
    assert "GATTACA" not in store
    with pytest.raises(UserError, match="does not hold sequence.*GATTACA"):
        store.memory_map(["CG"], tmp_path).get("GATTACA")


def test_a_flipped_byte_is_found_when_it_is_read(store, made_up):
    shard = store.locate(made_up("A" * 50 + "CG").sequence).shard
    content = bytearray(shard.read_bytes())
    states = made_up("A" * 50 + "CG").states.tobytes()
    content[content.find(states) + 100] ^= 1
    shard.chmod(0o644)
    shard.write_bytes(content)
    with pytest.raises(UserError, match=f"{shard}: truncated or corrupt shard"):
        Store(store.folder).get("A" * 50 + "CG")


def test_a_cut_shard_is_found_when_a_row_is_looked_for(store):
    shard = sorted(store.folder.glob("*.parquet"))[1]
    shard.chmod(0o644)
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(UserError, match=f"{shard}: truncated or corrupt shard"):
        len(Store(store.folder))


def test_a_shard_of_another_key_is_refused(store, fill, tmp_path, description):
    with writer.Writer(tmp_path / "store", description | {"layer": 1}) as other:
        pass
    shard = next(store.folder.glob("*.parquet"))
    shard.rename(other.folder / shard.name)
    with pytest.raises(UserError, match="belongs to another key"):
        len(Store(other.folder))


def test_a_changed_description_is_refused(store):
    path = store.folder / "key.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"layer": 1}))
    with pytest.raises(UserError, match="key.json: does not match this key"):
        Store(store.folder)


def test_a_receipt_opens_its_store(store, tmp_path):
    receipt = tmp_path / "receipt.json"
    receipt.write_text(json.dumps({"store": str(tmp_path / "store"), "key": store.key}))
    assert len(Store.open(receipt)) == 100
    receipt.write_text("{}")
    with pytest.raises(UserError, match="receipt.json: not a receipt"):
        Store.open(receipt)
    receipt.write_text(json.dumps({"store": str(tmp_path), "key": store.key}))
    with pytest.raises(UserError, match="no embeddings here"):
        Store.open(receipt)


def test_an_index_answers_for_all_shards_and_parts_and_keeps_no_row_in_memory(
    tmp_path, description, made_up, monkeypatch
):
    for sequence in SEQUENCES:  # a shard each
        with writer.Writer(tmp_path, description) as made:
            made.add(made_up(sequence))
    with writer.Writer(tmp_path, description) as made:
        made.add(made_up(SEQUENCES[5]))  # a second time, in the same shard's name or another
    plain = Store(made.folder)
    expected = {one: plain.locate(made_up(one).sequence) for one in SEQUENCES}
    index.build(made.folder, made.key)
    index.build(made.folder, made.key)
    assert len(list(made.folder.glob(".index-*"))) == 1
    monkeypatch.setattr(module.shards, "places", None)
    store = Store(made.folder)
    assert {one: store.locate(made_up(one).sequence) for one in SEQUENCES} == expected
    assert "GATTACA" not in store and len(store) == 100 and not store._known
    np.testing.assert_array_equal(store.get("ACG"), made_up("ACG").states)
    monkeypatch.undo()
    # What came later is found beside it, and a shard that is gone makes it count for nothing.
    with writer.Writer(tmp_path, description) as made:
        made.add(made_up("GATTACA"))
    store = Store(made.folder)
    assert "GATTACA" in store and len(store) == 101 and len(store._known) == 1
    expected["ACG"].shard.unlink()
    store = Store(made.folder)
    assert "ACG" not in store and len(store) == 100
