"""FASTA and a table of values: what belongs together, what has no partner, keys that repeat."""

import pytest

from seqfuse.settings import datasets, yaml_files

FASTA = "".join(f">g{i}.1 of mice\nATGGCC{'ACGT'[i % 4] * 3}TAA\n" for i in range(6))
VALUES = "id,value,split\n" + "".join(f"g{i}.1,{i},train\n" for i in range(6))
ON_ID = {"on": "id"}


@pytest.fixture
def join(make, tmp_path):
    """Run the command on a FASTA file and a table."""

    def run(fasta: str, table: str, on=ON_ID, name="values.csv", **entry):
        (tmp_path / name).write_text(table)
        found = {"path": str(tmp_path / name), **on}
        return make({"genes.fa": fasta}, join=found, **entry)

    return run


def test_a_sequence_has_the_cells_of_its_row(join, tmp_path):
    made = join(FASTA, VALUES)
    assert made.column("id") == [f"g{i}.1" for i in range(6)]
    assert made.column("value") == [0, 1, 2, 3, 4, 5]
    assert made.column("line") == [1, 3, 5, 7, 9, 11]
    assert made.column("file") == [str(tmp_path / "genes.fa")] * 6
    assert "left out" not in made.said and made.card["left_out"] == {}
    [files, table] = made.card["files"]
    assert (table["role"], table["rows"], files["rows"]) == ("join", 6, 6)


def test_ids_that_are_missing_on_either_side_are_counted_and_named(join, tmp_path):
    more = VALUES + "x1,7,train\nx2,8,train\n"
    made = join(FASTA + ">y1\nATG\n>y2\nATG\n>y3\nATG\n", more)
    assert made.status == 0 and len(made.rows) == 6
    fasta, table = tmp_path / "genes.fa", tmp_path / "values.csv"
    assert f"{fasta}: 3 rows (lines 13 (id 'y1'), 15, 17): the id 'y1' is not in" in made.said
    assert f"{table}: 2 rows (lines 8 (id 'x1'), 9): the id 'x1' is not in" in made.said
    assert made.card["left_out"] == {"the id is not in values.csv": 3}
    [files, joined] = made.card["files"]
    assert files["bad"][0]["first"] == ["13 (id 'y1')", "15 (id 'y2')", "17 (id 'y3')"]
    assert joined["bad"][0] == {
        "what": "the id is not in genes.fa", "rows": 2, "first": ["8 (id 'x1')", "9 (id 'x2')"]
    }  # fmt: skip


def test_two_files_share_a_table(make, tmp_path):
    (tmp_path / "values.csv").write_text("gene\tvalue\na\t1\nb\t2\n".replace("\t", ","))
    files = {"train.fa": ">a\nATG\n", "test.fa": ">b\nATGATG\n>c\nATG\n"}
    listed = [{"path": str(tmp_path / name), "split": name[:-3]} for name in files]
    table = {"path": str(tmp_path / "values.csv"), "on": {"id": "gene"}}
    made = make(files, files=listed, join=table, cleaning={})
    rows = [(row["id"], row["split"], row["value"]) for row in made.rows]
    assert rows == [("a", "train", 1), ("b", "test", 2)]
    assert made.said.count("is not in") == 1  # c alone; the table has no row without a sequence


def test_a_key_twice_in_the_table_is_refused_and_rejected_whole(join):
    twice = VALUES + "g3.1,9,train\ng3.1,10,train\n"
    made = join(FASTA, twice)
    [line] = made.said.splitlines()
    assert made.status == 2 and "values.csv: 3 rows (lines 5 (id 'g3.1'), 8, 9)" in line
    assert "is in several rows; keep one row of each" in line
    made = join(FASTA, twice, bad_rows="reject")
    assert made.status == 0 and "g3.1" not in made.column("id") and len(made.rows) == 5
    assert "genes.fa: line 7 (id 'g3.1'): the id 'g3.1' is in several rows of" in made.said


def test_an_id_twice_among_the_sequences_is_refused(join):
    made = join(FASTA + ">g2.1\nATG\n", VALUES)
    assert made.status == 2
    assert "genes.fa: line 13 (id 'g2.1'): the id 'g2.1' occurs twice, first in" in made.said


def test_sequences_that_share_a_row_are_counted(join):
    fields = {"header_fields": ["name", "gene"], "columns": {"id": "name", "group": "gene"}}
    fasta = ">t1|a\nATG\n>t2|a\nATGATG\n>t3|b\nATGTTT\n"
    made = join(fasta, "gene,value\na,1\nb,2\n", {"on": "gene"}, **fields)
    assert made.column("value") == [1, 1, 2] and made.column("group") == ["a", "a", "b"]
    assert "values.csv: 1 rows share the values of another" in made.said


BARE = "id,value\n" + "".join(f"g{i},{i}\n" for i in range(6))
# what is wrong -> (FASTA, table, join, what the line says)
REFUSED = {
    "versions": (FASTA, BARE, ON_ID,
                 ["no id is in both (such as 'g0.1' and 'g0')", "last `.`, 6 more would match"]),
    "case": (FASTA.replace(">g", ">G"), VALUES, ON_ID, ["letters of one case, 6 more"]),
    "bars": (FASTA.replace(".1 ", "|NM "), BARE, ON_ID, ["first `|`, 6 more would match"]),
    "nothing in common": (FASTA, "id,value\nq,1\n", ON_ID, ["no id is in both"]),
    "no column in the table": (FASTA, "gene,value\na,1\n", ON_ID,
                               ["values.csv: no column 'id' to join by; known: gene, value"]),
    "no column in the file": (FASTA, "gene,value\na,1\n", {"on": "gene"},
                              ["genes.fa: no column 'gene' to join by; known: id, sequence"]),
    "same column": (FASTA, "id,sequence,value\ng0.1,A,1\n", ON_ID, ["both have a column 'sequence'"]),  # noqa: E501
    "no key": (FASTA, VALUES + ",7,train\n", ON_ID, ["values.csv: line 8: the key to join by is missing"]),  # noqa: E501
    "no value": (FASTA, VALUES.replace("g4.1,4", "g4.1,"), ON_ID,
                 ["genes.fa: line 9 (id 'g4.1'): the value is missing"]),
    "no number": (FASTA, VALUES.replace("g4.1,4", "g4.1,n/a"), ON_ID,
                  ["genes.fa: line 9 (id 'g4.1'): the value 'n/a' is not a number"]),
    "glued header": (FASTA + "ACGT>x\nAC\n", VALUES, ON_ID, ["genes.fa: line 13: '>' inside"]),
    "a cell too many": (FASTA, VALUES + "g5.2,1,train,x\n", ON_ID, ["values.csv: line 8: a row of 4"]),  # noqa: E501
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_one_line(join, case):
    fasta, table, on, wanted = REFUSED[case]
    made = join(fasta, table, on)
    [line] = made.said.splitlines()
    assert made.status == 2 and made.written == [] and len(made.wording) < 280
    for part in wanted:
        assert part in line


def test_on_needs_no_quotes(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("join: {path: values.csv, on: id}\n")
    assert yaml_files.load_yaml(path) == {"join": {"path": "values.csv", "on": "id"}}
    entry = {"source": "files", "study": "codons", "files": [{"path": "a.fa"}]}
    assert datasets.validate("mine", entry | yaml_files.load_yaml(path))["join"]["on"] == "id"
