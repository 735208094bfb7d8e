"""Which scored rows are one sample, by hand."""

import numpy as np
import pyarrow as pa
import pytest

from seqfuse import tables
from seqfuse.bio import clusters as read_back
from seqfuse.errors import UserError
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
    assert warning.startswith("near-duplicates among the 3 distinct sequences")


def test_a_record_without_a_cluster_is_refused(clustered, tmp_path):
    clustered([{"sequence": sequence(0)}])
    path = tmp_path / "clusters.parquet"
    assert read_back.read(path, pa.array(["r0"])).tolist() == [0]
    with pytest.raises(UserError, match="no cluster of record 'r7'"):
        read_back.read(path, pa.array(["r0", "r7"]))


def test_near_duplicates_are_no_independent_rows_of_an_audit(clean):
    rows = [{"sequence": sequence(seed), "split": "test"} for seed in range(3)]
    near = {"sequence": mutated(rows[0]["sequence"], 7), "split": "test"}
    audit = clean([*rows, near]).audit
    assert audit["independent"] == {"val": 0, "test": 3}
    assert audit["warnings"][0].startswith("no row in train")
    assert any(text.startswith("3 independent rows in test") for text in audit["warnings"])
