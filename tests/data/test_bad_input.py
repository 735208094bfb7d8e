"""A user's mistake is one line that names the file, the place and the fix; nothing is written."""

import gzip
import socket

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from seqfuse.data import download
from seqfuse.errors import UserError

HEADER = "sequence,value,split\n"
GOOD = HEADER + "ACG,1,train\n" * 100
QUESTION = {"study": "language", "question": "Is it?"}

# what is wrong -> (file name, its content, keys of the entry, what the line must say)
CASES = {
    "empty file": ("a.csv", "", {}, ["the file is empty"]),
    "no rows": ("a.csv", HEADER, {}, ["no rows"]),
    "no column": ("a.csv", "sequenc,value\nA,1\n", {}, ["'sequence'", "did you mean 'sequenc'",
                                                        "columns: {sequence: COLUMN}"]),
    "named column": ("a.csv", GOOD, {"columns": {"group": "gene"}}, ["'gene'", "columns: {group"]),
    "split column": ("a.csv", GOOD, {"split_column": "Split"}, ["'Split'", "mean 'split'"]),
    "semicolons": ("a.csv", "sequence;value\nA;1\n", {}, ["row 1", "';'", "use commas in .csv"]),
    "tabs in csv": ("a.csv", "sequence\tvalue\nA\t1\n", {}, ["row 1", "'\\t'", "tabs in .tsv"]),
    "commas in tsv": ("a.tsv", GOOD, {}, ["row 1", "','", "tabs in .tsv"]),
    "column twice": ("a.csv", "sequence,value,value\nA,1,2\n", {}, ["row 1", "'value'", "twice"]),
    "ragged row": ("a.csv", HEADER + "A,1,train\nC,1\n", {}, ["line 3", "2 cells", "header of 3"]),
    "open quote": ("a.csv", HEADER + '"A,1,train\n', {}, ["line 2"]),
    "not utf-8": ("a.csv", HEADER.encode() + b"A,1,caf\xe9\n", {}, ["line 2", "UTF-8", "iconv"]),
    "cut gzip": ("a.csv.gz", gzip.compress(GOOD.encode(), mtime=0)[:-9], {},
                 ["cut or broken gzip", "fetch it again"]),
    "no gzip": ("a.csv.gz", GOOD, {}, ["not gzip-compressed", ".gz"]),
    "no fasta header": ("a.fa", "ACGT\n", {}, ["line 1", "before any header", ">name"]),
    "fasta header": ("a.fa", ">a|b|1\nACGT\n", {"header_fields": ["id", "value"]},
                     ["line 1", "'a|b|1'", "header_fields"]),
    "no json": ("a.jsonl", '{"sequence": "A", "value": 1}\n{"sequence"\n', {}, ["line 2", "JSON"]),
    "json list": ("a.jsonl", "[1]\n", {}, ["line 1", "not a JSON object"]),
    "no parquet": ("a.parquet", "PAR1 nonsense", {}, ["not a readable Parquet file"]),
    "no thrift": ("a.parquet", b"PAR1" + b"\0" * 90 + b"PAR1", {}, ["not a readable Parquet"]),
    "suffix": ("a.xlsx", "x", {}, ["unknown suffix", "save the table as .csv", ".csv, .tsv"]),
    "proteins": ("a.faa", ">a\nMK\n", {}, ["unknown suffix", "give their coding DNA"]),
    "same id": ("a.csv", "id,sequence,value,split\na,A,1,train\nb,C,1,train\na,G,1,val\n", {},
                ["line 4", "'a' occurs twice", "line 2", "columns: {id: null}"]),
    "no number": ("a.csv", HEADER + "A,1,train\nC,high,train\n", {},
                  ["line 3", "'high'", "number"]),
    "infinite": ("a.csv", HEADER + "A,inf,train\n", {}, ["line 2", "'inf'", "not a number"]),
    "no value": ("a.csv", HEADER + "A,,train\n", {}, ["line 2", "the value is missing", "fill"]),
    "no sequence": ("a.csv", HEADER + "A,1,train\n,1,train\n", {},
                    ["line 3", "the sequence is missing"]),
    "split name": ("a.csv", HEADER + "A,1,train\nC,1,holdout\n", {},
                   ["line 3", "'holdout'", "train, val or test", "splits: {holdout: train}"]),
    "label": ("a.csv", "sequence,label,split\nA,2,train\n", {**QUESTION, "labels": {"0": "no"}},
              ["line 2", "'2'", "`labels`"]),
    "no question": ("a.csv", "sequence,label\nA,x\n", {"study": "language"}, ["question: ..."]),
    "group pattern": ("a.csv", "sequence,label,split\nA,x,train\n",
                      {**QUESTION, "group_pattern": "gene (.+)"}, ["line 2", "group_pattern"]),
    "anonymise": ("a.csv", "sequence,label,split\nA,x,train\n",
                  {**QUESTION, "anonymise": {"gene": ""}}, ["line 2", "anonymise", "'gene'"]),
    "list in a cell": ("a.jsonl", '{"sequence": ["A"], "value": 1}\n', {}, ["line 1", "list"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_file(make, tmp_path, case):
    name, content, entry, wanted = CASES[case]
    made = make({name: content}, **entry)
    assert made.status == 2
    [line] = made.said.splitlines()
    assert line.startswith("seqfuse data records: error: ") and str(tmp_path / name) in line
    for part in wanted:
        assert part in line
    assert made.written == []


def test_an_id_that_a_second_file_repeats_is_placed_there(make):
    files = {"a.csv": "id,sequence,value,split\na,A,1,train\nb,A,1,train\n"}
    files["b.csv"] = "id,sequence,value,split\nc,A,1,val\nb,A,1,val\n"
    made = make(files)
    assert made.status == 2 and "b.csv: line 3 (id 'b'): the id 'b' occurs twice" in made.said


def test_bytes_in_parquet_are_no_text(make, tmp_path):
    table = pa.table({"sequence": [b"ACG"], "value": [1.0]})
    pq.write_table(table, tmp_path / "a.parquet")
    made = make(files=[{"path": str(tmp_path / "a.parquet")}])
    assert made.status == 2 and "row 1: a cell holds bytes" in made.said


# what is wrong -> (the entry, what the line must say)
ENTRIES = {
    "unknown key": ({"colums": {}}, ["unknown key 'colums'", "did you mean 'columns'"]),
    "unknown field": ({"columns": {"seq": "s"}}, ["'columns.seq'"]),
    "no files": ({}, ["source files needs the key 'files'"]),
    "not there": (
        {"files": [{"path": "nowhere/a.csv"}]},
        ["nowhere/a.csv does not exist", "mirror"],
    ),
    "unknown setting": (
        {"files": [{"path": "a.csv"}], "cleaning": {"max_lenght": 9}},
        ["cleaning", "max_lenght", "did you mean 'max_length'"],
    ),
    "pattern": ({"files": [{"path": "a.csv"}], "group_pattern": "gene \\S+"}, ["group"]),
    "replacement": (
        {"files": [{"path": "a.csv"}], "anonymise": {"gene": r"\3"}},
        ["anonymise 'gene'", "group reference"],
    ),
    "proprietary": ({"proprietary": "bring your own"}, ["bring your own"]),
    "manual": (
        {"files": [{"path": "a.csv", "manual": "ask the authors"}]},
        ["a.csv does not exist", "ask the authors"],
    ),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_bad_entry(make, case):
    entry, wanted = ENTRIES[case]
    made = make(**entry)
    assert made.status == 2
    [line] = made.said.splitlines()
    for part in ["'mine'", *wanted]:
        assert part in line
    assert made.written == []


def test_what_is_known_to_be_missing_without_a_network(tmp_path):
    hub, digest = {"repository": "owner/name"}, "0" * 64
    (tmp_path / "there.csv").touch()
    fine = [
        {"source": "synthetic", "generator": "motifs"},
        {"hub": hub | {"revision": "0" * 40}},
        {"hub": {"repository": str(tmp_path)}},
        {"hub": hub, "files": [{"path": "a.csv", "sha256": digest}, {"path": "there.csv"}]},
        {"files": [{"path": "a.csv", "url": "http://localhost:9/a.csv"}, {"path": "there.csv"}]},
    ]
    for entry in fine:
        download.check_entry("mine", entry, [str(tmp_path)])
    refused = {
        "bring your own": {"proprietary": "bring your own"},
        "no revision is pinned; look at owner/name on the hub": {"hub": hub},
        "no revision": {"hub": hub, "files": [{"path": "a.csv", "sha256": None}]},
        "there.csv does not exist": {"files": [{"path": "other/there.csv"}]},
        "ask the authors": {"files": [{"path": "a.csv", "manual": "ask the authors"}]},
    }
    for wanted, entry in refused.items():
        with pytest.raises(UserError, match=wanted):
            download.check_entry("mine", entry, [str(tmp_path)])


@pytest.mark.parametrize("forbidden", [True, False])
def test_without_a_network_the_hub_is_not_asked(make, monkeypatch, tmp_path, forbidden):
    resolved = []

    def unknown(host, port):
        resolved.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", forbidden)
    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.example:8443/path")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    hub = {"repository": "owner/name", "revision": "0" * 40}
    made = make(
        source="hub", hub=hub, files=[{"path": "a.csv", "split": "train"}], mirror=(tmp_path,)
    )
    [line] = made.said.splitlines()
    why = "HF_HUB_OFFLINE is set" if forbidden else "no network: Name or service not known"
    assert made.status == 2 and made.written == []
    assert line == (
        f"seqfuse data records: error: owner/name: a.csv: cannot be downloaded ({why}); run"
        " `seqfuse fetch` where there is a network, or put the file into a folder of `mirror:`"
        f" (searched: {tmp_path / 'a.csv'}, a.csv)"
    )
    assert resolved == ([] if forbidden else ["hub.example"])
