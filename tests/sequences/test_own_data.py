"""Sequences of one's own: what cleaning makes of them, what it counts, and what it says of them."""

import pyarrow as pa
import pytest

from seqfuse import tables
from seqfuse.bio.codon_usage import Synonyms, counted
from seqfuse.bio.frames import code, frames, proteins
from seqfuse.cli import main
from seqfuse.codons.inputs import dataset as codons_dataset
from seqfuse.controls.properties import codon_shuffling

RESIDUES = ("GCC", "AAA", "CTG", "GAT")
BODY = "".join(RESIDUES * 25)  # a hundred codons without a stop
WHOLE = f"ATG{BODY}TAA"
# NCBI's lists of codons that start translation, as Biopython 1.88 has them.
STARTS = {
    1: "TTG CTG ATG", 2: "ATT ATC ATA ATG GTG", 3: "ATA ATG GTG",
    4: "TTA TTG CTG ATT ATC ATA ATG GTG", 5: "TTG ATT ATC ATA ATG GTG", 6: "ATG", 9: "ATG GTG",
    10: "ATG", 11: "TTG CTG ATT ATC ATA ATG GTG", 12: "CTG ATG", 13: "TTG ATA ATG GTG", 14: "ATG",
    15: "ATG", 16: "ATG", 21: "ATG GTG", 22: "ATG", 23: "ATT ATG GTG", 24: "TTG CTG ATG GTG",
    25: "TTG ATG GTG", 26: "CTG ATG", 29: "ATG", 30: "ATG", 32: "TTG CTG ATT ATC ATA ATG GTG",
    33: "TTG CTG ATG GTG",
}  # fmt: skip


def refusal(cleaned) -> str:
    assert cleaned.status == 2
    [line] = cleaned.said.splitlines()
    assert len(line) < 300 and line.isprintable()
    return line


def protein(dna: str, table: int) -> str:
    [found] = frames(pa.array(["x"]), pa.array([dna]), table).to_pylist()
    assert proteins(pa.array([dna]), table) == [found["protein"]]
    return found["protein"]


def test_several_stops_at_the_end_are_no_residue(clean):
    """The form of CodonBERT's MLOS.csv: 57.5 % of its rows end with UGAUGA."""
    rows = [f"AUG{BODY.replace('T', 'U')}UGAUGA"] * 3 + [f"ATG{BODY}TAATAGTGA", WHOLE]
    found = clean(rows, "codons")
    assert [frame["protein"] for frame in found.frames] == ["M" + "AKLD" * 25] * 5
    assert {frame["dna"] for frame in found.frames} == {f"ATG{BODY}"}
    assert all(frame["stop"] and not frame["internal_stops"] for frame in found.frames)
    assert found.audit["coding"]["is_coding"] and "stop inside" not in found.said


def test_selenoproteins_are_coding(clean):
    """Three in 23, with one TGA each among a hundred codons, where chance puts five."""
    rows = [f"ATG{BODY}TGA{BODY}TAA"] * 3 + [WHOLE] * 20
    found = clean(rows, "codons")
    coding = found.audit["coding"]
    assert coding["is_coding"] and coding["rows_with_internal_stops"] == 3
    assert coding["internal_stop_codons"] == {"TGA": 3}
    [warning] = [said for said in found.audit["warnings"] if "rows have a stop inside" in said]
    assert warning.startswith("3 of 23 rows have a stop inside (rows 1 (id 'r1'), 2, 3): TGA alone")
    assert "another genetic_code (2, 3, 4" in warning and "or selenocysteine" in warning
    assert found.frames[0]["protein"] == "M" + "AKLD" * 25 + "X" + "AKLD" * 25


def test_another_genetic_code_is_hinted_at(clean):
    rows = ["ATG" + "TGAGCCAAATAC" * 25 + "TAA"] * 9
    found = clean(rows, "codons")
    assert not found.audit["coding"]["is_coding"] and "not coding sequences" in found.said
    [warning] = [said for said in found.audit["warnings"] if "rows have a stop inside" in said]
    assert "9 of 9 rows" in warning and "another genetic_code (2, 3, 4" in warning
    assert clean(rows, "codons", genetic_code=4).audit["coding"]["is_coding"]


def test_rows_with_a_stop_inside_follow_a_policy(clean):
    rows = [WHOLE, f"ATG{BODY}TGA{BODY}TAA", f"ATG{BODY}TAG{BODY}"]
    assert clean(rows, "codons").reasons == {}
    found = clean(rows, "codons", internal_stops="drop")
    assert found.reasons == dict.fromkeys((2, 3), "a stop inside the frame")
    assert [frame["id"] for frame in found.frames] == ["r1"]
    line = refusal(clean(rows, "codons", internal_stops="refuse"))
    assert "2 rows (rows 2 (id 'r2'), 3): a stop inside the frame" in line
    assert "internal_stops: keep or drop" in line


def test_an_open_frame_behind_a_utr_is_named(clean):
    utr = "TAGCCTAAGTTTGACC" * 2  # 32 nt
    rows = [f"{utr}{WHOLE}C"] * 9
    found = clean(rows, "codons")
    [warning] = [said for said in found.audit["warnings"] if "rows have a stop inside" in said]
    assert f"an open frame lies elsewhere, at nt 33-{32 + len(WHOLE)} of row 1" in warning
    assert "cds_start and cds_end" in warning


def test_the_first_codon_is_methionine_where_it_starts():
    # Four of ten coding sequences of NC_005816 (Biopython's test file) begin with GTG or TTG.
    for start in ("GTG", "TTG", "ATG"):
        assert protein(f"{start}GTGTTGTAA", 11) == "MVL"
        assert protein(f"{start}GTGTTG", 11) == "MVL"
    # The others begin many a part of a sequence: they count where the rest is whole.
    for start, residue in (("CTG", "L"), ("ATT", "I"), ("ATC", "I"), ("ATA", "I")):
        assert protein(f"{start}GCCTAA", 11) == "MA"
        assert protein(f"{start}GCC", 11) == residue + "A"
        assert protein(f"{start}TAGGCCTAA", 11) == residue + "XA"
    assert protein("GTGGCCTAA", 1) == "VA" and protein("CTGGCCTAA", 1) == "LA"


@pytest.mark.parametrize("table", STARTS)
def test_whole_sequences_start_as_ncbi_lists_it(table):
    """As Biopython translates a whole coding sequence (`cds=True`), but for the standard code."""
    stop = next(codon for codon, residue in code(table).items() if residue == "*")
    starts = STARTS[table].split() if table != 1 else ["ATG"]
    for codon, residue in code(table).items():
        if residue != "*":
            found = protein(f"{codon}GCC{stop}", table)
            assert found == ("M" if codon in starts else residue) + "A"


def test_a_start_is_told_and_no_synonym_of_methionine(clean):
    found = clean(["GTGATGGTGTAA", "TTGATGGTGTAA"], "codons", genetic_code=11)
    assert [(frame["start"], frame["protein"]) for frame in found.frames] == [(True, "MMV")] * 2
    for seed in range(20):
        shuffled = codon_shuffling.frames(found.frames, "synonymous", seed)
        assert [row["dna"] for row in shuffled] == ["GTGATGGTG", "TTGATGGTG"]


@pytest.mark.parametrize("table", [4, 11, 32])
def test_another_start_is_methionine_at_the_start_alone(table, clean, tmp_path):
    """ATA starts translation in these codes, and is isoleucine elsewhere."""
    splits = {"GCC": "train", "GCA": "train", "GCT": "val", "GCG": "test", "GCGGCG": "test"}
    rows = [
        {"sequence": f"ATAATAGTG{codons}TAA", "value": float(i), "split": split}
        for i, (codons, split) in enumerate(splits.items())
    ]
    found = clean(rows, "codons", genetic_code=table)
    assert found.status == 0, found.said
    expected = [(True, "MIVA")] * 4 + [(True, "MIVAA")]
    assert [(frame["start"], frame["protein"]) for frame in found.frames] == expected
    # A fusion reads such a set, counts no methionine, and leaves the start alone.
    dataset = codons_dataset.read(
        "small", tmp_path / "out" / "records.parquet", tmp_path / "out" / "frames.parquet"
    )
    dna, proteins = dataset.frames["dna"], dataset.frames["protein"]
    usage = counted(dna, proteins, [0, 1])
    assert usage == [
        *(("ATA", "I", 2), ("GCA", "A", 1), ("GCC", "A", 1), ("GCG", "A", 0), ("GCT", "A", 0)),
        ("GTG", "V", 2),
    ]
    mutants = Synonyms(usage).mutants(dna[0], proteins[0])[1:]
    assert [(one.position, one.codon) for one in mutants] == [(3, "GCA"), (3, "GCG"), (3, "GCT")]
    for seed in range(9):
        assert all(row["dna"].startswith("ATAATAGTG")
                   for row in codon_shuffling.frames(found.frames, "synonymous", seed))  # fmt: skip


def test_a_stop_before_the_last_nucleotides_ends_the_sequence(clean):
    """What lies behind it is a UTR that was cut; a part of a codon is no reason to translate it."""
    found = clean(
        [f"{WHOLE}G", f"ATG{BODY}TAATGAGC", f"ATG{BODY}GC"], "codons", partial_codon="keep"
    )
    assert [frame["protein"] for frame in found.frames] == ["M" + "AKLD" * 25] * 3
    assert [frame["tail"] for frame in found.frames] == [1, 2, 2]
    assert [frame["stop"] for frame in found.frames] == [True, True, False]
    assert found.audit["coding"]["rows_with_internal_stops"] == 0
    assert protein(f"{WHOLE}G", 1) == "M" + "AKLD" * 25


def test_what_cleaning_changes_is_counted(clean):
    rows = ["AC GT\n", "A-C--G", "ACRYGT", "ACGT", {"sequence": "AC", "variant": "A-K "}]
    found = clean(rows)
    assert found.audit["changed"] == {
        "ambiguous": {"rows": 2, "letters": 3},
        "gaps": {"rows": 2, "letters": 4},
        "spaces": {"rows": 2, "letters": 3},
    }
    assert (
        "cleaning changed IUPAC codes to N (3 letters of 2 rows), gaps (4 letters of 2 rows), white"
        " space (3 letters of 2 rows)" in found.said
    )
    # Of rows that are not kept nothing counts.
    dropped = clean(rows, ambiguous="drop").audit["changed"]
    assert dropped["ambiguous"] == {"rows": 0, "letters": 0} and dropped["gaps"]["rows"] == 1


@pytest.mark.parametrize("sequence", ["....T.......", "ACG.T", "ACG..T"])
def test_a_match_character_is_refused(clean, sequence):
    line = refusal(clean(["ACGT", sequence]))
    assert "row 2 (id 'r2'): sequence has '.', which is not a nucleotide code" in line
    assert "a gap or the letter above" in line
    assert clean(["ACGT", sequence], ambiguous="drop").column("sequence") == ["ACGT"]


@pytest.mark.parametrize(
    ("sequence", "wanted"),
    [("1 acgt 61 acgt", "GenBank"), ("MKVLAAGE", "is it a protein?"), ("AC?T", "correct it")],
)
def test_what_a_foreign_letter_may_mean(clean, sequence, wanted):
    line = refusal(clean(["ACGT", sequence]))
    assert wanted in line and ("protein" in line) == (wanted == "is it a protein?")


def test_duplicates_of_another_value_are_counted(clean):
    values = [(dna, float(10 * i + j)) for i, dna in enumerate(("ACG", "CCG", "GCG"))
              for j in range(10)]  # fmt: skip
    rows = [{"sequence": dna, "value": value} for dna, value in values]
    found = clean(rows, "codons", duplicates="drop")
    assert found.column("value") == [0.0, 10.0, 20.0]
    assert (
        set(found.reasons.values()) == {"duplicate, of another value"} and len(found.reasons) == 27
    )
    assert "27 of 27 dropped duplicates have another value" in found.said
    assert "duplicates: mean" in found.said
    # The mean of 0 to 9 is 4.5.
    mean = clean(rows, "codons", duplicates="mean")
    assert mean.column("value") == [4.5, 14.5, 24.5]
    assert set(mean.reasons.values()) == {"duplicate, in the mean"}
    assert clean(rows, "codons").audit["duplicates"]["agreement"]["with_several_values"] == 3


def test_duplicates_of_one_value_are_just_that(clean):
    rows = [{"sequence": "ACG", "value": 1.0}, {"sequence": "acg", "value": 1.0}] * 2
    rows += [{"sequence": "CCC", "value": None}, {"sequence": "CCC", "value": None}]
    for policy in ("drop", "mean"):
        found = clean(rows, "codons", duplicates=policy)
        assert found.reasons == dict.fromkeys((2, 3, 4, 6), "duplicate")
        assert found.column("value") == [1.0, None]
    assert "another value" not in found.said


def test_a_rejected_row_is_not_in_the_mean(clean):
    rows = [{"sequence": dna, "value": value} for dna, value in
            (("ACG", 1.0), ("ACGA", 50.0), ("ACG", 3.0))]  # fmt: skip
    found = clean(rows, "codons", duplicates="mean", partial_codon="drop")
    assert found.column("value") == [2.0]


def test_equal_short_sequences_are_on_one_side_of_a_cluster_split(clean):
    """Neither 9 nt nor an N every eleventh letter leaves a 12-mer to be compared by."""
    short = ["ACGTACGTA", "CCGTACGTA", "GGGTACGTA", "NACGTACGTACN" * 3]
    sides = [split for split in ("train", "val", "test") for _ in range(20)]
    rows = [{"sequence": short[i % 4], "split": split} for i, split in enumerate(sides)]
    found = clean(rows, split_by="cluster")
    assert len({(row["sequence"], row["split"]) for row in found.rows}) == 4


def test_rejects_name_the_source(clean):
    rows = [{"sequence": "ACGT", "file": "mine.csv", "line": 2, "id": "a"},
            {"sequence": "NN", "file": "mine.csv", "line": 7, "id": "b"},
            {"sequence": "NN", "id": "c"}]  # fmt: skip
    found = clean(rows, ambiguous="drop")
    assert [(r["file"].split("/")[-1], r["line"], r["row"], r["id"]) for r in found.rejects] == [
        ("mine.csv", 7, 2, "b"), ("records.parquet", 3, 3, "c"),
    ]  # fmt: skip
    line = refusal(clean(rows[:2]))
    assert "error: mine.csv: line 7 (id 'b'): sequence has no A, C, G or T" in line


def test_bad_rows_are_counted_by_kind_and_ten_are_named(clean):
    rows = ["ACGT"] + ["MKVL"] * 20 + ["NN"]
    found = clean(rows)
    first, second = found.said.splitlines()
    numbers = ", ".join(str(n) for n in range(3, 12))
    assert f"20 rows (rows 2 (id 'r2'), {numbers}, …): sequence has 'L', which is no" in first
    assert "row 22 (id 'r22'): sequence has no A, C, G or T" in second


def test_a_group_that_is_missing_names_its_row(clean):
    rows = [{"sequence": "ACG", "group": "g", "file": "a.csv", "line": 2},
            {"sequence": "ACC", "file": "a.csv", "line": 9, "id": "x"}]  # fmt: skip
    line = refusal(clean(rows, split_by="group"))
    assert "a.csv: line 9 (id 'x'): no group" in line and "columns: {group: ...}" in line


def test_a_damaged_table_of_records_is_one_line(tmp_path, capsys):
    rows = [{"id": str(i), "split": "train", "sequence": "ACGT" * 99} for i in range(99)]
    path = tmp_path / "records.parquet"
    tables.write(path, tables.from_rows(rows, tables.RECORDS), tables.RECORDS)
    data = bytearray(path.read_bytes())
    data[20:150] = bytes(255 - byte for byte in data[20:150])
    path.write_bytes(data)
    status = main(["sequences", "--records", str(path), "--study", "language",
                   "--out", str(tmp_path / "out")])  # fmt: skip
    [line] = capsys.readouterr().err.splitlines()
    assert status == 2 and f"{path}: not a readable Parquet file" in line


def test_formats_what_says_another_genetic_code_is_never_mistranslated(clean):
    # ATA is isoleucine in the standard code and methionine in that of vertebrate mitochondria.
    rows = [{"sequence": "ATGATAAAATAA", "transl_table": table, "value": 1.0, "file": "a.gb",
             "line": 9 * table if table else 5} for table in (1, None, 2, 2)]  # fmt: skip
    line = refusal(clean(rows, study="codons"))
    assert "a.gb: 2 rows (lines 18 (id 'r3'), 18): transl_table is 2 but genetic_code is 1" in line
    assert "cleaning: {genetic_code: 2}" in line and "{other_genetic_code: drop}" in line
    found = clean(rows, study="codons", other_genetic_code="drop")
    assert [frame["protein"] for frame in found.frames] == ["MIK", "MIK"]
    assert found.reasons == dict.fromkeys((3, 4), "transl_table is 2 but genetic_code is 1")
    found = clean(rows[1:], study="codons", genetic_code=2)
    assert [frame["protein"] for frame in found.frames] == ["MMK"] * 3
    # DNA that nothing translates may have any.
    assert len(clean(rows, study="language").rows) == 4
