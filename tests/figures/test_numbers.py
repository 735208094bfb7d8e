"""The numbers of each figure, against values worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.legend import Legend
from matplotlib.text import Text
from scipy import stats

from seqfuse import tables
from seqfuse.errors import UserError
from seqfuse.figures.codons import (
    codon_attention,
    codon_effects,
    codon_map,
    confusion,
    fused,
    fusion,
    lengths,
    predicted_vs_measured,
    weights,
)
from seqfuse.figures.drawing import (
    cost,
    loss_curves,
    names,
    panel_grid,
    published,
    render,
    scores,
)
from seqfuse.figures.language import (
    calibration,
    case,
    judge,
    methods,
    task_means,
    tasks,
    umap,
    verdict,
)
from seqfuse.figures.sources import probes, variant_attention
from seqfuse.figures.tables import table1, table2, table4


def read(drawn, name: str) -> pd.DataFrame:
    return render.read_csv(drawn / f"{name}.csv")


def apart(*ids: str, dataset: str = "d") -> pd.DataFrame:
    """Records of a dataset, each a sample of its own."""
    return pd.DataFrame({"id": ids, "cluster": range(len(ids)), "dataset": dataset})


def one(frame: pd.DataFrame, **where) -> pd.Series:
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def metric(method, value, **other) -> dict:
    """A row of metrics.parquet."""
    row = dict.fromkeys(tables.METRICS.names, "") | {"study": "language", "suite": "s"}
    row |= {"dataset": "d", "split": "test", "subset": "all", "method": method, "kind": "method"}
    row |= {"probe": "none", "metric": "accuracy", "value": value, "low": value - 0.1}
    row |= {"high": value + 0.1, "n": 20, "seeds": 2, "trained_parameters": 5}
    return row | other


def evaluated(*rows: dict) -> dict[str, pd.DataFrame]:
    """The frames that rankings are made from; every dataset is compared by accuracy."""
    places = {(row["suite"], row["dataset"]) for row in rows}
    compared = [
        dict.fromkeys(tables.COMPARISONS.names, "")
        | {"suite": s, "dataset": d, "metric": "accuracy", "split": "test", "subset": "all"}
        | {"method": "linear", "against": "every_control", "verdict": "beats every control"}
        for s, d in sorted(places)
    ]
    return {"metrics": pd.DataFrame(rows), "comparisons": pd.DataFrame(compared)}


def test_a_ranking_holds_what_was_measured_and_nothing_else():
    frames = evaluated(
        metric("qformer", 0.5),
        metric("linear", 0.4),
        metric("majority", 0.3, kind="control", trained_parameters=0),
        metric("linear", 0.9, split="val"),
        metric("linear", 0.8, kind="probe", probe="blank"),
        metric("linear", 0.7, metric="macro_f1"),
        metric("linear", 0.6, study="codons"),
        metric("linear", 0.2, dataset="mean"),
    )
    table = methods.table(frames)
    assert list(zip(table["method"], table["value"], strict=True)) == [
        ("linear", 0.4),
        ("qformer", 0.5),
        ("majority", 0.3),
    ]
    assert list(table["low"]) == pytest.approx([0.3, 0.4, 0.2])
    assert list(table["trained_parameters"]) == [5, 5, 0]
    assert list(fusion.table(frames)["value"]) == [0.6]


def test_a_star_marks_what_beats_every_control():
    frames = evaluated(
        metric("linear", 0.4), metric("qformer", 0.5), metric("linear", 0.7, metric="macro_f1")
    )
    shown = {text.get_text() for text in methods.draw(methods.table(frames)).findobj(Text)}
    assert {"0.40*", "0.50", scores.MARKED} <= shown
    cells = {text.get_text() for text in table1.draw(table1.table(frames)).findobj(Text)}
    assert {"0.400*", "0.500", "0.700"} <= cells
    frames["comparisons"]["verdict"] = "does not beat majority"
    shown = {text.get_text() for text in methods.draw(methods.table(frames)).findobj(Text)}
    assert "0.40" in shown and scores.MARKED not in shown


def test_the_verdict_shows_both_halves_and_which_controls_cannot_read():
    halves = ("question_decides", "sequence_decides")
    rows = [
        metric(method, value, subset=half, kind=kind)
        for half in halves
        for method, kind, value in (
            ("onevocab", "method", 0.9),
            ("text_only", "control", 0.4),
            ("question_lookup", "control", 0.3),
            ("gc", "control", 0.2),
        )
    ]
    lonely = metric("onevocab", 0.1, dataset="other", subset="question_decides")
    table = verdict.table(evaluated(*rows, metric("onevocab", 0.6), lonely))
    assert list(table["subset"]) == [halves[0]] * 4 + [halves[1]] * 4
    assert list(table["method"]) == ["onevocab", "text_only", "question_lookup", "gc"] * 2
    assert list(table["blind"]) == [False, True, True, False] * 2
    assert set(table["dataset"]) == {"d"}


def test_tasks_show_the_best_control_of_each_and_means_show_every_control():
    def task(method, value, dataset, kind="method"):
        return metric(method, value, dataset=dataset, kind=kind, metric="mcc")

    frames = evaluated(
        task("linear", 0.5, "a"),
        task("gc", 0.1, "a", "control"),
        task("kmer", 0.3, "a", "control"),
        task("linear", 0.7, "b"),
        task("gc", 0.4, "b", "control"),
        task("kmer", 0.2, "b", "control"),
        task("linear", 0.6, "mean"),
        task("gc", 0.25, "mean", "control"),
        task("kmer", 0.26, "mean", "control"),
    )
    frames["comparisons"]["metric"] = "mcc"
    table = tasks.table(frames)
    assert list(zip(table["dataset"], table["method"], table["value"], strict=True)) == [
        ("a", "linear", 0.5),
        ("a", "kmer", 0.3),
        ("b", "linear", 0.7),
        ("b", "gc", 0.4),
    ]
    table = task_means.table(frames)
    assert list(zip(table["method"], table["value"], strict=True)) == [
        ("linear", 0.6),
        ("gc", 0.25),
        ("kmer", 0.26),
    ]


def test_published_values_stand_beside_ours(monkeypatch):
    known = {("d", "linear", "accuracy"): published.Published(0.45, "Table 9", "no split")}
    monkeypatch.setattr(published, "value", lambda *key: known.get(key))
    frames = evaluated(metric("linear", 0.4), metric("qformer", 0.5))
    table = methods.table(frames)
    ours = one(table, method="linear")
    assert (ours["value"], ours["published"], ours["published_source"]) == (0.4, 0.45, "Table 9")
    assert ours["difference"] == pytest.approx(-0.05)
    assert ours["interval_covers_published"] == "yes"
    assert pd.isna(one(table, method="qformer")["published"])
    assert ours["published_note"] == "no split"
    known["d", "linear", "accuracy"] = published.Published(0.51, "Table 9", "")
    assert one(methods.table(frames), method="linear")["interval_covers_published"] == "no"
    # A subset is no published row set.
    part = evaluated(metric("linear", 0.4, subset="sequence_decides"))
    assert pd.isna(methods.table(part).iloc[0]["published"])


def test_what_only_the_paper_has_is_a_row_without_a_score():
    """Evo on CoV-Vac is .653 and on E. coli 42.556 %; no arm of ours reads it."""
    rows = [metric("rna", 0.4, dataset=name, suite=name) for name in ("cov-vac", "ecoli", "mine")]
    frames = evaluated(*(row | {"study": "codons"} for row in rows))
    for frame in frames.values():
        frame.loc[frame["dataset"] == "cov-vac", "metric"] = "spearman"
    table = fusion.table(frames)
    evo = table[table["method"] == "Evo"].set_index("dataset")
    assert evo["published"].to_dict() == {"cov-vac": 0.653, "ecoli": 0.42556}
    assert evo["value"].isna().all() and set(evo["kind"]) == {"published"}
    others = set(table.loc[table["kind"] == "published", "method"])
    assert others == {"Evo", "SpliceBERT", "ESM-2 650M", "ESM-2 3B"}
    assert set(table.loc[table["dataset"] == "mine", "method"]) == {"rna"}
    texts = [text.get_text() for text in fusion.draw(table).findobj(Text)]
    assert {"(0.65)", "(0.43)", "0.40", "SpliceBERT, published only"} <= set(texts)


@pytest.mark.parametrize("module", [tasks, methods])
def test_a_legend_names_published_values_where_there_are_any(module):
    frames = evaluated(metric("linear", 0.4, metric="mcc"), metric("gc", 0.2, kind="control"))
    frames["metrics"]["metric"] = frames["comparisons"]["metric"] = "mcc"
    table = module.table(frames)
    for value, expected in ((np.nan, 0), (0.45, 1)):
        table["published"] = value
        legends = module.draw(table).findobj(Legend)
        texts = [text.get_text() for legend in legends for text in legend.get_texts()]
        assert texts.count("published") == expected


def test_the_papers_values_are_read(tmp_path, monkeypatch):
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "a.csv").write_text(
        "dataset,method,variant,metric,value,source,table,note\n"
        "kegg,linear,,accuracy,0.8842,arXiv 1,Table 1,as printed\n"
        "kegg,linear,larger backbone,accuracy,0.99,arXiv 1,Table 1,\n"
        ",linear,,accuracy,0.1,arXiv 1,Table 1,\n"
    )
    monkeypatch.setattr(published, "RESOURCES", tmp_path)
    published._all.cache_clear()
    found = published.value("kegg", "linear", "accuracy")
    assert found == published.Published(0.8842, "arXiv 1, Table 1", "as printed")
    larger = published.value("kegg", "linear", "accuracy", "larger backbone")
    assert larger.value == 0.99
    assert published.value("kegg", "qformer", "accuracy") is None
    published._all.cache_clear()


def scored(**kinds: str) -> pd.DataFrame:
    """The scores of a run, as far as they say of what kind a method or variant is."""
    rows = [metric(name, 0.4, kind=kind) for name, kind in kinds.items()]
    return evaluated(*rows, metric("linear", 0.4))["metrics"]


def test_judge_scores_are_means_over_records():
    def row(record, seed, score, status="ok", method="linear"):
        return {"id": record, "dataset": "d", "method": method, "seed": seed, "judge": "j"} | {
            "dimension": "completeness",
            "status": status,
            "score": score,
        }

    rows = [row("a", 0, 2.0), row("a", 1, 4.0), row("b", 0, 9.0), row("b", 1, None, "refused")]
    rows += [row("c", 0, None, "malformed"), row("a", 0, None, "refused", "text_only")]
    frames = {"verdicts": pd.DataFrame(rows), "clusters": apart("a", "b", "c")}
    table = judge.table(frames | {"metrics": scored()}, 0.95)
    ours = one(table, method="linear")
    # Record a is (2 + 4) / 2, record b is 9, record c has no score.
    assert (ours["value"], ours["n"], ours["seeds"]) == (6.0, 2, 2)
    assert (ours["refused"], ours["malformed"]) == (1, 1)
    # Of two records no interval can be had.
    assert np.isnan(ours["low"]) and np.isnan(ours["high"])
    none = one(table, method="text_only")
    assert np.isnan(none["value"]) and none["n"] == 0
    assert list(table["method"]) == ["linear", "text_only"]


def test_the_interval_of_a_judges_mean_is_that_of_every_score():
    def judged(score, seed):
        about = {"dataset": "d", "method": "linear", "judge": "j", "status": "ok"}
        return [
            about | {"id": f"r{n}", "seed": seed, "dimension": "completeness", "score": s}
            for n, s in enumerate(score)
        ]

    scores = np.array([2.0, 3.0, 5.0, 7.0, 8.0, 8.0, 9.0, 6.0])
    clusters = apart(*(f"r{n}" for n in range(8)))
    frames = {"verdicts": pd.DataFrame(judged(scores, 0)), "clusters": clusters}
    frames["metrics"] = scored()
    row = one(judge.table(frames, 0.95), method="linear")
    # Wilson's of as many rows as have the error of the mean, t in place of z.
    share, error = scores.mean() / 10, (scores / 10).var(ddof=1) / 8
    t2 = stats.t.ppf(0.975, 7) ** 2 * error / (share * (1 - share))
    half = np.sqrt(t2 * (share * (1 - share) + t2 / 4)) / (1 + t2)
    ends = [10 * ((share + t2 / 2) / (1 + t2) + sign * half) for sign in (-1, 1)]
    assert [row["low"], row["high"]] == pytest.approx(ends)
    # A seed that was judged otherwise makes it wider, and so does a record that repeats another.
    two = pd.DataFrame(judged(scores, 0) + judged(scores - 2, 1))
    seeds = one(judge.table(frames | {"verdicts": two}, 0.95), method="linear")
    joined = clusters.assign(cluster=[0, 0, 1, 2, 3, 4, 4, 5])
    repeated = one(judge.table(frames | {"clusters": joined}, 0.95), method="linear")
    for wider in (seeds, repeated):
        assert wider["high"] - wider["low"] > row["high"] - row["low"]
    with pytest.raises(UserError, match="no cluster for record 'r7' of d"):
        judge.table(frames | {"clusters": clusters[:7]}, 0.95)


def test_cost_is_the_mean_over_seeds():
    frames = evaluated(metric("linear", 0.4), metric("gc", 0.1, kind="control"))
    paid = {"suite": "s", "method": "linear", "tokens": 10, "flops": 1.0}
    frames["costs"] = pd.DataFrame([paid | {"examples": 100}, paid | {"examples": 300}])
    table = cost.table(frames)
    assert one(table, method="linear")["examples"] == 200
    assert pd.isna(one(table, method="gc")["examples"])


def test_marks_of_one_size_stand_side_by_side():
    places = cost.side_by_side([136_000, 10_000, 132_000, 400_000, 136_000])
    assert places[1] == pytest.approx(10_000) and places[3] == pytest.approx(400_000)
    near = np.log(places[[2, 0, 4]])
    assert np.diff(near) == pytest.approx([0.13, 0.13])
    assert np.exp(near.mean()) == pytest.approx(134_654, rel=1e-3)
    # However many are alike, none is moved far from its size.
    many = np.log(cost.side_by_side([135_000] * 11))
    assert np.ptp(many) == pytest.approx(0.26)


def test_the_ceiling_of_a_judge_is_not_in_the_field_of_the_controls(drawn):
    frame = read(drawn, "judge")
    highest = frame.assign(method="ceiling", title="The reference itself", kind="control", value=10)
    axis = judge.draw(pd.concat([frame, highest.iloc[:1]])).axes[0]
    (field,) = [patch for patch in axis.patches if patch.get_width() > 0]
    end = field.get_x() + field.get_width()
    assert end == pytest.approx(frame.loc[frame["kind"] == "control", "value"].max())
    assert end < 10


def test_a_long_training_log_is_averaged_over_stretches():
    logs = pd.DataFrame({"folder": "f", "seed": 0, "step": range(1, 201), "loss": range(200)})
    logs.loc[99, "validation_loss"] = 7.0
    costs = pd.DataFrame([{"folder": "f", "suite": "s", "method": "linear", "kind": "method"}])
    table = loss_curves.losses(logs, costs)
    training = table[table["part"] == "training"]
    assert len(training) == 100
    # Steps 1 and 2 have the losses 0 and 1, steps 199 and 200 the losses 198 and 199.
    assert list(training["step"].iloc[[0, -1]]) == [2, 200]
    assert list(training["loss"].iloc[[0, -1]]) == [0.5, 198.5]
    validation = one(table, part="validation")
    assert (validation["step"], validation["loss"]) == (100, 7.0)
    short = loss_curves.losses(logs.head(3), costs)
    assert list(short["loss"]) == [0, 1, 2]


def predictions(*rows: tuple) -> pd.DataFrame:
    columns = ["id", "method", "seed", "probe", "predicted", "predicted_value"]
    return pd.DataFrame(rows, columns=columns).assign(dataset="d")


def test_truth_is_shown_beside_the_mean_over_seeds():
    records = pd.DataFrame({"dataset": "d", "id": ["a", "v"], "split": ["test", "val"]})
    frames = {
        "records": records.assign(label=None, value=[1.5, 2.5]),
        "predictions": predictions(
            ("a", "dna", 0, "none", None, 1.0),
            ("a", "dna", 1, "none", None, 2.0),
            ("a", "dna", 0, "without_dna", None, 9.0),
            ("v", "dna", 0, "none", None, 9.0),
        ),
        "controls": predictions(("a", "late_mean", 0, "none", None, 4.0)),
    }
    table = predicted_vs_measured.table(frames)
    assert table[["method", "id", "truth", "prediction"]].to_numpy().tolist() == [
        ["dna", "a", 1.5, 1.5],
        ["late_mean", "a", 1.5, 4.0],
    ]


def test_rho_is_the_mean_over_seeds():
    ids = ["a", "b", "c"]
    records = pd.DataFrame({"dataset": "d", "id": ids, "split": "test", "label": None})
    said = {0: (1.0, 2.0, 3.0), 1: (2.0, 1.0, 3.0)}
    rows = [
        (i, "dna", seed, "none", None, value)
        for seed, values in said.items()
        for i, value in zip(ids, values, strict=True)
    ]
    frames = {"records": records.assign(value=[1.0, 2.0, 3.0]), "controls": predictions()}
    table = predicted_vs_measured.table(frames | {"predictions": predictions(*rows)})
    # Ranks 1 2 3 and 2 1 3: 1 and 1 - 6 * 2 / 24.
    assert table["rho"].tolist() == pytest.approx([0.75] * 3)


def test_confusions_are_counted_with_answers_that_are_no_class():
    records = pd.DataFrame({"dataset": "d", "id": ["a", "b", "c"], "split": "test", "value": None})
    frames = {
        "records": records.assign(label=["x", "x", "y"]),
        "predictions": predictions(
            ("a", "dna", 0, "none", "x", None),
            ("b", "dna", 0, "none", "y", None),
            ("c", "dna", 0, "none", None, None),
            ("c", "dna", 1, "none", "y", None),
        ),
        "controls": predictions(),
    }
    table = confusion.table(frames)
    assert table[["true", "predicted", "count"]].to_numpy().tolist() == [
        ["x", "x", 0.5],
        ["x", "y", 0.5],
        ["x", "no class", 0],
        ["y", "x", 0],
        ["y", "y", 0.5],
        ["y", "no class", 0.5],
    ]


def test_weights_are_quantiles_of_the_test_rows():
    share = [0.0, 0.1, 0.2, 0.3, 0.4]
    rows = pd.DataFrame({"id": [*"abcde", "v"], "seed": 0, "dna": [*share, 0.9]})
    rows = rows.assign(rna=0.5, protein=1 - 0.5 - rows["dna"], dataset="d", method="mil")
    records = pd.DataFrame({"id": [*"abcde", "v"], "split": ["test"] * 5 + ["val"], "dataset": "d"})
    table = weights.table({"weights": rows, "records": records})
    dna = one(table, modality="dna")
    assert dna["n"] == 5
    found = dna[["p5", "p25", "median", "p75", "p95"]].to_numpy(dtype=float)
    assert found == pytest.approx([0.02, 0.1, 0.2, 0.3, 0.38])
    assert one(table, modality="rna")["median"] == 0.5


def mutants(*rows: tuple) -> pd.DataFrame:
    """Rows of (id, position, residue, reference, codon, change) of sequences of 30 codons."""
    columns = ["id", "position", "residue", "reference", "codon", "change"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(dataset="d", method="concat", seed=0, label=None, codons=30)


def test_an_effect_is_a_change_less_the_mean_of_all_synonyms():
    rows = mutants(
        # In a, AAA stands at 1 and AAG adds 4: effects -2 and 2. At 2 it is the other way round.
        ("a", 1, "K", "AAA", "AAG", 4.0),
        ("a", 2, "K", "AAG", "AAA", -8.0),
        ("b", 1, "K", "AAG", "AAA", 2.0),
    )
    usage = [("AAA", "K", 6, 1.0), ("AAG", "K", 3, 0.5)]
    usage = pd.DataFrame(usage, columns=["codon", "residue", "count", "adaptiveness"])
    table = codon_effects.table({"mutagenesis": rows, "usage": usage.assign(dataset="d")})
    found = table.set_index("codon")
    # AAG: (2 + 4) / 2 = 3 in a, -1 in b.
    assert found["effect"].to_dict() == {"AAA": -1.0, "AAG": 1.0}
    assert found["error"].to_dict() == {"AAA": 2.0, "AAG": 2.0}
    assert found["gc3"].to_dict() == {"AAA": False, "AAG": True}
    assert found["adaptiveness"].to_dict() == {"AAA": 1.0, "AAG": 0.5}


def test_a_codon_map_counts_from_both_ends():
    rows = mutants(("a", 0, "K", "AAA", "AAG", 4.0), ("a", 29, "K", "AAA", "AAG", 6.0))
    middle = mutants(("a", 15, "K", "AAA", "AAG", 9.0))
    table = codon_map.table({"mutagenesis": pd.concat([rows, middle])})
    found = table[table["codon"] == "AAG"][["end", "position", "effect"]]
    assert found.to_numpy().tolist() == [["start", 0, 2.0], ["stop", -1, 3.0]]
    assert set(table["sequences"]) == set(table["seeds"]) == {1}
    title = codon_map.draw(table).axes[0].get_title()
    assert "n = 1 sequences, 1 seeds" in title
    bar = codon_map.draw(table).axes[-1].get_xlabel()
    assert bar == "effect among synonyms\n(unit of the value)"


def test_a_codon_map_of_classes_shows_the_class_that_codons_move_most():
    still = mutants(("a", 0, "K", "AAA", "AAG", 0.1)).assign(label="x")
    moved = mutants(("a", 0, "K", "AAA", "AAG", -2.0)).assign(label="y")
    assert set(codon_map.table({"mutagenesis": pd.concat([still, moved])})["label"]) == {"y"}


def test_attention_is_a_mean_over_seeds_and_then_over_sequences():
    rows = [("a", 0, 1.0), ("a", 1, 3.0), ("b", 0, 4.0), ("b", 1, 4.0)]
    frame = pd.DataFrame(rows, columns=["id", "seed", "received"])
    frame = frame.assign(dataset="d", method="xattn", query="dna", key="rna", position=2, codons=20)
    table = codon_attention.table({"attention": frame})
    row = one(table, end="start", position=2)
    # Sequences 2 and 4: mean 3, standard error 1.
    assert (row["received"], row["low"], row["high"], row["n"]) == (3.0, 1.0, 5.0, 2)
    assert len(table) == 1  # the third codon of twenty is not near the stop


def test_scores_are_taken_in_quarters_of_the_lengths():
    names_of = [f"r{number}" for number in range(80)]
    length, value = np.arange(80) * 3 + 60, np.tile([1.0, 2.0, 3.0, 4.0], 20)
    records = pd.DataFrame({"dataset": "d", "id": names_of, "split": "test", "label": None})
    records = records.assign(value=value, length=length)
    # Right in the shortest quarter, reversed in the longest.
    guess = np.where(np.arange(80) < 60, value, -value)
    rows = predictions(
        *[(n, "dna", 0, "none", None, g) for n, g in zip(names_of, guess, strict=True)]
    )
    frames = {"records": records, "predictions": rows, "controls": predictions()}
    frames["clusters"] = apart(*names_of)
    table = lengths.table(frames, 0.95)
    assert table[["shortest", "longest", "n"]].to_numpy().tolist() == [
        [60, 117, 20], [120, 177, 20], [180, 237, 20], [240, 297, 20]
    ]  # fmt: skip
    assert table["value"].to_numpy() == pytest.approx([1, 1, 1, -1])
    # A rho of 1 whatever is left out: Wilson's of 20 right, t of 19 degrees in place of z.
    t2 = stats.t.ppf(0.975, 19) ** 2 / 20
    assert (table["low"][0], table["high"][0]) == pytest.approx((2 / (1 + t2) - 1, 1))
    same = frames | {"records": records.assign(length=81)}
    assert lengths.table(same, 0.95).empty


def test_the_interval_of_an_accuracy_by_length_is_that_of_every_score():
    records = {"dataset": "d", "id": [f"r{n}" for n in range(40)], "split": "test", "label": "x"}
    records = pd.DataFrame(records).assign(value=None, length=np.arange(40) // 20)
    said = [(f"r{n}", "dna", 0, "none", "x" if n % 2 else "y", None) for n in range(40)]
    frames = {"records": records, "predictions": predictions(*said), "controls": predictions()}
    frames["clusters"] = apart(*records["id"])
    row = lengths.table(frames, 0.95).iloc[0]
    # 10 of 20 right: Wilson's of as many rows as have the variance .25 / 19, t in place of z.
    t2 = stats.t.ppf(0.975, 19) ** 2 / 19
    half = np.sqrt(t2 * (0.25 + t2 / 4)) / (1 + t2)
    expected = (0.5, 0.5 - half, 0.5 + half)
    assert (row["value"], row["low"], row["high"]) == pytest.approx(expected)
    # Rows in pairs that are right and wrong: no error of rows but that of ten samples.
    frames["clusters"]["cluster"] //= 2
    pairs = lengths.table(frames, 0.95).iloc[0]
    assert pairs["high"] - pairs["low"] < row["high"] - row["low"]


def test_neighbours_of_fused_vectors_are_told_in_their_space(monkeypatch):
    monkeypatch.setattr(umap, "plane", lambda vectors: np.zeros((len(vectors), 2)))
    monkeypatch.setattr(fused, "_NEIGHBOURS", 1)
    angles = np.radians([0, 10, 80, 95])
    vectors = [[np.cos(a), np.sin(a)] for a in angles]
    rows = pd.DataFrame({"dataset": "d", "method": "mil", "seed": 0, "id": [*"abcd"]})
    rows = rows.assign(vector=vectors)
    records = pd.DataFrame({"dataset": "d", "id": [*"abcd"], "split": "test", "length": 60})
    values = records.assign(value=[1.0, 2.0, 3.0, 4.0], label=None)
    table = fused.table({"fused": rows, "records": values})
    assert table["neighbours"].tolist() == [2, 1, 4, 3]
    classes = records.assign(value=None, label=["x", "x", "y", "x"])
    assert fused.table({"fused": rows, "records": classes})["neighbours"].tolist() == [1, 1, 0, 0]


def test_a_correlation_with_a_constant_is_said_to_be_none():
    rows = pd.DataFrame({"value": [1.0, 2.0, 3.0], "mean": [3.0, 5.0, 4.0], "same": 2.0})
    assert panel_grid.rho(rows, "value", "mean") == "rho = 0.50"
    assert panel_grid.rho(rows, "value", "same") == "rho is not defined:\nsame is constant"
    assert panel_grid.rho(rows.head(1), "value", "mean").endswith("value is constant")


def test_mixing_is_measured_in_the_space_of_the_vectors(monkeypatch):
    monkeypatch.setattr(umap, "plane", lambda vectors: np.zeros((len(vectors), 2)))
    monkeypatch.setattr(umap, "_NEIGHBOURS", 1)
    # By angle in degrees: gene 1 at 0, text 1 at 10, text 2 at 80, gene 2 at 95, gene 3 at 99.
    places = [("1", "dna", 0), ("1", "text", 10), ("2", "text", 80), ("2", "dna", 95)]
    places += [("3", "dna", 99)]
    rows = [
        {"id": i, "kind": kind, "group": None, "vector": [np.cos(a), np.sin(a)]}
        | {"suite": "s", "method": "m"}
        for i, kind, a in ((i, kind, np.radians(angle)) for i, kind, angle in places)
    ]
    table = umap.table({"vectors": pd.DataFrame(rows)}).set_index(["id", "kind"])
    # Nearest: gene 1 - text 1 (each other), text 2 - gene 2, gene 2 - gene 3 (each other).
    nearest = {("1", "dna"): 1, ("1", "text"): 1, ("2", "text"): 1, ("2", "dna"): 0}
    assert table["other_kind"].to_dict() == nearest | {("3", "dna"): 0}
    assert table.loc[("1", "dna"), "chance"] == 2 / 4
    assert table.loc[("1", "text"), "chance"] == 3 / 4
    assert table.loc[("1", "dna"), "partner_rank"] == 1
    assert table.loc[("2", "dna"), "partner_rank"] == 1
    # Of the genes, 95 degrees is 15 from text 2, and no other is nearer.
    assert table.loc[("2", "text"), "partner_rank"] == 1
    assert np.isnan(table.loc[("3", "dna"), "partner_rank"])


def test_the_made_up_run_shows_what_was_put_in(drawn, made_up):
    for name, half in made_up.METHODS.items():
        row = one(read(drawn, "verdict"), method=name, subset="sequence_decides")
        assert row["value"] == pytest.approx(half, rel=1e-5)
        assert row["low"] == pytest.approx(half - 0.9 / 400**0.5, rel=1e-5)
    shown = read(drawn, "tasks")
    for name in made_up.METHODS:
        of = shown[shown["method"] == name]["value"]
        mean = one(read(drawn, "means"), method=name)["value"]
        assert mean == pytest.approx(of.mean(), abs=1e-5)
    assert set(shown.loc[shown["kind"] == "control", "method"]) == {"dna_only"}
    # 40 records, one of them refused.
    verdicts = read(drawn, "judge")
    assert set(verdicts["n"]) == {39} and set(verdicts["refused"]) == {1}
    # 100 test rows, whatever the number of seeds.
    counts = read(drawn, "confusion").groupby("method")["count"].sum()
    assert counts.to_numpy() == pytest.approx(100)
    assert set(read(drawn, "truth").groupby("method").size()) == {100}
    assert set(read(drawn, "weights")["n"]) == {80}
    assert set(read(drawn, "weights")["method"]) == {"mil"}
    assert set(read(drawn, "weights_ablations")["method"]) == {"mil", "mil_no_entropy"}


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (512, "512"), (1_000, "1.0k"), (83_456, "83k"), (1.7e6, "1.7M"), (2.5e9, "2.5B")],
)
def test_parameters_are_counted_in_three_digits(number, text):
    assert names.count(number) == text


def test_methods_come_before_ablations_before_controls():
    kinds = {"gc": "control", "mil_token": "ablation", "qformer": "method", "linear": "method"}
    assert names.order(kinds) == ["linear", "qformer", "mil_token", "gc"]
    assert scores.COLUMNS[:3] == ["suite", "dataset", "subset"]


def test_a_subset_of_few_rows_is_no_panel():
    rows = [metric("onevocab", 0.5, subset=half) for half in ("seen_exactly", "unseen", "all")]
    rows[0]["n"] = rows[2]["n"] = 19
    found = scores.primary(evaluated(*rows), "language")
    assert list(found["subset"]) == ["all", "unseen"]


def test_probes_stand_beside_the_unaltered_answers_and_the_controls():
    def probe(method, probe, value, name="accuracy", subset="sequence_decides"):
        return metric(method, value, kind="probe", probe=probe, metric=name, subset=subset)

    frames = evaluated(
        metric("onevocab", 0.9),
        metric("gc", 0.3, kind="control"),
        probe("onevocab", "scramble", 0.3),
        probe("onevocab", "scramble", 0.7, name="changed"),
        probe("onevocab", "unaltered", 0.9),
        probe("onevocab", "unaltered", 0.95, subset="all"),
        probe("text_only", "unaltered", 0.25),
        probe("gc", "unaltered", 0.3),
    )
    place = {key: frames["metrics"].iloc[2][key] for key in ("study", "suite", "dataset", "split")}
    effect = {"subset": "sequence_decides", "metric": "accuracy", "method": "onevocab"}
    effect |= {"probe": "scramble", "against": "unaltered", "difference": -0.6, "low": -0.7}
    effect |= {"high": -0.5, "p": 0.001, "p_holm": 0.002, "verdict": "worse"}
    frames["comparisons"] = pd.concat(
        [frames["comparisons"].assign(probe="none"), pd.DataFrame([place | effect])]
    )
    table = probes.table(frames)
    # The rows that the sequence decides, and no control that reads the sequence.
    assert table[["method", "probe", "value"]].to_numpy().tolist() == [
        ["onevocab", "unaltered", 0.9],
        ["onevocab", "scramble", 0.3],
        ["text_only", "unaltered", 0.25],
    ]
    row = one(table, probe="scramble")
    assert (row["changed"], row["difference"], row["difference_low"]) == (0.7, -0.6, -0.7)
    assert pd.isna(one(table, method="text_only")["difference"])


def test_calibration_is_of_whole_test_splits():
    frames = evaluated(metric("linear", 0.08, metric="ece"))
    bin_ = {key: frames["metrics"].iloc[0][key] for key in ("study", "suite", "dataset")}
    bin_ |= {"split": "test", "subset": "all", "method": "linear", "kind": "method", "n": 3}
    bin_ |= {"low": 0.4, "high": 0.4667, "confidence": 0.45, "accuracy": 1 / 3}
    others = [{"split": "val"}, {"subset": "seen_exactly"}, {"method": "gc", "kind": "control"}]
    frames["calibration"] = pd.DataFrame([bin_, *(bin_ | other for other in others)])
    row = one(calibration.table(frames), dataset=bin_["dataset"])
    assert (row["method"], row["confidence"], row["n"], row["ece"]) == ("linear", 0.45, 3, 0.08)


def test_the_controls_of_a_calibration_are_told_apart(drawn):
    frame = read(drawn, "calibration")
    shown = calibration.draw(frame).legends[0].legend_handles
    looks = [(h.get_marker(), h.get_color(), h.get_markerfacecolor()) for h in shown]
    assert {"text_only", "dna_only"} < set(frame["method"])
    assert len(set(looks)) == len(looks) == frame["method"].nunique()


def test_each_average_stands_beside_the_papers_one_number(monkeypatch):
    known = {
        ("d", "linear", "accuracy"): published.Published(0.45, "Table 1", ""),
        ("d", "linear", "f1"): published.Published(0.7, "Table 1", "average not stated"),
    }
    monkeypatch.setattr(published, "value", lambda *key: known.get(key))
    averages = {"macro_f1": 0.6, "union_f1": 0.55, "weighted_f1": 0.65}
    rows = [metric("linear", value, metric=name) for name, value in averages.items()]
    rows += [metric("linear", 0.4), metric("linear", 0.3, subset="sequence_decides")]
    rows += [metric("linear", 0.2, metric="mcc"), metric("majority", 0.1, kind="control")]
    table = table1.table(evaluated(*rows))
    found = table[table["method"] == "linear"].set_index("metric")["published"].to_dict()
    assert found == {"accuracy": 0.45, **dict.fromkeys(averages, 0.7)}
    row = one(table, metric="union_f1")
    assert row["difference"] == pytest.approx(-0.15)
    assert (row["interval_covers_published"], row["published_note"]) == ("no", "average not stated")
    assert one(table, metric="weighted_f1")["interval_covers_published"] == "yes"
    assert pd.isna(one(table, method="majority")["published"])
    tasks_alone = evaluated(metric("linear", 0.4))
    tasks_alone["comparisons"]["metric"] = "mcc"
    assert table1.table(tasks_alone).empty


def test_the_papers_judge_stands_beside_models_alone():
    row = {"id": "a", "dataset": "kegg", "method": "linear", "seed": 0, "status": "ok"}
    row |= {"dimension": "completeness", "score": 5.0}
    verdicts = pd.DataFrame([row | {"judge": j} for j in ("o3", "word overlap")])
    frames = {"verdicts": verdicts, "clusters": apart("a", dataset="kegg"), "metrics": scored()}
    table = judge.table(frames, 0.95)
    ours = one(table, judge="o3")
    # Its Table 3 has 5.41 for BioReason.
    assert (ours["published"], ours["difference"]) == (5.41, pytest.approx(-0.41))
    assert "prompts are not public" in ours["published_note"]
    assert pd.isna(one(table, judge="word overlap")["published"])


def test_a_judged_method_is_held_against_every_control_paired_by_record():
    base = np.array([2.0, 3.0, 5.0, 7.0, 8.0, 8.0, 6.0, 4.0])
    noise = np.array([0.3, -0.2, 0.1, 0.0, 0.2, -0.3, 0.1, -0.1])
    scores = {"linear": base + 1 + noise, "shuffled": base, "retrieval": base + 1 - noise}
    scores |= {"padded": base + 1 + noise / 2, "ceiling": np.full(8, 10.0)}
    rows = [
        {"id": f"r{n}", "dataset": "d", "method": name, "seed": 0, "judge": "o3", "score": score}
        | {"dimension": "completeness", "status": "ok"}
        for name, of_records in scores.items()
        for n, score in enumerate(of_records)
    ]
    frames = {"verdicts": pd.DataFrame(rows), "clusters": apart(*(f"r{n}" for n in range(8)))}
    frames["metrics"] = scored()
    table = judge.table(frames, 0.95)
    ours = one(table, method="linear")
    # The records differ far more than the methods, which the pairs see.
    assert ours["verdict"] == "does not beat padded, retrieval"
    assert (ours["against"], ours["gain"]) == ("padded", pytest.approx(noise.mean() / 2))
    assert ours["gain_low"] < ours["gain"] < ours["gain_high"]
    padded = one(table, method="padded")
    assert (padded["against"], padded["verdict"]) == ("shuffled", "better")
    assert padded["gain"] == pytest.approx(1 + noise.mean() / 2)
    # A variant is what the run says that it is.
    own = frames["verdicts"].replace({"method": {"padded": "other_protein"}})
    run = frames | {"verdicts": own, "metrics": scored(other_protein="control")}
    table = judge.table(run, 0.95)
    assert one(table, method="other_protein")["kind"] == "control"
    assert one(table, method="linear")["verdict"] == "does not beat other_protein, retrieval"
    # The ceiling is no control that a method must beat; nor does a control say what it beats.
    assert table.set_index("method")["against"].isna()[["ceiling", "retrieval"]].all()


def test_what_is_trained_stands_beside_table_2_at_full_scale():
    no_text = {"method": "onevocab", "trainable_parts": ["dna", "backbone"]}
    variants = {
        "no_text": no_text,
        "no_text_k": {"method": "onevocab", "trainable_parts": ["dna", "backbone"], "k": 3},
        "no_text_random": no_text | {"initialisation": "random"},
        # Frozen rows cannot start at the mean.
        "no_dna": {
            "method": "onevocab",
            "trainable_parts": ["text", "backbone"],
            "initialisation": "random",
        },
        "other": {"method": "linear", "trainable_parts": ["dna", "backbone"]},
    }
    language = {
        "methods": ["onevocab"],
        "onevocab": {"trainable_parts": ["text", "backbone", "dna"]},
    }
    settings = pd.DataFrame([{"language": language | {"variants": variants}}])
    rows = [metric("onevocab", 0.99, dataset="kegg"), metric("no_text", 0.5, dataset="kegg")]
    rows += [metric("no_dna", 0.6, dataset="kegg")]
    others = ("no_text_k", "no_text_random", "other", "linear")
    rows += [metric(name, 0.1, dataset="kegg") for name in others]
    verdict = {"id": "a", "dataset": "kegg", "method": "no_text", "seed": 0, "status": "ok"}
    verdict |= {"judge": "o3", "dimension": "completeness", "score": 8.0}
    frames = evaluated(*rows) | {"settings": settings}
    frames["verdicts"] = pd.DataFrame([verdict | {"id": record} for record in "abcdef"])
    frames["clusters"] = apart(*"abcdef", dataset="kegg")
    table = table2.table(frames, 0.95)
    assert list(zip(table["method"], table["metric"], table["published"], strict=True)) == [
        ("onevocab", "accuracy", 0.9931),
        ("no_text", "accuracy", 0.9792),
        ("no_dna", "accuracy", 0.8681),
        ("no_text", "completeness", 8.59),
    ]
    assert list(table["text"]) == ["yes", "no", "yes", "no"]
    assert list(table["dna"]) == ["yes", "yes", "no", "yes"]
    assert list(table["interval_covers_published"]) == ["yes", "no", "no", "no"]


def test_lengths_of_k_mers_stand_beside_table_4():
    variants = {"short": {"method": "onevocab", "k": 3}, "lora": {"method": "onevocab", "k": 3}}
    variants["lora"] |= {"lora_rank": 8}
    language = {"methods": ["onevocab"], "onevocab": {"k": 6, "alphabet": "ACGTN"}}
    sets = {"d": {"source": "hub"}, "e": {"source": "synthetic"}}
    settings = [{"language": language | {"variants": variants}, "datasets": sets}]
    rows = [metric(m, v, dataset=d) for d in "de" for m, v in (("onevocab", 0.7), ("short", 0.6))]
    costs = pd.DataFrame(
        {"method": "short", "study": "language", "suite": "s", "tokens": t, "examples": 10}
        | {"seconds": s}
        for t, s in ((300, 4.0), (500, 8.0))
    )
    frames = evaluated(*rows, metric("lora", 0.1)) | {"settings": pd.DataFrame(settings)}
    table = table4.table(frames | {"costs": costs})
    short = table[table["method"] == "short"].set_index(["dataset", "metric"])
    assert short.loc[("d", "vocabulary"), "value"] == 125
    assert short.loc[("d", "tokens_an_example"), "value"] == 40
    assert short.loc[("d", "seconds"), "value"] == 6.0
    paper = short["published"].to_dict()
    assert paper["d", "accuracy"] == 0.8 and paper["d", "seconds"] == 841
    assert pd.isna(paper["d", "tokens_an_example"]) and pd.isna(paper["e", "accuracy"])
    assert one(table, dataset="d", k=6, metric="accuracy")["published"] == 0.8
    assert "lora" not in set(table["method"])


def test_the_case_is_the_median_record_and_not_picked():
    def verdict(record, score, method="linear", seed=0):
        row = {"id": record, "dataset": "d", "method": method, "seed": seed, "judge": "j"}
        return row | {"dimension": "completeness", "score": score, "status": "ok"}

    scores = {"a": 1.0, "b": 9.0, "c": 5.0, "e": 0.0, "f": 10.0}
    verdicts = [verdict(record, score) for record, score in scores.items()]
    # Other seeds and the judge's controls do not choose.
    verdicts += [verdict(record, 7.0, seed=1) for record in scores]
    verdicts += [verdict(record, 7.0, "retrieval") for record in scores]
    answers = [
        {"dataset": "d", "method": "linear", "seed": seed, "id": record, "text": f"{record}{seed}"}
        for record in scores
        for seed in (0, 1)
    ]
    records = pd.DataFrame(
        {"dataset": "d", "id": record, "question": "q", "reasoning": "r", "subset": None}
        for record in scores
    )
    frames = {"verdicts": pd.DataFrame(verdicts), "answers": pd.DataFrame(answers)}
    table = case.table(frames | {"references": records})
    assert set(table["id"]) == {"c"}
    assert list(table["text"]) == ["q", "r", "c0"]
    assert table["completeness"].iloc[2] == 5.0
    # Where only the sequence decides some records, one of these is shown.
    records.loc[records["id"].isin(["a", "b", "f"]), "subset"] = "sequence_decides"
    assert set(case.table(frames | {"references": records})["id"]) == {"b"}


def test_attention_is_averaged_over_records_and_seeds_at_each_offset():
    rows = pd.DataFrame({"offset": [0] * 5 + [1], "attention": [1.0, 2.0, 3.0, 6.0, 8.0, 9.0]})
    rows = rows.assign(id=[*"abcde", "a"], seed=[0, 1, 0, 1, 0, 0], dataset="d", method="onevocab")
    table = variant_attention.table({"looks": rows.assign(effect=0.5)})
    here = one(table, quantity="attention", offset=0)
    assert (here["value"], here["p25"], here["p75"]) == (4.0, 2.0, 6.0)
    assert (here["n"], here["seeds"]) == (5, 2)
    # One record has no quartiles.
    assert np.isnan(one(table, quantity="attention", offset=1)["p25"])
    assert one(table, quantity="effect", offset=1)["value"] == 0.5
