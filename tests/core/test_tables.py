"""The border between two stages: a table is held to its schema when written and when read."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqfuse import tables
from seqfuse.errors import UserError

ROW = {"id": "a", "split": "test", "sequence": "ACGT"}


def test_a_table_comes_back_as_it_was(tmp_path):
    table = tables.from_rows(
        [ROW | {"label": "yes"}, ROW | {"id": "b", "value": 1.5}], tables.RECORDS
    )
    tables.write(tmp_path / "t.parquet", table, tables.RECORDS)
    assert tables.read(tmp_path / "t.parquet", tables.RECORDS).equals(table)
    assert tables.read(tmp_path / "t.parquet", tables.RECORDS, ["id"]).column_names == ["id"]


def test_a_null_where_none_may_be_is_refused(tmp_path):
    table = tables.from_rows([ROW | {"split": None}], tables.RECORDS)
    with pytest.raises(ValueError, match="'split' with null"):
        tables.write(tmp_path / "t.parquet", table, tables.RECORDS)
    assert not list(tmp_path.iterdir())


def test_a_missing_column_is_named(tmp_path):
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"t\.parquet: column 'split' is missing; found id"):
        tables.read(tmp_path / "t.parquet", tables.RECORDS)


def test_a_cut_file_is_named(tmp_path):
    tables.write(tmp_path / "t.parquet", tables.from_rows([ROW], tables.RECORDS), tables.RECORDS)
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"t\.parquet: not a readable Parquet file"):
        tables.read(tmp_path / "t.parquet", tables.RECORDS)


def test_a_reason_of_several_lines_is_put_on_one(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1" + b"\0" * 90 + b"PAR1")
    with pytest.raises(UserError, match=r"\A[^\n]*t\.parquet: not a readable Parquet file[^\n]*\Z"):
        tables.read(tmp_path / "t.parquet", tables.RECORDS)
