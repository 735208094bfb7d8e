"""The command: small suites whose scores can be counted by hand."""

import pandas as pd
import pytest
from scipy import stats

LABELS = ["a", "b", "c", "a"]


def gold(*labels, **columns):
    return [{"label": label} | columns for label in labels]


def said(*answers, **columns):
    return [{"id": f"r{i}", "predicted": answer} | columns for i, answer in enumerate(answers)]


def test_an_invalid_answer_is_wrong_and_counted(suite):
    suite.dataset("data", gold(*LABELS, variant="ACGA"))
    suite.predict("linear", said("a", None, "c", None))
    suite.train("linear")
    assert suite.run() == 0
    found = suite.metrics().loc[("data", "test", "all", "linear", "none"), "value"]
    assert found["accuracy"] == 0.5
    assert found["invalid_rate"] == 0.5
    # a: P 1, R 1/2; b: 0; c: 1. The invalid answers are a fourth class of `union_`.
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert found["union_f1"] == pytest.approx((2 / 3 + 0 + 1) / 4)


def test_the_likeliest_label_and_the_substring_rule_have_scores_of_their_own(suite):
    suite.dataset("data", gold("a", "b", variant="ACGA"))
    rows = said(None, "b")
    # The first answer is no label, but its text holds one and its label is the likeliest.
    rows[0] |= {"text": "no idea, maybe A", "loglik": [("a", -1.0), ("b", -2.0)]}
    rows[1] |= {"text": "Answer: b", "loglik": [("a", 0.0), ("b", -3.0)]}
    suite.predict("linear", rows)
    suite.train("linear")
    assert suite.run() == 0
    found = suite.metrics().loc[("data", "test", "all", "linear", "none"), "value"]
    assert found["accuracy"] == 0.5
    assert found["likelihood_accuracy"] == 0.5
    assert found["substring_accuracy"] == 1.0
    assert found["substring_inflation"] == 0.5
    # Confidences 1/(1+e^-1) = .731 (right) and 1/(1+e^-3) = .953 (wrong), in bins of their own.
    assert found["ece"] == pytest.approx((1 - 0.7310586 + 0.9525741) / 2)


def test_the_share_of_cut_answers_is_scored_whatever_was_found_at_start(suite):
    suite.dataset("data", gold("a", "b", "a", "b", variant="ACGA"))
    rows = said("a", None, None, "b")
    cut = (False, True, True, None)
    suite.predict("linear", [row | {"cut": one} for row, one in zip(rows, cut, strict=True)])
    suite.predict("dna_only", said("a", "b", "a", "b"))
    for name in ("linear", "dna_only"):
        suite.train(name)
    assert suite.run() == 0
    found = suite.metrics().loc[("data", "test", "all")]["value"]
    assert found["linear", "none", "cut_rate"] == 0.5
    assert ("dna_only", "none", "cut_rate") not in found.index


def test_an_alias_counts_where_it_is_listed_and_is_counted(suite):
    suite.dataset("data", gold("motor neuron disease", *"bbb", variant="ACGA"))
    texts = ["Answer: als</think> Answer: ALS.", "</think> Answer: ALS", "Answer: ALS", "so ALS"]
    rows = [row | {"text": text} for row, text in zip(said(*[None] * 4), texts, strict=True)]
    # The third answer never closed its reasoning, the fourth has no answer field.
    suite.predict("linear", [row | {"mode": "own"} for row in rows])
    suite.train("linear")
    assert suite.run() == 0
    assert "alias_rate" not in suite.metrics().index.get_level_values("metric")
    assert suite.run("--aliases", '{"data": {"als": "motor neuron disease"}}') == 0
    found = suite.metrics().loc[("data", "test", "all", "linear", "none"), "value"]
    assert found["accuracy"] == 0.25
    assert found["alias_rate"] == 0.5
    assert found["invalid_rate"] == 0.5


def test_aliases_of_another_dataset_are_refused(suite, capsys):
    suite.dataset("data", gold("a"))
    suite.predict("linear", said("a"))
    assert suite.run("--aliases", '{"dtaa": {"x": "a"}}') == 2
    assert "--aliases: 'dtaa' is not one of the datasets data" in capsys.readouterr().err


def test_subsets_and_splits_are_scored_apart(suite):
    rows = gold("a", "b", "a", variant="ACGA", subset="question_decides")
    rows += gold("a", "b", variant="ACGA", subset="sequence_decides")
    rows += gold("a", variant="ACGA", subset="sequence_decides", split="val")
    rows += gold("b", variant="ACGA", subset="sequence_decides", split="train")
    suite.dataset("data", rows)
    suite.predict("linear", said("a", "b", "a", "b", "a", "a"))
    suite.train("linear")
    assert suite.run() == 0
    accuracy = suite.metrics().xs("accuracy", level="metric").droplevel(["dataset", "probe"])
    values = {key[:2]: row["value"] for key, row in accuracy.iterrows()}
    assert values == {
        ("test", "all"): pytest.approx(0.6),
        ("test", "question_decides"): 1.0,
        ("test", "sequence_decides"): 0.0,
        ("val", "all"): 1.0,
        ("val+test", "all"): pytest.approx(4 / 6),
        ("val+test", "question_decides"): 1.0,
        ("val+test", "sequence_decides"): pytest.approx(1 / 3),
    }
    assert accuracy.loc[("test", "question_decides", "linear"), "n"] == 3


def test_full_scale_methods_and_controls_are_scored_on_the_same_drawn_validation_rows(
    suite, capsys
):
    """The method was asked about 4 of 10 rows of val, the control about all."""
    from seqfuse.bio import draws

    val = list("aaaaaabbbc")
    suite.dataset("data", gold(*"ab", variant="A") + gold(*val, variant="A", split="val"))
    drawn = draws.drawn(val, 4)
    whole = said("a", "b", *val)
    right_where_drawn = [
        ("a" if d else "b") if x == "a" else x for x, d in zip(val, drawn, strict=True)
    ]
    suite.predict("linear", whole[:2] + [row for row, d in zip(whole[2:], drawn, strict=True) if d])
    suite.predict("majority", said("a", "b", *right_where_drawn))
    suite.train("linear")
    assert suite.run() == 2
    assert "6 val records have no prediction" in capsys.readouterr().err
    assert suite.run("--validation-rows", "4") == 0
    accuracy = suite.metrics().xs("accuracy", level="metric").droplevel(["dataset", "probe"])
    for method in ("linear", "majority"):
        assert accuracy.loc[("val", "all", method), ["value", "n"]].tolist() == [1, 4]
        assert accuracy.loc[("test", "all", method), "n"] == 2
    # A part of one split and the whole of another have no common mean.
    assert "val+test" not in accuracy.index.get_level_values("split")


def test_split_rows_are_scored_apart_by_how_well_train_knows_them(suite):
    # r1 has the reference of a training record but another variant: that pair is new.
    rows = gold("a", "a", "a", variant="ACGA", sequence="ACGT")
    rows[1]["variant"], rows[2]["sequence"] = "ACGC", "GGGG"
    suite.dataset("data", [*rows, *gold("a", variant="ACGA", sequence="ACGT", split="train")])
    suite.predict("linear", said("a", None, "a"))
    suite.train("linear")
    assert suite.run() == 0
    accuracy = suite.metrics().xs(("test", "accuracy"), level=("split", "metric"))
    found = accuracy.droplevel(["dataset", "method", "probe"])
    assert found["value"].to_dict() == {
        "all": pytest.approx(2 / 3), "seen_exactly": 1.0, "seen_nearly": 0.0, "unseen": 1.0,
    }  # fmt: skip
    assert found["n"].to_dict() == {"all": 3, "seen_exactly": 1, "seen_nearly": 1, "unseen": 1}


def test_late_fusion_has_the_parameters_of_its_parts(suite):
    suite.study = "codons"
    suite.dataset("data", gold("a", "b", "a", "b"))
    for arm, size in (("dna", 10), ("rna", 200), ("mil", 4000)):
        suite.predict(arm, said("a", "b", "a", "b"))
        suite.train(arm, size=size)
    for control in ("late_mean", "late_stack", "majority"):
        suite.predict(control, said("a", "b", "a", "b"))
    assert suite.run() == 0
    size = suite.metrics().xs("accuracy", level="metric")["trained_parameters"].droplevel("subset")
    found = {name: size.loc[("data", "test", name, "none")].max() for name in ("dna", "mil")}
    assert found == {"dna": 10, "mil": 4000}
    for fused in ("late_mean", "late_stack"):
        assert size.loc[("data", "test", fused, "none")].max() == 210
    assert size.loc[("data", "test", "majority", "none")].max() == 0


def test_a_score_is_the_mean_over_seeds(suite):
    suite.dataset("data", gold("a", "b", "a", "b", variant="ACGA"))
    rows = said("a", "b", "a", "b", seed=0) + said("a", "b", "b", "a", seed=5)
    suite.predict("linear", rows)
    suite.train("linear", seeds=(0, 5), size=123)
    assert suite.run() == 0
    row = suite.metrics().loc[("data", "test", "all", "linear", "none", "accuracy")]
    assert row["value"] == 0.75
    assert (row["seeds"], row["n"], row["trained_parameters"]) == (2, 4, 123)
    assert list(row["by_seed"]) == [1.0, 0.5]


def test_a_probe_is_a_row_of_its_own_and_no_comparison(suite):
    suite.dataset("data", gold("a", "b", variant="ACGA"))
    suite.predict("linear", said("a", "b") + said("b", "b", probe="swap"))
    suite.predict("majority", said("a", "a"))
    suite.train("linear")
    assert suite.run() == 0
    found = suite.metrics().xs("accuracy", level="metric").droplevel(["dataset", "split", "subset"])
    test = found[~found.index.duplicated()]
    assert test["kind"].to_dict() == {
        ("linear", "none"): "method",
        ("linear", "swap"): "probe",
        ("majority", "none"): "control",
    }
    assert test.loc[("linear", "swap"), "value"] == 0.5
    assert test.loc[("majority", "none"), "trained_parameters"] == 0
    compared = suite.comparisons()["difference"].droplevel(["dataset", "subset", "method"])
    assert compared.to_dict() == {"majority": 0.5, "every_control": 0.5}


def test_rows_that_are_no_independent_samples_are_one_cluster_in_an_interval(suite):
    # Twenty clusters of five rows, each all right or all wrong, are no hundred rows.
    rows = [{"label": "a", "variant": "ACGA"} for _ in range(100)]
    sets = {
        "rows": rows,
        "genes": [row | {"group": f"g{i // 5}"} for i, row in enumerate(rows)],
        "dna": [
            row | {"sequence": "AC"[i // 50] * (1 + i // 5 % 10)} for i, row in enumerate(rows)
        ],
    }
    answers = ["a" if i // 5 % 2 else None for i in range(100)]
    said_of = []
    for name, rows in sets.items():
        suite.dataset(name, [row | {"id": f"{name}{i}"} for i, row in enumerate(rows)])
        said_of += [
            row | {"id": f"{name}{i}"} for i, row in enumerate(said(*answers, dataset=name))
        ]
    suite.predict("linear", said_of)
    suite.train("linear")
    assert suite.run() == 0
    accuracy = suite.metrics().xs(("test", "accuracy"), level=("split", "metric"))
    found = accuracy.droplevel(["subset", "method", "probe"])
    assert found["clusters"].to_dict() == {"rows": 100, "genes": 20, "dna": 20, "mean": 140}
    width = (found["high"] - found["low"]).to_dict()
    # Wilson's interval of 1/2 is sqrt(t^2 / (m + t^2)) wide, of m rows; here less the one that the
    # variance is divided by.
    for name, clusters in (("rows", 100), ("genes", 20), ("dna", 20)):
        t2 = stats.t.ppf(0.975, clusters - 1) ** 2
        assert width[name] == pytest.approx((t2 / (clusters - 1 + t2)) ** 0.5), name


def test_a_gene_and_a_sequence_in_common_chain_rows_into_one_cluster(suite):
    # r0 and r1 share a gene, r1 and r2 a sequence: three rows, one cluster; r3 is alone.
    rows = gold("a", "a", "a", "a", variant="ACGA")
    rows[0]["group"] = rows[1]["group"] = "g"
    rows[1]["sequence"] = rows[2]["sequence"] = "GGGG"
    suite.dataset("data", rows)
    suite.predict("linear", said("a", "a", "a", "a"))
    suite.train("linear")
    assert suite.run() == 0
    assert set(suite.metrics()["clusters"]) == {2}


def test_no_interval_is_made_of_fewer_than_six_clusters(suite):
    for name, clusters in (("five", 5), ("six", 6)):
        suite.dataset(name, [
            {"id": f"{name}{i}", "label": "a", "variant": "ACGA", "group": f"g{i % clusters}"}
            for i in range(30)
        ])  # fmt: skip
    for method, label in (("linear", "a"), ("majority", None)):
        suite.predict(method, [
            {"id": f"{name}{i}", "predicted": label, "dataset": name}
            for name in ("five", "six") for i in range(30)
        ])  # fmt: skip
    suite.train("linear")
    assert suite.run() == 0
    found = suite.metrics().xs(("linear", "accuracy", "test"), level=("method", "metric", "split"))
    found = found.droplevel(["subset", "probe"])[["value", "low", "high"]]
    assert found.loc["five"].isna().to_dict() == {"value": False, "low": True, "high": True}
    # All of six clusters are right: a share of six independent rows, at 1.
    t2 = stats.t.ppf(0.975, 5) ** 2
    assert found.loc["six"].to_list() == pytest.approx([1.0, 6 / (6 + t2), 1.0])
    compared = suite.comparisons().xs("majority", level="against").droplevel(["subset", "method"])
    assert compared.loc["five", ["low", "high", "p", "p_holm", "detectable"]].isna().all()
    assert compared.loc["five", "verdict"] == "no interval can be had of 5 clusters of rows"
    assert compared.loc["six", "verdict"] == "better"
    # The mean over both sets has no interval either.
    assert compared.loc["mean", "verdict"] == compared.loc["five", "verdict"]


def test_verdicts_say_in_words_what_a_method_beats(suite):
    suite.dataset("data", gold(*["a", "b"] * 100, variant="ACGA"))
    right, half = ["a", "b"] * 100, ["a"] * 200
    suite.predict("linear", said(*right))
    suite.predict("onevocab", said(*half))
    suite.predict("majority", said(*half))
    suite.predict("text_only", said(*["a", "a", "b", "b"] * 50))
    suite.train("linear")
    suite.train("onevocab")
    suite.train("text_only", kind="control")
    assert suite.run() == 0
    found = suite.comparisons().loc[("data", "all")]
    verdicts = found["verdict"].to_dict()
    assert verdicts == {
        ("linear", "onevocab"): "better",
        ("linear", "majority"): "better",
        ("linear", "text_only"): "better",
        ("linear", "every_control"): "beats every control",
        ("onevocab", "majority"): "not significant after Holm (p = 1)",
        ("onevocab", "text_only"): "not significant after Holm (p = 1)",
        ("onevocab", "every_control"): "does not beat majority, text_only",
    }
    row = found.loc[("linear", "majority")]
    assert row["difference"] == 0.5
    assert row["low"] < 0.5 < row["high"]
    assert row["p"] < row["p_holm"] < 1e-6
    assert (row["n"], row["clusters"], row["seeds"]) == (200, 200, 1)
    # Nothing tells two methods apart that say the same, but of 200 rows they may differ on a few.
    same = found.loc[("onevocab", "majority")]
    assert (same["difference"], same["p"]) == (0.0, 1.0)
    assert -0.05 < same["low"] < 0 < same["high"] < 0.05
    assert same["equivalence"].startswith("equivalent within \N{PLUS-MINUS SIGN}0.05 (p = ")
    apart = found.loc[("onevocab", "text_only"), "equivalence"]
    assert apart == "not shown to be equivalent within \N{PLUS-MINUS SIGN}0.05 (p = 0.476)"


def test_a_suite_of_tasks_has_a_mean(suite):
    for name in ("one", "two"):
        suite.dataset(name, gold("a", "b", "a", "b"))
    rows = said("a", "b", "a", "b", dataset="one") + said("a", "b", "b", "a", dataset="two")
    suite.predict("linear", rows)
    suite.train("linear")
    assert suite.run() == 0
    mcc = suite.metrics().xs(("test", "mcc"), level=("split", "metric"))["value"]
    mcc = mcc.droplevel(["subset", "method", "probe"])
    # Sequences alone are compared by MCC: 1 and 0.
    assert mcc.to_dict() == {"one": 1.0, "two": 0.0, "mean": 0.5}
    assert not suite.comparisons().shape[0]


@pytest.mark.parametrize(("tested", "error"), [([3.0], 1.0), ([3.0, 3.0, 3.0], 2 / 3)])
def test_what_is_not_defined_is_not_zero_found_at_start_or_not(suite, tested, error):
    suite.study = "codons"
    values = [{"value": v, "split": "val"} for v in (1.0, 2.0)] + [{"value": v} for v in tested]
    suite.dataset("data", values)
    for arm, slope in (("dna", 1.0), ("mil", -1.0)):
        said = [{"id": f"r{i}", "predicted_value": slope * i} for i in range(len(values))]
        suite.predict(arm, said)
        suite.train(arm)
    assert suite.run() == 0
    found = suite.metrics().loc[("data", "test", "all", "dna", "none")]
    assert (
        found.loc[["spearman", "pearson", "r2"], ["value", "low", "high"]].isna().to_numpy().all()
    )
    assert found.loc["mae", "value"] == pytest.approx(error)
    # Validation is as it was, and nothing is compared on test.
    assert suite.metrics().loc[("data", "val", "all", "dna", "none", "spearman"), "value"] == 1.0
    assert suite.comparisons().empty


def test_regression_is_compared_by_spearman(suite):
    suite.study = "codons"
    suite.dataset("data", [{"value": value} for value in (1.0, 2.0, 3.0, 4.0, 10.0)])
    values = {"dna": (1.0, 2.0, 3.0, 4.0, 5.0), "mil": (5.0, 4.0, 3.0, 2.0, 1.0)}
    for name, predicted in values.items():
        suite.predict(name, [
            {"id": f"r{i}", "predicted_value": value} for i, value in enumerate(predicted)
        ])  # fmt: skip
        suite.train(name)
    assert suite.run() == 0
    found = suite.metrics().xs("test", level="split")["value"]
    assert found[("data", "all", "dna", "none", "spearman")] == 1.0
    assert found[("data", "all", "mil", "none", "spearman")] == -1.0
    assert found[("data", "all", "dna", "none", "mae")] == 1.0
    # Spread of 1 2 3 4 10 about 4: 9 + 4 + 1 + 36; squared error 25.
    assert found[("data", "all", "dna", "none", "r2")] == pytest.approx(0.5)
    [row] = suite.comparisons().itertuples()
    assert (row.metric, row.difference, row.Index[-1]) == ("spearman", 2.0, "mil")


def test_the_same_files_give_the_same_bytes(suite):
    suite.dataset("data", gold("a", "b", "a", "b", variant="ACGA"))
    suite.predict("linear", said("a", "b", "b", "b"))
    suite.predict("majority", said("a", "a", "a", "a"))
    suite.train("linear")
    written = []
    for _ in range(2):
        assert suite.run() == 0
        out = suite.folder / "out"
        written.append([path.read_bytes() for path in sorted(out.iterdir())])
    assert len(written[0]) == 4
    assert written[0] == written[1]


def test_one_method_does_not_move_the_interval_of_another(suite):
    suite.dataset("data", gold("a", "b", "a", "b", variant="ACGA"))
    suite.predict("linear", said("a", "b", "b", "b"))
    suite.train("linear")
    assert suite.run() == 0
    alone = suite.metrics()
    suite.predict("qformer", said("b", "b", "b", "b"))
    suite.train("qformer")
    assert suite.run() == 0
    both = suite.metrics()
    pd.testing.assert_frame_equal(both.loc[alone.index], alone)


def refused(suite, capsys) -> str:
    assert suite.run() == 2
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert not (suite.folder / "out").exists()
    return error


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (said("a", "b"), ["1 test records have no prediction", "'r2'"]),
        (said("a", "b", "a") + said("a"), ["'r0' is predicted 2 times"]),
        (said("a", "b", "a", "b"), ["for no val or test record", "'r3'"]),
        (said("a", "b", "z"), ["predicted is not a label of data", "r2"]),
        (said("a", "b", "a", dataset="other"), ["'other'", "not evaluated here"]),
        ([], ["no predictions to score"]),
        (
            said("a", "b", "a", loglik=[("a", float("nan")), ("b", 0.0)]),
            ["loglik holds NaN", "r0"],
        ),
        (said("a", "b", "a", seed=3), ["trained with seed 0", "predictions for data"]),
        (said("a", "b", "a", probe="swap"), ["trained with seed 0", "predictions for data"]),
    ],
)
def test_bad_predictions_are_refused_in_one_line(suite, capsys, rows, words):
    suite.dataset("data", gold("a", "b", "a", variant="ACGA"))
    path = suite.predict("linear", rows)
    suite.train("linear")
    error = refused(suite, capsys)
    assert all(word in error for word in words), error
    assert str(path) in error or "seed 0" in error


def test_a_value_that_is_no_number_is_refused(suite, capsys):
    suite.study = "codons"
    suite.dataset("data", [{"value": 1.0}, {"value": 2.0}])
    suite.predict("dna", [{"id": "r0", "predicted_value": 1.0}, {"id": "r1"}])
    assert "predicted_value is not a number: 1 rows, the first is r1" in refused(suite, capsys)


def test_records_that_cannot_be_scored_are_refused(suite, capsys):
    suite.dataset("data", gold("a", split="train"))
    suite.predict("linear", said("a"))
    assert "no val or test record" in refused(suite, capsys)
    suite.dataset("data", [*gold("a", "b"), {"id": "bare"}])
    assert "record bare has no label" in refused(suite, capsys)


def test_the_same_method_twice_is_refused(suite, capsys):
    suite.dataset("data", gold("a"))
    suite.predictions += [suite.predict("linear", said("a"))]
    assert "give each method once" in refused(suite, capsys)


def test_a_foreign_cost_is_refused(suite, capsys):
    suite.dataset("data", gold("a"))
    suite.predict("linear", said("a"))
    suite.train("linear")
    suite.name = "another"
    assert "the cost of suite 'suite'" in refused(suite, capsys)
    suite.costs[0].write_text("{}")
    assert "not a cost.json" in refused(suite, capsys)


def test_one_class_alone_has_finite_scores(suite):
    suite.dataset("data", gold("a", "a", variant="ACGA"))
    suite.predict("linear", said("a", "a"))
    suite.train("linear")
    assert suite.run() == 0
    found = suite.metrics()["value"]
    assert found.notna().all()
    assert found.xs("mcc", level="metric").eq(0).all()
    assert found.xs("accuracy", level="metric").eq(1).all()


def resplit(suite, by_split: list[list[str]]) -> None:
    """A set that was split with several seeds; what an arm and a control say of each split."""
    suite.study, suite.name = "codons", "set+cluster"
    for number, answers in enumerate(by_split):
        name = f"set+cluster.{number}"
        suite.dataset(name, gold(*["a", "b"] * (len(answers) // 2)))
        for method, said_of in (("dna", answers), ("majority", ["a"] * len(answers))):
            suite.predict(f"{method}{number}", said(*said_of, method=method, dataset=name))
        suite.name = name
        suite.train("dna")
        suite.costs[-1] = suite.costs[-1].rename(suite.folder / f"{number}.cost.json")
    suite.name = "set+cluster"


def test_a_split_with_several_seeds_has_the_spread_between_them_in_its_interval(suite):
    right, wrong = ["a", "b"] * 10, ["b", "a"] * 10
    resplit(suite, [right[:18] + wrong[:2], right[:10] + wrong[:10], right[:14] + wrong[:6]])
    assert suite.run("--resplit") == 0
    found = suite.metrics().xs(("test", "all", "dna", "none", "accuracy"), level=[1, 2, 3, 4, 5])
    by_split = {"set+cluster.0": 0.9, "set+cluster.1": 0.5, "set+cluster.2": 0.7}
    assert found["value"].to_dict() == pytest.approx({"set+cluster": 0.7} | by_split)
    mean = found.loc["set+cluster"]
    one = found.loc["set+cluster.2"]
    assert mean["high"] - mean["low"] > one["high"] - one["low"]
    assert (mean["n"], mean["clusters"], mean["seeds"]) == (20, 20, 1)
    compared = suite.comparisons().loc[("set+cluster", "all", "dna", "majority")]
    assert compared["difference"] == pytest.approx(0.2) and compared["low"] < 0 < compared["high"]


def test_a_split_that_is_not_said_to_be_one_of_several_is_refused(suite, capsys):
    resplit(suite, [["a", "b"] * 4] * 2)
    assert suite.run() == 2
    assert (
        "the cost of suite 'set+cluster.0' (codons), not of 'set+cluster'"
        in capsys.readouterr().err
    )


def test_a_card_has_each_score_on_test_beside_every_control(suite):
    suite.dataset("data", gold(*LABELS * 3, variant="ACGA"))
    for name, kind, right in (
        ("linear", "method", 9), ("text_only", "control", 11), ("majority", "control", 6),
    ):  # fmt: skip
        answers = [*(LABELS * 3)[:right], *[None] * (12 - right)]
        suite.predict(name, said(*answers))
        if name != "majority":
            suite.train(name, kind)
    assert suite.run() == 0
    lines = (suite.folder / "out" / "README.md").read_text().splitlines()
    assert "## data, all rows (12 rows)" in lines
    start = lines.index("| | Accuracy | interval | seeds | |") + 2
    cells = [line.split(" | ") for line in lines[start : start + 3]]
    assert [(row[0], row[1]) for row in cells] == [
        ("| Linear adapter (BioReason)", "0.750"),
        ("| Text only", "0.917"),
        ("| Majority class", "0.500"),
    ]
    assert cells[0][-1].startswith("does not beat ")
    assert "Text only" in cells[0][-1]
    assert [row[-1] for row in cells[1:]] == ["control |", "control |"]
