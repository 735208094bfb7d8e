"""The verdicts in words, from comparisons made by hand."""

import pytest

from seqfuse.report.cells import weight
from seqfuse.report.findings import Place, Results, cut_answers, decisive, findings
from seqfuse.report.inputs import Run

READ = (("linear", "method"), ("onevocab", "method"), ("text_only", "control"))
READ += (("pair_lookup", "control"), ("kmer", "control"))
FUSED = (("dna", "method"), ("rna", "method"), ("mil", "method"), ("late_mean", "control"))


def results(
    members,
    better,
    study="language",
    subset="sequence_decides",
    metric="accuracy",
    detectable=0.21,
):
    """Scores of `members` in the order of their names' value, `better` the significant pairs."""
    place = {"study": study, "suite": "s", "dataset": "d", "subset": subset, "metric": metric}
    place |= {"split": "test"}
    run = Run("r", {})
    for number, (name, kind) in enumerate(members):
        row = {"method": name, "kind": kind, "probe": "none", "value": 0.9 - 0.1 * number}
        run.metrics.append(place | row | {"low": 0.0, "high": 1.0, "n": 400})
    methods = [name for name, kind in members if kind == "method"]
    controls = [name for name, kind in members if kind == "control"]
    for position, method in enumerate(methods):
        for against in methods[position + 1 :] + controls:
            verdict = "not significant after Holm (p = 0.4)"
            if (method, against) in better:
                verdict = "better"
            if (against, method) in better:
                verdict = "worse"
            row = {"method": method, "against": against, "difference": 0.1, "low": 0.0}
            row |= {"high": 0.2, "detectable": detectable}
            run.comparisons.append(place | row | {"verdict": verdict})
    return Results(run)


def sentence(*arguments, **words) -> str:
    (finding,) = findings(results(*arguments, **words))
    return finding.sentence


BLIND = {("onevocab", "text_only"), ("onevocab", "pair_lookup")}


def test_a_method_reads_if_it_beats_all_that_cannot():
    assert sentence(READ, BLIND) == (
        "OneVocab read the sequence, but none beat every control that sees the DNA without a "
        "language model."
    )
    assert sentence(READ, BLIND | {("onevocab", "kmer")}) == (
        "OneVocab read the sequence, and beat every control."
    )
    linear = {("linear", "text_only"), ("linear", "pair_lookup")}
    assert sentence(READ, BLIND | linear | {("onevocab", "kmer")}) == (
        "Linear adapter (BioReason) and OneVocab read the sequence; OneVocab also beat every "
        "control that sees the DNA."
    )


@pytest.mark.parametrize("missing", sorted(BLIND))
def test_one_control_that_cannot_read_is_enough_to_doubt(missing):
    assert sentence(READ, BLIND - {missing}).startswith("No method was shown to read the sequence")


def test_a_better_score_that_is_not_significant_shows_nothing():
    # Both methods score above every control here, and no comparison is significant.
    assert sentence(READ, set()) == (
        "No method was shown to read the sequence: none is significantly better than the text-only "
        "model and every look-up. This is no evidence that none is: these rows would miss a true "
        "advantage over Text only of less than 0.21 more often than one time in five."
    )
    assert sentence(READ, set(), detectable=float("nan")).endswith("too few for any test.")


def test_without_a_control_that_cannot_read_nothing_is_known():
    members = (("linear", "method"), ("kmer", "control"))
    assert sentence(members, {("linear", "kmer")}).startswith("Not known:")


def test_a_fusion_adds_if_it_beats_each_of_its_parts():
    both = {("mil", "dna"), ("mil", "rna")}
    words = {"study": "codons", "subset": "all"}
    assert sentence(FUSED, both, **words) == (
        "MIL with entropy beat every single modality, but no fusion beats every control."
    )
    assert sentence(FUSED, both | {("mil", "late_mean")}, **words) == (
        "MIL with entropy beat every single modality and every control."
    )
    assert sentence(FUSED, {("mil", "dna")}, **words) == (
        "No fusion is significantly better than every single modality. This is no evidence that "
        "none is: these rows would miss a true advantage over DNA alone of less than 0.21 more "
        "often than one time in five."
    )
    assert sentence(FUSED[:2], set(), **words) == "Not asked: this run has no fusion."


def test_a_comparison_counts_from_both_sides():
    found = results(READ, {("onevocab", "linear")})
    (place,) = found.scores
    forth = found.compared[place, "linear", "onevocab"]
    back = found.compared[place, "onevocab", "linear"]
    assert (forth["verdict"], back["verdict"]) == ("worse", "better")
    assert (back["difference"], back["low"], back["high"]) == (-0.1, -0.2, -0.0)
    assert (back["method"], back["against"]) == ("onevocab", "linear")


def test_lines_say_which_controls_are_beaten():
    (finding,) = findings(results(READ, BLIND))
    assert [line.score["method"] for line in finding.lines] == ["linear", "onevocab"]
    linear, onevocab = finding.lines
    assert linear.beaten == []
    assert sorted(onevocab.beaten) == ["pair_lookup", "text_only"]
    assert [row["against"] for row in onevocab.unbeaten] == ["kmer"]
    assert finding.where == "d, rows that only the sequence decides; 400 test rows; Accuracy"


def test_the_best_is_the_lowest_where_less_is_better():
    members = (("dna", "method"), ("late_mean", "control"), ("composition", "control"))
    higher = results(members, set(), study="codons", subset="all", metric="spearman")
    lower = results(members, set(), study="codons", subset="all", metric="mae")
    assert higher.best_control(next(iter(higher.scores))) == "late_mean"
    assert lower.best_control(next(iter(lower.scores))) == "composition"


@pytest.mark.parametrize(
    ("undefined", "best"), [("late_mean", "composition"), ("composition", "late_mean")]
)
def test_a_score_that_is_not_defined_is_no_best(undefined, best):
    members = (("dna", "method"), ("late_mean", "control"), ("composition", "control"))
    found = results(members, set(), study="codons", subset="all", metric="spearman")
    (place,) = found.scores
    found.scores[place][undefined]["value"] = float("nan")
    assert found.best_control(place) == best


def test_verdicts_are_taken_where_only_the_sequence_decides_or_over_the_suite():
    def place(suite, dataset, subset="all"):
        return Place("language", suite, dataset, subset, "mcc")

    half = place("variants", "kegg", "sequence_decides")
    places = [place("variants", "kegg"), half, place("variants", "kegg", "question_decides")]
    places += [place("tasks", "a"), place("tasks", "b"), place("tasks", "mean"), place("one", "c")]
    assert decisive(places) == [half, place("tasks", "mean"), place("one", "c")]


def test_cut_answers_are_warned_of_whatever_was_found_at_start():
    run = Run("r", {})
    row = {"dataset": "d", "split": "test", "subset": "all", "probe": "none", "metric": "cut_rate"}
    shares = {"text_only": 0.0, "onevocab": 0.0625, "linear": 1.0}
    run.metrics += [row | {"method": name, "value": value} for name, value in shares.items()]
    run.metrics += [row | {"method": "qformer", "value": 0.5} | other for other in (
        {"split": "val"}, {"subset": "seen_exactly"}, {"probe": "swap"}, {"metric": "invalid_rate"},
    )]  # fmt: skip
    assert cut_answers(run) == [
        (
            "d",
            "test answers that language.prompt.max_new_tokens cut before they ended: Linear adapter"
            " (BioReason) 100.0 %, OneVocab 6.2 %",
        )
    ]
    run.metrics = [row | {"method": "linear", "value": 0.0}]
    assert cut_answers(run) == []


def test_beside_a_comparison_stands_what_it_could_have_shown():
    row = {"detectable": 0.1234, "equivalence": "not shown to be equivalent", "seeds": 2}
    assert weight(row) == "detectable: 0.123; not shown to be equivalent"
    assert weight(row | {"seeds": 1}).endswith("; one seed: nothing is known of another training")
    assert weight(row | {"detectable": float("nan")}) == ""
