"""Every format gives the same rows; what a format may hold beside them is read, not guessed."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqfuse.bio.reading.readers import Reader

ROWS = [
    {"id": "a", "sequence": "ACGT"},
    {"id": "b", "sequence": "GGNNCC"},
    {"id": "c", "sequence": "acgu"},
]
TEXTS = {
    "csv": "id,sequence\na,ACGT\nb,GGNNCC\nc,acgu\n",
    "tsv": "id\tsequence\na\tACGT\nb\tGGNNCC\nc\tacgu\n",
    "jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
    "fasta": ">a the first\nAC\nGT\n>b\nGGNNCC\n\n>c\nacgu",
}
TEXTS |= dict.fromkeys(("fa", "fna", "ffn"), TEXTS["fasta"])


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("form", TEXTS)
def test_text_formats(tmp_path, form, gz):
    path = tmp_path / f"rows.{form}{'.gz' * gz}"
    data = TEXTS[form].encode()
    path.write_bytes(gzip.compress(data) if gz else data)
    reader = Reader(path)
    assert reader.columns() == ["id", "sequence"]
    assert list(reader.rows(["id", "sequence"])) == ROWS


def test_parquet_reads_only_the_columns_asked_for(tmp_path):
    rows = [{"id": str(i), "sequence": "A" * i, "other": i} for i in range(1000)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    reader = Reader(tmp_path / "rows.parquet")
    assert reader.columns() == ["id", "sequence", "other"]
    expected = [{"id": str(i), "sequence": "A" * i} for i in range(1000)]
    assert list(reader.rows(["id", "sequence"])) == expected


def test_csv_with_byte_order_mark_quotes_crlf_and_empty_cells(tmp_path):
    path = tmp_path / "rows.csv"
    text = 'id,text,sequence\r\na,"one, two\r\nthree ""4""",ACGT\r\n\r\nb,,GG\r\n'
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert list(Reader(path).rows([])) == [
        {"id": "a", "text": 'one, two\r\nthree "4"', "sequence": "ACGT"},
        {"id": "b", "text": None, "sequence": "GG"},
    ]


def test_fasta_header_is_split_into_fields(tmp_path):
    path = tmp_path / "rows.fna"
    path.write_text(">chr1:5-9|1\r\nAC\r\nGT\r\n>chr2 | 0\nTT\n")
    reader = Reader(path, ("name", "label"), "|")
    assert reader.columns() == ["name", "label", "sequence"]
    assert list(reader.rows([])) == [
        {"name": "chr1:5-9", "label": "1", "sequence": "ACGT"},
        {"name": "chr2", "label": "0", "sequence": "TT"},
    ]


def test_fasta_record_without_letters_is_no_empty_text(tmp_path):
    path = tmp_path / "rows.fa"
    path.write_text(">a\n>b\nAC\n")
    assert list(Reader(path).rows([])) == [
        {"id": "a", "sequence": None},
        {"id": "b", "sequence": "AC"},
    ]
