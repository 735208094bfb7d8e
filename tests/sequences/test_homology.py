"""Homologous proteins are found as often as the audit says, and strangers are not."""

import stat

import numpy as np
import pytest
from scipy.stats import binom

from bench.homologues import homologues, linked
from seqfuse.bio.frames import code
from seqfuse.bio.homology import BLOSUM62, SENSITIVITY, Search
from seqfuse.cli import main
from seqfuse.errors import UserError

PAIRS = 60
SEEDS = Search("seeds", 0.3)


def coded(protein: str, seed: int) -> str:
    """A random sequence of codons for a protein."""
    codons: dict[str, list[str]] = {}
    for codon, residue in code(1).items():
        codons.setdefault(residue, []).append(codon)
    random = np.random.default_rng(seed)
    return "".join(str(random.choice(codons[residue])) for residue in protein)


@pytest.mark.parametrize("identity", [0.3, 0.4, 0.5, 0.9])
def test_homologues_are_split_from_strangers_as_often_as_the_audit_says(identity):
    right, wrong = linked(SEEDS, identity, PAIRS, seed=1)
    share = SENSITIVITY["seeds"][str(identity)]
    least, most = binom.ppf([0.001, 0.999], PAIRS, min(share, 0.99))
    assert least <= right <= most and wrong == 0


def test_made_up_homologues_are_as_identical_as_they_say():
    made = homologues(40, 0.6, np.random.default_rng(0))
    # Where no gap was opened, residues stand side by side.
    equal = [
        np.mean([a == b for a, b in zip(one, other, strict=True)])
        for one, other in zip(made[::2], made[1::2], strict=True)
        if len(one) == len(other)
    ]
    assert np.mean(equal) == pytest.approx(0.6, abs=0.06)


def test_the_matrix_is_symmetric_and_scores_what_is_rare_high():
    assert (BLOSUM62 == BLOSUM62.T).all() and BLOSUM62.diagonal().sum() == 116
    assert BLOSUM62.max() == 11  # tryptophan


def test_pairs_are_of_different_proteins_and_in_order():
    made = homologues(3, 0.9, np.random.default_rng(0))
    assert SEEDS.pairs(made).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert SEEDS.pairs([made[i] for i in (0, 2, 1)]).tolist() == [[0, 2]]
    # What has no residue, or fewer than a seed, is no homologue of anything.
    assert SEEDS.pairs(["", "MK", "MK", "X" * 12, "X" * 12]).shape == (0, 2)
    assert SEEDS.pairs([]).shape == (0, 2)


def test_blocks_change_nothing(monkeypatch):
    made = homologues(8, 0.5, np.random.default_rng(0))
    whole = SEEDS.pairs(made)
    monkeypatch.setattr("seqfuse.bio.homology._HITS", 10)
    assert np.array_equal(SEEDS.pairs(made), whole) and len(whole) == 8


def test_a_run_of_one_residue_makes_no_homologues():
    """Runs are alike on many diagonals, and count once."""
    random = np.random.default_rng(0)
    made = [homologues(1, 0.3, random)[0] for _ in range(6)]
    assert SEEDS.pairs([text[:30] + "E" * 14 + text[30:] for text in made]).shape == (0, 2)


def families() -> list[dict]:
    """Five pairs of homologues with ten sequences a protein, no two of many equal nucleotides."""
    proteins = homologues(5, 0.7, np.random.default_rng(0))
    return [
        {"sequence": coded("M" + protein, 10 * i + k), "value": float(k)}
        | {"text": f"family {i // 2}"}
        | {"split": "test" if k > 7 else "val" if k == 7 else "train"}
        for i, protein in enumerate(proteins)
        for k in range(10)
    ]


def sides(found) -> int:
    """The most splits that the rows of one family lie in."""
    lies: dict[str, set[str]] = {}
    for row in found.rows:
        lies.setdefault(row["text"], set()).add(row["split"])
    return max(map(len, lies.values()))


def test_a_cluster_split_keeps_homologous_proteins_together(clean):
    by_nucleotides = clean(families(), study="codons", split_by="cluster", homologues="none")
    assert sides(by_nucleotides) > 1
    found = clean(families(), study="codons", split_by="cluster")
    assert sides(found) == 1
    assert {row["split"] for row in found.rows} == {"train", "val", "test"}
    assert "seen_homologously" not in found.audit["seen"]["test"]


def test_a_cluster_split_of_one_protein_is_refused_with_the_way_out(clean):
    rows = [
        {"sequence": coded("M" + "ACDEFGHIKLMNPQRSTVWY" * 8, k), "value": float(k)}
        | {"split": ("train", "val", "test")[k % 3]}
        for k in range(9)
    ]
    found = clean(rows, study="codons", split_by="cluster")
    [line] = found.said.splitlines()
    assert found.status == 2 and "split_by cluster leaves no row in" in line
    assert line.endswith(", or set `homologues: none` if the set is about one protein")
    assert clean(rows, study="codons", split_by="cluster", homologues="none").status == 0


def program(folder, monkeypatch, lines: str) -> None:
    """A program `mmseqs` on the PATH that stands in for the real one."""
    path = folder / "mmseqs"
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_split_by_mmseqs_reads_what_the_program_finds(tmp_path, monkeypatch):
    program(
        tmp_path,
        monkeypatch,
        f'echo "$@" > {tmp_path}/words; cp $2 {tmp_path}/given\n'
        "printf '0\\t0\\n0\\t2\\n2\\t0\\n2\\t2\\n' > $4",
    )
    assert Search("mmseqs", 0.4).pairs(["MKV", "", "MKI"]).tolist() == [[0, 2]]
    assert (tmp_path / "given").read_text() == ">0\nMKV\n>2\nMKI\n"
    words = (tmp_path / "words").read_text()
    assert words.startswith("easy-search ") and "--min-seq-id 0.4" in words
    program(tmp_path, monkeypatch, ": > $4")
    assert Search("mmseqs", 0.4).pairs(["MKV"]).shape == (0, 2)


def test_a_split_by_mmseqs_is_refused_in_one_line(clean, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = clean(families(), study="codons", homologues="mmseqs")
    [line] = found.said.splitlines()
    assert found.status == 2 and "program `mmseqs` is not on the PATH" in line and "mmseqs2" in line
    program(tmp_path, monkeypatch, "echo 'Prefilter died' >&2; exit 1")
    with pytest.raises(UserError, match="mmseqs failed: Prefilter died"):
        Search("mmseqs", 0.3).pairs(["MKV"])


def test_a_split_by_another_search_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["sequences", "--records", "x", "--study", "codons", "--out", "y",
              "--homologues", "blast"])  # fmt: skip
    assert "invalid choice: 'blast'" in capsys.readouterr().err
