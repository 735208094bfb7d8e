"""Agreement of two judges, by hand."""

import pytest

from seqfuse.statistics.agreement import agreements


def verdicts(judge, **scores):
    """Rows of one judge, {id: score}; an answer without a score is a refusal."""
    about = {"dataset": "d", "method": "m", "seed": 0, "dimension": "completeness", "judge": judge}
    return [
        about | {"id": name, "score": score, "status": "refused" if score is None else "ok"}
        for name, score in scores.items()
    ]


def test_agreement_by_hand():
    # Ranks 1 2 3 and 2 1 3: Spearman 1 - 6 * 2 / 24 = .5; differences 2, -1, 2.
    (found,) = agreements(verdicts("a", x=1, y=2, z=5) + verdicts("b", x=3, y=1, z=7))
    assert (found.dimension, found.judge, found.other) == ("completeness", "a", "b")
    assert found.answers == 3 and found.spearman == pytest.approx(0.5)
    assert (found.difference, found.distance) == pytest.approx((1, 5 / 3))
    assert str(found) == (
        "completeness: a and b: Spearman 0.50, mean difference +1.00, mean distance 1.67, "
        "3 verdicts"
    )


def test_a_constant_judge_orders_nothing():
    (found,) = agreements(verdicts("a", x=1, y=1) + verdicts("b", x=3, y=5))
    assert found.spearman is None and "Spearman none (constant)" in str(found)


@pytest.mark.parametrize("common", [0, 1])
def test_too_few_common_answers_are_counted(common):
    second = verdicts("b", **{"xyz"[2 * (1 - common)]: 3})
    (found,) = agreements(verdicts("a", x=1, y=2) + second)
    assert str(found) == f"completeness: a and b: {common} verdicts in common"


def test_only_scored_answers_that_both_judged_are_compared():
    first = verdicts("a", x=1.0, y=4.0, z=None)
    assert [
        str(found) for found in agreements(first + verdicts("overlap", x=2.0, y=2.0, z=2.0))
    ] == [
        "completeness: a and overlap: Spearman none (constant), mean difference -0.50, "
        "mean distance 1.50, 2 verdicts"
    ]
