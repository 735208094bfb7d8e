"""What is judged: the reasoning in an answer, and the judge's control rows."""

from collections import Counter

import pytest

from seqfuse import tables
from seqfuse.judge import reasoning
from seqfuse.judge.reasoning import extract


@pytest.mark.parametrize(
    ("text", "reasoning"),
    [
        ("<think> It binds. </think> Answer: a", "It binds."),
        ("It binds. Answer: a", "It binds."),
        ("It binds.</think> Answer: a", "It binds."),
        ("<think> It binds. Answer: b? No. Answer: a", "It binds. Answer: b? No."),
        ("<think> cut in the mid", "cut in the mid"),
        ("Answer: a", ""),
        ("", ""),
    ],
)
def test_extract(text, reasoning):
    assert extract(text) == reasoning


def candidates(judged, method):
    assert judged.run(method=method) == 0
    return judged.verdicts()


def test_retrieval_takes_the_training_reasoning_of_the_same_question(judged):
    train = [("t1", "p", "one"), ("t2", "q", "kappa leads to cobalt ataxia"), ("t3", "o", "two")]
    judged.records([("r1", "kappa leads to cobalt ataxia")], train)
    rows = candidates(judged, "retrieval")
    assert (rows["score"] == 10).all()
    assert set(rows["method"]) == {"retrieval"}


def test_retrieval_without_the_question_takes_another_reasoning(judged):
    judged.records([("r1", "kappa leads to ataxia")], [("t1", "p", "nothing alike")])
    assert (candidates(judged, "retrieval")["score"] == 0).all()


def test_the_same_label_is_retrieved_whatever_the_question(judged):
    train = [("t1", "p", "kappa leads to ataxia"), ("t2", "o", "kappa leads to ataxia")]
    judged.records([("r1", "kappa leads to ataxia"), ("r2", "kappa leads to ataxia")], train)
    assert (candidates(judged, "same_label")["score"] == 10).all()
    table = tables.read(judged.folder / "records.parquet", tables.CLEAN).to_pylist()
    other = {"id": "t0", "split": "train", "question": "q", "label": "myopathy"}
    rows = [*table, table[0] | other | {"reasoning": "sigma"}]
    table = tables.from_rows(rows, tables.CLEAN)
    tables.write(judged.folder / "records.parquet", table, tables.CLEAN)
    assert (candidates(judged, "same_label")["score"] == 10).all()
    assert (candidates(judged, "retrieval")["score"] == 0).all()


def test_shuffled_is_another_records_reference(judged):
    judged.records([("r1", "one"), ("r2", "two"), ("r3", "three")])
    rows = candidates(judged, "shuffled")
    assert len(rows) == 3
    assert (rows["score"] == 0).all()


def test_the_ceiling_is_the_reference_and_padding_adds_no_word_of_it(judged):
    judged.records([("r1", "kappa leads to ataxia"), ("r2", "sigma leads to anaemia")])
    assert (candidates(judged, "ceiling")["score"] == 10).all()
    # Shared: leads, to of 4 and 4 words, then of 4 and 8.
    assert candidates(judged, "shuffled")["score"].tolist() == [5, 5]
    assert candidates(judged, "padded")["score"].tolist() == pytest.approx([10 / 3, 10 / 3])


def test_the_overlap_of_words_scores_every_seed_in_one_column(judged):
    judged.texts({"r1": "kappa leads to cobalt ataxia", "r2": "Answer: y"}, seeds=(0, 4))
    assert judged.run() == 0
    rows = judged.verdicts().set_index(["seed", "id", "dimension"])["score"]
    assert len(rows) == 2 * 2
    assert rows[4, "r1", "word_overlap"] == 10
    assert rows[0, "r2", "word_overlap"] == 0
    assert set(judged.verdicts()["judge"]) == {"word overlap"}


def test_the_records_judged_are_a_draw_in_which_each_label_has_its_share():
    rows = [
        {"id": f"r{n}", "label": "abbccccccc"[n % 10] if n < 90 else f"rare{n}"} for n in range(100)
    ]
    first = reasoning.drawn(rows, 20, seed=0)
    counts = Counter(row["label"][:4] for row in first)
    assert (counts["a"], counts["b"], counts["c"]) in {
        (a, b, c) for a in (1, 2, 3) for b in (3, 4, 5) for c in (12, 13, 14)
    }
    assert reasoning.drawn(rows[::-1], 20, seed=0) == first
    assert reasoning.drawn(rows, 20, seed=1) != first
    # A label of one record has its chance.
    drawn = [row["label"] for seed in range(20) for row in reasoning.drawn(rows, 20, seed)]
    assert 20 <= sum(label.startswith("rare") for label in drawn) <= 60
    assert reasoning.drawn(rows, 1000, seed=0) and len(reasoning.drawn(rows, 1000, 0)) == 100


def test_only_so_many_records_are_judged(judged):
    assert judged.run("--rows", "1") == 0
    assert judged.verdicts()["id"].nunique() == 1


def refused(judged, capsys, **how) -> str:
    assert judged.run(**how) == 2
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert not (judged.folder / "out.parquet").exists()
    return error


def test_a_missing_prediction_is_refused(judged, capsys):
    judged.texts({"r1": "some text"})
    assert "seed 0 has no prediction for d record 'r2'" in refused(judged, capsys)


def test_another_methods_predictions_are_refused(judged, capsys):
    assert "qformer generated no text for d" in refused(judged, capsys, method="qformer")


def test_records_without_reasoning_are_refused(judged, capsys):
    judged.records([("r1", None)])
    assert "no test record has a reasoning" in refused(judged, capsys)
