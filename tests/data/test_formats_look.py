"""`seqfuse data look`: what a file is, what is odd, and an entry that can be pasted."""

import json
import random

import pytest
import yaml

from seqfuse.cli import main

DRAW = random.Random(5)


def dna(length: int) -> str:
    return "".join(DRAW.choices("ACGT", k=length))


def coding(codons: int) -> str:
    return f"ATG{''.join(DRAW.choices(['GCC', 'AAA', 'TTT'], k=codons))}TAA"


TABLE = "name,cds,half_life,part\n" + "".join(
    f"g{i},{coding(9 + i)},{i / 4},{('train', 'valid', 'test')[i % 3]}\n" for i in range(12)
)
FASTA = "".join(f">s{i}|{'ab'[i % 2]}\n{dna(30)}\n" for i in range(12))
PAIRS = "id,reference,variant,label\n" + "".join(
    f"v{i},{dna(20)},{dna(20)},{'ab'[i % 2]}\n" for i in range(12)
)


@pytest.fixture
def look(tmp_path, monkeypatch, capsys):
    """What is printed of a file, and the configuration in it."""
    monkeypatch.chdir(tmp_path)

    def run(name: str, content: str, *words: str) -> tuple[str, dict]:
        (tmp_path / name).write_text(content)
        assert main(["data", "look", name, *words]) == 0
        assert [path.name for path in tmp_path.iterdir()] == [name]  # it writes nothing
        said = capsys.readouterr().out
        return said, yaml.safe_load(said.partition("For config.yaml:\n")[2])

    return run


@pytest.mark.parametrize(
    ("name", "content", "study", "shown"),
    [
        ("my.csv", TABLE, "codons", ["coding DNA, 33 to 66 nt", "number, 0 to 2.75"]),
        ("task.fna", FASTA, "language", ["DNA, 30 nt", "label: a 6, b 6"]),
        ("pairs.csv", PAIRS, "language", ["reference", "variant", "label: a 6, b 6"]),
    ],
)
def test_the_entry_can_be_pasted(look, make, name, content, study, shown):
    said, config = look(name, content)
    assert all(word in said for word in shown), said
    [entry] = config["datasets"].values()
    assert entry["study"] == study == config["studies"][0]
    made = make({name: content}, **{key: value for key, value in entry.items() if key != "files"})
    assert made.status == 0, made.said
    assert len(made.rows) == 12


def test_splits_by_other_names_are_mapped(look):
    _, config = look("my.csv", TABLE)
    entry = config["datasets"]["my"]
    assert (entry["split_column"], entry["splits"]) == ("part", {"valid": "val"})


def test_what_is_odd_is_said(look):
    rows = [f"a{i},{dna(12)},{('High', 'high ', 'low')[i % 3]}" for i in range(12)]
    rows[3] = rows[2].replace("a2", "a3")
    rows[5] = "a5,,low"
    rows[6] = f"a6,{dna(12).replace('T', 'U')}U,low"
    said, _ = look("odd.csv", "id,sequence,label\n" + "\n".join([*rows, "cut"]) + "\n")
    for what in (
        "sequence: 1 of 12 cells are empty, the first in line 7",
        "sequence: 1 sequences repeat an earlier one",
        "sequence: 1 of 11 are RNA (U)",
        "'High', 'high ' are one class",
        "line 14: a row of 1 cells under a header of 3",
    ):
        assert what in said, said


def test_text_in_a_column_of_numbers_is_named(look, make):
    """Also where a third of the cells is none: the column was meant to be numbers."""
    values = [f"{i / 2}" for i in range(12)]
    values[2:4], values[8] = ["n/a", "12 kg"], "<0.1"
    rows = [f"g{i},{coding(9 + i)},{value}\n" for i, value in enumerate(values)]
    content = "gene,cds,half_life\n" + "".join(rows)
    said, config = look("half.csv", content)
    assert (
        "half_life: 3 of 12 cells are not numbers: 'n/a' in line 4, '12 kg' in line 5, '<0.1' in"
        " line 10; correct them, or leave their rows out: if this is the value,"
        " `bad_rows: reject` in the entry"
    ) in said
    [entry] = config["datasets"].values()
    assert entry["columns"]["value"] == "half_life"
    made = make({"half.csv": content}, columns=entry["columns"], bad_rows="reject")
    assert (made.status, len(made.rows)) == (0, 9)


@pytest.mark.parametrize(
    "cell", ["NA", "n.d.", "-", "?", "1,234", "3 %", "1.2 ± 0.3", "> 5", "inf"]
)
def test_what_is_almost_a_number(look, cell):
    rows = "".join(f'{dna(20)},"{i / 2}"\n' for i in range(11)) + f'{dna(20)},"{cell}"\n'
    said, _ = look("a.csv", "promoter,level\n" + rows)
    assert f"level: 1 of 12 cells are not numbers: {cell!r} in line 13" in said


def test_letters_that_are_no_nucleotide_are_named(look, make, tmp_path):
    rows = [dna(40) for _ in range(12)]
    rows[1] = f"{dna(20)}X{dna(19)}"
    rows[3] = f"{dna(10)}NNN{dna(27)}"
    rows[5] = f"{dna(12)}RY{dna(26)}"
    rows[7] = f"{dna(39)}*"
    content = "id,sequence,label\n" + "".join(
        f"s{i},{r},{'ab'[i % 2]}\n" for i, r in enumerate(rows)
    )
    said, config = look("odd.csv", content)
    assert (
        "sequence: 2 of 12 cells are not DNA or RNA: 'X' at position 21 in line 3, '*' at position"
        " 40 in line 9; correct them, or leave their rows out: `cleaning: {ambiguous: drop}`"
    ) in said
    assert "sequence: 1 of 12 have N, the first in line 5" in said
    assert "sequence: R, Y in line 7 and perhaps later become N" in said
    [entry] = config["datasets"].values()
    assert (
        make({"odd.csv": content}, **{k: v for k, v in entry.items() if k != "files"}).status == 0
    )
    records, out = tmp_path / "out" / "records.parquet", tmp_path / "cleaned"
    words = ["sequences", "--records", records, "--study", "language", "--out", out]
    assert main([*map(str, words), "--ambiguous", "drop"]) == 0
    audit = json.loads((out / "audit.json").read_text())
    assert (audit["rows"]["kept"], audit["rows"]["rejected"]) == (9, 3)


def test_a_column_of_proteins_is_no_spoilt_dna(look):
    proteins = ["".join(DRAW.choices("ACDEFGHIKLMNPQRSTVWY", k=60)) for _ in range(12)]
    said, _ = look("p.csv", "id,protein\n" + "".join(f"p{i},{p}\n" for i, p in enumerate(proteins)))
    assert "protein, 60 residues" in said and "not DNA or RNA" not in said


def test_parts_of_a_header_have_names_of_their_own(look, make):
    content = "".join(f">chr{i % 3}|gene{i}|{i % 2}\n{dna(30)}\n" for i in range(12))
    said, config = look("train.fna", content)
    [entry] = config["datasets"].values()
    assert entry["header_fields"] == ["field1", "id", "label"]
    assert "Odd" not in said


def test_a_short_sequence_is_dna_among_sequences(look):
    rows = [f"r{i},{dna(30)},{i % 2}" for i in range(30)] + ["r30,ACGA,1", "r31,hello,0"]
    said, _ = look("short.csv", "\n".join(["id,sequence,label", *rows, ""]))
    assert "sequence: 1 of 32 cells are not DNA or RNA: 'hello' in line 33" in said


def test_numbers_as_labels_are_to_be_named(look, make):
    """A language model answers in words; parts of a header are called what they look like."""
    content = "".join(f">chr1:{i}-9|{i % 3}\n{dna(30)}\n" for i in range(12))
    said, config = look("train.fna", content)
    [entry] = config["datasets"].values()
    assert entry["header_fields"] == ["id", "label"] and "columns" not in entry
    assert entry["labels"] == {"0": "0", "1": "1", "2": "2"}
    assert "labels: what the classes are, in words" in said
    entry["labels"] = {"0": "none", "1": "donor", "2": "acceptor"}
    made = make({"train.fna": content}, **{k: v for k, v in entry.items() if k != "files"})
    assert made.column("label")[:3] == ["none", "donor", "acceptor"]


def test_labels_that_are_one_class_are_mapped_to_it(look, make):
    rows = [f"{dna(30)},{('High', 'high ', 'low')[i % 3]}\n" for i in range(12)]
    content = "sequence,level\n" + "".join(rows)
    _, config = look("a.csv", content)
    [entry] = config["datasets"].values()
    assert entry["labels"] == {"High": "High", "high ": "High", "low": "low"}
    made = make({"a.csv": content}, **{k: v for k, v in entry.items() if k != "files"})
    assert made.status == 0, made.said
    assert {*made.column("label")} == {"High", "low"}


def test_questions_that_all_differ_are_questions(look):
    rows = "".join(f"{dna(30)},Q{i}?,{'ab'[i % 2]}\n" for i in range(12))
    said, config = look("a.csv", "sequence,question,label\n" + rows)
    [entry] = config["datasets"].values()
    assert "question" not in entry and "To fill in" not in said


def test_coding_sequences_of_another_genetic_code_are_cleaned_with_it(look):
    rows = [f"a{i},ATG{dna(9)}TAA,{i},{'' if i == 5 else 4 if i == 6 else 11}\n" for i in range(12)]
    _, config = look("bacteria.csv", "id,sequence,value,transl_table\n" + "".join(rows))
    [entry] = config["datasets"].values()
    assert entry["cleaning"] == {"genetic_code": 11, "other_genetic_code": "drop"}


def test_a_table_of_values_goes_into_the_entry_of_its_sequences(look):
    said, part = look("values.csv", "gene,level\n" + "".join(f"g{i},{i / 7}\n" for i in range(12)))
    joined = {"path": "values.csv", "on": "gene"}
    assert part == {"join": joined, "columns": {"value": "level"}}
    assert "put this into the entry of the file that has the sequences" in said


def test_what_a_file_lacks_is_said(look):
    said, _ = look("plain.fa", ">a\nACGTACGT\n>b\nTTGTACGA\n")
    assert "a label or a value of each sequence" in said


@pytest.mark.parametrize("content", [b"", b"\xff\xfeA\0", b"ACGTACGTACGTACGT,1\n"])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, capsys, content):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    assert main(["data", "look", str(path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_variants_are_windows_of_their_genome_labelled_by_info(tmp_path, make, capsys):
    contig = dna(200)
    calls = '##fileformat=VCFv4.2\n##INFO=<ID=SIG,Number=1,Type=String,Description="s">\n'
    calls += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    for place, label in zip(range(20, 140, 10), "xy" * 6, strict=True):
        before = contig[place - 1]
        after = "CGTA"["ACGT".index(before)]
        calls += f"1\t{place}\t.\t{before}\t{after}\t.\t.\tSIG={label}\n"
    path, genome = tmp_path / "a.vcf", tmp_path / "ref.fa"
    path.write_text(calls)
    genome.write_text(f">1\n{contig}\n")
    assert main(["data", "look", str(path)]) == 2
    assert "name the genome" in capsys.readouterr().err
    assert main(["data", "look", str(path), "--genome", str(genome)]) == 0
    config = yaml.safe_load(capsys.readouterr().out.partition("For config.yaml:\n")[2])
    [entry] = config["datasets"].values()
    assert (entry["source"], entry["columns"]) == ("vcf", {"label": "SIG"})
    made = make(**entry)
    assert made.status == 0 and made.column("label") == [*"xy" * 6]
