"""The verdicts in words, from comparisons made by hand."""

import math

import pytest

from seqfuse.registry.controls import CONTROLS, blind
from seqfuse.report import cells, looks
from seqfuse.report.cells import against, unit
from seqfuse.report.findings import cut_answers, findings, lines
from seqfuse.report.inputs import Run
from seqfuse.report.results import Place, Results, decisive

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
    suite="s",
):
    """Scores of `members` in the order of their names' value, `better` the significant pairs."""
    place = {"study": study, "suite": suite, "dataset": "d", "subset": subset, "metric": metric}
    place |= {"split": "test"}
    run = Run("r", {})
    for number, (name, kind) in enumerate(members):
        row = {"method": name, "kind": kind, "probe": "none", "value": 0.9 - 0.1 * number}
        run.metrics.append(place | row | {"low": 0.0, "high": 1.0, "n": 400})
    methods = [name for name, kind in members if kind == "method"]
    controls = [name for name, kind in members if kind == "control"]
    for position, method in enumerate(methods):
        for other in methods[position + 1 :] + controls:
            verdict = "not significant after Holm (p = 0.4)"
            if (method, other) in better:
                verdict = "better"
            if (other, method) in better:
                verdict = "worse"
            row = {"method": method, "against": other, "difference": 0.1, "low": 0.0}
            row |= {"high": 0.2, "detectable": detectable, "seeds": 2}
            run.comparisons.append(place | row | {"verdict": verdict})
    return Results(run)


def sentence(*arguments, **words) -> str:
    (finding,) = findings(results(*arguments, **words))
    return finding.sentence


BLIND = {("onevocab", "text_only"), ("onevocab", "pair_lookup")}


def test_a_method_reads_if_it_beats_all_that_cannot():
    assert sentence(READ, BLIND) == (
        "OneVocab read the sequence, but no method beat every control that sees the DNA without a "
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
        "No method was shown to read the sequence: none is significantly better than every "
        "control that cannot read it. This is no evidence that none is: 400 test rows would miss "
        "a true advantage over Text only of less than 0.21 more often than one time in five."
    )
    nothing = sentence(READ, set(), detectable=float("nan"))
    assert nothing.endswith("400 test rows are too few for any test.")


# Text only is the best control that cannot read, with 0.70 of the 1 that accuracy and MCC can be.
@pytest.mark.parametrize("metric", ["accuracy", "mcc"])
@pytest.mark.parametrize("detectable", [0.31, 1.45, math.inf])
def test_no_difference_is_named_that_no_score_can_have(metric, detectable):
    assert sentence(READ, set(), metric=metric, detectable=detectable).endswith(
        "This is no evidence that none is: with 400 test rows and 2 seeds not even a perfect score "
        "could be told from that of Text only."
    )
    assert "of less than 0.29" in sentence(READ, set(), metric=metric, detectable=0.29)


def test_one_method_of_which_nothing_could_be_told_does_not_speak_for_the_others():
    run = results(READ, set())
    ours = [row for (_, _, other), row in run.compared.items() if other == "text_only"]
    ours[0]["detectable"], ours[1]["detectable"] = math.inf, 0.12
    (finding,) = findings(run)
    assert finding.sentence.endswith(
        "400 test rows would miss a true advantage over Text only of less than 0.12 more often than"
        " one time in five, and that of single methods whatever its size."
    )


def test_of_a_metric_without_ends_any_difference_can_be_missed():
    words = {"study": "codons", "subset": "all", "metric": "mae"}
    assert "of less than 1.45" in sentence(FUSED, set(), detectable=1.45, **words)


def test_nothing_beats_a_perfect_score():
    scored = results(READ, set())
    (place,) = scored.scores
    scored.scores[place]["text_only"]["value"] = 1.0
    (finding,) = findings(scored)
    assert finding.sentence.endswith(
        "Text only has a perfect score, so that no method can beat it."
    )


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
    assert sentence(FUSED, {("mil", "dna")}, detectable=0.05, **words) == (
        "No fusion is significantly better than every single modality. This is no evidence that "
        "none is: 400 test rows would miss a true advantage over DNA alone of less than 0.05 more "
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


def test_the_matrix_says_which_controls_are_beaten():
    (finding,) = findings(results(READ, BLIND))
    matrix = finding.matrix
    assert [row["method"] for row in matrix.methods] == ["linear", "onevocab"]
    beaten = {pair for pair, row in matrix.compared.items() if row["verdict"] == "better"}
    assert beaten == BLIND and len(matrix.compared) == 2 * 3
    assert finding.where == "d, rows that only the sequence decides; 400 test rows; Accuracy"


def test_the_numbers_of_a_verdict_are_those_of_the_best_and_of_what_it_must_beat():
    found = results(READ, BLIND)
    (place,) = found.scores
    altered = {"value": 0.2, "low": 0.1, "high": 0.3, "n": 100, "metric": "accuracy"}
    found.probed[place, "linear"] = {p: altered | {"probe": p} for p in ("blank", "revert")}
    (finding,) = findings(found)
    assert [look.text for look in finding.looks] == [
        "Linear adapter (BioReason) 0.90",
        "Text only 0.70",
        "Counts of 4-mers 0.50",
        "0.20 with the variant reverted",
    ]
    assert finding.looks[3].title == "Linear adapter (BioReason), variant reverted"
    assert finding.looks[3].part == "the same model on 100 of the rows"
    assert finding.axis == (0.0, 1.0)
    assert finding.strip[3] == {"value": 20.0, "low": 10.0, "high": 30.0}


def test_a_terminal_is_told_the_numbers_and_the_sentence():
    numbers, said = lines(findings(results(READ, BLIND)))
    assert numbers == (
        "s (d, rows that only the sequence decides; 400 test rows; Accuracy): "
        "Linear adapter (BioReason) 0.90 · Text only 0.70 · Counts of 4-mers 0.50"
    )
    assert said.startswith("    OneVocab read the sequence, but no method beat")
    own_suite = results(FUSED, set(), study="codons", subset="all", suite="d")
    assert lines(findings(own_suite))[0].startswith("d (400 test rows; Accuracy): MIL with entropy")


def test_the_numbers_of_a_fusion_are_beside_its_parts():
    (finding,) = findings(results(FUSED, set(), study="codons", subset="all", metric="spearman"))
    assert [(look.name, look.part) for look in finding.looks] == [
        ("mil", "the best fusion"),
        ("dna", "the best single modality"),
        ("late_mean", "the best control"),
    ]


def test_scores_without_ends_or_intervals_have_a_place_too():
    nan = float("nan")
    row = {"metric": "mae", "value": 2.0, "low": nan, "high": nan}
    shown = [looks.Look("dna", "", row), looks.Look("rna", "", row | {"value": 4.0})]
    assert looks.axis(shown) == (0.0, 4.0)
    assert [place["value"] for place in looks.strip(shown)] == [50.0, 100.0]
    assert looks.strip(shown)[0]["low"] is None


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
    row = {"difference": 0.1, "low": -0.1, "high": 0.3, "verdict": "worse", "seeds": 2}
    row |= {"detectable": 0.1234, "equivalence": "not shown to be equivalent"}
    said = "[\N{MINUS SIGN}0.100, +0.300]; worse; detectable: 0.123; not shown to be equivalent"
    cell = against(row)
    assert (cell.text, cell.note, cell.mark) == ("▼ +0.100", said, "worse")
    assert (
        against(row | {"seeds": 1}).note
        == f"{said}; one seed: says nothing about another training run"
    )
    assert against(row | {"detectable": float("nan")}).note.endswith("; worse")
    assert "; detectable: no difference; " in against(row | {"detectable": math.inf}).note
    assert against(row | {"verdict": "not significant"}).text == "· +0.100"
    assert against(None).text == ""


@pytest.mark.parametrize("by_seed", [None, [0.5], [0.5, math.nan]])
def test_seeds_stand_apart_where_there_are_several_scores(by_seed):
    row = {"value": 0.5, "low": math.nan, "high": math.nan, "seeds": 2, "by_seed": by_seed}
    assert cells.by_seed(row) == () and cells.seeds(row, row).note == ""
    grid = cells.Grid("a", "A", ["Score"], closed=True)
    grid.add(cells.score(row))
    assert cells.score(row).by_seed == () and grid.packed
    assert cells.seeds(row, row | {"by_seed": [0.25, -0.75]}).note == "0.250, \N{MINUS SIGN}0.750"


def test_times_have_one_unit():
    assert unit(480).of(480) == "8.0 minutes"
    assert unit(36_000).of(36_000) == "10.0 hours"
    assert unit(36_000_000).of(36_000_000) == "10,000 hours"


def test_a_lookup_that_answers_about_pairs_it_has_not_seen_reads_the_dna():
    known_again = {"question_lookup", "pair_lookup"}
    lookups = {name for name in CONTROLS["language"] if "lookup" in name}
    assert {name for name in lookups if blind(name)} == known_again < lookups
