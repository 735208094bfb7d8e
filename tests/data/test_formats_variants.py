"""Variants as windows of a genome: the form of KEGG's pairs, contig ends, strands; mistakes."""

import os
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from Bio import bgzf
from Bio.Seq import reverse_complement

from seqfuse.bio.reading.genome import Genome
from seqfuse.bio.reading.readers import Reader
from seqfuse.data.demo import generators
from seqfuse.language.answers import questions

HEAD = """##fileformat=VCFv4.2
##contig=<ID=1,length=200>
##INFO=<ID=SIG,Number=.,Type=String,Description="">
##INFO=<ID=AF,Number=A,Type=Float,Description="">
##INFO=<ID=AD,Number=R,Type=Integer,Description="">
##INFO=<ID=DB,Number=0,Type=Flag,Description="">
##INFO=<ID=STRAND,Number=1,Type=String,Description="">
"""
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
HEAD += COLUMNS
draw = random.Random(0)
ONE = "".join(draw.choices("ACGT", k=200))
TWO = "N" * 100 + "ACGTACGTAC" + "N" * 5
GENOME = f">chr1 the first\n{ONE[:80]}\n{ONE[80:160].lower()}\n{ONE[160:]}\n>chr2\n{TWO}\n"


def line(pos: int, ref: str, alt: str, info: str = ".", chrom: str = "1") -> str:
    return f"{chrom}\t{pos}\trs{pos}\t{ref}\t{alt}\t.\tPASS\t{info}\n"


@pytest.fixture
def genome(tmp_path) -> Path:
    path = tmp_path / "ref.fa"
    path.write_text(GENOME)
    return path


@pytest.fixture
def rows(tmp_path, genome):
    """The rows of a VCF of some lines."""

    def read(*lines: str, window=40, strand="+", genome=genome) -> list[dict]:
        path = tmp_path / "a.vcf"
        path.write_text(HEAD + "".join(lines))
        reader = Reader(path, genome=genome, window=window, strand=strand)
        return [row for _, row in reader.numbered(reader.columns())]

    return read


def test_windows_are_half_before_and_half_behind_the_allele(rows):
    ref = ONE[99]
    alt = "A" if ref != "A" else "C"
    [row] = rows(line(100, ref, alt))
    assert row["sequence"] == ONE[79:99] + ref + ONE[100:120]
    assert row["variant"] == ONE[79:99] + alt + ONE[100:120]
    assert row["id"] == f"1:100:{ref}>{alt}" and (row["CHROM"], row["POS"]) == ("1", "100")


def test_indels_and_several_alleles(rows):
    ref = ONE[99:102]
    alts = f"{ref[0]},{ref}GG,{ref[:1].lower()}"
    found = rows(line(100, ref, alts[: alts.rindex(",")], "AF=0.1,0.2;AD=9,1,2;SIG=x%3By;DB"))
    before, behind = ONE[79:99], ONE[102:122]
    assert [row["sequence"] for row in found] == [before + ref + behind] * 2
    assert [row["variant"] for row in found] == [
        before + ref[0] + behind,
        before + ref + "GG" + behind,
    ]
    assert [(row["AF"], row["AD"], row["SIG"], row["DB"]) for row in found] == [
        ("0.1", "1", "x;y", "yes"), ("0.2", "2", "x;y", "yes")
    ]  # fmt: skip
    assert found[0]["STRAND"] is None


def test_kegg_form_of_the_same_variants(tmp_path, mirror):
    """Each pair's reference as a contig of its own: the windows are the pair, letter by letter."""
    pairs = pq.read_table(f"{mirror}/kegg/train.parquet").to_pylist()[:200]
    contigs, lines, expected = [], [], []
    for number, pair in enumerate(pairs):
        sequences = pair["reference_sequence"], pair["variant_sequence"]
        ref, alt = (one[2000:-2000] for one in sequences)
        if ref and alt:
            contigs.append(f">{number}\n{sequences[0]}\n")
            lines.append(line(2001, ref, alt, chrom=str(number)))
            expected.append(sequences)
    (tmp_path / "ref.fa").write_text("".join(contigs))
    (tmp_path / "a.vcf").write_text(HEAD.partition("##contig")[0] + COLUMNS + "".join(lines))
    reader = Reader(tmp_path / "a.vcf", genome=tmp_path / "ref.fa")
    found = [(row["sequence"], row["variant"]) for _, row in reader.numbered([])]
    assert found == expected and len(found) > 150


def test_the_windows_of_a_pair_are_the_pair(tmp_path):
    """As above, of the embedded pairs: the whole contig on either side of the allele."""
    pairs = [(row["sequence"], row["variant"]) for row in generators.rows("variants", 0)][:50]
    contigs, lines = [], []
    for number, (reference, variant) in enumerate(pairs):
        place = len(os.path.commonprefix([reference, variant]))
        behind = len(os.path.commonprefix([reference[place:][::-1], variant[place:][::-1]]))
        ref, alt = (one[place : len(one) - behind] for one in (reference, variant))
        contigs.append(f">{number}\n{reference}\n")
        lines.append(line(place + 1, ref, alt, chrom=str(number)))
    (tmp_path / "ref.fa").write_text("".join(contigs))
    (tmp_path / "a.vcf").write_text(HEAD.partition("##contig")[0] + COLUMNS + "".join(lines))
    reader = Reader(tmp_path / "a.vcf", genome=tmp_path / "ref.fa", window=2 * len(pairs[0][0]))
    found = [(row["sequence"], row["variant"]) for _, row in reader.numbered([])]
    assert found == pairs


def test_windows_end_with_their_contig(rows):
    [row] = rows(line(3, ONE[2], "ACGT"[ONE[2] == "A"]))
    assert row["sequence"] == ONE[:23]
    [row] = rows(line(199, ONE[198], "ACGT"[ONE[198] == "A"]))
    assert row["sequence"] == ONE[178:]


def test_the_strand_turns_both_windows(rows):
    ref, alt = ONE[99], "ACGT"[ONE[99] == "A"]
    [plus] = rows(line(100, ref, alt))
    turned = [reverse_complement(plus[name]) for name in ("sequence", "variant")]
    [minus] = rows(line(100, ref, alt), strand="-")
    assert [minus["sequence"], minus["variant"]] == turned
    [by_field] = rows(line(100, ref, alt, "STRAND=-1"), strand="STRAND")
    assert [by_field["sequence"], by_field["variant"]] == turned


@pytest.mark.parametrize("name", ["chr1", "1"])
def test_a_contig_with_or_without_chr_in_a_bgzipped_genome(tmp_path, rows, name):
    path = tmp_path / "ref.fa.gz"
    with bgzf.open(path, "wb") as out:
        out.write(GENOME.encode().replace(b"chr1", b"1") if name == "chr1" else GENOME.encode())
    ref = ONE[99]
    [row] = rows(line(100, ref, "ACGT"[ref == "A"], chrom=name), genome=path)
    assert row["sequence"] == ONE[79:120]


def test_any_part_of_a_genome_in_any_order(genome, monkeypatch):
    monkeypatch.setattr("seqfuse.bio.reading.genome._AHEAD", 9)
    contigs, opened = {"chr1": ONE, "chr2": TWO}, Genome(genome)
    for _ in range(300):
        name = draw.choice([*contigs])
        start, end = draw.randint(-5, 210), draw.randint(-5, 210)
        assert opened.fetch(name, start, end) == contigs[name][max(0, start - 1) : max(0, end)]


def other(letter: str) -> str:
    return "ACGT"["ACGT".index(letter) - 1]


R = ONE[99]
COMPLEMENT = reverse_complement(R)
SHIFTED = next(
    p for p in range(20, 150) if ONE[p] not in (ONE[p - 1], reverse_complement(ONE[p - 1]))
)
STRANGER = next(letter for letter in "ACGT" if letter not in (R, COMPLEMENT, ONE[100]))
# what is wrong -> (line, what is said)
REFUSED = {
    "another base": (line(100, STRANGER, "A"), ["line 9 (id '1:100:", "REF differs from the"]),
    "complement": (line(100, COMPLEMENT, R),
                   ["line 9", "REF differs from", "it is the complement of the genome", "plus strand"]),  # noqa: E501
    "from zero": (line(SHIFTED, ONE[SHIFTED], "A"),
                  ["line 9", "it lies one position after POS", "counts from 1"]),
    "spaces": (line(100, R, other(R)).replace("\t", "  "), ["line 9", "1 columns", "tabs"]),
    "ambiguous": (line(100, "R", "A"), ["line 9", "REF is 'R', not nucleotides"]),
    "gVCF": (line(100, R, "<NON_REF>"), ["line 9", "'<NON_REF>', symbolic"]),
    "symbolic": (line(100, R, "<DEL>"), ["line 9", "'<DEL>', symbolic"]),
    "upstream deletion": (line(100, R, "*"), ["line 9", "deletion upstream"]),
    "breakend": (line(100, R, f"{R}[2:5["), ["line 9", "a breakend"]),
    "no alt": (line(100, R, "."), ["line 9", "no ALT"]),
    "alt is ref": (line(100, R, R), ["line 9", "ALT is REF"]),
    "no nucleotides": (line(100, R, "X"), ["line 9", "ALT is 'X', not nucleotides"]),
    "no contig": (line(100, R, other(R), chrom="7"), ["line 9", "no contig '7'", "chr1, chr2"]),
    "outside": (line(900, R, other(R)), ["line 9", "outside of its contig: '900 of 200'"]),
    "no position": (line(0, R, other(R)).replace("\t0\t", "\tx\t"), ["line 9", "POS is 'x'"]),
    "blanks": (f"1 100 . {R} A . . .\n", ["line 9", "1 columns", "tabs"]),
    "N run": (line(105, "A", "C", chrom="2"), ["line 9 (id '2:105:A>C')", "most of the window is N"]),  # noqa: E501
    "twice": (line(100, R, other(R), "SIG=x") * 2, ["line 10", "occurs twice, first in"]),
    "no label": (line(100, R, other(R)), ["line 9 (id '1:100:", "the label is missing"]),
}  # fmt: skip


@pytest.fixture
def variants(make, genome):
    """Run the command on a VCF."""

    def run(text: str, **entry):
        entry = {"study": "language", "question": "Which?", "source": "vcf", "window": 40,
                 "genome": str(genome), "columns": {"label": "SIG"}} | entry  # fmt: skip
        return make({"a.vcf": text}, **entry)

    return run


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_one_line(variants, case):
    text, wanted = REFUSED[case]
    made = variants(HEAD + text)
    [said] = made.said.splitlines()
    assert made.status == 2 and made.written == [] and len(made.wording) < 300
    for part in ["a.vcf", *wanted]:
        assert part in said
    if case not in ("twice", "no label"):
        both = variants(HEAD + text + line(50, ONE[49], other(ONE[49]), "SIG=x"), bad_rows="reject")
        assert both.status == 0 and both.column("id") == [f"1:50:{ONE[49]}>{other(ONE[49])}"]


# How a whole file is wrong -> (its lines, what is said)
PLACED = range(21, 61)
MISPLACED = {
    "from zero": ([line(p, ONE[p], "N") for p in PLACED], "each lies one position after POS"),
    "other strand": (
        [line(p, reverse_complement(ONE[p - 1]), "N") for p in PLACED],
        "REF differs from the genome in 40 of 40 variants; each is the complement",
    ),
    "another build": ([line(p, ONE[-p], "N") for p in PLACED], "variants; give the assembly that"),
}


@pytest.mark.parametrize("bad_rows", ["reject", "refuse"])
@pytest.mark.parametrize("case", MISPLACED)
def test_a_file_that_agrees_with_its_genome_by_chance_is_refused(variants, case, bad_rows):
    lines, wanted = MISPLACED[case]
    made = variants(HEAD + "".join(lines), bad_rows=bad_rows)
    [said] = made.said.splitlines()
    assert made.status == 2 and wanted in said and made.written == []
    # Of a few rows each is told; half of them may be wrong.
    wrong = [row for row in lines if int(row.split("\t")[1]) < 31]
    right = [line(p, ONE[p - 1], other(ONE[p - 1]), "SIG=x") for p in range(100, 110)]
    few = variants(HEAD + "".join(wrong + right), bad_rows=bad_rows)
    assert few.status == (2 if bad_rows == "refuse" else 0)
    assert "rows (lines 9 (id '1:2" in few.said and "REF differs from the genome" in few.said


def test_windows_line_ends_and_lower_case_are_no_matter(rows, tmp_path):
    lines = [line(p, ONE[p - 1], other(ONE[p - 1])) for p in (50, 100, 150)]
    plain = rows(*lines)
    genome = tmp_path / "windows.fa"
    genome.write_bytes(GENOME.replace("\n", "\r\n").encode())
    lower = [
        one.replace(f"\t{ref}\t", f"\t{ref.lower()}\t")
        for one, ref in zip(lines, (ONE[49], ONE[99], ONE[149]), strict=True)
    ]
    found = rows(*(one.replace("\n", "\r\n") for one in lower), genome=genome)
    for name in ("sequence", "variant", "POS"):
        assert [row[name] for row in found] == [row[name] for row in plain]
    assert [row["REF"] for row in found] == [row["REF"].lower() for row in plain]


def test_labels_come_from_info_and_rows_that_are_odd_are_counted(variants, tmp_path):
    lines = [line(p, ONE[p - 1], other(ONE[p - 1]), f"SIG={'xy'[p % 2]}") for p in (3, 100, 101)]
    made = variants(HEAD + "".join(lines), labels={"x": "benign", "y": "pathogenic"})
    assert made.column("label") == ["pathogenic", "benign", "pathogenic"]
    assert made.column("line") == [9, 10, 11]
    assert "1 windows end where their contig does" in made.said
    assert (tmp_path / "ref.fa.fai").is_file()


# what is wrong with a file or an entry -> (text, entry, what is said)
WHOLE = {
    "another assembly": (HEAD.replace("200", "249") + line(100, R, other(R)), {},
                         ["has 249 nt", "has 200", "assembly"]),
    "no header": (line(100, R, "A"), {}, ["line 1", "before the line of column names"]),
    "header with blanks": (HEAD.replace("\t", " "), {}, ["line 8", "separate them by tabs"]),
    "bcf": ("BCF\2\2", {}, ["BCF", "bcftools view"]),
    "no genome": (HEAD, {"genome": "nowhere.fa"}, ["nowhere.fa does not exist"]),
    "files": (HEAD, {"source": "files", "window": None}, ["is a VCF", "source: vcf"]),
    "strand": (HEAD + line(100, R, other(R)), {"strand": "STRAN"}, ["'STRAN'", "mean 'STRAND'"]),
    "undeclared": (COLUMNS + line(100, R, other(R), "SIG=x"), {}, ["'SIG' (the header declares"]),
    "label": (HEAD + line(100, R, other(R)), {"columns": {"label": "SIGN"}}, ["mean 'SIG'"]),
}  # fmt: skip


@pytest.mark.parametrize("case", WHOLE)
def test_a_file_that_cannot_be_used_is_refused(make, genome, case):
    text, changed, wanted = WHOLE[case]
    entry = {"study": "language", "question": "?", "source": "vcf", "window": 40,
             "genome": str(genome), "columns": {"label": "SIG"}} | changed  # fmt: skip
    made = make(
        {"a.vcf": text}, **{key: value for key, value in entry.items() if value is not None}
    )
    [said] = made.said.splitlines()
    assert made.status == 2
    for part in wanted:
        assert part in said


# what is wrong with a genome -> (its content, what is said)
GENOMES = {
    "gzip": (None, ["bgzip"]),
    "uneven": (">chr1\nACGT\nAC\nACGT\n", ["lines of equal length"]),
    "twice": (">chr1\nACGT\n>chr1\nACGT\n", ["unique names"]),
    "table": ("a,b\n", ["the genome cannot be indexed"]),
    "2bit": ("x", ["g.2bit", "twoBitToFa"]),
}


@pytest.mark.parametrize("case", GENOMES)
def test_a_genome_that_cannot_be_indexed_is_refused(rows, tmp_path, case):
    import gzip

    content, wanted = GENOMES[case]
    path = tmp_path / ("g.2bit" if content == "x" else "g.fa" if content else "g.fa.gz")
    path.write_bytes(content.encode() if content else gzip.compress(GENOME.encode()))
    with pytest.raises(Exception) as error:  # noqa: B017 (its text is what counts)
        rows(line(100, R, other(R)), genome=path)
    assert type(error.value).__name__ == "UserError" and "\n" not in str(error.value)
    for part in wanted:
        assert part in str(error.value)


def test_asked_about_a_vcf_each_allele_is_a_row_with_its_place(tmp_path, genome, capsys):
    path = tmp_path / "a.vcf"
    path.write_text(HEAD + line(100, R, f"{other(R)},<DEL>") + line(101, ONE[100], other(ONE[100])))
    rows = [*questions.read_vcf(path, genome, 40, "+")]
    assert [row.id for row in rows] == [
        f"1:100:{R}>{other(R)}", f"1:100:{R}><DEL>", f"1:101:{ONE[100]}>{other(ONE[100])}"
    ]  # fmt: skip
    assert rows[0].cells["variant"] == ONE[79:99] + other(R) + ONE[100:120]
    assert [row.place.number for row in rows] == [9, 9, 10]
    assert rows[1].fault is not None and "symbolic" in str(rows[1].fault)
    places = [(100, R, other(R)), (100, R, "<DEL>"), (101, ONE[100], other(ONE[100]))]
    assert [questions.position(row) for row in rows] == [
        {"chrom": "1", "pos": pos, "ref": ref, "alt": alt} for pos, ref, alt in places
    ]
