"""New sequences of one's own: every row with its place, its name and, if it cannot be used, why."""

import json
from argparse import Namespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqfuse.bio.reading import input_flags, new_sequences
from seqfuse.errors import UserError

FIELDS = ("id", "sequence", "variant", "cds_start", "cds_end")


@pytest.fixture
def read(tmp_path):
    """The rows of a file of some content."""

    def rows(name, content, **columns):
        path = tmp_path / name
        path.write_text(content)
        return new_sequences.read(path, FIELDS, columns)

    return rows


def told(rows) -> list[tuple[str, str, str | None]]:
    """(place without its file, id, fault) of each row."""
    return [(row.place.within, row.id, row.fault and str(row.fault)) for row in rows]


def test_own_data_names_that_are_numbers_are_kept(read, tmp_path):
    lines = [{"id": name, "sequence": "ACG"} for name in (0, 7, 1.0, "0x", "", None, True)]
    rows = read("a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    # As in `data records`, a row without a name is called by its number.
    assert [row.id for row in rows] == ["0", "7", "1", "0x", "row-5", "row-6", "True"]
    pq.write_table(pa.table({"id": [0, 1], "sequence": ["ACG", "ACC"]}), tmp_path / "a.parquet")
    rows = new_sequences.read(tmp_path / "a.parquet", FIELDS, {})
    assert [row.place.within for row in rows] == ["1 (id '0')", "2 (id '1')"]
    assert rows[0].place.unit == "row"


def test_own_data_the_coding_part_as_pandas_and_people_write_it(read):
    ends = ["3.0,11.0", ",11", "3,", "4,99", "1_0,", "x,", "2.5,", "٣,"]
    rows = [f"{i},CCATGGCTTAACC,{one}\n" for i, one in enumerate(ends)]
    found = read("a.csv", "id,sequence,cds_start,cds_end\n" + "".join(rows))
    assert [row.cells["sequence"] for row in found[:3]] == [
        "ATGGCTTAA",
        "CCATGGCTTAA",
        "ATGGCTTAACC",
    ]
    assert [str(row.fault) for row in found[3:]] == [
        "cds_start..cds_end is '4..99 of 13 nt', which is not within its sequence",
        "the cds_start '1_0' is not a number",
        "the cds_start 'x' is not a number",
        "cds_start..cds_end is '2.5..13 of 13 nt', which is not within its sequence",
        "the cds_start '٣' is not a number",
    ]


def test_own_data_a_bad_row_keeps_its_place_and_its_reason(read):
    text = 'id,sequence\n"a\n\nz",acgu-n\n\nb,ACGL\nc,\nd,ACG,more\ne,NNN\nf,AC.G\ng,AC4\n'
    rows = read("a.csv", text)
    assert rows[0].cells == {"id": "a\n\nz", "sequence": "ACGTN"} and rows[0].place.number == 2
    assert told(rows[1:]) == [
        ("6 (id 'b')", "b", "sequence has 'L', which is not a nucleotide code"),
        ("7 (id 'c')", "c", "the sequence is missing"),
        ("8 (id 'row-4')", "row-4", "a row of 3 cells under a header of 2"),
        ("9 (id 'e')", "e", "sequence has no A, C, G or T"),
        ("10 (id 'f')", "f", "sequence has '.', which is not a nucleotide code"),
        ("11 (id 'g')", "g", "sequence has '4', which is not a nucleotide code"),
    ]
    rows = read("a.jsonl", '{"id": "a", "sequence": "ACG"}\n{"id": [1], "sequence": "A"}\n{"id"\n')
    assert [fault for _, _, fault in told(rows)] == [
        None,
        "a cell holds list, not one text or number",
        "not JSON (Expecting ':' delimiter)",
    ]
    assert told(read("a.fa", ">\nACG\n>b\nACG\n"))[0] == (
        "1 (id 'row-1')", "row-1", "a header without a name",
    )  # fmt: skip


REFUSED = {
    "near miss": ("Sequence\nACG\n", {}, "the column 'Sequence' looks like sequence but is read"
                  " only if named: write `--columns sequence=Sequence`, or rename it"),
    "near miss of a name": ("ID,sequence\na,ACG\n", {}, "`--columns id=ID`"),
    "near miss of some length": (f"id,sequence{'_' * 99}\na,ACG\n", {},
                                 "write `--columns sequence=COLUMN`, or rename it"),
    "blank": ("id, sequence\na,ACG\n", {}, "write `--columns sequence=' sequence'`"),
    "other name": ("name,cds\na,ACG\n", {"id": "name"},
                   "no column 'sequence' among name, cds; say which it is, as in"),
    "the likely one": ("name,note,cds\na,ACG,acgtacguN\n", {"id": "name"},
                       "say which it is, as in `--columns sequence=cds`"),
    "typing error": ("name,cds\na,ACG\n", {"sequence": "cd"},
                     "no column 'cd'; did you mean 'cds'?"),
    "unknown field": ("name,cds\na,ACG\n", {"sequnce": "cds"},
                      "unknown field 'sequnce'; did you mean 'sequence'?"),
    "many columns": (",".join(f"column_{i}" for i in range(500)) + "\n", {},
                     " more; say which it is"),
    "long name": ("x" * 5000 + "\n", {}, "say which it is, as in `--columns sequence=COLUMN`"),
    "no row": ("id,sequence\n", {}, "no rows"),
    "a name twice": ("id,sequence\na,ACG\n\na,ACC\n", {},
                     "a.csv: line 4 (id 'a'): the id 'a' occurs twice, first in line 2"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_own_data_a_file_that_cannot_be_read_is_one_line(read, case):
    content, columns, wanted = REFUSED[case]
    with pytest.raises(UserError) as caught:
        read("a.csv", content, **columns)
    assert wanted in str(caught.value)
    assert len(str(caught.value)) < 300 and str(caught.value).isprintable()


def test_own_data_bad_rows_follow_a_policy(read, capsys):
    rows = read(
        "a.csv", "id,sequence\n" + "".join(f"{i},{'ACL' if i % 2 else 'ACG'}\n" for i in range(50))
    )
    good = new_sequences.sound(rows, "reject")
    assert [row.id for row in good] == [str(i) for i in range(0, 50, 2)]
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("left out: ") and "a.csv: 25 rows (lines 3 (id '1'), 5, 7, " in line
    assert line.endswith(", …): sequence has 'L', which is not a nucleotide code")
    with pytest.raises(UserError, match="or leave such rows out with --bad-rows reject$"):
        new_sequences.sound(rows, "refuse")
    with pytest.raises(UserError, match="is it a protein"):
        new_sequences.sound([row for row in rows if row.fault], "reject")


@pytest.mark.parametrize("word", ["sequence", "sequence=", "=cds"])
def test_own_data_columns_are_given_in_pairs(word):
    with pytest.raises(UserError, match="write FIELD=COLUMN"):
        input_flags.columns(Namespace(columns=[word]))
    assert input_flags.columns(Namespace(columns=["sequence=a=b"])) == {"sequence": "a=b"}
