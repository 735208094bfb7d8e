"""docs/own-data.md, done as it says, from the page's own text.

CI looks at the files, reads and cleans every dataset, and parses what needs a trained model; `make
test-own-data` runs it all, to the predictions.
"""

import csv
import gzip
import json
import random
import re
import shlex
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from seqfuse import cli, tables
from seqfuse.settings import configuration, yaml_files

# What each is run for: all that its predictions read. Fewer seeds and steps, to be quick.
ARM = "results/{0}/codons/{0}/concat/arm.json"
ONE_SEED = ("--config", "seeds=1")
MADE = {
    "genes.yaml": (ARM.format("my-genes"), *ONE_SEED),
    "bacterium.yaml": (ARM.format("my-cds"), *ONE_SEED),
    "variants.yaml": (
        "results/my-variants/language/mine/onevocab/predictions.parquet",
        *ONE_SEED,
        "language={training: {steps: 2, validate_every: 2}}",
    ),
    "by_codon.yaml": (
        "results/my-classes/language/mine/by_codon/model/seed0/manifest.json",
        *ONE_SEED,
        "language={training: {steps: 2, validate_every: 2}}",
    ),
}
ROWS = 50
PLACES = range(200, 1700, 30)  # of the labelled variants


def cds(draw: random.Random) -> str:
    codons = ("GCT", "GCC", "AAA", "AAG", "CTG", "TTA", "GAT", "GAC")
    return "ATG" + "".join(draw.choices(codons, k=draw.randint(20, 30))) + "TAA"


def genbank(sequences: list[str]) -> str:
    """A bacterial record with the sequences one behind the other, every other one reversed."""
    turn = str.maketrans("ACGT", "TGCA")
    contig, features = "", ""
    for number, dna in enumerate(sequences):
        start, end = len(contig) + 1, len(contig) + len(dna)
        place = f"complement({start}..{end})" if number % 2 else f"{start}..{end}"
        features += f'     CDS             {place}\n{" " * 21}/locus_tag="g{number}"\n'
        features += f"{' ' * 21}/transl_table=11\n"
        contig += dna[::-1].translate(turn) if number % 2 else dna
    lines = (f"{i + 1:>9} {contig[i : i + 60]}\n" for i in range(0, len(contig), 60))
    return (
        f"LOCUS       TEST {len(contig):>28} bp    DNA     linear   BCT 01-JAN-2020\n"
        "ACCESSION   TEST\nVERSION     TEST.1\nFEATURES             Location/Qualifiers\n"
        f"{features}ORIGIN\n{''.join(lines)}//\n"
    )


def vcf(contig: str, places: range, info: str) -> str:
    head = '##fileformat=VCFv4.2\n##INFO=<ID=CLNSIG,Number=1,Type=String,Description="">\n'
    head += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    labels = ("Benign", "Pathogenic")
    lines = (
        f"1\t{place}\t.\t{contig[place - 1]}\t{'CGTA'['ACGT'.index(contig[place - 1])]}\t.\tPASS\t"
        f"{info.format(labels[number % 2])}\n"
        for number, place in enumerate(places)
    )
    return head + "".join(lines)


@pytest.fixture(scope="module")
def blocks(root) -> list[tuple[str, str]]:
    """(language, text) of each block of the page, in order."""
    text = (root / "docs" / "own-data.md").read_text(encoding="utf-8")
    return re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def commands(blocks) -> list[list[str]]:
    """The words of each command of the page."""
    typed = [block.replace("\\\n", " ") for language, block in blocks if not language]
    return [shlex.split(line) for block in typed for line in block.splitlines()]


@pytest.fixture(scope="module")
def script(blocks) -> str:
    """What the page does with pandas."""
    [block] = [block for language, block in blocks if language == "python"]
    return block


def rows(name: str) -> list[dict]:
    """The rows of a table."""
    with Path(name).open() as file:
        return [*csv.DictReader(file)]


@pytest.fixture
def write(blocks):
    """Write the page's configurations and the files that it speaks of into a folder."""

    def into(folder: Path) -> None:
        draw = random.Random(0)
        written = [block for language, block in blocks if language == "yaml"]
        for name, block in zip(MADE, written, strict=True):
            (folder / name).write_text(block)
        genes = [cds(draw) for _ in range(ROWS)]
        fasta = [f">g{number} of a mouse\n{dna}\n" for number, dna in enumerate(genes)]
        (folder / "genes.fa").write_text("".join(fasta))
        (folder / "new.fa").write_text("".join(fasta[:2]))
        for name, header in (("values.csv", "id,half_life"), ("levels.csv", "gene,level")):
            rows = [f"g{number},{draw.random():.3f}" for number in range(ROWS)]
            (folder / name).write_text("\n".join([header, *rows, ""]))
        classes = [f"g{number},{('yes', 'no')[number % 2]}" for number in range(ROWS)]
        (folder / "classes.csv").write_text("\n".join(["gene,class", *classes, ""]))
        (folder / "bacterium.gb").write_text(genbank(genes))
        (folder / "new.gb").write_text(genbank(genes[:2]))
        contig = "".join(draw.choices("ACGT", k=2000))
        (folder / "ref.fa").write_text(f">chr1\n{contig}\n")
        (folder / "labelled.vcf").write_text(vcf(contig, PLACES, "CLNSIG={}"))
        calls = vcf(contig, range(215, 275, 30), ".").encode()
        (folder / "calls.vcf.gz").write_bytes(gzip.compress(calls))

    return into


def test_formats_the_pages_files_are_looked_at_read_and_cleaned(
    commands, script, write, tmp_path, monkeypatch, capsys
):
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    kept = {}
    for program, *words in commands:
        if program == "snakemake":
            own = yaml_files.load_yaml(Path(words[-1]))
            settings = configuration.resolve(own)
            [name] = own["datasets"]
            entry = json.dumps(settings["datasets"][name])
            read = ["--out", f"{name}/r.parquet", "--card", f"{name}/card.json"]
            assert cli.main(["data", "records", "--name", name, "--entry", entry, *read]) == 0
            cleaning = own["datasets"][name].get("cleaning", {})
            cleaning |= {"cds": 0} if own["datasets"][name].get("cds") else {}
            flags = [w for k, v in cleaning.items() for w in (f"--{k.replace('_', '-')}", str(v))]
            study = ["--study", own["studies"][0], "--out", f"{name}/clean", *flags]
            assert cli.main(["sequences", "--records", f"{name}/r.parquet", *study]) == 0
            kept[name] = json.loads(Path(name, "clean", "audit.json").read_text())["rows"]["kept"]
        elif words[:2] == ["data", "look"]:
            assert cli.main(words) == 0
            assert "For config.yaml:" in capsys.readouterr().out
        else:  # it needs a trained model
            assert cli._parser(words).parse_args(words).model.parts[0] == "results"
    assert kept == dict.fromkeys(("my-genes", "my-cds", "my-variants", "my-classes"), ROWS)
    assert tables.read(Path("my-classes/clean/frames.parquet"), tables.FRAMES).num_rows == ROWS
    # The place of each prediction: the ids are those of the records.
    cleaned = tables.read(Path("my-variants/clean/records.parquet"), tables.CLEAN)
    for name, table in (
        ("language/mine/onevocab/predictions.parquet", cleaned.select(["id"])),
        ("sequences/my-variants/records.parquet", cleaned),
    ):
        path = Path("results/my-variants", name)
        path.parent.mkdir(parents=True)
        pq.write_table(table, path)
    exec(script, {})
    placed = rows("predicted-variants.csv")
    assert [(row["chrom"], int(row["pos"])) for row in placed] == [("1", p) for p in PLACES]
    assert {(row["ref"], row["alt"]) for row in placed} == {*zip("ACGT", "CGTA", strict=True)}
    assert [row["label"] for row in placed] == ["Benign", "Pathogenic"] * (ROWS // 2)


@pytest.mark.whole
def test_formats_the_page_leads_from_files_to_answers(
    commands, script, write, make_project, monkeypatch
):
    made = make_project()
    write(made.root)
    monkeypatch.chdir(made.root)
    for program, *words in commands:
        if program == "snakemake":
            made.snakemake(*MADE[words[-1]], *words)
        else:
            assert (program, cli.main(words)) == ("seqfuse", 0)

    for name in ("predicted.csv", "levels-predicted.csv"):
        assert [row["id"] for row in rows(name)] == ["g0", "g1"]
        assert all(float(row["prediction"]) for row in rows(name))
    exec(script, {})
    placed = rows("predicted-variants.csv")
    assert len(placed) == 10 and {int(row["pos"]) for row in placed} < {*PLACES}
    answers = rows("answers.csv")
    assert [(row["chrom"], row["pos"]) for row in answers] == [("1", "215"), ("1", "245")]
    for row in answers:
        assert row["likeliest"] in ("Benign", "Pathogenic") and row["note"] == ""
        assert float(row["p(Benign)"]) + float(row["p(Pathogenic)"]) == pytest.approx(1)
