"""Which scored rows are one sample, by hand."""

import numpy as np
import pyarrow as pa
import pytest

from seqfuse import tables
from seqfuse.bio import clusters as read_back
from seqfuse.bio import homology
from seqfuse.bio.frames import code
from seqfuse.bio.homology import RESIDUES
from seqfuse.errors import UserError
from seqfuse.registry.subsets import SEEN
from seqfuse.sequences import clusters

LETTERS = np.array(list("ACGT"))


def sequence(seed: int, length: int = 400) -> str:
    """Random DNA, of which no two share many k-mers."""
    return "".join(LETTERS[np.random.default_rng(seed).integers(0, 4, length)])


def mutated(text: str, place: int) -> str:
    """The same DNA with one nucleotide changed."""
    return text[:place] + ("A" if text[place] != "A" else "C") + text[place + 1 :]


@pytest.fixture
def clustered(tmp_path):
    """`clustered(rows)`: sets of ids that are one cluster, largest first, and what was said."""

    def run(rows: list[dict], **keywords) -> tuple[list[set[str]], dict]:
        rows = [{"split": "test"} | row | {"id": f"r{i}"} for i, row in enumerate(rows)]
        records, out = tmp_path / "records.parquet", tmp_path / "clusters.parquet"
        tables.write(records, tables.from_rows(rows, tables.CLEAN), tables.CLEAN)
        said = clusters.write(records, out, **keywords)
        found: dict[int, set[str]] = {}
        for row in tables.read(out, tables.CLUSTERS).to_pylist():
            found.setdefault(row["cluster"], set()).add(row["id"])
        return sorted(found.values(), key=lambda ids: (-len(ids), sorted(ids))), said

    return run


def test_rows_of_one_gene_one_sequence_or_near_duplicates_are_one_cluster(clustered):
    first, second, third = (sequence(seed) for seed in range(3))
    rows = [
        {"sequence": first, "group": "g"},  # r0 and r1: one gene
        {"sequence": second, "group": "g"},
        {"sequence": second, "group": "h"},  # r2: r1's sequence
        {"sequence": mutated(first, 200)},  # r3: nearly r0's
        {"sequence": third},
    ]
    found, said = clustered(rows)
    assert found == [{"r0", "r1", "r2", "r3"}, {"r4"}]
    assert said == {
        "independent": {"val": 0, "test": 2}, "groups": {"val": 0, "test": 4},
        "sequences": 4, "near_duplicates": True,
        "seen": {"val": {}, "test": {"unseen": 5}}, "homologues": None,
    }  # fmt: skip
    assert clusters.warnings(said) == []


def test_clusters_are_of_the_rows_that_are_scored(clustered):
    same = sequence(0)
    rows = [
        {"sequence": same, "split": "train"},
        {"sequence": same, "split": "val"},
        {"sequence": same},
        {"sequence": same, "split": "train", "subset": "sequence_decides"},
        {"sequence": same, "split": "train", "subset": "question_decides"},
    ]
    assert clustered(rows)[0] == [{"r1", "r2", "r3"}]


def test_batches_change_nothing(clustered, monkeypatch):
    texts = [sequence(seed) for seed in range(20)]
    random = np.random.default_rng(0)
    rows = [{"sequence": texts[i], "group": f"g{i // 2}"} for i in random.integers(0, 20, 60)]
    whole = clustered(rows)
    monkeypatch.setattr("seqfuse.bio.record_batches._ROWS", 7)
    assert clustered(rows) == whole
    assert whole[1]["independent"]["test"] == 10


def test_what_is_too_many_to_compare_is_said(clustered):
    first = sequence(0)
    rows = [{"sequence": text} for text in (first, first, mutated(first, 200), sequence(1))]
    found, said = clustered(rows, most=2)
    assert found == [{"r0", "r1"}, {"r2"}, {"r3"}]
    (warning,) = clusters.warnings(said)
    assert warning.startswith("near-duplicates among the 3 distinct scored sequences")


def test_a_record_without_a_cluster_is_refused(clustered, tmp_path):
    clustered([{"sequence": sequence(0)}])
    path = tmp_path / "clusters.parquet"
    assert read_back.read(path, pa.array(["r0"])).tolist() == [0]
    with pytest.raises(UserError, match="no cluster for record 'r7'"):
        read_back.read(path, pa.array(["r0", "r7"]))


def test_near_duplicates_are_no_independent_rows_of_an_audit(clean):
    rows = [{"sequence": sequence(seed), "split": "test"} for seed in range(3)]
    near = {"sequence": mutated(rows[0]["sequence"], 7), "split": "test"}
    audit = clean([*rows, near]).audit
    assert audit["independent"] == {"val": 0, "test": 3}
    assert audit["warnings"][0].startswith("no row in train")
    assert any(text.startswith("3 independent rows in test") for text in audit["warnings"])


def protein(seed: int, length: int = 200) -> str:
    """A random protein that starts with methionine."""
    letters = np.random.default_rng(seed).choice(list(RESIDUES), length)
    return "M" + "".join(letters[1:])


def coded(protein: str, seed: int) -> str:
    """A random sequence of codons for a protein, a stop behind it."""
    codons: dict[str, list[str]] = {}
    for codon, residue in code(1).items():
        codons.setdefault(residue, []).append(codon)
    random = np.random.default_rng(seed)
    return "".join(str(random.choice(codons[residue])) for residue in protein + "*")


def diverged(protein: str, share: float, seed: int) -> str:
    """The protein with a share of its residues drawn anew."""
    random = np.random.default_rng(seed)
    drawn = random.choice(list(RESIDUES), len(protein))
    return "".join(
        new if random.random() < share else old for old, new in zip(protein, drawn, strict=True)
    )


def of_splits() -> list[dict]:
    """What train knows of five test rows: all, nearly all, the protein, a homologue, nothing."""
    first, second = protein(0), protein(1)
    train = coded(first, 0)
    near = train[:300] + ("A" if train[300] != "A" else "C") + train[301:]
    other_codons, homologue = coded(first, 1), coded(diverged(second, 0.5, 2), 3)
    tested = (train, near, other_codons, homologue, coded(protein(7), 0))
    return [
        {"sequence": train, "value": 0.0},
        {"sequence": coded(second, 0), "value": 1.0},
        *({"sequence": text, "split": "test", "value": float(i)} for i, text in enumerate(tested)),
    ]


@pytest.fixture
def known(clean, tmp_path):
    """`known(rows, ...)`: how well train knows each test row of a coding set, and the audit."""

    def run(rows: list[dict], **settings) -> tuple[list[str | None], dict]:
        found = clean(rows, study="codons", **settings)
        table = tables.read(tmp_path / "out" / "clusters.parquet", tables.CLUSTERS)
        return table["seen"].to_pylist(), found.audit

    return run


def test_split_rows_are_told_apart_by_how_well_train_knows_them(known):
    kinds = ["seen_exactly", "seen_nearly", "seen_homologously", "seen_homologously", "unseen"]
    found, audit = known(of_splits())
    assert found == kinds and list(SEEN) == [*dict.fromkeys(kinds)]
    assert audit["seen"]["test"] == {name: kinds.count(name) for name in SEEN}
    assert "seeds" in audit["homologues"]["method"]
    assert audit["homologues"]["sensitivity"] == homology.SENSITIVITY["seeds"]
    assert any(
        text.startswith("2 of 5 rows of test have a homologous protein in train")
        for text in audit["warnings"]
    )
    # Without the search, a protein of other codons is as new as any.
    found, audit = known(of_splits(), homologues="none")
    assert found == [*kinds[:2], "unseen", "unseen", "unseen"] and audit["homologues"] is None
    # Half of the residues are equal, so that a threshold above leaves the homologue out.
    assert known(of_splits(), homologue_identity=0.9)[0][3] == "unseen"


def test_split_rows_that_do_not_code_have_no_homologues(known):
    rows = [{"sequence": sequence(i, 300), "value": float(i % 7)} for i in range(12)]
    for row in rows[6:]:
        row["split"] = "test"
    found, audit = known(rows)
    assert not audit["coding"]["is_coding"] and audit["homologues"] is None
    assert set(found) == {"unseen"}


def test_split_rows_of_a_language_set_that_says_it_codes_have_homologues(clean):
    rows = [
        {"sequence": row["sequence"], "label": "a"} | {k: row[k] for k in row if k == "split"}
        for row in of_splits()
    ]
    assert clean(rows).audit["homologues"] is None
    found = clean(rows, coding=True).audit
    assert found["seen"]["test"]["seen_homologously"] == 2


def test_what_train_knows_is_not_said_where_too_many_are_to_be_compared(clustered, tmp_path):
    text = sequence(0)
    rows = [{"sequence": text, "split": "train"}, {"sequence": text}, {"sequence": sequence(1)}]
    clustered(rows, most=1)
    table = tables.read(tmp_path / "clusters.parquet", tables.CLUSTERS)
    assert table["seen"].to_pylist() == ["seen_exactly", None]
