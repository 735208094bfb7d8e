"""Linear probes of trained methods: targets by hand, places, controls, resume, and bad input."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from seqfuse import tables
from seqfuse.errors import UserError
from seqfuse.language.linear_probes import probing_job, states, targets
from seqfuse.language.methods.method import Setup
from seqfuse.language.methods.onevocab import OneVocab
from seqfuse.language.prompts import Dna, Prompt
from seqfuse.sequences import clusters
from seqfuse.statistics import linear_probes
from seqfuse.training.interruption.preemption import Interrupted


def record(name, label="x", reference="ACGTACGT", variant="ACGTACGT", gene="G1"):
    found = {"id": name, "label": label, "sequence": reference, "variant": variant}
    return found | {"group": gene, "split": "test", "subset": None}


@pytest.mark.parametrize(
    ("variant", "bases", "position"),
    [
        ("ACGTTCGT", ("A", "T"), "part 3 of 4"),
        ("GCGTACGT", ("A", "G"), "part 1 of 4"),
        ("ACTACGT", ("G", "deletion"), "part 2 of 4"),
        ("ACGTTACGT", ("A", "insertion"), "part 3 of 4"),
    ],
)
def test_targets_by_hand(variant, bases, position):
    row = record("r", variant=variant)
    assert [targets.read(name, row) for name in targets.TARGETS] == ["x", "G1", *bases, position]


def test_a_record_without_a_variant_has_no_allele():
    for row in (record("r"), record("r", variant=None)):
        assert [targets.read(name, row) for name in targets.TARGETS[2:]] == [None] * 3


def test_rare_classes_and_lone_targets_are_left_out():
    rows = [
        record(f"r{i}", "xy"[i % 2], "ACGT" * 3, "ACGT" * i + "T" * 12, f"G{i}") for i in range(12)
    ]
    rows.append(record("rare", "z", "ACGT" * 3, "CCGT" * 3, "G99"))
    found = targets.asked("set", rows, np.arange(13), 3)
    assert set(found["label"][1]) == {"x", "y"} and len(found["label"][0]) == 12
    # Each gene has one DNA, so that none is in three folds.
    assert "gene" not in found


def test_a_suite_of_one_label_is_refused():
    rows = [record(f"r{i}", "x", variant="A" * (i + 1)) for i in range(9)]
    with pytest.raises(UserError, match="set: fewer than two labels .*x: 9.*probe.rows"):
        targets.asked("set", rows, np.arange(9), 3)


def test_weights_in_random_order_are_the_same_weights():
    layer = torch.nn.Linear(4, 4)
    before = layer.weight.detach().clone()
    states.shuffle_weights(layer, 0)
    assert not torch.equal(before, layer.weight)
    assert torch.equal(before.flatten().sort().values, layer.weight.flatten().sort().values)


def prompts_of(changes):
    random = np.random.default_rng(0)
    found = []
    for i, base in enumerate(changes):
        reference = "".join(random.choice(list("ACGT"), 36))
        variant = reference[:18] + base + reference[19:]
        found.append(Prompt(f"r{i}", "set", (Dna(reference), Dna(variant)), "Which?", False))
    return found


def test_planted_base_is_in_the_slots_and_not_in_the_question(backbone):
    """OneVocab of single nucleotides: the variant's row of the table less the reference's."""
    method = OneVocab(Setup(backbone, settings={
        "k": 1, "alphabet": "ACGT", "initialisation": "random",
        "trainable_parts": ["dna", "text", "backbone"],
    })).eval()  # fmt: skip
    bases = np.array(list("ACGT") * 20)
    shown = prompts_of(bases)
    # The reference's own base is another one, so that a variant is always one.
    fold = linear_probes.folds_of(bases, np.arange(80), 5)

    def accuracy(features):
        return (linear_probes.predicted(features, bases, fold) == bases).mean()

    read = states.of_method(method, shown)
    variant = read.places["slots", 0][:, method.width :] * 36
    assert accuracy(variant) > 0.6
    without = states.of_method(method, states.without_dna(shown))
    assert set(without.places) == {("language model", 1), ("language model", 2)}
    # One question for all: its state says nothing, whatever the layer.
    for features in without.places.values():
        assert accuracy(features) <= 0.35
        assert np.ptp(features, axis=0).max() < 1e-4


def arguments(project, model, out, tmp_path):
    given = ["linear-probe", "--model", model, "--datasets", "mice", "rats", "--records"]
    found = []
    for name in ("mice", "rats"):
        path = project / name / "records.parquet"
        given.append(path)
        found.append(tmp_path / f"{name}.clusters.parquet")
        clusters.write(path, found[-1])
    more = ["--clusters", *found, "--rows", 24, "--folds", 2, "--out", out]
    return [*given, *more, "--gaps", tmp_path / "gaps.parquet"]


@pytest.mark.parametrize("name", ["linear", "text_only", "dna_only"])
def test_every_place_of_every_seed(project, commands, tmp_path, name, monkeypatch):
    from seqfuse import cli

    monkeypatch.setattr(probing_job, "_FEWEST", 2)
    model = commands.finetune(name, tmp_path / "model")
    out = tmp_path / "linear_probes.parquet"
    words = list(map(str, arguments(project, model, out, tmp_path)))
    assert cli.main(["language", *words]) == 0
    found = tables.read(out, tables.LINEAR_PROBES).to_pandas()
    layers = {("language model", 1), ("language model", 2)}
    places = {
        "linear": {("encoder", 0), ("slots", 0), *layers},
        "text_only": layers,
        "dna_only": {("encoder", 0)},
    }[name]
    of = found.groupby("control")[["place", "layer"]].agg(list)
    for control in of.index:
        there = set(zip(of.loc[control, "place"], of.loc[control, "layer"], strict=True))
        assert there == (layers & places if control == "question_only" else places)
    assert set(of.index) == {"none", "shuffled", "random_weights"} | (
        {"question_only"} if layers & places else set()
    )
    assert set(found["seed"]) == {0, 3}
    # The same rows under every control and at every place.
    one = found[found["target"].eq("label") & found["dataset"].eq("mice")]
    ids = one.groupby(["seed", "control", "place", "layer"])["id"].agg(tuple)
    assert len(set(ids)) == 1
    gaps = tables.read(tmp_path / "gaps.parquet", tables.GAPS).to_pandas()
    assert set(gaps["layer"]) == ({0, 1, 2} if name == "linear" else set())


def test_an_interrupted_probe_goes_on_from_what_it_has(project, commands, tmp_path, monkeypatch):
    """The process ends in the third of four parts: as it is, and three controls."""
    model = commands.finetune("dna_only", tmp_path / "model", "--seeds", 0)
    whole, out = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    begun, run = [], probing_job._Seed.run

    def ending(self, control, *more):
        begun.append(control)
        if len(begun) == 3:
            raise Interrupted(signal.SIGINT)
        return run(self, control, *more)

    commands.run(*arguments(project, model, whole, tmp_path))
    gaps = (tmp_path / "gaps.parquet").read_bytes()
    monkeypatch.setattr(probing_job._Seed, "run", ending)
    commands.interrupted(arguments(project, model, out, tmp_path))
    assert not out.exists()
    commands.run(*arguments(project, model, out, tmp_path))
    assert begun[3:] == ["question_only", "random_weights"]
    assert out.read_bytes() == whole.read_bytes()
    assert (tmp_path / "gaps.parquet").read_bytes() == gaps
    assert not list(tmp_path.glob(".out.parquet.*"))


def test_an_encoder_without_states_is_one_line(project, commands, tmp_path):
    model = commands.finetune("linear", tmp_path / "model", "--seeds", 0)
    words = arguments(project, model, tmp_path / "out.parquet", tmp_path)
    line = commands.refused([*words, "--encoder", Path("/nowhere")])
    assert "/nowhere: no encoder here" in line and "--encoder" in line
    # A language model is an encoder of no DNA, and another encoder not that of the training.
    line = commands.refused([*words, "--encoder", project / "qwen3"])
    assert str(project / "qwen3") in line
    line = commands.refused([*words, "--encoder", project / "nt", project / "nt"])
    assert "--encoder: 2 folders for 1 seeds; give one each" in line


def test_a_suite_of_one_label_is_one_line(project, commands, tmp_path, write_records, suite_rows):
    """Linear probes have nothing to tell apart there, and no DNA contradicts a question."""
    model = commands.finetune("dna_only", tmp_path / "model", "--seeds", 0)
    rows = [row | {"label": "grey"} for row in suite_rows(0, 28)]
    one = write_records(tmp_path / "one.parquet", rows)
    clusters.write(one, tmp_path / "clusters.parquet")
    about = ["--model", model, "--datasets", "mice", "--records", one]
    about += ["--out", tmp_path / "out.parquet"]
    more = ["--clusters", tmp_path / "clusters.parquet", "--gaps", tmp_path / "gaps.parquet"]
    line = commands.refused(["linear-probe", *about, *more])
    assert "mice: fewer than two labels have 5 independent samples among 4 records" in line
    more = ["--conflicts", tmp_path / "conflicts.parquet", "--conflict-rows", 4]
    line = commands.refused(["probe", *about, *more])
    assert (
        "mice: no two records of one split that were drawn differ in label, question and DNA"
        in line
    )
    assert "conflict_rows: 0" in line
