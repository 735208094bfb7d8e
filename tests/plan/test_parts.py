"""How many parts a plan has, and which files they make and read."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqfuse.errors import UserError
from seqfuse.plan import parts
from seqfuse.plan.inputs import Inputs

ENTRY = {"size": {"rows": {"train": 900, "test": 101}}}


def test_parts_are_those_of_the_catalogues_rows():
    assert parts.count({"one": ENTRY}, None, "") == 1
    assert [parts.count({"one": ENTRY}, most, "") for most in (1001, 1000, 500, 1)] == [
        1,
        2,
        3,
        1001,
    ]
    assert parts.count({"one": ENTRY, "other": {"rows": {"test": 99}}}, 1000, "") == 2
    assert parts.names(3) == ["1of3", "2of3", "3of3"]
    assert parts.count({"demo": {"source": "synthetic"}}, 1, "") == 1
    with pytest.raises(UserError, match=r"'one': jobs.prompts_a_part needs its number of rows"):
        parts.count({"one": {}}, 5, "jobs.prompts_a_part")


def test_parts_are_those_of_the_files_rows(tmp_path):
    (tmp_path / "a.csv").write_text("sequence,value\nACGT,1\nAC,2\n")
    with gzip.open(tmp_path / "b.fasta.gz", "wt") as file:
        file.write(">one\nACGT\nACGT\n>two\nAC\n")
    pq.write_table(pa.table({"sequence": ["AC"] * 7}), tmp_path / "c.parquet")
    names = ("a.csv", "b.fasta.gz", "c.parquet")
    rows = [parts.known_rows({"files": [{"path": str(tmp_path / name)}]}) for name in names]
    assert rows == [3, 2, 7]
    several = {"files": [{"path": str(tmp_path / name)} for name in names]}
    assert parts.known_rows(several) == 12
    several["files"].append({"path": str(tmp_path / "gone.csv")})
    assert parts.known_rows(several) is None


def test_parts_of_a_plan_and_what_gathers_them(make_run, of):
    names = ["demo-variants", "demo-promoter", "demo-splice"]
    sizes = {name: {"size": {"rows": {"train": 100, "test": 50}}} for name in names}
    run = make_run(jobs={"sequences_a_part": 60, "prompts_a_part": 75}, datasets=sizes)
    inputs = Inputs(run)
    view = {"dataset": "demo-variants", "view": "sequence", "encoder": "demo-nt"}
    folder = "<results>/embeddings/demo-variants/parts/sequence.demo-nt"
    expected = [f"{folder}.{part}.json" for part in ("1of3", "2of3", "3of3")]
    assert inputs.embedded_parts(of(**view)) == expected
    assert inputs.embedded_parts(of(**view, part="1of3")) == []
    answered = inputs.answered_parts(of(suite="tasks", method="linear"))
    parts_of = "<results>/language/tasks/linear/parts"
    assert answered == [f"{parts_of}/{number}of4.jsonl" for number in range(1, 5)]
    # One that only classifies is done in one go.
    assert inputs.answered_parts(of(suite="tasks", method="dna_only")) == []
    assert Inputs(make_run()).embedded_parts(of(**view)) == []
