"""Every policy of cleaning, on rows whose result is worked out by hand."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqfuse.cli import main


def refusal(cleaned) -> str:
    assert cleaned.status == 2
    [line] = cleaned.said.splitlines()
    return line


def test_spelling_is_upper_case_dna_without_gaps(clean):
    rows = ["acgt", "ACGUU", " AC-G-T\n", {"sequence": "AC", "variant": "a\tg"}]
    found = clean(rows)
    assert found.column("sequence") == ["ACGT", "ACGTT", "ACGT", "AC"]
    assert found.column("variant") == [None, None, None, "AG"]


IUPAC = ["ACGT", "ACRT", "NNYN", "ryswkmbdhv", "NANN"]


def test_ambiguous_codes_become_n(clean):
    expected = ["ACGT", "ACNT", "NNNN", "N" * 10, "NANN"]
    assert clean(IUPAC, ambiguous="to_n").column("sequence") == expected


def test_ambiguous_codes_are_dropped(clean):
    found = clean(IUPAC, ambiguous="drop")
    assert found.column("sequence") == ["ACGT", "NANN"]
    assert found.reasons == dict.fromkeys((2, 3, 4), "sequence has ambiguous codes")
    assert found.audit["rejected"] == {"sequence has ambiguous codes": 3}


def test_ambiguous_codes_are_refused(clean):
    line = refusal(clean(IUPAC, ambiguous="refuse"))
    assert (
        "records.parquet: 3 rows (rows 2 (id 'r2'), 3, 4)" in line
        and "ambiguous: to_n or drop" in line
    )


def test_ambiguous_codes_of_the_variant_count_too(clean):
    rows = [{"sequence": "AC", "variant": "AN"}, {"sequence": "AC", "variant": "AR"}]
    assert clean(rows, ambiguous="drop").reasons == {2: "variant has ambiguous codes"}


@pytest.mark.parametrize("policy", ["to_n", "refuse"])
def test_only_n_stops(clean, policy):
    line = refusal(clean(["ACGT", "NNN"], ambiguous=policy))
    assert "row 2 (id 'r2'): sequence has no A, C, G or T" in line and "ambiguous: drop" in line


@pytest.mark.parametrize("policy", ["to_n", "refuse"])
def test_a_protein_stops(clean, policy):
    line = refusal(clean(["ACGT", "MKVLAAGE"], ambiguous=policy))
    assert "row 2 (id 'r2'): sequence has 'L'" in line and "is it a protein?" in line


def test_only_n_proteins_and_nothing_are_dropped(clean):
    found = clean(["ACGT", "NN", "MKVL", "--", "naïve"], ambiguous="drop")
    assert found.column("sequence") == ["ACGT"]
    assert found.reasons == {
        2: "sequence has no A, C, G or T",
        3: "sequence has 'L', which is not a nucleotide code",
        4: "sequence has no A, C, G or T",
        5: "sequence has 'ï', which is not a nucleotide code",
    }


def test_short_rows_are_rejected(clean):
    found = clean(["AC", "ACG", "A-CG"], min_length=3)
    assert found.column("sequence") == ["ACG", "ACG"]
    assert found.reasons == {1: "shorter than 3 nt"}


LONG = ["ACGTAC", "ACGTACG", {"sequence": "ACGTAC", "variant": "ACGTTAC"}]


def test_long_rows_are_refused_by_default(clean):
    assert clean(LONG).audit["cut"] == 0
    line = refusal(clean(LONG, max_length=6))
    assert "2 rows (rows 2 (id 'r2'), 3): 7 nt is over max_length 6" in line and "too_long" in line


def test_long_rows_are_dropped(clean):
    found = clean(LONG, max_length=6, too_long="drop")
    assert found.reasons == {2: "longer than 6 nt", 3: "longer than 6 nt"}
    assert found.audit["cut"] == 0


def test_biolangfusions_filter_drops_rna_over_1000_nt(clean):
    rows = ["ATG" + "GCA" * 332 + "A", "ATG" + "GCA" * 333, "AUG" + "GCA" * 332 + "UU"]
    found = clean(rows, "codons", max_length=1000, too_long="drop", partial_codon="keep")
    assert [len(s) for s in found.column("sequence")] == [1000]
    assert found.reasons == {2: "longer than 1000 nt", 3: "longer than 1000 nt"}


def test_long_rows_are_truncated_and_counted(clean):
    found = clean(LONG, max_length=5, too_long="truncate")
    assert found.column("sequence") == ["ACGTA", "ACGTA", "ACGT"]
    assert found.column("variant") == [None, None, "ACGTT"]
    assert found.audit["cut"] == 3
    assert "3 rows are cut to 5 nt at the start" in found.audit["warnings"][0]


def test_a_coding_window_keeps_the_frame(clean):
    # 10 codons, 16 nt allowed: 15 nt from the middle, (30 - 15) // 2 = 7, back to a codon: 6.
    codons = ["ATG", "GCA", "GCC", "GCG", "GCT", "TGC", "TGT", "GAC", "GAT", "TAA"]
    found = clean(["".join(codons)], "codons", max_length=16, too_long="window")
    assert found.column("sequence") == ["".join(codons[2:7])]


def test_partial_codons(clean):
    rows = ["ATGGCA", "ATGGCAT", "ATGGCATG", "AT"]
    line = refusal(clean(rows, "codons"))
    assert (
        "3 rows (rows 2 (id 'r2'), 3, 4): 7 nt is not a multiple of 3" in line
        and "partial_codon" in line
    )
    dropped = clean(rows, "codons", partial_codon="drop")
    assert dropped.reasons == dict.fromkeys((2, 3, 4), "length is not a multiple of 3")
    kept = clean(rows, "codons", partial_codon="keep")
    assert kept.reasons == {4: "no codon"}
    assert [frame["tail"] for frame in kept.frames] == [0, 1, 2]


def test_a_sequence_that_is_nothing_but_a_stop_has_no_codon(clean):
    assert clean(["ATGTAA", "TAA"], "codons").reasons == {2: "no codon"}


def row(split, sequence, label="x", question="q", variant=None):
    return {"split": split, "sequence": sequence, "label": label, "question": question} | (
        {"variant": variant} if variant else {}
    )


REPEATED = [
    row("test", "AC"), row("train", "ac"), row("train", "AC"), row("val", "A-C"),
    row("train", "AC", label="y"), row("train", "AC", question="p"), row("val", "GG"),
    row("val", "GG"), row("test", "GG"), row("train", "AC", variant="AG"),
    row("test", "T"), row("test", "TT"),
]  # fmt: skip


@pytest.mark.parametrize(
    "policy, gone",
    [("keep", []), ("drop", [2, 3, 4, 8, 9]), ("drop_across_splits", [1, 4, 9])],
)
def test_duplicates(clean, policy, gone):
    """Rows 1-4 are one record (test, train, train, val), 7-9 another (val, val, test)."""
    assert clean(REPEATED, duplicates=policy).reasons == dict.fromkeys(gone, "duplicate")


def test_a_rejected_row_is_no_first_of_its_duplicates(clean):
    """Rows 1 and 2 are equal after cleaning, but row 1 goes for its ambiguous code."""
    found = clean(["ACR", "ACN"], ambiguous="drop", duplicates="drop")
    assert found.reasons == {1: "sequence has ambiguous codes"}


def test_subset_says_whether_the_exact_question_has_one_label(clean):
    rows = [
        row("train", "A", "x", "one label"), row("test", "C", "x", "one label"),
        row("train", "A", "x", "two"), row("test", "C", "y", "two"), row("val", "G", "x", "Two"),
        {"sequence": "A", "question": "no label"}, {"sequence": "A", "label": "no question"},
    ]  # fmt: skip
    assert clean(rows).column("subset") == [
        "question_decides", "question_decides", "sequence_decides", "sequence_decides",
        "question_decides", None, None,
    ]  # fmt: skip


def test_nothing_left_is_an_error(clean):
    line = refusal(clean(["AC", "AG", "ACGTT"], max_length=4, too_long="drop", min_length=3))
    assert "none of 3 rows was kept: shorter than 3 nt (2 rows)" in line


def test_other_rows_than_the_source_counts_stop(clean):
    """Four are read, one is too long; what is left is held to the expected rows."""
    rows = [{"sequence": "ACG"}, {"sequence": "ACGT"}, {"sequence": "ACC", "split": "test"}]
    rows.append({"sequence": "ACT", "split": "test"})
    policy = {"max_length": 3, "too_long": "drop", "min_length": 1}
    assert clean(rows, expected="train=1", **policy).status == 0
    line = refusal(clean(rows, expected="train=2", **policy))
    assert "expected 2 train rows after cleaning, found 1 train, 0 val, 2 test" in line
    assert "--expected: many: write SPLIT=N" in refusal(clean(rows, expected="many", **policy))


@pytest.mark.parametrize(
    ("tested", "what"),
    [
        (
            [{}],
            "test has one row, so correlations and intervals are undefined; give it others",
        ),
        ([{"group": "g"}] * 3, "test has 3 rows, all in one group, so correlations"),
    ],
)
def test_a_test_split_of_one_row_is_found_at_start(clean, tested, what):
    rows = [{"sequence": "ACG"}] + [{"sequence": "ACC", "split": "test"} | row for row in tested]
    assert what in refusal(clean(rows))
    # Pre-training asks for no score of it.
    assert clean(rows, "pairs").status == 0
    # A set without a test split is for the user to say.
    assert clean(rows[:1]).status == 0


def test_many_batches_count_rows_through(clean):
    """5000 rows are three batches; row numbers of rejects go on from one to the next."""
    rows = ["ACGT" if i % 1000 else "NN" for i in range(1, 5001)]
    found = clean(rows, ambiguous="drop")
    assert sorted(found.reasons) == [1000, 2000, 3000, 4000, 5000]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 90 + b"PAR1"])
def test_an_unreadable_table_is_one_line(tmp_path, capsys, content):
    path = tmp_path / "records.parquet"
    path.write_bytes(content)
    status = main(["sequences", "--records", str(path), "--study", "language", "--out",
                   str(tmp_path / "out")])  # fmt: skip
    [line] = capsys.readouterr().err.splitlines()
    assert status == 2 and f"{path}: not a readable Parquet file" in line
    assert not (tmp_path / "out").exists()


def test_a_table_of_other_columns_is_one_line(tmp_path, capsys):
    path = tmp_path / "records.parquet"
    pq.write_table(pa.table({"id": ["a"], "seq": ["ACGT"]}), path)
    status = main(["sequences", "--records", str(path), "--study", "language", "--out",
                   str(tmp_path / "out")])  # fmt: skip
    [line] = capsys.readouterr().err.splitlines()
    assert status == 2 and "column 'question' is missing" in line
