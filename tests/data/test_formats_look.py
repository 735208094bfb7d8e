"""`seqfuse data look`: what a file is, what is odd, and an entry that can be pasted."""

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
        "'High', 'high ' differ in case or blanks alone",
        "line 14: a row of 1 cells under a header of 3",
    ):
        assert what in said, said


def test_coding_sequences_of_another_genetic_code_are_cleaned_with_it(look):
    rows = [f"a{i},ATG{dna(9)}TAA,{i},{'' if i == 5 else 4 if i == 6 else 11}\n" for i in range(12)]
    _, config = look("bacteria.csv", "id,sequence,value,transl_table\n" + "".join(rows))
    [entry] = config["datasets"].values()
    assert entry["cleaning"] == {"genetic_code": 11, "other_genetic_code": "drop"}


def test_a_table_of_values_goes_into_the_entry_of_its_sequences(look):
    said, part = look("values.csv", "gene,level\n" + "".join(f"g{i},{i / 7}\n" for i in range(12)))
    joined = {"path": "values.csv", "on": "gene"}
    assert part == {"join": joined, "columns": {"value": "level"}}
    assert "this goes into the entry of the file that has the sequences" in said


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
