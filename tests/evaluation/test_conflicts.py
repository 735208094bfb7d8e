"""What follows the text and what follows the DNA, on records whose truth is planted."""

import numpy as np
import pandas as pd
import pytest

from seqfuse import tables
from seqfuse.data.demo import language
from seqfuse.language.probing import conflicts

DATASET = "data"


@pytest.fixture(scope="module")
def planted():
    """300 records of demo-variants: 60 of val and 240 of test, and their conflicts."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(300):
        half = ("question_decides", "sequence_decides")[number % 2]
        draw = language._gene_variant if number % 2 == 0 else language._site_variant
        choices = list(language.GENES if number % 2 == 0 else language.DISEASE_OF_VARIANT)
        row = draw(rng, choices[number // 2 % len(choices)])
        split = "val" if number < 60 else "test"
        rows.append({"id": f"r{number}", "split": split, "subset": half} | row)
    return rows, conflicts.conflicts(DATASET, rows, 100)


def answers(rows, says, **more):
    return [{"id": row["id"], "predicted": says(row)} | more for row in rows]


def by_text(row):
    """The disease of the gene that a question names; of no gene always the same."""
    gene = row["question"].removeprefix("Gene ").split(".")[0]
    return language.GENES.get(gene, language.DISEASES[0])


def by_dna(row):
    """The disease of the site that the variant hits; of no site always the same."""
    asked = row | {"question": language.SHARED_QUESTION}
    try:
        return language.variant_truth(asked)
    except ValueError:
        return language.DISEASES[0]


def with_other_dna(pairs):
    """What is shown in each conflict."""
    return [
        question | {"sequence": giver["sequence"], "variant": giver["variant"]}
        for question, giver in pairs
    ]


def evaluated(suite, planted, asked: dict, seeds=(0,)) -> pd.DataFrame:
    """The shares of {method: what it says of what it is shown}, and of the controls."""
    rows, pairs = planted
    suite.dataset(DATASET, rows)
    suite.predict("question_lookup", answers(rows, by_text))
    suite.predict("pair_lookup", answers(rows, by_dna))
    suite.predict("majority", answers(rows, lambda row: language.DISEASES[0]))
    suite.predict("text_only", answers(rows, by_text))
    suite.train("text_only", kind="control")
    paths = []
    for method, says in asked.items():
        suite.predict(method, [r for seed in seeds for r in answers(rows, says, seed=seed)])
        suite.train(method, seeds=seeds)
        shown = zip(with_other_dna(pairs), pairs, strict=True)
        table = [
            {"id": row["id"], "dataset": DATASET, "method": method, "seed": seed}
            | {"probe": "conflict", "predicted": says(row), "dna_of": giver["id"]}
            for row, (_, giver) in shown
            for seed in seeds
        ]
        paths.append(suite.folder / f"{method}.conflicts.parquet")
        tables.write(paths[-1], tables.from_rows(table, tables.CONFLICTS), tables.CONFLICTS)
    assert suite.run("--conflicts", *map(str, paths)) == 0
    found = suite.metrics().xs("conflict", level="probe").loc[DATASET]
    assert set(found["kind"]) == {"conflict"}
    return found


SPLITS = ("val", "test")


def test_planted_sources_are_followed_always(suite, planted):
    found = evaluated(suite, planted, {"dna_only": by_dna})["value"]
    for split in SPLITS:
        where = found[split, "question_decides"]
        # The question names the gene, and the DNA is of a site that decides: each reader follows
        # its own source, whatever the other says.
        for reader in ("text_only", "question_lookup"):
            assert where[reader, "follows_text"] == 1.0
            assert where[reader, "follows_dna"] == 0.0
            assert where[reader, "text_over_dna"] == 1.0
        for reader in ("dna_only", "pair_lookup"):
            assert where[reader, "follows_dna"] == 1.0
            assert where[reader, "text_over_dna"] == -1.0
        # Where neither text nor DNA says anything, nothing is followed beyond one label in four.
        where = found[split, "sequence_decides"]
        for reader in ("text_only", "question_lookup", "dna_only", "pair_lookup"):
            for share in ("follows_text", "follows_dna"):
                assert 0.1 < where[reader, share] < 0.45


def test_planted_nothing_is_found_in_a_constant_answer(suite, planted):
    found = evaluated(suite, planted, {"linear": lambda row: language.DISEASES[0]})
    row = found.loc[("test", "all", "linear", "text_over_dna")]
    assert row["low"] < 0 < row["high"]
    shares = found["value"]["test", "all", "linear"]
    assert sum(shares[f"follows_{one}"] for one in ("text", "dna", "neither")) == pytest.approx(1)
    pd.testing.assert_series_equal(shares, found["value"]["test", "all", "majority"])


def test_rows_clusters_and_seeds_are_counted_as_of_every_score(suite, planted):
    found = evaluated(suite, planted, {"dna_only": by_dna}, seeds=(0, 1))
    row = found.loc[("test", "question_decides", "dna_only", "follows_dna")]
    pairs = [q for q, _ in planted[1] if q["split"] == "test"]
    chosen = [q for q in pairs if q["subset"] == "question_decides"]
    assert (row["n"], row["seeds"], row["value"]) == (len(chosen), 2, 1.0)
    assert row["clusters"] == len({q["group"] for q in chosen})
    assert row["low"] < 1.0 == row["high"]


def test_tables_that_do_not_fit_are_refused(suite, planted, capsys):
    rows, pairs = planted
    path = suite.folder / "other.parquet"

    def refused(dna_of, method="linear"):
        table = [
            {"id": pairs[0][0]["id"], "dataset": DATASET, "method": method, "seed": 0}
            | {"probe": "conflict", "predicted": language.DISEASES[0], "dna_of": dna_of}
        ]
        tables.write(path, tables.from_rows(table, tables.CONFLICTS), tables.CONFLICTS)
        assert suite.run("--conflicts", str(path)) == 2
        return capsys.readouterr().err

    suite.dataset(DATASET, rows)
    suite.predict("linear", answers(rows, by_text))
    suite.train("linear")
    assert "the DNA of 'stranger', which is no val or test record of data" in refused("stranger")
    assert "no cost.json describes its training" in refused(pairs[0][1]["id"], "qformer")
