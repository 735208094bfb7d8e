"""Controls of study B: the late mean by hand, composition against what it can and cannot see."""

import re
import sys
import types

import numpy as np
import pytest
from scipy.stats import spearmanr

from seqfuse import tables
from seqfuse.bio import homology
from seqfuse.cli import main
from seqfuse.controls.baselines import regressions
from seqfuse.controls.properties import late_fusion, property_controls, relatives, structure
from seqfuse.controls.properties.coding import CodingSet

SPLITS = [*["train"] * 120, *["val"] * 20, *["test"] * 60]
LABELS = ["high", "low"]


def coding(rng, codons=30) -> str:
    """Lysine, asparagine and their kind: every codon is two As and one other base."""
    share = rng.uniform(0.1, 0.9)
    return "".join(rng.choice(["AAG", "GAA"], p=[share, 1 - share]) for _ in range(codons))


def files(folder, sequences, splits, **column):
    """records.parquet and frames.parquet of coding sequences."""
    (name, targets) = next(iter(column.items()))
    records = [
        {"id": f"r{n}", "split": split, "sequence": dna, name: target}
        for n, (dna, split, target) in enumerate(zip(sequences, splits, targets, strict=True))
    ]
    facts = {"tail": 0, "start": False, "stop": False, "internal_stops": 0}
    frames = [
        {"id": f"r{n}", "dna": dna, "rna": dna.replace("T", "U"), "protein": "X" * (len(dna) // 3)}
        | {"codons": len(dna) // 3}
        | facts
        for n, dna in enumerate(sequences)
    ]
    for part, rows, schema in (
        ("records", records, tables.CLEAN),
        ("frames", frames, tables.FRAMES),
    ):
        tables.write(folder / f"{part}.parquet", tables.from_rows(rows, schema), schema)
    return records


def single(path, said, probe="none", dataset="small"):
    """A table of one modality from {seed: {id: value or {label: probability}}}."""
    rows = []
    for seed, answers in said.items():
        for name, answer in answers.items():
            row = {"id": name, "dataset": dataset, "method": path.stem, "seed": seed}
            row["probe"] = probe
            if isinstance(answer, dict):
                row["loglik"] = [(label, float(np.log(p))) for label, p in answer.items()]
            else:
                row["predicted_value"] = answer
            rows.append(row)
    tables.write(path, tables.from_rows(rows, tables.PREDICTIONS), tables.PREDICTIONS)
    return path


def run(folder, *singles) -> int:
    words = ["controls", "codons", "--dataset", "small", "--singles", *map(str, singles)]
    words += ["--records", str(folder / "records.parquet")]
    words += ["--frames", str(folder / "frames.parquet"), "--out", str(folder / "out.parquet")]
    return main([*words, "--trees", "20", "--rounds", "60"])


def predicted(folder) -> dict[tuple[str, int], dict[str, dict]]:
    """{(method, seed): {id: row}} of what was written."""
    found = {}
    for row in tables.read(folder / "out.parquet", tables.PREDICTIONS).to_pylist():
        assert (row["dataset"], row["probe"]) == ("small", "none")
        found.setdefault((row["method"], row["seed"]), {})[row["id"]] = row
    return found


@pytest.fixture
def values(tmp_path):
    """Six training, two validation and two test sequences with values; r8 repeats r0 and r1."""
    sequences = ["AAATTT", "AAATTT", "CCCGGG", "ACGACGACG", "TTTTTT", "GGGAAA"]
    sequences += ["ATGATG", "CCCTTT", "AAATTT", "GATTAC"]
    splits = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    targets = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0, 0.0, 0.0, 0.0]
    return files(tmp_path, sequences, splits, value=targets)


def test_the_late_mean_by_hand(values, tmp_path):
    asked = ("r6", "r7", "r8", "r9")
    dna = {seed: dict(zip(asked, (1.0, 2.0, 3.0, 4.0 + seed), strict=True)) for seed in (0, 7)}
    rna = {seed: dict(zip(asked, (3.0, 2.0, -1.0, 8.0), strict=True)) for seed in (7, 0)}
    paths = single(tmp_path / "dna.parquet", dna), single(tmp_path / "rna.parquet", rna)
    assert run(tmp_path, *paths) == 0
    found = predicted(tmp_path)
    for seed, last in ((0, 6.0), (7, 9.5)):
        said = {name: row["predicted_value"] for name, row in found["late_mean", seed].items()}
        assert said == dict(zip(asked, (2.0, 2.0, 1.0, last), strict=True))


def test_the_late_mean_of_classes_is_of_probabilities(tmp_path):
    sequences = ["AAATTT", "CCCGGG", "ACGACG", "TTTTTT"]
    files(tmp_path, sequences, ["train", "train", "val", "test"], label=["low", "high"] * 2)
    # The mean of log-probabilities would say "high" of r3.
    dna = {0: {"r2": {"high": 0.5, "low": 0.5}, "r3": {"high": 0.01, "low": 0.99}}}
    rna = {0: {"r2": {"low": 0.1, "high": 0.9}, "r3": {"low": 0.5, "high": 0.5}}}
    protein = {0: {"r2": {"high": 0.7, "low": 0.3}, "r3": {"high": 0.9, "low": 0.1}}}
    paths = [
        single(tmp_path / f"{name}.parquet", said)
        for name, said in (("dna", dna), ("rna", rna), ("protein", protein))
    ]
    assert run(tmp_path, *paths) == 0
    found = predicted(tmp_path)["late_mean", 0]
    assert np.exp(dict(found["r2"]["loglik"])["high"]) == pytest.approx(0.7)
    assert np.exp(dict(found["r3"]["loglik"])["low"]) == pytest.approx((0.99 + 0.5 + 0.1) / 3)
    assert (found["r2"]["predicted"], found["r3"]["predicted"]) == ("high", "low")


def test_one_modality_has_no_late_mean(values, tmp_path):
    path = single(tmp_path / "dna.parquet", {0: {f"r{n}": 1.0 for n in range(6, 10)}})
    assert run(tmp_path, path) == 0
    assert "late_mean" not in {method for method, _ in predicted(tmp_path)}


def test_knocked_out_predictions_are_no_part_of_the_late_mean(values, tmp_path):
    asked = {f"r{n}": 1.0 for n in range(6, 10)}
    first = single(tmp_path / "dna.parquet", {0: asked})
    second = single(tmp_path / "b.parquet", {0: asked})
    altered = tables.read(second, tables.PREDICTIONS).to_pylist()
    altered += [row | {"probe": "without_rna", "predicted_value": 99.0} for row in altered]
    tables.write(second, tables.from_rows(altered, tables.PREDICTIONS), tables.PREDICTIONS)
    assert run(tmp_path, first, second) == 0
    assert {r["predicted_value"] for r in predicted(tmp_path)["late_mean", 0].values()} == {1.0}


def test_mean_and_lookup_by_hand(values, tmp_path):
    assert run(tmp_path) == 0
    found = predicted(tmp_path)
    assert {row["predicted_value"] for row in found["mean", 0].values()} == {3.5}
    lookup = {name: row["predicted_value"] for name, row in found["sequence_lookup", 0].items()}
    # r8 is the sequence of r0 (1) and r1 (2); the others are new.
    assert lookup == {"r6": 3.5, "r7": 3.5, "r8": 1.5, "r9": 3.5}


def test_majority_and_lookup_of_classes(tmp_path):
    sequences = ["AAATTT", "CCCGGG", "ACGACG", "AAATTT", "TTTTTT"]
    splits = ["train", "train", "train", "val", "test"]
    files(tmp_path, sequences, splits, label=["low", "high", "high", "low", "low"])
    assert run(tmp_path) == 0
    found = predicted(tmp_path)
    said = {m: [found[m, 0][name]["predicted"] for name in ("r3", "r4")] for m, _ in found}
    assert said["majority"] == ["high", "high"]
    assert said["sequence_lookup"] == ["low", "high"]
    loglik = dict(found["majority", 0]["r3"]["loglik"])
    assert np.exp([loglik["high"], loglik["low"]]) == pytest.approx([2 / 3, 1 / 3])


def test_codon_frequencies_by_hand():
    found = property_controls.codon_frequencies(["AAAAAATTTACG", "AANTTT"])
    # AAA is the first of 64, TTT the last, ACG the seventh (AAA AAC AAG AAT ACA ACC ACG).
    assert found[0, [0, 63, 6]].tolist() == [0.5, 0.25, 0.25] and found[0].sum() == 1
    assert found[1, 63] == 0.5 and found[1].sum() == 0.5


def test_codon_usage_is_seen_by_codons_and_not_by_nucleotides(tmp_path):
    """AAG and GAA hold the same bases: their share is for codons to see, and no length tells it."""
    rng = np.random.default_rng(0)
    sequences = [coding(rng) for _ in SPLITS]
    share = [sum(dna[i : i + 3] == "AAG" for i in range(0, 90, 3)) / 30 for dna in sequences]
    files(tmp_path, sequences, SPLITS, value=(np.array(share) * 4 - 1).tolist())
    assert run(tmp_path) == 0
    found = predicted(tmp_path)
    test = [f"r{n}" for n, split in enumerate(SPLITS) if split == "test"]
    said = {m: [rows[name]["predicted_value"] for name in test] for (m, _), rows in found.items()}
    truth = [share[int(name[1:])] * 4 - 1 for name in test]
    assert spearmanr(said["codon_frequencies"], truth)[0] > 0.99
    assert said["codon_frequencies"] == pytest.approx(truth, abs=0.1)
    for blind in ("nucleotide_counts", "length"):
        assert np.ptp(said[blind]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("task", ["value", "label"])
def test_length_is_seen_by_the_length_control(task, tmp_path):
    rng = np.random.default_rng(1)
    sequences = [coding(rng, int(rng.integers(10, 60))) for _ in SPLITS]
    lengths = [len(dna) for dna in sequences]
    targets = lengths if task == "value" else [LABELS[n < 105] for n in lengths]
    files(tmp_path, sequences, SPLITS, **{task: targets})
    assert run(tmp_path) == 0
    rows = predicted(tmp_path)["length", 0]
    test = [n for n, split in enumerate(SPLITS) if split == "test"]
    if task == "value":
        said = [rows[f"r{n}"]["predicted_value"] for n in test]
        assert said == pytest.approx([lengths[n] for n in test], abs=0.5)
    else:
        right = [rows[f"r{n}"]["predicted"] == targets[n] for n in test]
        assert np.mean(right) > 0.95


def test_controls_do_not_read_held_out_targets(tmp_path):
    """Other test targets change nothing; the strength of the penalty is validation's choice."""
    rng = np.random.default_rng(2)
    sequences, targets = [coding(rng) for _ in SPLITS], rng.normal(size=len(SPLITS)).tolist()
    files(tmp_path, sequences, SPLITS, value=targets)
    assert run(tmp_path) == 0
    before = (tmp_path / "out.parquet").read_bytes()
    changed = [t if s != "test" else 100 * t + 7 for t, s in zip(targets, SPLITS, strict=True)]
    files(tmp_path, sequences, SPLITS, value=changed)
    assert run(tmp_path) == 0
    assert (tmp_path / "out.parquet").read_bytes() == before


def test_amino_acids_by_hand():
    found = relatives.amino_acids(["AAR", "X", ""])
    assert found.shape == (3, 20)
    assert found[0, :2] == pytest.approx([2 / 3, 1 / 3])
    assert found[1:].sum() == 0


def related(proteins, frames, target, train, classes=()) -> np.ndarray:
    """What the nearest training rows say of the rows that are not trained on."""
    rows = np.arange(len(proteins))
    asked = np.setdiff1d(rows, train)
    names = [f"r{n}" for n in rows]
    target = np.array(target)
    found = CodingSet(
        names, frames, frames, proteins, target, [*classes], np.array(train), asked[:0], asked
    )
    return relatives.nearest(found)


def test_the_nearest_protein_lends_its_value():
    rng = np.random.default_rng(0)
    one, two, alone = ("".join(rng.choice([*homology.RESIDUES], 80)) for _ in range(3))
    mutant = one[:20] + "".join(rng.choice([*homology.RESIDUES], 10)) + one[30:]
    frames = ["AAA" * 80] * 4
    proteins = [one, two, mutant, alone]
    # The mutant is like the first; the last one is like none and has the mean.
    assert related(proteins, frames, [1.0, 5.0, 0.0, 0.0], [0, 1])[:, 0].tolist() == [1.0, 3.0]
    found = related(proteins, frames, [0, 1, 2, 2], [0, 1], ["high", "low"])
    assert np.exp(found) == pytest.approx(np.array([[0.75, 0.25], [0.5, 0.5]]))


def test_of_one_protein_the_most_codons_in_common_decide():
    frames = ["AAAAAAAAA", "AAGAAGAAA", "AAGAAGAAG", "AAGAAGAAA", "AAAAAAAAG"]
    found = related(["KKK"] * 5, frames, [1.0, 2.0, 3.0, 4.0, 0.0], [0, 1, 2, 3])
    # Two codons in common with the first, one with the third, none with the others.
    assert found[:, 0].tolist() == [1.0]
    # Without it the first row has one codon in common with two rows.
    again = related(["KKK"] * 5, frames, [1.0, 2.0, 7.0, 4.0, 0.0], [1, 2, 3])
    assert again[:, 0].tolist() == [3.0, 7.0]


def test_places_are_bounded_whatever_the_lengths(monkeypatch):
    monkeypatch.setattr(property_controls, "_MOST_CELLS", 24)
    found = property_controls.places(["ACGTACGTACGT", "C"])
    assert found.shape == (2, 12)
    assert found[0].reshape(3, 4).argmax(1).tolist() == [0, 1, 2]


def test_structure_is_an_extra(tmp_path, values, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "RNA", None)
    monkeypatch.setattr(structure.importlib.util, "find_spec", lambda name: None)
    assert run(tmp_path) == 0
    assert (
        "the control of structure is left out: ViennaRNA is not installed"
        in capsys.readouterr().err
    )
    assert ("structure", 0) not in predicted(tmp_path)


def test_structure_is_energy_and_unpaired_probability_along_the_sequence(
    tmp_path, values, monkeypatch
):
    """A made-up folding: every second nucleotide is unpaired, a nucleotide is worth 0.5 kcal."""

    def compound(rna, details, option):
        assert set(rna) <= set("ACGU") and details.max_bp_span <= len(rna)
        return types.SimpleNamespace(mfe_window_cb=lambda callback, data: -0.5 * len(rna))

    def unpaired(rna, longest, window, span):
        return [(), *((None, float(place % 2)) for place in range(len(rna)))]

    module = types.SimpleNamespace(
        md=types.SimpleNamespace, fold_compound=compound, OPTION_WINDOW=1, pfl_fold_up=unpaired
    )
    monkeypatch.setitem(sys.modules, "RNA", module)
    monkeypatch.setattr(structure.importlib.util, "find_spec", lambda name: module)
    found = structure.features(["ACGT" * 20])
    assert found.shape == (1, 23)
    assert found[0].tolist() == [-40.0, -0.5, 0.5, *[0.5] * 20]
    assert run(tmp_path) == 0
    assert len(predicted(tmp_path)["structure", 0]) == 4
    monkeypatch.setattr(structure, "MOST", 10)
    assert "nucleotides are more than 10" in structure.lacking(["ACGTACGTACGT"])


def test_places_by_hand():
    found = property_controls.places(["AC", "NGT"])
    # A, C, G, T of the first place, of the second, of the third.
    assert found.tolist() == [
        [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    ]


@pytest.mark.parametrize("task", ["value", "label"])
def test_trees_see_what_no_line_follows(task, tmp_path):
    """High where exactly one of two codons is frequent, or by the letter of the tenth codon."""
    rng = np.random.default_rng(3)
    sequences, high = [], []
    for _ in SPLITS:
        first, second = rng.integers(2, size=2)
        codons = ["AAG"] * (2 + 8 * first) + ["GAA"] * (2 + 8 * second)
        codons += ["AGA"] * (20 - len(codons))
        sequences.append("".join(rng.permutation(codons)))
        high.append(bool(first != second))
    targets = [float(h) for h in high] if task == "value" else [LABELS[1 - h] for h in high]
    files(tmp_path, sequences, SPLITS, **{task: targets})
    assert run(tmp_path) == 0
    assert _hits(predicted(tmp_path), "codon_forest", task, high) > 0.95
    assert _hits(predicted(tmp_path), "codon_frequencies", task, high) < 0.8


@pytest.mark.parametrize("task", ["value", "label"])
def test_boosting_sees_a_place_and_counts_do_not(task, tmp_path):
    """Every sequence has the same codons; the target is whether the tenth is AAG."""
    rng = np.random.default_rng(4)
    sequences = ["".join(rng.permutation(["AAG", "GAA"] * 15)) for _ in SPLITS]
    high = [dna[27:30] == "AAG" for dna in sequences]
    targets = [float(h) for h in high] if task == "value" else [LABELS[1 - h] for h in high]
    files(tmp_path, sequences, SPLITS, **{task: targets})
    assert run(tmp_path) == 0
    found = predicted(tmp_path)
    assert _hits(found, "boosting", task, high) > 0.95
    for blind in ("codon_forest", "kmer"):
        assert _hits(found, blind, task, high) < 0.75


def _hits(found, method, task, high) -> float:
    """The share of test rows that a method puts on the right side."""
    test = [n for n, split in enumerate(SPLITS) if split == "test"]
    rows = {n: found[method, 0][f"r{n}"] for n in test}
    if task == "value":
        return np.mean([(row["predicted_value"] > 0.5) == high[n] for n, row in rows.items()])
    return np.mean([row["predicted"] == LABELS[1 - high[n]] for n, row in rows.items()])


@pytest.fixture
def stacked(tmp_path):
    """120 training, 20 validation and 60 test rows: dna says half the truth, rna says nothing."""
    rng = np.random.default_rng(5)
    truth = rng.normal(size=len(SPLITS))
    sequences = [coding(rng) for _ in SPLITS]
    asked = [n for n, split in enumerate(SPLITS) if split != "train"]
    dna = {f"r{n}": truth[n] / 2 + 1 for n in asked}
    rna = {f"r{n}": rng.normal() for n in asked}
    singles = [
        single(tmp_path / f"{n}.parquet", {0: said}) for n, said in (("dna", dna), ("rna", rna))
    ]
    return tmp_path, sequences, truth, singles


def test_the_stack_finds_scale_and_weights_on_validation(stacked):
    folder, sequences, truth, singles = stacked
    # Training targets that say the contrary change nothing.
    targets = [-9 * t if s == "train" else t for t, s in zip(truth, SPLITS, strict=True)]
    files(folder, sequences, SPLITS, value=targets)
    assert run(folder, *singles) == 0
    rows = predicted(folder)["late_stack", 0]
    test = [n for n, split in enumerate(SPLITS) if split == "test"]
    said = [rows[f"r{n}"]["predicted_value"] for n in test]
    assert said == pytest.approx([truth[n] for n in test], abs=0.15)


def test_the_stack_predicts_a_validation_row_without_its_target(stacked, monkeypatch):
    """Another target of one row moves what is said of the others, whose fits saw it, not of it."""
    monkeypatch.setattr(late_fusion, "STRENGTHS", (0.1,))
    folder, sequences, truth, singles = stacked
    row, found = SPLITS.index("val"), []
    for value in (truth[row], truth[row] + 9):
        targets = [*truth[:row], value, *truth[row + 1 :]]
        files(folder, sequences, SPLITS, value=targets)
        assert run(folder, *singles) == 0
        rows = predicted(folder)["late_stack", 0]
        found.append([rows[f"r{n}"]["predicted_value"] for n in range(row, row + 20)])
    moved = np.abs(np.subtract(*found))
    assert moved[0] == 0 and np.median(moved) > 0.1


def test_the_stack_of_classes(tmp_path):
    """dna is right and unsure, rna sure and wrong: their mean is wrong, the stack is right."""
    rng = np.random.default_rng(6)
    labels = [LABELS[int(rng.integers(2))] for _ in SPLITS]
    files(tmp_path, [coding(rng) for _ in SPLITS], SPLITS, label=labels)
    other = dict(zip(LABELS, LABELS[::-1], strict=True))
    asked = [n for n, split in enumerate(SPLITS) if split != "train"]
    dna = {0: {f"r{n}": {labels[n]: 0.6, other[labels[n]]: 0.4} for n in asked}}
    rna = {0: {f"r{n}": {"high": 0.99, "low": 0.01} for n in asked}}
    singles = single(tmp_path / "dna.parquet", dna), single(tmp_path / "rna.parquet", rna)
    assert run(tmp_path, *singles) == 0
    found = predicted(tmp_path)
    right = {
        method: np.mean([found[method, 0][f"r{n}"]["predicted"] == labels[n] for n in asked])
        for method in ("late_mean", "late_stack")
    }
    assert right["late_stack"] == 1 and right["late_mean"] < 0.7


def test_ridge_solves_its_normal_equations():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 6)) * [1, 2, 3, 4, 5, 0] + 1
    target = features @ rng.normal(size=6) + rng.normal(size=40)
    found = regressions.ridge(features, target, strength=0.1)
    standard = (features - features.mean(0))[:, :5] / features.std(0)[:5]
    weights = np.linalg.solve(standard.T @ standard + 10 * np.eye(5), standard.T @ target)
    assert found(features)[:, 0] == pytest.approx(standard @ weights + target.mean())
    # A feature that training never saw change says nothing where it does.
    assert found(features + [0, 0, 0, 0, 0, 9]) == pytest.approx(found(features))


def test_every_val_and_test_record_is_predicted_once(values, tmp_path):
    assert run(tmp_path) == 0
    for rows in predicted(tmp_path).values():
        assert list(rows) == ["r6", "r7", "r8", "r9"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda said: {0: said[0]}, r"seeds \[0\], but .*dna.parquet has \[0, 1\]"),
        (lambda said: said | {1: {"r6": 1.0}}, "seed 1 has no prediction of record 'r7'"),
        (lambda said: said | {1: said[1] | {"r7": None}}, "of record 'r7' lacks a value"),
    ],
)
def test_singles_that_do_not_fit_are_named(change, named, values, tmp_path, capsys):
    said = {seed: {f"r{n}": 1.0 for n in range(6, 10)} for seed in (0, 1)}
    first = single(tmp_path / "dna.parquet", said)
    second = single(tmp_path / "rna.parquet", change(said))
    assert run(tmp_path, first, second) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.search(f"rna.parquet: .*{named}", error)


def test_singles_of_another_dataset_are_named(values, tmp_path, capsys):
    said = {0: {f"r{n}": 1.0 for n in range(6, 10)}}
    first = single(tmp_path / "dna.parquet", said)
    second = single(tmp_path / "rna.parquet", said, dataset="other")
    assert run(tmp_path, first, second) == 2
    assert "predictions of 'other', not of 'small'" in capsys.readouterr().err


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_record_without_a_value_is_named(value, tmp_path, capsys):
    files(tmp_path, ["AAATTT", "CCCGGG"], ["train", "test"], value=[1.0, value])
    assert run(tmp_path) == 2
    assert "records.parquet: record 'r1' has no value" in capsys.readouterr().err
