"""The public face: values worked out by hand, and what a mistake says. docs/api.md, whose blocks
need a finished run, is run by tests/workflow/test_demo.py."""

import subprocess
import sys

import numpy as np
import pytest

import seqfuse
from seqfuse.errors import UserError


def test_api_import_loads_nothing_heavy():
    heavy = "{'numpy', 'torch', 'pandas', 'pyarrow', 'yaml', 'transformers'}"
    words = f"import sys, seqfuse; assert not {heavy} & set(sys.modules); dir(seqfuse)"
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == 0


def test_api_names_are_there_with_a_docstring():
    for name in seqfuse.__all__:
        assert len(getattr(seqfuse, name).__doc__) > 60, name
    with pytest.raises(AttributeError, match="no attribute 'tokenizer'"):
        seqfuse.tokenizer  # noqa: B018


def test_api_kmers_have_spans_and_decode():
    tokens = seqfuse.KmerTokenizer(k=3, alphabet="ACGT", offset=100)("ACGTNACA")
    # ACG is 0 * 16 + 1 * 4 + 2; TNA is no k-mer and is spelt; CA is the tail.
    assert tokens.ids[0] == 106
    assert tokens.spans.tolist() == [[0, 3], [3, 4], [4, 5], [5, 6], [6, 7], [7, 8]]
    tokenizer = seqfuse.KmerTokenizer(k=3, alphabet="ACGT")
    assert tokenizer.decode(tokenizer("ACGTNACA").ids) == "ACGTNACA" and len(tokenizer) == 71
    with pytest.raises(UserError, match="k must be 1 to 8"):
        seqfuse.KmerTokenizer(k=9)


def test_api_codons_are_means_weighted_by_shared_nucleotides():
    dna = np.array([[3.0], [6.0]]), np.array([[0, 4], [4, 6]])
    protein = np.array([[1.0], [2.0]]), np.array([[0, 1], [1, 2]])
    aligned = seqfuse.align("ATGGCT", dna=dna, protein=protein)
    # The second codon has one nucleotide of the first token and two of the second.
    assert aligned["dna"] == pytest.approx(np.array([[3.0], [5.0]]))
    assert aligned["protein"].tolist() == [[1.0], [2.0]]
    with pytest.raises(UserError, match="codon 1 of 2 has no token"):
        seqfuse.align("ATGGCT", dna=(np.ones((1, 1)), np.array([[0, 3]])))
    with pytest.raises(UserError, match="one of dna, rna, protein"):
        seqfuse.align("ATG", peptide=protein)


def test_api_scores_and_compares_as_the_report_does():
    gold = np.array(["a", "b"] * 20)
    half = np.where(np.arange(40) < 20, gold, "neither")
    found = seqfuse.score(gold, [gold, half])
    # The mean of 1 and .5 over two seeds.
    assert (found["value"], found["n"], found["clusters"], found["seeds"]) == (0.75, 40, 40, 2)
    assert found["low"] < 0.75 < found["high"] and found["metric"] == "accuracy"
    assert np.isnan(seqfuse.score(gold, half, groups=np.arange(40) % 5)["low"])
    values = np.arange(30.0)
    assert seqfuse.score(values, -values)["value"] == pytest.approx(-1.0)
    better = seqfuse.compare(gold, gold, half)
    assert (better["difference"], better["verdict"]) == (0.5, "better")
    assert seqfuse.compare(gold, half, gold)["verdict"] == "worse"
    with pytest.raises(UserError, match="not a classification metric; known: accuracy"):
        seqfuse.score(gold, half, metric="spearman")
    with pytest.raises(UserError, match="40 gold rows and 3 predictions"):
        seqfuse.score(gold, gold[:3])


def test_api_folders_without_a_model_or_scores_are_named(tmp_path):
    with pytest.raises(UserError, match="no trained model here"):
        seqfuse.load(tmp_path)
    with pytest.raises(UserError, match="name the folder of a run"):
        seqfuse.scores(tmp_path)
