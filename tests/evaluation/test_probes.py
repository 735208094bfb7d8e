"""Probes: what they are held against, what they change, and which tables of them are refused."""

import pandas as pd
import pytest

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
    assert (row["difference"], row["low"], row["high"]) == (-1.0, -1.0, -1.0)
    # Twelve genes say the same: the least p of a sign-flip test, times the two of the family.
    assert row["p"] == 2.0**-11
    assert row["p_holm"] == 2 * 2.0**-11
    assert row["verdict"] == "worse"
    assert compared(probed).loc[("all", "swap"), "verdict"] == "inside the noise"


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
    # One gene, so that only seeds are resampled.
    suite.dataset("data", [{"label": "a", "variant": "ACGA", "group": "g"} for _ in range(12)])
    plain, probes = [], []
    for seed, right in ((0, 12), (1, 8)):
        said = {f"r{i}": "a" if i < right else None for i in range(12)}
        plain += answered(said, seed=seed)
        lost = said | dict.fromkeys([f"r{i}" for i in range(4)])
        probes += answered(lost, seed=seed, probe="scramble")
    suite.predict("linear", plain)
    suite.probe("linear", plain + probes)
    suite.train("linear", seeds=(0, 1))
    assert suite.run() == 0
    row = compared(suite).loc[("all", "scramble")]
    assert [row[key] for key in ("difference", "low", "high")] == pytest.approx([-1 / 3] * 3)


def test_a_family_is_what_the_configuration_says(suite):
    written = {}
    for name in ("one", "two"):
        suite.dataset(name, [{"label": "ab"[i % 2], "variant": "A"} for i in range(20)])
        right = {f"r{i}": "ab"[i % 2] for i in range(20)}
        half = {f"r{i}": "aabb"[i % 4] for i in range(20)}
        for method, said in (("linear", right), ("majority", half)):
            written.setdefault(method, []).extend(answered(said, dataset=name))
    for method, rows in written.items():
        suite.predict(method, rows)
    suite.train("linear")
    adjusted = {}
    for family in ("suite", "dataset"):
        assert suite.run("--holm-family", family) == 0
        # The least p of a family is multiplied by its size.
        rows = suite.comparisons().xs("majority", level="against").drop("mean")
        adjusted[family] = max(rows["p_holm"] / rows["p"])
    assert adjusted == {"suite": 2.0, "dataset": 1.0}


def test_mcnemar_is_for_independent_rows_alone(suite):
    rows = [{"label": "a", "variant": "ACGA"} for _ in range(10)]
    suite.dataset("rows", rows)
    suite.dataset("genes", [row | {"id": f"g{i}", "group": "g"} for i, row in enumerate(rows)])
    for method, label in (("linear", "a"), ("majority", None)):
        said = answered({f"r{i}": label for i in range(10)}, dataset="rows")
        said += answered({f"g{i}": label for i in range(10)}, dataset="genes")
        suite.predict(method, said)
    suite.train("linear")
    assert suite.run() == 0
    p = suite.comparisons()["p_mcnemar"].xs("majority", level="against")
    assert p["rows"].iloc[0] == 2 * 0.5**10
    assert p["genes"].isna().all()


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
        (lambda rows: [row | {"method": "stranger"} for row in rows], "no cost.json tells of"),
        (lambda rows: [row | {"seed": 7} for row in rows], "seed 7, data: no cost.json tells of"),
        (lambda rows: rows[GENES:], "no unaltered answers beside the probes"),
        (lambda rows: rows[:-1], "'swap' is on other rows than 'none' of linear"),
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
