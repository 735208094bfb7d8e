"""Coding sequences of GenBank, EMBL and GFF3: spliced, on their strand, in frame; what is wrong."""

import gzip
import io
import warnings
from pathlib import Path

import pytest
from Bio import BiopythonWarning, SeqIO, bgzf
from Bio.Seq import Seq

from seqfuse.bio.reading.readers import Reader
from seqfuse.errors import UserError

# Nucleotides 1 to 60: two exons of a gene on the plus strand, a gene on the minus strand.
CONTIG = "CCATGGCCGTAAGTTTTCAGAAATAACC" + "GGTTATTTCGGCCATGG" + "ACGTACGTACGTACG"
PLUS = "ATGGCC" + "AAATAA"  # 3..8 and 21..26
MINUS = "ATGGCCGAAATAA"[:12]  # the complement of 32..43, read backwards
HEAD = "LOCUS       TEST {:>28} bp    DNA     linear   BCT 01-JAN-2020\nDEFINITION  .\n"
HEAD += "ACCESSION   TEST\nVERSION     TEST.1\nFEATURES             Location/Qualifiers\n"
PLACES = {"plus": "join(3..8,21..26)", "minus": "complement(32..43)"}


def feature(location: str, **said: str) -> str:
    lines = [f"     CDS             {location}\n"]
    lines += [f"                     /{key}" + (f"={value}\n" if value else "\n")
              for key, value in said.items()]  # fmt: skip
    return "".join(lines)


def genbank(*features: str, contig: str = CONTIG) -> str:
    origin = "ORIGIN\n" + "".join(
        f"{i + 1:>9} {contig[i : i + 60].lower()}\n" for i in range(0, len(contig), 60)
    )
    return HEAD.format(len(contig)) + "".join(features) + origin + "//\n"


BOTH = genbank(
    feature(PLACES["plus"], gene='"abc"', locus_tag='"T1"', transl_table="11"),
    feature(PLACES["minus"], protein_id='"P2"', locus_tag='"T2"'),
)
GFF = """##gff-version 3
chr1\tx\tgene\t3\t26\t.\t+\t.\tID=gene1
chr1\tx\tmRNA\t3\t26\t.\t+\t.\tID=rna1;Parent=gene1
chr1\tx\tCDS\t3\t8\t.\t+\t0\tID=cds1;Parent=rna1;product=a%3Bb
chr1\tx\tCDS\t21\t26\t.\t+\t0\tID=cds1;Parent=rna1;product=a%3Bb
chr1\tx\tCDS\t32\t43\t.\t-\t0\tParent=rna2;transl_table=11
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def read(path: Path, genome: Path | None = None) -> list:
    return [(number, row) for number, row in Reader(path, genome=genome).each([])]


def test_a_cds_is_spliced_and_on_its_strand(tmp_path):
    [(first, plus), (second, minus)] = read(write(tmp_path, "a.gb", BOTH))
    assert (first, second) == (6, 10)  # the lines on which they begin
    assert (plus["sequence"], minus["sequence"]) == (PLUS, MINUS)
    assert (plus["id"], minus["id"]) == ("T1", "P2")
    assert (plus["gene"], plus["transl_table"], minus["transl_table"]) == ("abc", "11", None)
    assert (plus["partial"], plus["record"]) == ("no", "TEST.1")


def test_embl_holds_what_genbank_holds(tmp_path):
    records = [*SeqIO.parse(io.StringIO(BOTH), "genbank")]
    out = io.StringIO()
    SeqIO.write(records, out, "embl")
    found = read(write(tmp_path, "a.embl", out.getvalue()))
    ours = read(write(tmp_path, "a.gbff", BOTH))
    same = [name for name in ours[0][1] if name != "organism"]
    assert [[row[n] for n in same] for _, row in found] == [
        [row[n] for n in same] for _, row in ours
    ]
    lines = out.getvalue().splitlines()
    assert [number for number, _ in found] == [
        number for number, line in enumerate(lines, start=1) if line.startswith("FT   CDS")
    ]


@pytest.mark.parametrize(
    ("location", "start", "sequence", "partial"),
    [
        ("<3..11", "1", "ATGGCCGTA", "5'"),
        ("<4..11", "3", "GCCGTA"[0:6], "5'"),
        ("3..>11", "1", "ATGGCCGTA", "3'"),
        ("<3..>11", "1", "ATGGCCGTA", "both"),
        ("complement(<34..43)", "1", "ATGGCCGAAA", "3'"),
        ("complement(32..>42)", "3", "GGCCGAAATAA"[1:], "5'"),
        ("join(complement(32..37),21..26)", "1", "GAAATA"[0:0] + "GAAATAAAATAA"[0:0], None),
    ],
)
def test_ends_that_lie_outside_and_the_frame(tmp_path, location, start, sequence, partial):
    path = write(tmp_path, "a.gb", genbank(feature(location, codon_start=start, locus_tag='"T"')))
    [(_, row)] = read(path)
    if partial is None:  # parts on both strands: each on its own, as Biopython extracts it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BiopythonWarning)
            record = next(SeqIO.parse(path, "genbank"))
        assert row["sequence"] == str(record.features[0].extract(record.seq))
        return
    whole = Seq(CONTIG)
    ends = [int("".join(c for c in end if c.isdigit())) for end in location.split("..")]
    expected = whole[ends[0] - 1 : ends[1]]
    if location.startswith("complement"):
        expected = expected.reverse_complement()
    assert row["sequence"] == str(expected)[int(start) - 1 :]
    assert row["partial"] == partial


def test_a_join_over_the_origin_of_a_circle(tmp_path):
    text = genbank(feature("join(58..60,1..3)", locus_tag='"T"')).replace("linear  ", "circular")
    [(_, row)] = read(write(tmp_path, "a.gbk", text))
    assert row["sequence"] == CONTIG[57:] + CONTIG[:3]


def test_gff3_takes_its_parts_from_the_genome(tmp_path):
    genome = write(tmp_path, "ref.fa", f">chr1\n{CONTIG}\n")
    [(first, plus), (second, minus)] = read(write(tmp_path, "a.gff3", GFF), genome)
    assert (plus["sequence"], minus["sequence"]) == (PLUS, MINUS)
    assert (first, second) == (4, 6)
    assert (plus["id"], minus["id"]) == ("cds1", "rna2")
    assert (plus["gene"], plus["transcript"], plus["product"]) == ("gene1", "rna1", "a;b")
    assert minus["transl_table"] == "11"
    # The phase of the first part says where the first codon begins, on either strand.
    shifted = GFF.replace("\t3\t8\t.\t+\t0", "\t4\t8\t.\t+\t2").replace(
        "32\t43\t.\t-\t0", "32\t42\t.\t-\t2"
    )
    [(_, plus), (_, minus)] = read(write(tmp_path, "b.gff", shifted), genome)
    assert (plus["sequence"], minus["sequence"]) == (PLUS[3:], MINUS[3:])


def test_gff3_and_genbank_agree_on_a_file_with_values(make, tmp_path):
    (tmp_path / "ref.fa").write_text(f">chr1\n{CONTIG}\n")
    (tmp_path / "values.csv").write_text("key,value\nT1,1\nT2,2\ncds1,1\nrna2,2\n")
    joined = {"path": str(tmp_path / "values.csv")}
    first = make({"a.gb": BOTH}, join=joined | {"on": {"locus_tag": "key"}})
    genome = str(tmp_path / "ref.fa")
    second = make({"a.gff3": GFF}, join=joined | {"on": {"id": "key"}}, genome=genome)
    for made in (first, second):
        assert made.status == 0 and made.column("sequence") == [PLUS, MINUS]
        assert made.column("value") == [1, 2]
    assert "1 coding sequences have transl_table 11" in first.said
    assert [made.column("transl_table") for made in (first, second)] == [[11, None], [None, 11]]


CUT = (
    genbank(feature("3..8", locus_tag='"T"')).rpartition("ORIGIN")[0] + "ORIGIN\n        1 ccatgg\n"
)
T = {"locus_tag": '"T"'}
PROTEIN = (
    f"LOCUS       TEST {'9 aa':>26}            linear   BCT 01-JAN-2020\n"
    + genbank(feature("3..8", **T), contig="MKVLQEFGH").partition("\n")[2]
)
# what is wrong -> (file name, content, what the line says)
REFUSED = {
    "no sequence": ("a.gb", HEAD.format(60) + feature("3..8", **T) + "CONTIG      join(X.1:1..60)\n//\n",  # noqa: E501
                    ["line 6 (id 'T')", "'TEST.1' has no sequence", "GenBank (full)"]),
    "outside": ("a.gb", genbank(feature("3..80", **T)), ["line 6 (id 'T')", "outside of its record"]),  # noqa: E501
    "elsewhere": ("a.gb", genbank(feature("join(3..8,Y0.1:1..3)", **T)),
                  ["line 6 (id 'T')", "another record, 'Y0.1'"]),
    "no place": ("a.gb", genbank(feature("somewhere", **T)), ["line 6 (id 'T')", "cannot be read"]),
    "order": ("a.gb", genbank(feature("order(3..8,21..26)", **T)), ["line 6 (id 'T')", "order("]),
    "codon start": ("a.gb", genbank(feature("3..8", codon_start="4", **T)),
                    ["line 6 (id 'T')", "codon_start is '4'"]),
    "cut": ("a.gb", CUT, ["line 9", "'TEST.1' is cut: it has 6 of 60 nt", "fetch it again"]),
    "tabs": ("a.gb", BOTH.replace("     CDS", "\tCDS"), ["a.gb", "no CDS in 1 records"]),
    "fasta": ("a.gb", ">a\nACG\n", ["FASTA", ".fasta"]),
    "embl": ("a.gb", "ID   X; SV 1;\nXX\n", ["EMBL", ".embl"]),
    "no record": ("a.gb", "\n\n", ["no record"]),
    "no cds": ("a.gb", genbank().replace("DNA ", "mRNA"), ["no CDS in 1 records", "FASTA"]),
    "protein": ("a.gb", PROTEIN, ["line 6 (id 'T')", "'TEST.1' is a protein", "nucleotides"]),
    "same id": ("a.gb", genbank(feature("3..8", **T), feature("21..26", **T)),
                ["line 8 (id 'T')", "occurs twice", "line 6"]),
    "gff no cds": ("a.gff3", "".join(GFF.splitlines(True)[:3]), ["no CDS"]),
    "gff columns": ("a.gff3", GFF + "chr1 x CDS 3 8 . + 0 ID=z\n", ["line 7", "1 columns", "tabs"]),
    "gff blanks": ("a.gff3", GFF.replace("\t", "   "), ["5 rows (lines 2, 3", "1 columns", "tabs"]),
    "gff place": ("a.gff3", GFF + "chr1\tx\tCDS\t8\t3\t.\t+\t0\tID=z\n",
                  ["line 7 (id 'z')", "start..end is '8..3'"]),
    "gff strand": ("a.gff3", GFF + "chr1\tx\tCDS\t3\t8\t.\t.\t0\tID=z\n",
                   ["line 7 (id 'z')", "strand is '.'"]),
    "gff phase": ("a.gff3", GFF + "chr1\tx\tCDS\t3\t8\t.\t+\t.\tID=z\n",
                  ["line 7 (id 'z')", "phase is '.'"]),
    "gff contig": ("a.gff3", GFF + "chr2\tx\tCDS\t3\t8\t.\t+\t0\tID=z\n",
                   ["line 7 (id 'z')", "no contig 'chr2'", "ref.fa has chr1"]),
    "gff outside": ("a.gff3", GFF + "chr1\tx\tCDS\t3\t80\t.\t+\t0\tID=z\n",
                    ["line 7 (id 'z')", "outside of its contig: '80 of 60'"]),
    "gff both strands": ("a.gff3", GFF + "chr1\tx\tCDS\t3\t8\t.\t+\t0\tParent=rna2\n",
                         ["line 6 (id 'rna2')", "both strands"]),
    "gff overlap": ("a.gff3", GFF + "chr1\tx\tCDS\t40\t45\t.\t-\t0\tParent=rna2\n",
                    ["line 6 (id 'rna2')", "overlap: '32..43,40..45'"]),
    "gff apart": ("a.gff3", GFF + "chr2\tx\tgene\t1\t2\t.\t+\t.\tID=y\n"
                  "chr1\tx\tCDS\t50\t52\t.\t-\t0\tParent=rna2\n", ["line 8 (id 'rna2')", "scattered"]),  # noqa: E501
    "gff no id": ("a.gff3", GFF + "chr1\tx\tCDS\t3\t8\t.\t+\t0\tNote=z\n", ["line 7", "without ID"]),  # noqa: E501
    "gtf": ("a.gff", 'chr1\tx\tCDS\t3\t8\t.\t+\t0\tgene_id "a"; transcript_id "b";\n', ["GTF", "gffread"]),  # noqa: E501
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_one_line(make, tmp_path, case):
    name, content, wanted = REFUSED[case]
    (tmp_path / "ref.fa").write_text(f">chr1\n{CONTIG}\n")
    more = {"genome": str(tmp_path / "ref.fa")} if name.startswith("a.gff") else {}
    more |= {"study": "language", "question": "Which?", "columns": {"label": "partial"}}
    made = make({name: content}, **more)
    [line] = made.said.splitlines()
    assert made.status == 2 and made.written == [] and len(made.wording) < 280
    for part in [str(tmp_path / name), *wanted]:
        assert part in line


def test_pseudogenes_are_left_out_and_named(make):
    text = genbank(feature("3..8", **T, pseudo=""), feature("3..8", locus_tag='"U"'))
    made = make({"a.gb": text}, study="language", question="Which?", columns={"label": "partial"})
    assert made.column("id") == ["U"]
    assert "line 6 (id 'T'): a pseudogene" in made.said


def test_windows_line_ends_are_no_matter(tmp_path):
    (tmp_path / "ref.fa").write_bytes(f">chr1\r\n{CONTIG}\r\n".encode())
    (tmp_path / "a.gff3").write_bytes(GFF.replace("\n", "\r\n").encode())
    (tmp_path / "a.gb").write_bytes(BOTH.replace("\n", "\r\n").encode())
    for found in (read(tmp_path / "a.gff3", tmp_path / "ref.fa"), read(tmp_path / "a.gb")):
        assert [row["sequence"] for _, row in found] == [PLUS, MINUS]


@pytest.mark.parametrize("between", ["##FASTA\n", ""])
def test_gff3_that_ends_in_its_genome(tmp_path, between):
    genome = write(tmp_path, "ref.fa", f">chr1\n{CONTIG}\n")
    path = write(tmp_path, "a.gff3", f"{GFF}{between}>chr1\n{CONTIG}\n")
    assert [row["sequence"] for _, row in read(path, genome)] == [PLUS, MINUS]
    with pytest.raises(UserError) as error:
        read(path)
    assert ("a.gff3 | sed '1,/^##FASTA/d' > ref.fa" in str(error.value)) == bool(between)


def test_gff3_without_a_genome_asks_for_it(make):
    made = make({"a.gff3": GFF}, study="language", question="?", columns={"label": "partial"})
    assert made.status == 2 and "genome: ref.fa in the dataset's entry" in made.said


# what a .txt holds -> the columns it has
TEXTS = {
    ">a\nACG\n": ["id", "sequence"],
    "; made by hand\n# 2024, again\n\n>a\nACG\n": ["id", "sequence"],
    "name\tcds\na\tACG\n": ["name", "cds"],
    "# made by hand\nname,cds\na,ACG\n": ["name", "cds"],
    "#name,cds\na,ACG\n": ["name", "cds"],
    '{"name": "a"}\n': ["name"],
}


@pytest.mark.parametrize("pack", [None, gzip.compress, "bgzip"])
@pytest.mark.parametrize("text", TEXTS)
def test_txt_is_told_by_its_content(tmp_path, text, pack):
    path = tmp_path / f"a.txt{'' if pack is None else '.gz'}"
    if pack == "bgzip":
        with bgzf.open(path, "wb") as out:
            out.write(text.encode())
    else:
        path.write_bytes(pack(text.encode()) if pack else text.encode())
    reader = Reader(path)
    assert reader.columns() == TEXTS[text]
    [(line, row)] = reader.each(TEXTS[text])
    wanted = next(
        n for n, s in enumerate(text.splitlines(), 1) if s.startswith((">", "a,", "a\t", "{"))
    )
    assert line == wanted and "a" in row.values()


def test_txt_of_annotation_and_of_nothing_known(tmp_path):
    assert Reader(write(tmp_path, "a.txt", BOTH)).columns()[:3] == ["id", "sequence", "gene"]
    assert Reader(write(tmp_path, "b.txt", GFF)).columns()[:3] == ["id", "sequence", "transcript"]
    with pytest.raises(Exception, match="by its content; give its name the suffix of its format"):
        Reader(write(tmp_path, "c.txt", "ACGT\nACGT\n")).columns()


@pytest.mark.parametrize("name", ["a.fas", "a.ffn", "a.fas.bgz"])
def test_more_names_of_fasta(tmp_path, name):
    opened = bgzf.open if name.endswith("gz") else open
    with opened(tmp_path / name, "wt") as out:
        out.write(";comment\n>a x\nAC\nGT\n")
    assert [*Reader(tmp_path / name).each([])] == [(2, {"id": "a", "sequence": "ACGT"})]
