"""What pre-training has seen of a benchmark: equal genes, and stretches of DNA on either strand."""

import itertools

import numpy as np
import pytest

from seqfuse import tables
from seqfuse.cli import main
from seqfuse.files import read_json
from seqfuse.language.pretraining.pair_leakage import K, words

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def dna(seed: int, length: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def flipped(sequence: str) -> str:
    return sequence.translate(COMPLEMENT)[::-1]


@pytest.fixture
def leaked(tmp_path, capsys):
    """(audit of the dataset "b", what was said) of pairs and records."""

    def run(pairs: list[dict], records: list[dict]) -> tuple[dict, str]:
        paths = []
        for name, rows in (("pairs", pairs), ("records", records)):
            rows = [{"id": f"r{i}"} | row for i, row in enumerate(rows)]
            paths.append(tmp_path / f"{name}.parquet")
            tables.write(paths[-1], tables.from_rows(rows, tables.CLEAN), tables.CLEAN)
        out = tmp_path / "leakage.json"
        words = ["language", "leakage", "--pairs", str(paths[0]), "--datasets", "b"]
        assert main([*words, "--records", str(paths[1]), "--out", str(out)]) == 0
        return read_json(out)["datasets"]["b"], capsys.readouterr().err

    return run


def test_genes_and_dna_of_held_out_rows_are_counted(leaked):
    seen, held_back = dna(0, 900), dna(1, 900)
    pairs = [
        {"split": "train", "sequence": seen, "group": "AAA1"},
        {"split": "test", "sequence": held_back, "group": "BBB2"},
    ]
    exon = seen[300:600]
    records = [
        {"split": "train", "sequence": seen, "group": "AAA1"},
        {"split": "val", "sequence": dna(2, 500), "group": "CCC3"},
        {"split": "test", "sequence": dna(3, 200) + exon + dna(4, 200), "group": "AAA1"},
        {"split": "test", "sequence": dna(5, 200) + flipped(exon) + dna(6, 200), "group": "DDD4"},
        {"split": "test", "sequence": held_back, "group": "BBB2"},
        {"split": "test", "sequence": dna(7, 700), "group": "AAA1"},
    ]
    found, said = leaked(pairs, records)
    assert set(found) == {"val", "test"}
    test = found["test"]
    assert test["genes"] == {"rows": 2, "share": 0.5, "genes": 1, "of": 3, "first": ["AAA1"]}
    assert test["dna"] == {"rows": 2, "share": 0.5}
    assert found["val"]["genes"]["rows"] == found["val"]["dna"]["rows"] == 0
    assert said.count("warning: b, test") == 2 and "b, val" not in said


def test_a_repeat_of_few_letters_is_no_gene(leaked):
    # A repeat of one codon has three words, of which few are in the sample.
    repeats = [a + b + c for a, b, c in itertools.product("ACGT", repeat=3)]
    pairs = [{"split": "train", "sequence": "N".join(codon * 40 for codon in repeats)}]
    records = [{"split": "test", "sequence": dna(1, 300) + codon * 40} for codon in repeats]
    assert leaked(pairs, records)[0]["test"]["dna"]["rows"] == 0


def test_without_genes_the_dna_alone_counts(leaked):
    pairs = [{"split": "train", "sequence": dna(0, 300)}]
    found, _ = leaked(pairs, [{"split": "test", "sequence": dna(0, 300)}])
    assert found["test"] == {"rows": 1, "genes": None, "dna": {"rows": 1, "share": 1.0}}


def test_words_are_those_of_either_strand_and_of_no_n():
    import pyarrow as pa

    sequence = dna(8, 2000)
    forward, backward = (words(pa.array([s]))[0] for s in (sequence, flipped(sequence)))
    assert np.unique(forward).tolist() == np.unique(backward).tolist()
    # One word in 16 of 1970; five deviations of the count.
    assert abs(len(forward) - (2000 - K + 1) / 16) < 5 * (1970 / 16) ** 0.5
    split = words(pa.array([sequence[:1000] + "N" + sequence[1000:], "ACGT"]))
    assert set(split[0]) <= set(forward) and set(split[1]) == {0}
