"""Agreement of two judges, by hand."""

from seqfuse.judge import agreement


def test_agreement_by_hand():
    # Ranks 1 2 3 and 2 1 3: Spearman 1 - 6 * 2 / 24 = .5; differences 2, -1, 2.
    assert agreement.agreement([(1, 3), (2, 1), (5, 7)]) == (
        "Spearman 0.50, mean difference +1.00, mean distance 1.67, 3 verdicts"
    )
    assert "Spearman none (constant)" in agreement.agreement([(1, 3), (1, 5)])
    assert agreement.agreement([(1, 3)]) == "1 verdicts in common"


def test_only_scored_answers_that_both_judged_are_compared():
    def row(judge, name, score, status="ok"):
        about = {"dataset": "d", "id": name, "seed": 0, "dimension": "completeness"}
        return about | {"judge": judge, "score": score, "status": status}

    first = [row("a", "x", 1.0), row("a", "y", 4.0), row("a", "z", None, "refused")]
    second = [row("overlap", name, 2.0) for name in "xyz"]
    assert agreement.lines(first + second) == [
        "completeness: a and overlap: Spearman none (constant), mean difference -0.50, "
        "mean distance 1.50, 2 verdicts"
    ]
