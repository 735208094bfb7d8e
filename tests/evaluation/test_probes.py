"""Probes: what they are held against, what they change, and which tables of them are refused."""

import pandas as pd
import pytest
from scipy import stats

from seqfuse.registry.metrics import UNALTERED

GENES = 12


def answered(labels: dict[str, str], **columns) -> list[dict]:
    return [{"id": name, "predicted": label} | columns for name, label in labels.items()]


@pytest.fixture
def probed(suite):
    """24 rows of 12 genes with the labels a and b; half of them, one of each gene, are probed.

    The method has each right. Scrambled, it has none of the probed rows right; swapped, all.
    """
    gold = {f"r{i}": "ab"[i % 2] for i in range(2 * GENES)}
    wrong = {name: "ba"["ab".index(label)] for name, label in gold.items()}
    sample = {f"r{i}": gold[f"r{i}"] for i in range(GENES)}
    decides = ["sequence_decides" if i < GENES // 2 else "question_decides" for i in range(24)]
    rows = [
        {"label": label, "variant": "ACGA", "group": f"g{i % GENES}", "subset": decides[i]}
        for i, label in enumerate(gold.values())
    ]
    suite.dataset("data", rows)
    suite.predict("linear", answered(gold))
    suite.predict("majority", answered(dict.fromkeys(gold, "a")))
    suite.train("linear")
    suite.sample, suite.wrong = sample, wrong
    suite.altered = answered({name: wrong[name] for name in sample}, probe="scramble")
    suite.altered += answered(sample, probe="swap")
    return suite


def compared(suite) -> pd.DataFrame:
    frame = pd.read_parquet(suite.folder / "out" / "comparisons.parquet")
    return frame[frame["probe"] != "none"].set_index(["subset", "probe"])


def test_a_probe_is_held_against_the_same_rows_unaltered(probed):
    probed.probe("linear", answered(probed.sample) + probed.altered)
    assert probed.run() == 0
    found = probed.metrics().loc[("data", "test", "all")]
    assert set(found[found["kind"] == "probe"]["n"]) == {GENES}
    value = found["value"].xs("accuracy", level="metric")
    assert value["linear", "none"] == value["linear", UNALTERED] == value["linear", "swap"] == 1.0
    assert value["linear", "scramble"] == 0.0
    # The control has no probes, and stands beside them with its answers on the probed rows.
    assert value["majority", UNALTERED] == 0.5
    changed = found["value"].xs("changed", level="metric")
    assert changed.to_dict() == {("linear", "scramble"): 1.0, ("linear", "swap"): 0.0}
    row = compared(probed).loc[("all", "scramble")]
    assert (row["method"], row["against"], row["metric"]) == ("linear", UNALTERED, "accuracy")
    # Twelve genes say the same; with two more, one of them half for and half against, the mean is
    # -12/14 and the variance (1 + 24/14) / (14 * 13).
    error = ((1 + 24 / 14) / (14 * 13)) ** 0.5
    assert row["difference"] == -1.0
    assert row["p"] == pytest.approx(2 * stats.t.sf(12 / 14 / error, 11))
    assert row["p_holm"] == pytest.approx(2 * row["p"])
    # The interval is at 5 % over the two probes of the family, and ends where differences do.
    half = stats.t.ppf(1 - 0.05 / 4, 11) * error
    assert [row["low"], row["high"]] == pytest.approx([-1.0, -12 / 14 + half])
    assert row["verdict"] == "worse"
    swapped = compared(probed).loc[("all", "swap"), "verdict"]
    assert swapped == "not significant after Holm (p = 1)"


def test_probes_are_scored_on_each_half(probed):
    probed.probe("linear", answered(probed.sample) + probed.altered)
    assert probed.run() == 0
    assert set(compared(probed).index.get_level_values("subset")) == {
        "all", "question_decides", "sequence_decides",
    }  # fmt: skip
    rows = probed.metrics()["n"].xs(("scramble", "accuracy"), level=("probe", "metric"))
    assert rows.droplevel(["dataset", "split", "method"]).to_dict() == {
        "all": 12, "question_decides": 6, "sequence_decides": 6,
    }  # fmt: skip


def test_probes_of_several_seeds_are_pairs(suite):
    # Each seed loses four rows of twelve: however far apart the seeds are, the loss has no spread.
    suite.dataset("data", [{"label": "a", "variant": "ACGA"} for _ in range(12)])
    plain, probes = [], []
    for seed, right in ((0, 12), (1, 8)):
        said = {f"r{i}": "a" if i < right else None for i in range(12)}
        plain += answered(said, seed=seed)
        lost = said | dict.fromkeys([f"r{i}" for i in range(4)])
        probes += answered(lost, seed=seed, probe="scramble")
    suite.predict("linear", plain)
    suite.predict("majority", answered(dict.fromkeys([f"r{i}" for i in range(12)])))
    suite.probe("linear", plain + probes)
    suite.train("linear", seeds=(0, 1))
    assert suite.run() == 0
    row = compared(suite).loc[("all", "scramble")]
    # Of rows alone: four of twelve differ, and with two rows more the mean is -4/14.
    error = ((12 * (1 / 3 * 2 / 3) + 1 + 24 / 9 / 14) / (14 * 13)) ** 0.5
    assert row["p"] == pytest.approx(2 * stats.t.sf(4 / 14 / error, 11))
    assert row["seeds"] == 2
    # Against what was trained apart, or not at all, the seeds' scores 1 and 2/3 count.
    other = suite.comparisons().loc[("data", "all", "linear", "majority")]
    rows_alone = ((12 * (5 / 6 - 25 / 36 - 1 / 12) + 1 + 24 * 25 / 36 / 14) / (14 * 13)) ** 0.5
    assert other["detectable"] > 4 * rows_alone


def test_a_family_is_what_one_method_is_held_against_on_one_set_of_rows(suite):
    names = ("one", "two")
    right = {f"r{i}": "ab"[i % 2] for i in range(20)}
    half = {f"r{i}": "aabb"[i % 4] for i in range(20)}
    for name in names:
        suite.dataset(name, [{"label": "ab"[i % 2], "variant": "A"} for i in range(20)])
    said = {"linear": right, "qformer": half, "majority": half, "kmer_logistic": right}
    for method, answers in said.items():
        suite.predict(method, [r for name in names for r in answered(answers, dataset=name)])
    suite.train("linear")
    suite.train("qformer")
    assert suite.run() == 0
    # Each method is held against the other and two controls: the least p counts three times,
    # whatever other sets there are.
    rows = suite.comparisons().drop("every_control", level="against")
    adjusted = (rows["p_holm"] / rows["p"])[rows["p_holm"] < 0.05]
    assert max(adjusted) == pytest.approx(3)
    assert set(rows.index.get_level_values("dataset")) == {"one", "two", "mean"}


def test_calibration_is_a_table_of_its_own(suite):
    # Shares .75 and .25 of two labels: the likeliest is right in three of four rows.
    known = {"loglik": [("a", -0.2876821), ("b", -1.3862944)]}
    other = {"loglik": [("a", -1.3862944), ("b", -0.2876821)]}
    rows = [{"id": f"r{i}", "predicted": "a"} | (known if i else other) for i in range(4)]
    suite.dataset("data", [{"label": "a", "variant": "ACGA"} for _ in range(4)] + [
        {"label": "b", "split": "train", "variant": "ACGA"}
    ])  # fmt: skip
    suite.predict("linear", rows)
    suite.train("linear")
    assert suite.run() == 0
    frame = pd.read_parquet(suite.folder / "out" / "calibration.parquet")
    row = frame[(frame["split"] == "test") & (frame["subset"] == "all")].iloc[0]
    assert row["confidence"] == pytest.approx(0.75, abs=1e-6)
    assert (row["accuracy"], row["n"], row["kind"]) == (0.75, 4, "method")
    assert row["low"] < 0.75 <= row["high"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda rows: [row | {"method": "stranger"} for row in rows], "no cost.json describes"),
        (lambda rows: [row | {"seed": 7} for row in rows], "seed 7, data: no cost.json describes"),
        (lambda rows: rows[GENES:], "no unaltered answers beside the probes"),
        (lambda rows: rows[:-1], "'swap' covers other rows than 'none' of linear"),
        (lambda rows: rows + rows[-1:], "is predicted 2 times"),
        (lambda rows: [row | {"id": f"x{row['id']}"} for row in rows], "made from another dataset"),
        (lambda rows: [row | {"dataset": "other"} for row in rows], "not evaluated here"),
        (
            lambda rows: [row | {"loglik": [("a", float("nan"))]} for row in rows],
            "loglik holds NaN",
        ),
    ],
)
def test_bad_probes_are_refused_in_one_line(probed, capsys, spoil, words):
    path = probed.probe("linear", spoil(answered(probed.sample) + probed.altered))
    assert probed.run() == 2
    error = capsys.readouterr().err.strip()
    assert words in error and str(path) in error
    assert "\n" not in error
    assert not (probed.folder / "out").exists()


def test_methods_are_probed_on_the_same_rows(probed, capsys):
    probed.predict("qformer", answered({f"r{i}": "a" for i in range(24)}))
    probed.train("qformer")
    probed.probe("linear", answered(probed.sample) + probed.altered)
    probed.probe("qformer", answered({"r20": "a", "r21": "b"}))
    assert probed.run() == 2
    assert "probe every method of a suite on the same rows" in capsys.readouterr().err
