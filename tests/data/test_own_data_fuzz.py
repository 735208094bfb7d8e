"""Any file and any entry: a refusal in lines that a terminal can show, or every row accounted for.

`pytest` draws few, the same ones each time; `make fuzz` draws many, others each time. What fails is
printed as small as it gets, and can be pasted as one more `@example`.
"""

import contextlib
import gzip
import io
import json
import os
import re
import tempfile
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from seqfuse.cli import main
from seqfuse.settings import datasets

DRAWS = int(os.environ.get("SEQFUSE_FUZZ", 0))
FUZZ = settings(
    max_examples=DRAWS or 200,
    derandomize=not DRAWS,
)
# Cells, those of a sound table more often than others.
ODD = st.sampled_from([
    "", " ", "nan", "NaN", "inf", "1e999", "1_0", "١٢", "-", ".", "NA", "None", "null", "A" * 400,
    "a\x00b", "\x1b[1m", "\u2028", "é", "naïve", '"', "a,b", "a\tb", "a\nb", "a\rb", ">x",
    "High", "high ", "train", "Train", "test", "val", "ACGU-", "AC.GT", "MKVL", "1", "0", "1.5",
    "-2", "{}", "{0}",
])  # fmt: skip
CELLS = {
    "id": st.text("abcdefgh0123", min_size=3, max_size=8),
    "sequence": st.text("ACGTN", min_size=2, max_size=12),
    "variant": st.text("ACGT", min_size=2, max_size=12),
    "value": st.one_of(st.integers(-99, 99), st.floats(-9, 9, allow_nan=False)).map(str),
    "label": st.sampled_from(["yes", "no"]),
    "split": st.sampled_from(["train", "val", "test"]),
    "group": st.sampled_from(["g1", "g2"]),
    "question": st.sampled_from(["Is it?", "Which gene ABC is it?"]),
    "organ": st.sampled_from(["liver", "brain"]),
    "cds_start": st.sampled_from(["1", "2", "4"]),
}
NAMES = st.sampled_from([*CELLS, "ID", "Split", "", " value", "seq", "x" * 200, "a{b}", "é"])
SUFFIXES = ["csv", "tsv", "jsonl", "parquet", "fa", "csv.gz", "jsonl.gz", "fa.gz"]


@st.composite
def tables(draw) -> list[dict[str, str]]:
    """Rows of some columns, now and then an odd name or cell."""
    names = draw(st.lists(st.sampled_from([*CELLS]), unique=True, max_size=4))
    names += [name for name in ("sequence", "value", "label") if name not in names]
    if draw(st.integers(0, 9)) == 9:
        names.append(draw(NAMES))
    rows = []
    for _ in range(draw(st.sampled_from([8, 4, 6, 5, 9, 2, 1, 0]))):
        row = {name: draw(CELLS.get(name, ODD)) for name in names}
        if draw(st.integers(0, 19)) == 19:
            row[draw(st.sampled_from(names))] = draw(ODD)
        rows.append(row)
    return rows


def as_bytes(rows: list[dict], suffix: str, draw) -> tuple[bytes, list[dict] | None]:
    """The rows in a format, each as sloppy writers have it, and as they stand there: with numbers,
    or none where a cell breaks its row."""
    form, _, compressed = suffix.partition(".")
    cells = [cell for row in rows for cell in row.values()]
    if form == "parquet":
        columns = {name: [row.get(name) for row in rows] for name in (rows[0] if rows else ["x"])}
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns), buffer)
        return buffer.getvalue(), rows
    if form == "jsonl":
        rows = list(map(typed, rows)) if draw(st.booleans()) else rows
        lines = list(map(json.dumps, rows))
    elif form == "fa":
        broken = any(set(cell) & set("\r\n>") for cell in cells)
        lines = [f">{row.get('id', 'x')}|{row['label']}\n{row['sequence']}" for row in rows]
    else:
        delimiter = "," if form == "csv" else "\t"
        quoted = draw(st.booleans())
        broken = not quoted and any(set(cell) & set('\r\n"' + delimiter) for cell in cells)
        head = [*rows[0]] if rows else ["sequence", "value"]
        lines = [
            delimiter.join('"' + cell.replace('"', '""') + '"' if quoted else cell for cell in row)
            for row in (head, *(row.values() for row in rows))
        ]
    end = draw(st.sampled_from(["\n"] * 7 + ["\r\n", "\n\n", "\r"]))
    data = (end.join(lines) + draw(st.sampled_from(["", end]))).encode("utf-8", "surrogatepass")
    held = None if form != "jsonl" and broken else rows
    return gzip.compress(data, mtime=0) if compressed else data, held


def typed(row: dict[str, str]) -> dict:
    """A row with numbers where a cell is one."""

    def value(cell: str):
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(cell)
        return cell

    return {name: value(cell) for name, cell in row.items()}


@st.composite
def files(draw) -> tuple[str, bytes, list[dict] | None]:
    """(suffix, content, the rows that it holds or None where something of it is damaged)."""
    suffix = draw(st.sampled_from(SUFFIXES))
    data, rows = as_bytes(draw(tables()), suffix, draw)
    damage = draw(st.sampled_from(["no"] * 16 + ["flip", "cut", "insert", "encode"]))
    if damage == "no" or not data:
        return suffix, data, rows
    place = draw(st.integers(0, len(data) - 1))
    if damage == "flip":
        data = data[:place] + bytes([data[place] ^ draw(st.integers(1, 255))]) + data[place + 1 :]
    elif damage == "cut":
        data = data[:place]
    elif damage == "insert":
        data = data[:place] + draw(st.binary(min_size=1, max_size=5)) + data[place:]
    else:
        with contextlib.suppress(UnicodeDecodeError):
            data = data.decode().encode(draw(st.sampled_from(["utf-16", "utf-16-le", "utf-32"])))
    return suffix, data, None


@st.composite
def entries(draw) -> dict:
    """An entry that mostly fits the files."""
    study = draw(st.sampled_from(["codons", "codons", "language"]))
    entry: dict = {"source": "files", "study": study}
    optional = {
        "columns": st.dictionaries(
            st.sampled_from(["id", "value", "label", "group", "variant", "sequence"]),
            st.sampled_from(["id", "value", "label", "organ", "nowhere", None]), max_size=2,
        ),
        "split_column": st.sampled_from(["split", "group", None]),
        "splits": st.just({"g1": "train", "g2": "test", "": "val"}),
        "labels": st.sampled_from([{"yes": "no", "no": "yes"}, {"yes": "y"}]),
        "only": st.sampled_from([{"split": ["train"]}, {"organ": ["liver"]}, {"value": [1]}]),
        "question": st.just("Is it?"),
        "group_pattern": st.sampled_from(["gene (\\S+)", "(.*)"]),
        "anonymise": st.just({"ABC": "it"}),
        "header_fields": st.sampled_from([["id", "label"], ["id", "value"], ["id"]]),
        "header_separator": st.sampled_from(["|", " ", ""]),
        "bad_rows": st.sampled_from(["refuse", "reject", "reject"]),
        "seed": st.integers(0, 3),
    }  # fmt: skip
    for key in draw(st.lists(st.sampled_from([*optional]), unique=True, max_size=2)):
        entry[key] = draw(optional[key])
    if study == "language":
        entry.setdefault("question", "Is it?")
    if draw(st.integers(0, 3)):  # of FASTA: where the labels are
        entry |= {"header_fields": ["id", "label"], "columns": {"label": "label"}}
    return entry


def run(folder: Path, *words: object) -> tuple[int, list[str]]:
    """Exit status and lines on standard error of a command that must end without a traceback."""
    with contextlib.redirect_stderr(io.StringIO()) as said:
        status = main([str(word) for word in words])
    lines = said.getvalue().split("\n")[:-1]
    for line in lines:
        shown = re.sub(re.escape(str(folder)), "", line)
        assert len(shown) < 300 and shown.isprintable(), line
    errors = [line for line in lines if ": error: " in line]
    assert status in (0, 2) and bool(status) == bool(errors), lines
    if status:
        named = (str(folder), "'mine'", "--entry: ")
        assert len(lines) <= 12 and all(any(n in line for n in named) for line in errors), lines
    return status, lines


def spelt(sequence: str) -> str:
    """A sequence as `seqfuse sequences` spells it."""
    letters = re.sub(r"[\s-]", "", sequence).upper().replace("U", "T")
    return re.sub("[RYSWKMBDHV]", "N", letters)


@FUZZ
@given(files(), entries(), st.sampled_from(["to_n", "drop", "refuse"]), st.sampled_from(
    ["keep", "drop", "mean"]))  # fmt: skip
@example(("csv", b"id,sequence,value\nx,ACG,1\n", None), {"source": "files", "study": "codons"},
         "to_n", "keep")  # fmt: skip
def test_any_file_is_refused_in_a_line_or_read_to_the_row(file, entry, ambiguous, duplicates):
    suffix, data, rows = file
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, records, out = folder / f"a.{suffix}", folder / "records.parquet", folder / "out"
        source.write_bytes(data)
        words = json.dumps(entry | {"files": [{"path": str(source)}]})
        status, _ = run(folder, "data", "records", "--name", "mine", f"--entry={words}",
                        "--out", records, "--card", folder / "card.json")  # fmt: skip
        event(f"data records: {status}")
        if status:
            assert not records.exists()
            return
        card = json.loads((folder / "card.json").read_text())
        read = pq.read_table(records).to_pylist()
        assert sum(card["rows"].values()) == len(read)
        if rows is not None:
            assert len(read) + sum(card["left_out"].values()) == len(rows)
            event("compared")
            unchanged(read, list(map(partial(in_record, entry, suffix), rows)))
        status, _ = run(folder, "sequences", "--records", records, "--study", entry["study"],
                        "--partial-codon", "keep", "--ambiguous", ambiguous,
                        "--duplicates", duplicates, "--out", out)  # fmt: skip
        event(f"sequences: {status}")
        if status:
            assert not out.exists()
            return
        kept = pq.read_table(out / "records.parquet").to_pylist()
        rejected = pq.read_table(out / "rejects.parquet").to_pylist()
        assert sorted(row["id"] for row in kept + rejected) == sorted(row["id"] for row in read)
        lines = {row["id"]: (row["file"], row["line"]) for row in read}
        assert all((row["file"], row["line"]) == lines[row["id"]] for row in rejected)
        before = {row["id"]: row["sequence"] for row in read}
        assert all(row["sequence"] == spelt(before[row["id"]]) for row in kept)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | ODD,
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(st.text(max_size=5) | ODD, values, max_size=3)
    ),
    max_leaves=5,
)
KEYS = st.sampled_from([*datasets.schema()["properties"]])


@FUZZ
@given(st.dictionaries(KEYS, JSON, max_size=2) | JSON, st.booleans())
@example([1], False)
@example({"title": "\ud800"}, True)
def test_any_entry_is_refused_in_lines_or_followed(entry, sound):
    """Whatever stands in an entry, alone or beside what a sound one has."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, records = folder / "a.csv", folder / "records.parquet"
        source.write_text("id,sequence,value,split\n" + "a,ACG,1,train\nb,ACC,2,val\n")
        if sound and isinstance(entry, dict):
            entry = {"source": "files", "study": "codons", "files": [{"path": str(source)}]} | entry
        status, _ = run(folder, "data", "records", "--name", "mine", f"--entry={json.dumps(entry)}",
                        "--out", records, "--card", folder / "card.json")  # fmt: skip
        assert records.exists() == (not status)


def in_record(entry: dict, suffix: str, row: dict) -> dict[str, str | None] | None:
    """What a record holds of a row, or None where it can hold nothing."""
    if suffix.startswith("fa"):
        fields, text = entry.get("header_fields"), f"{row.get('id', 'x')}|{row['label']}".rstrip()
        parts = text.split(entry.get("header_separator", "|")) if fields else text.split()[:1]
        if len(parts) != len(fields or ["id"]):
            return None
        row = dict(zip(fields or ["id"], map(str.strip, parts), strict=True)) | {
            "sequence": row["sequence"].strip()
        }
    columns = entry.get("columns", {})
    found = {}
    for field in ("id", "sequence", "variant", "group", "cds_start"):
        cell = row.get(columns.get(field, field))
        if isinstance(cell, float) and cell.is_integer():
            cell = int(cell)
        found[field] = None if cell in (None, "") or cell != cell else str(cell)
    start = found.pop("cds_start")
    if start is not None:
        if not start.strip().isdigit():
            return None
        found["sequence"] = re.sub(r"\s", "", found["sequence"] or "")[int(start) - 1 :]
    return found


def unchanged(read: list[dict], rows: list[dict | None]) -> None:
    """Records are rows of the file, in its order, each with its own cells."""
    left = iter(rows)
    for record in read:
        made = re.fullmatch(r"(row|train|val|test)-\d+", record["id"])
        for row in left:
            if row and all(
                record[field] == cell or (field == "id" and cell is None and made)
                for field, cell in row.items()
            ):
                break
        else:
            raise AssertionError(record)
