"""Files of one's own, as users of other tools have sent them: read right, or refused in one line
that says what it is, where, and what to do."""

import bz2
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqfuse.bio.reading.readers import Reader
from seqfuse.cli import main
from seqfuse.data import assemble, download
from seqfuse.errors import UserError

CODING = "ATGGCC" * 5 + "TAA"
HEADER = "id,sequence,value,split\n"
LANGUAGE = {"study": "language", "question": "Is it?"}
CLASSES = {"columns": {"label": "label"}}
GENBANK = "LOCUS       NC_005816  9609 bp DNA\nORIGIN\n  1 tgtaacgaac\n//\n"


def lines_of(made) -> list[str]:
    """What a refusal says; each line fits a terminal and holds no control character."""
    assert made.status == 2 and made.written == []
    said = made.said.splitlines()
    for line, wording in zip(said, made.wording.splitlines(), strict=True):
        assert line.startswith("seqfuse data records: error: ")
        assert len(wording) < 280 and line.isprintable(), line
    return said


def csv(*rows: str, header: str = HEADER) -> str:
    return header + "".join(f"{row}\n" for row in rows)


def parquet(path, **columns) -> None:
    pq.write_table(pa.table(columns), path)


def with_flipped_byte(path) -> bytes:
    """A file of one row group whose first page does not decompress."""
    parquet(path, sequence=["ACGT" * 50 + str(i) for i in range(99)], value=[1.0] * 99)
    data = bytearray(path.read_bytes())
    data[40:200] = bytes(255 - byte for byte in data[40:200])
    return bytes(data)


def row(**fields) -> str:
    return json.dumps(fields) + "\n"


# what is wrong -> (file name, its content, keys of the entry, what the line must say)
REFUSED = {
    # Columns that are called nearly like a field.
    "Split": ("a.csv", csv("a,ACG,1,train", header="id,sequence,value,Split\n"), {},
              ["'Split'", "split_column: Split, or rename"]),
    "ID": ("a.csv", csv("a,ACG,1,train", header="ID,sequence,value,split\n"), {},
           ["'ID'", "columns: {id: ID}", "{id: null}"]),
    "blank in a name": ("a.csv", csv("a,ACG,1,g", header="id,sequence,value, group\n"), {},
                        ["' group'", "columns: {group: ' group'}"]),
    "a long name": ("a.csv", csv("a,ACG,1,g", header=f"id,sequence,value,group{' ' * 99}\n"),
                    {}, ["looks like group; rename it"]),
    # What no tool should have to guess.
    "two labels": ("a.csv", csv("ACG,High", "ACC,low", "AGG,high", header="sequence,label\n"),
                   CLASSES, ["line 4", "'High' and 'high'",
                             "labels: {High: High, low: low, high: High}"]),
    "three spellings": (
        "a.csv", csv("ACG,High", "ACC,high", "AGG,high ", header="sequence,label\n"), CLASSES,
        ["line 3", "labels: {High: High, high: High, 'high ': High}"]),
    "label with a blank": ("a.csv", csv("ACG,high", "AGG,high ", header="sequence,label\n"),
                           LANGUAGE, ["line 3", "'high' and 'high '", "one class"]),
    "empty split": ("a.csv", csv("a,ACG,1,train", "b,ACG,1,"), {},
                    ["line 3 (id 'b')", "the split is empty", "splits: {'': train} in"]),
    "a split with a colon": ("a.csv", csv("a,ACG,1,train", "b,ACG,1,no: 2"), {},
                             ["line 3 (id 'b')", "as in splits: {'no: 2': train}, in"]),
    "underscore": ("a.csv", csv("a,ACG,1_234,train"), {}, ["line 2 (id 'a')", "'1_234'"]),
    "arabic digits": ("a.csv", csv("a,ACG,١٢,train"), {}, ["line 2 (id 'a')", "'١٢'"]),
    "decimal comma": ("a.tsv", "sequence\tvalue\nACG\t1,5\n", {}, ["line 2", "'1,5'"]),
    "alleles": ("a.csv", csv("a,A,G,yes", header="id,sequence,variant,label\n"), LANGUAGE,
                ["line 2 (id 'a')", "'A>G'", "the window around the variant"]),
    "deletion": ("a.csv", csv("a,AT,A,yes", header="id,sequence,variant,label\n"), LANGUAGE,
                 ["line 2 (id 'a')", "'AT>A'"]),
    "empty ALT": ("a.csv", csv("a,ACGT,,yes", header="id,sequence,variant,label\n"), LANGUAGE,
                  ["line 2 (id 'a')", "the variant is missing"]),
    "coding part": ("a.csv", csv("ACGTACGTA,1,3,99", header="sequence,value,cds_start,cds_end\n"),
                    {}, ["line 2", "'3..99 of 9 nt'", "from 1"]),
    "coding part of two": (
        "a.csv", csv("CCATGGCC,CCATGTCC,yes,3", header="sequence,variant,label,cds_start\n"),
        LANGUAGE, ["line 2", "has a variant", "cut both sequences beforehand"]),
    "a word for a place": ("a.csv", csv("ACGTACGTA,1,x", header="sequence,value,cds_start\n"),
                           {}, ["line 2", "the cds_start 'x' is not a number"]),
    # Places.
    "after blank lines": ("a.csv", HEADER + "a,ACG,1,train\n\n\nb,ACG,x,train\n", {}, ["line 5 ("]),
    "after quoted lines": ("a.csv", HEADER + '"a\n\nz",ACG,1,train\nb,ACG,x,train\n', {},
                           ["line 5 (id 'b')"]),
    "after only": ("a.csv", csv("a,ACG,1,train", "b,ACG,x,val"), {"only": {"split": ["val"]}},
                   ["line 3 (id 'b')"]),
    "fasta": ("a.fa", ">a|1\nACG\nACG\n\n>b|x\nACG\n", {"header_fields": ["id", "value"]},
              ["line 5 (id 'b')", "'x'"]),
    # What is read would not be what is written.
    "json key twice": ("a.jsonl", '{"sequence": "ACG", "value": 1, "value": 2}\n', {},
                       ["line 1", "'value' occurs twice"]),
    "blank json": ("a.jsonl", "\n\n\n", {}, ["no row", "one JSON object a line"]),
    "many digits": ("a.jsonl", '{"sequence": "ACG", "value": ' + "1" * 5001 + "}\n", {},
                    ["line 1", "too many digits"]),
    "many brackets": ("a.jsonl", "[" * 100_000 + "\n", {}, ["line 1", "nested too deeply"]),
    "half a character": ("a.jsonl", row(sequence="ACG", value=1, id="a\ud800"), {},
                         ["line 1", "half a character"]),
    "json array": ("a.jsonl", '[\n{"sequence": "ACG"}\n]\n', {}, ["line 1", "one JSON object"]),
    # Files that are something else.
    "utf-16": ("a.csv", csv("a,ACG,1,train").encode("utf-16"), {}, ["UTF-16", "iconv"]),
    "utf-16 without mark": ("a.csv", csv("a,ACG,1,train").encode("utf-16-le"), {}, ["UTF-16"]),
    "gzip as fasta": ("a.fa", gzip.compress(b">a\nACG\n"), {}, ["gzip-compressed", ".gz"]),
    "bzip2": ("a.csv", bz2.compress(b"sequence\n"), {}, ["bzip2", "bunzip2"]),
    "excel": ("a.csv", b"PK\x03\x04" + bytes(60), {}, ["Excel", "save the table as .csv"]),
    "parquet as csv": ("a.csv", b"PAR1" + bytes(60), {}, ["Parquet", ".parquet"]),
    "web page": ("a.csv", "<!DOCTYPE html>\n<html></html>\n", {}, ["a web page"]),
    "git lfs": ("a.csv", "version https://git-lfs.github.com/spec/v1\n", {}, ["git lfs pull"]),
    "CR in csv": ("a.csv", csv("a,ACG,1,train").replace("\n", "\r"), {}, ["CR alone", "tr "]),
    "CR in fasta": ("a.fa", ">a\rACG\r>b\rACG\r", {}, ["CR alone", "tr "]),
    "CR inside": ("a.csv", HEADER + "a,AC\rG,1,train\n", {}, ["line 2", "CR"]),
    "CR inside fasta": ("a.fa", ">a\nACG\rACG\n", {"header_fields": ["id"]}, ["line 2", "'\\r'"]),
    "genbank": ("a.fa", GENBANK, {}, ["GenBank", "end in .gb"]),
    "fastq": ("a.fa", "@r1\nACG\n+\nIII\n", {}, ["FASTQ", "convert it to FASTA"]),
    "fasta as csv": ("a.csv", ">a\nACG\n", {}, ["FASTA", "end in .fasta"]),
    "glued header": ("a.fa", ">a|1\nACGT>b|2\nACG\n", {"header_fields": ["id", "value"]},
                     ["line 2", "'>'", "a header inside a line"]),
    "nameless header": ("a.fa", ">\nACGT\n", {"header_fields": ["id", "value"]},
                        ["line 1", "without a name"]),
    "no header": ("a.csv", f"{CODING},1\n{CODING},2\n", {}, ["row 1", "'ATGGCC", "column names"]),
    "no header of short dna": ("a.csv", "ACG,1.5\nACC,2\n", {}, ["row 1", "looks like data"]),
    "commas at the end": ("a.csv", "sequence,value,,\nACG,1,,\n", {},
                          ["2 columns have no name (columns 3, 4)"]),
    "many columns": ("a.csv", ",".join(f"column{i}" for i in range(999)) + "\n", {},
                     ["'sequence'", "more"]),
    "long cell": ("a.csv", csv("a" * 9000 + ",ACG," + "x" * 9000 + ",train"), {}, ["line 2 (id"]),
    "control characters": ("a.csv", csv("a,ACG,\x1b[31m\x07,train"), {}, ["'\\x1b[31m\\x07'"]),
    "long header": ("a.fa", ">" + "a" * 9000 + "\nACG\n", {"header_fields": ["id", "value"]},
                    ["line 1", "set header_fields"]),
    "empty fasta": ("a.fa", "", {}, ["the file is empty"]),
    "open quote": ("a.csv", csv('a,"ACG,1,train', "b,ACG,1,train"), {}, ["line 2", "quote"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused(make, tmp_path, case):
    name, content, entry, wanted = REFUSED[case]
    [line] = lines_of(make({name: content}, **entry))
    for part in [str(tmp_path / name), *wanted]:
        assert part in line


@pytest.mark.parametrize(
    ("path", "wanted"),
    [("x" * 5000, "does not exist"), ("/dev/null", "a folder, pipe or device"), (".", "a folder")],
)
def test_a_path_that_is_no_file_is_refused(make, path, wanted):
    [line] = lines_of(make(files=[{"path": path}]))
    assert wanted in line


def test_an_empty_separator_is_refused(make):
    made = make({"a.fa": ">a\nACG\n"}, header_fields=["id"], header_separator="")
    assert "header_separator" in lines_of(made)[0]


def test_a_flipped_byte_names_the_file_that_has_it(make, tmp_path):
    data = with_flipped_byte(tmp_path / "a.parquet")
    [line] = lines_of(make({"a.parquet": data}))
    assert "a.parquet: not a readable Parquet file" in line


def test_latin1_in_parquet_names_its_rows(make, tmp_path):
    text = pa.array([b"ACG", b"caf\xe9"]).cast(pa.binary()).view(pa.string())
    parquet(tmp_path / "a.parquet", sequence=["ACG", "ACC"], value=[1, 2], id=text)
    [line] = lines_of(make(files=[{"path": str(tmp_path / "a.parquet")}]))
    assert "a.parquet: rows 1 to 2: a text is not UTF-8" in line


def test_columns_of_json_lines_are_those_of_all_lines(make):
    text = row(id="a", cds="ATG", half_life=0)
    text += "".join(row(id=f"{s}", cds="ATG", half_life=1, split=s) for s in ("train", "val"))
    columns = {"sequence": "cds", "value": "half_life"}
    [line] = lines_of(make({"a.jsonl": text}, columns=columns))
    assert "line 1 (id 'a'): the split is empty; fill it in, say what it is with" in line
    made = make({"a.jsonl": text}, columns=columns, splits={"": "test"})
    assert made.column("split") == ["test", "train", "val"]


def test_a_json_line_has_every_column_that_is_asked_for(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a"}\n\n{"id": "b", "split": "val"}\n')
    reader = Reader(path)
    assert reader.columns() == ["id", "split"]
    rows = [{"id": "a", "split": None}, {"id": "b", "split": "val"}]
    assert list(reader.numbered(["id", "split"])) == list(zip([1, 3], rows, strict=True))


def test_a_field_that_the_first_json_line_lacks_is_a_column(make):
    later = row(id="a", cds="ATG", split="train") + row(id="b", cds="ATG", half_life=2, split="val")
    [line] = lines_of(make({"a.jsonl": later}, columns={"sequence": "cds", "value": "half_life"}))
    assert "line 1 (id 'a'): the value is missing" in line


def test_bad_rows_are_counted_by_kind_and_ten_are_named(make):
    rows = [f"r{i},ACG,{'n/a' if i % 2 else 1},train" for i in range(50)] + ["z,ACG,1,later"]
    first, second = lines_of(make({"a.csv": csv(*rows)}))
    numbers = ", ".join(str(n) for n in range(5, 23, 2))
    assert f"a.csv: 25 rows (lines 3 (id 'r1'), {numbers}, …): the value 'n/a' is not" in first
    assert "bad_rows: reject" in first
    assert "a.csv: line 52 (id 'z'): the split 'later' is not train" in second
    made = make({"a.csv": csv(*rows)}, bad_rows="reject")
    assert len(made.rows) == 25 and set(made.column("value")) == {1.0}
    assert made.card["left_out"] == {
        "the value is not a number": 25,
        "the split is not train, val or test": 1,
    }
    [value, split] = made.card["files"][0]["bad"]
    assert value["rows"] == 25 and value["first"][:2] == ["3 (id 'r1')", "5 (id 'r3')"]
    assert len(value["first"]) == 10 and split["first"] == ["52 (id 'z')"]
    assert "left out: " in made.said and "25 rows (lines 3 (id 'r1')" in made.said


def test_a_record_knows_where_it_was_read(make, tmp_path):
    text = HEADER + '"a\nb",ACG,1,train\n\nc,ACG,2,val\nd,ACG,3,test\n'
    made = make({"a.csv": text}, only={"split": ["train", "test"]})
    assert list(zip(made.column("file"), made.column("line"), strict=True)) == [
        (str(tmp_path / "a.csv"), 2),
        (str(tmp_path / "a.csv"), 6),
    ]
    parquet(tmp_path / "a.parquet", sequence=["ACG"] * 3, value=[1, 2, 3])
    made = make(files=[{"path": "a.parquet"}], mirror=[tmp_path])
    assert made.column("line") == [1, 2, 3] and set(made.column("file")) == {"a.parquet"}


def test_a_row_that_is_rejected_later_is_placed_in_its_file(make, tmp_path):
    text = HEADER + '"a\nb",ACG,1,train\n\nc,NNN,2,val\nd,NN,3,test\ne,ACC,3,test\n'
    assert make({"a.csv": text}, only={"split": ["train", "test"]}).status == 0
    words = ["--records", tmp_path / "out" / "records.parquet", "--study", "language"]
    words += ["--out", tmp_path / "clean", "--ambiguous", "drop"]
    assert main(["sequences", *map(str, words)]) == 2  # one row of test is left
    assert make({"a.csv": text + "f,AGG,4,test\n"}, only={"split": ["train", "test"]}).status == 0
    assert main(["sequences", *map(str, words)]) == 0
    [reject] = pq.read_table(tmp_path / "clean" / "rejects.parquet").to_pylist()
    assert (reject["file"], reject["line"], reject["id"]) == (str(tmp_path / "a.csv"), 6, "d")


def test_a_split_that_is_made_is_said(make, tmp_path):
    rows = [f"{'ACGT'[i % 4] * (i + 1)},{i}" for i in range(12)]
    made = make({"a.csv": csv(*rows, header="sequence,value\n")})
    counts = {name: made.column("split").count(name) for name in ("train", "val", "test")}
    how = "no split is given: rows are split 80/10/10, by seed 0 (" + ", ".join(
        f"{name} {count}" for name, count in counts.items()
    )
    assert made.card["made_splits"] == how + ")" and how in made.said
    named = [f"{row},train" for row in rows]
    made = make({"a.csv": csv(*named, header="sequence,value,split\n")})
    assert "neither val nor test is given: rows are split 80/10/10" in made.said
    files = {
        "train.csv": csv(*rows, header="sequence,value\n"),
        "test.csv": "sequence,value\nA,1\n",
    }
    listed = [{"path": str(tmp_path / name), "split": name[:-4]} for name in files]
    made = make(files, files=listed)
    how = "no val is given: a tenth of train becomes val, by seed 0 (train 11, val 1, test 1)"
    assert made.card["made_splits"] == how and how in made.said
    given = make({"a.csv": csv("a,ACG,1,train", "b,ACC,1,val")})
    assert given.card["made_splits"] is None and "split" not in given.said


def test_a_set_of_twelve_rows_is_not_passed_in_silence(make):
    rows = [f"{'ACGT'[i % 4] * (i + 1)},{i}" for i in range(12)]
    said = make({"a.csv": csv(*rows, header="sequence,value\n")}).said
    assert "warning: val has 1 and test has 1 of 12 rows; a score of fewer than 30 says" in said
    many = [f"{i},{'ACGT'[i % 4]},1,{s}" for s in ("train", "val", "test") for i in range(30)]
    many = [f"{s}{line}" for s, line in zip("abc" * 30, many, strict=True)]
    assert (
        assemble.FEW == 30
        and "warning" not in make({"a.csv": csv(*many)}, columns={"id": None}).said
    )


def test_columns_that_nothing_reads_are_said(make):
    made = make({"a.csv": csv("a,ACG,1,train,x,y", header="id,sequence,value,split,organ,age\n")})
    assert "unused columns: organ, age" in made.said
    assert made.card["files"][0]["unread"] == ["organ", "age"]


def test_a_near_miss_of_the_other_target_is_no_matter(make):
    made = make({"a.csv": "sequence,Value,label\nACG,1,x\n"}, **LANGUAGE)
    assert made.status == 0 and made.column("label") == ["x"]
    made = make({"a.csv": csv("a,ACG,1,x", header="ID,sequence,value,Group\n")},
                columns={"id": None, "group": "Group"})  # fmt: skip
    assert made.column("group") == ["x"] and made.column("id") == ["row-1"]


def test_a_sequence_is_cut_to_its_coding_part(make):
    # 5' UTR GG, coding part ATG AAA TAA, 3' UTR CC; and rows that name one end or none.
    rows = ["GGATGAAATAACC,1,3,11", "GGATGAAATAA,2,3,", "ATGAAATAACC,3,,9", "ATGAAATAA,4,,"]
    made = make({"a.csv": csv(*rows, header="sequence,value,cds_start,cds_end\n")})
    assert set(made.column("sequence")) == {"ATGAAATAA"}
    assert "3 sequences are cut to cds_start..cds_end" in made.said
    assert made.card["files"][0]["cut"] == 3
    whole = make({"a.csv": csv(rows[0], header="sequence,value,cds_start,cds_end\n")},
                 columns={"cds_start": None, "cds_end": None})  # fmt: skip
    assert whole.column("sequence") == ["GGATGAAATAACC"]
    # What is whole already is not counted as cut.
    rows = ["ATGAAATAA,1,1,9", "ATGAAATAA,2,,9", "GATGAAATAA,3,2,"]
    made = make({"a.csv": csv(*rows, header="sequence,value,cds_start,cds_end\n")})
    assert made.card["files"][0]["cut"] == 1


def test_a_split_by_groups_of_a_file_without_any_is_refused_before_the_run(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(csv("a,ACG,1,train,BRCA1", header="id,sequence,value,split,gene\n"))
    entry = {"source": "files", "study": "codons", "files": [{"path": str(path)}]}
    download.check_entry("mine", entry, [], "random")
    for columns in ({}, {"group": "Gene"}):
        with pytest.raises(UserError, match="split by group, but .*columns: {group: ...}") as line:
            download.check_entry("mine+group", entry | {"columns": columns}, [], "group")
        assert len(str(line.value)) < 340
    download.check_entry("mine+group", entry | {"columns": {"group": "gene"}}, [], "group")
    download.check_entry("mine+group", entry | {"group_pattern": "(x)"}, [], "group")


def test_a_mirror_that_does_not_exist_is_said(make, tmp_path):
    nowhere = tmp_path / "nowhere"
    [line] = lines_of(make(files=[{"path": "a.csv"}], mirror=[nowhere]))
    assert f"the mirror folder {nowhere} does not exist" in line
    made = make({"a.csv": csv("a,ACG,1,train")}, mirror=[nowhere])
    assert f"the mirror folder {nowhere} does not exist" in made.said


def test_numbers_as_they_are_written(make):
    written = ["1", "-1.5", "+2.", ".5", "1e-3", " 7 ", "1E+2"]
    made = make({"a.csv": csv(*(f"ACG,{number}" for number in written), header="sequence,value\n")})
    assert sorted(made.column("value")) == sorted([1, -1.5, 2, 0.5, 0.001, 7, 100])


def test_rows_without_the_form_of_their_file_follow_the_policy(make):
    ragged = csv("a,ACG,1,train", "b,ACG,1", "c,ACC,1,val", "d,ACG,1,train,more", "e,ACG,1")
    [line] = lines_of(make({"a.csv": ragged}))
    assert "3 rows (lines 3 (id 'row" not in line
    assert "a.csv: 3 rows (lines 3, 5, 6): a row of 3 cells under a header of 4; quote" in line
    assert line.endswith("or leave such rows out with bad_rows: reject")
    made = make({"a.csv": ragged}, bad_rows="reject")
    assert made.column("id") == ["a", "c"]
    assert made.card["left_out"] == {"a row of cells under a header of 4": 3}
    [said] = [line for line in made.said.splitlines() if "left out" in line]
    # What to do is no news to whoever has done it.
    assert said.endswith("(lines 3, 5, 6): a row of 3 cells under a header of 4")
    lines = row(sequence="ACG", value=1) + '{"sequence": "ACC"\n' + '[1]\n{"id": 1, "id": 2}\n'
    made = make({"a.jsonl": lines + row(sequence="ACC", value=2)}, bad_rows="reject")
    assert made.column("line") == [1, 5] and sum(made.card["left_out"].values()) == 3
    fasta = ">a|1\nACG\n>b\nACG\n>\nACG\n>c|2\nACC\n"
    made = make({"a.fa": fasta}, bad_rows="reject", header_fields=["id", "value"])
    assert made.column("id") == ["a", "c"] and sum(made.card["left_out"].values()) == 2
