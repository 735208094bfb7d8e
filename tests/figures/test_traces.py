"""Facts of a reasoning, by hand and planted: the question's, the DNA's, another record's."""

import pandas as pd
import pytest

from seqfuse.figures.sources import traces

QUESTION = "Gene {}. Network Definition of the pathway: {}* -| CxI\nWhich disease?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The G>T substitution", [("G", "T")]),
        ("changes from AC to A here", [("AC", "A")]),
        ("The kappa site is now G.", [(None, "G")]),
        ("GATTACA > x, now lost", []),
    ],
)
def test_alleles_as_they_are_written(text, expected):
    assert traces.named_in("alleles", text, ()) == expected


def test_a_gene_is_a_whole_word():
    known = {"GEN1", "GEN10", "HLA-A"}
    assert traces.named_in("gene", "GEN10 and HLA-A.", known) == ["GEN10", "HLA-A"]


def test_a_source_is_the_first_that_holds():
    known = {"G1", "G2", "G3"}

    def of(text, question="About G2"):
        return traces.source("gene", text, question, "G1", known)

    assert of("G1", "About G1") == (True, "prompt")
    assert of("G1 and G2") == (True, "dna")
    assert of("G2") == (False, "prompt")
    assert of("G3") == (False, "another_row")
    assert of("none of them") == (False, "none")
    # What stands behind the reasoning is the answer, and no part of it.
    assert of("G3\n</think>\n\nAnswer: G1") == (False, "another_row")


@pytest.fixture
def frames():
    """20 records of ten genes, of which the first half name theirs in the question."""
    records, clusters = [], []
    for i in range(20):
        gene, new = f"GEN{i % 10}", "CGT"[i % 3]
        asked = QUESTION.format(gene, gene) if i < 10 else "Unnamed gene."
        records.append(
            {"id": f"r{i}", "dataset": "set", "question": asked, "group": gene}
            | {"sequence": "TTATT", "variant": f"TT{new}TT", "reasoning": "x"}
        )
        clusters.append({"id": f"r{i}", "dataset": "set", "cluster": i % 10})
    return {"references": pd.DataFrame(records), "clusters": pd.DataFrame(clusters)}


def of(frames, says):
    answers = [
        {"id": row.id, "dataset": "set", "method": "onevocab", "seed": seed, "text": says(row)}
        for row in frames["references"].itertuples()
        for seed in (0, 1)
    ]
    found = traces.table(frames | {"answers": pd.DataFrame(answers)}, 0.95)
    return found.set_index("thing")


def test_planted_facts_are_found_where_they_are_from(frames):
    def read(row):
        own = traces.of_record("alleles", row)
        pathway = traces.of_record("pathway", row) or ""
        return f"The gene is {row.group}, {own[0]}>{own[1]}: {pathway}\n</think>\n\nAnswer: x"

    found = of(frames, read)
    assert found["value"].to_dict() == {"gene": 1.0, "alleles": 1.0, "pathway": 1.0}
    assert found.loc["gene", ["prompt", "dna"]].tolist() == [0.5, 0.5]
    assert found.loc["alleles", "dna"] == found.loc["pathway", "prompt"] == 1.0
    assert found.loc["pathway", "n"] == 10 and found.loc["gene", "seeds"] == 2
    # Ten genes are ten samples.
    assert found.loc["gene", "low"] < 1.0 == found.loc["gene", "high"]


def test_planted_facts_of_another_record_are_none_of_its_own(frames):
    rows = frames["references"]
    after = {row.id: rows.iloc[(i + 1) % 20] for i, row in enumerate(rows.itertuples())}

    def borrow(row):
        other = after[row.id]
        return f"The gene is {other['group']}, A>{other['variant'][2]}"

    found = of(frames, borrow)
    assert found["value"].to_dict() == {"gene": 0.0, "alleles": 0.0, "pathway": 0.0}
    assert found.loc["gene", "another_row"] == found.loc["alleles", "another_row"] == 1.0
    assert found.loc["pathway", "none"] == 1.0


def test_planted_nothing_is_found_in_a_reasoning_that_names_nothing(frames):
    found = of(frames, lambda row: "It follows.\n</think>\n\nAnswer: x")
    assert (found["value"] == 0).all() and (found["none"] == 1).all()
