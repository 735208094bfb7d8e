"""What the demo set has planted, found again: which view tells what, and which codons.

The value of demo-expression is the share of favoured codons, which DNA and mRNA show, and a motif,
which the protein shows too (data/demo/codons.py). Encoders are scratch models, as in the demo.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from seqfuse.cli import main
from seqfuse.codons.interpretation import knockout, mutagenesis, trained_arms
from seqfuse.codons.scores import resampled
from seqfuse.codons.train import MODALITIES
from seqfuse.codons.training_job import Job
from seqfuse.data.demo.codons import FAVOURED, codon_score, has_motif
from seqfuse.encoders.store.reader import Store
from seqfuse.encoders.store.rows import Row
from seqfuse.encoders.store.writer import Writer
from seqfuse.files import read_json, write_json
from seqfuse.registry.arms import ARMS
from seqfuse.settings.yaml_files import load_yaml

NAME = "demo-expression"
RESAMPLES, CONFIDENCE = 500, 0.95


@dataclass
class Demo:
    """The set, its embeddings, and what was trained on it."""

    folder: Path
    settings: object
    made: dict[tuple, trained_arms.Trials] = field(default_factory=dict)

    def receipts(self, noise: str | None = None) -> dict[str, Path]:
        """A receipt a modality, one of them of noise in place of states."""
        return {
            view: self.folder / (f"{view}.noise.json" if view == noise else f"{view}.json")
            for view in MODALITIES
        }

    def train(self, arm: str, epochs: int = 5, seeds=(0, 1), noise=None) -> trained_arms.Trials:
        """An arm with the demo's settings, read back from its checkpoints."""
        key = (arm, epochs, seeds, noise)
        if key not in self.made:
            known = self.receipts(noise)
            receipts = {view: known[view] for view in ARMS[arm].modalities}
            paths = [
                self.folder / "clean" / f"{name}.parquet"
                for name in ("records", "frames", "clusters")
            ]
            out = self.folder / "_".join(map(str, key))
            files, settings = (*paths[:2], receipts, {}), self.settings(epochs)
            job = Job(ARMS[arm], NAME, *files, settings, seeds, out / "state", 1)
            job.run(out / "made")
            self.made[key] = trained_arms.read(NAME, [out / "made"], *paths, receipts)
        return self.made[key]

    def encoder(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture(scope="module")
def demo(tmp_path_factory, root, training) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    entry = load_yaml(root / "resources" / "datasets.yaml")[NAME]
    run("data records", name=NAME, entry=json.dumps(entry), card=folder / "card.json",
        out=folder / "records.parquet")  # fmt: skip
    run("sequences", records=folder / "records.parquet", study="codons", out=folder / "clean")
    models = load_yaml(root / "resources" / "models.yaml")
    for view, name in (("dna", "demo-nt"), ("rna", "demo-rnafm"), ("protein", "demo-esm2")):
        run("data model", name=name, entry=json.dumps(models[name]), out=folder / name)
        run("embeddings write", table=folder / "clean" / "frames.parquet", columns=view,
            model=folder / name, resolution="codon" if view == "rna" else "native",
            store=folder / "store", out=folder / f"{view}.json")  # fmt: skip
        make_noise(folder, view)
    preset = load_yaml(root / "workflow" / "presets" / "demo.yaml")["codons"]["training"]
    preset["learning_rate"] = tuple(preset["learning_rate"])
    return Demo(folder, lambda epochs: training(**preset | {"epochs": epochs}))


def run(command: str, **flags) -> None:
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    assert main([*command.split(), *words]) == 0


def make_noise(folder: Path, view: str) -> None:
    """The store of a view with independent normal numbers for states."""
    store, random = Store.open(folder / f"{view}.json"), np.random.default_rng(7)
    with Writer(folder / "store", store.description | {"noise": view}) as writer:
        for row in store.stream():
            states = random.normal(size=row.states.shape).astype(np.float16)
            pooled = states.astype(np.float32).mean(0)
            writer.add(Row(row.sequence, row.length, states, row.spans, pooled))
    receipt = read_json(folder / f"{view}.json") | {"key": writer.key}
    write_json(folder / f"{view}.noise.json", receipt)


def planted(trials, part) -> np.ndarray:
    """The planted share of favoured codons, or presence of the motif, of the test rows."""
    # Frames leave the stop codon out, which the planted score does not count.
    return np.array([float(part(trials.dataset.frames["dna"][r] + "TAA")) for r in trials.test])


def within(trials, values) -> np.ndarray:
    """Values less their mean over the test rows with, or without, the motif."""
    motif, values = planted(trials, has_motif), np.array(values, np.float64)
    for group in (0.0, 1.0):
        values[motif == group] -= values[motif == group].mean()
    return values


def codon_part(trials, prediction) -> dict:
    """How predictions follow the planted share of favoured codons, whatever the motif does."""
    return correlation(within(trials, prediction), within(trials, planted(trials, codon_score)))


def interval(draws: np.ndarray) -> dict[str, float]:
    """The percentile interval of bootstrap draws."""
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return {"low": float(low), "high": float(high)}


def correlation(prediction, truth) -> dict:
    """Spearman's correlation of predictions with a planted part, with its bootstrap interval."""
    n = len(truth)
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    counts = np.concatenate([np.ones((1, n)), drawn])
    found = resampled(np.asarray(prediction).reshape(n, 1), truth, counts)
    return {"value": found[0], "draws": found[1:]} | interval(found[1:])


def without(trials, modalities) -> np.ndarray:
    """Test predictions, mean over seeds, with modalities replaced by their mean."""
    (seeds,) = trials.arms.values()
    asked = knockout.Condition(modalities, "mean") if modalities else knockout.WHOLE
    return np.mean([knockout.predict(trials, one)[0][asked][:, 0] for one in seeds], axis=0)


@pytest.mark.parametrize("dead", MODALITIES)
def test_a_modality_of_noise_is_reported_as_dead(demo, dead):
    """Trained with noise in place of one modality, a fusion loses less with its mean or with other
    noise there than by any modality that says something.

    It is not nothing: the fusion knows its training rows by their noise, a little. For DNA and
    three seeds: -0.014 to 0.025, beside 0.29 to 0.42 of the others.
    """
    trials = demo.train("concat", seeds=(0,), noise=dead)
    rows = [row for row in knockout.measure(trials, "concat", CONFIDENCE) if "seed" not in row]
    lost = {(row["modalities"], row["replacement"]): row for row in rows}
    most = max(0, lost[dead, "noise"]["high"])
    assert lost[dead, "mean"]["low"] <= most
    for alive in set(MODALITIES) - {dead}:
        assert most < min(lost[alive, "mean"]["low"], lost[alive, "noise"]["low"])


def test_the_codon_part_survives_in_dna_or_rna_and_in_nothing_else(demo):
    trials = demo.train("concat")
    found = {
        views: codon_part(trials, without(trials, views))
        for views in ((), ("dna",), ("rna",), ("dna", "rna"))
    }
    assert found[()]["low"] > 0.6
    assert found["dna",]["low"] > 0 and found["rna",]["low"] > 0
    both = found["dna", "rna"]
    assert both["low"] <= 0 <= both["high"] < found["rna",]["low"]


def test_the_motif_part_is_read_from_the_protein(demo):
    trials = demo.train("protein")
    prediction = without(trials, ())
    assert correlation(prediction, planted(trials, has_motif))["low"] > 0.6
    part = codon_part(trials, prediction)
    assert part["low"] <= 0 <= part["high"]


def test_two_views_are_better_than_the_better_of_them(demo):
    """The difference is paired by row; each score is of the mean prediction over seeds."""
    both, rna, protein = (demo.train(arm) for arm in ("rna_protein", "rna", "protein"))
    target = both.dataset.target[both.test]
    scored = [correlation(without(trials, ()), target) for trials in (both, rna, protein)]
    better = max(scored[1:], key=lambda one: one["value"])
    assert interval(scored[0]["draws"] - better["draws"])["low"] > 0


def live_of(demo, trials) -> mutagenesis.Embedders:
    return mutagenesis.Embedders(
        trials.stores, {"dna": demo.encoder("demo-nt"), "rna": demo.encoder("demo-rnafm")}
    )


def test_the_top_codons_of_the_map_are_the_planted_ones(demo):
    """Trained for twenty epochs: after the demo's five, codons that end like planted ones win."""
    trials = demo.train("concat", epochs=20, seeds=(0,))
    live, synonyms = live_of(demo, trials), mutagenesis.synonyms_of(trials.dataset)
    effects: dict[str, dict[str, list]] = {}
    gaps = []
    for row in trials.test[:10].tolist():
        scanned: dict[tuple, list] = {}
        for mutant in mutagenesis.scan(trials, "concat", live, synonyms, row):
            place = scanned.setdefault((mutant["position"], mutant["seed"]), [])
            if not place:
                place.append((mutant["residue"], mutant["reference"], 0.0))
            place.append((mutant["residue"], mutant["codon"], mutant["change"]))
        planted_here, others = [], []
        for place in scanned.values():
            mean = np.mean([change for _, _, change in place])
            for residue, codon, change in place:
                effects.setdefault(residue, {}).setdefault(codon, []).append(change - mean)
                (planted_here if codon == FAVOURED[residue] else others).append(change - mean)
        gaps.append(np.mean(planted_here) - np.mean(others))
    tops = {r: max(found, key=lambda c: np.mean(found[c])) for r, found in effects.items()}
    right = sum(codon == FAVOURED[residue] for residue, codon in tops.items())
    drawn = np.random.default_rng(0).integers(0, len(gaps), (500, len(gaps)))
    found = interval(np.array(gaps)[drawn].mean(1))
    # By chance one codon in two to six is right, 6.6 of 18 residues.
    assert right >= 13 and len(tops) == 18
    assert found["low"] > 0


def test_other_synonyms_destroy_the_codon_part_alone(demo):
    """Every codon drawn anew among its synonyms: the protein, and what it tells, stays."""
    trials = demo.train("concat")
    live, synonyms = live_of(demo, trials), mutagenesis.synonyms_of(trials.dataset)
    random = np.random.default_rng(3)
    (seeds,) = trials.arms.values()
    before, after = without(trials, ()), []
    for row in trials.test.tolist():
        protein = trials.dataset.frames["protein"][row]
        dna = "".join(str(random.choice(synonyms.of[residue])) for residue in protein)
        after.append(mutagenesis.predict(trials, seeds, live, row, [dna])[:, 0, 0].mean())
    after, motif = np.array(after), planted(trials, has_motif).astype(bool)
    drawn = np.random.default_rng(0).integers(0, len(motif), (RESAMPLES, len(motif)))
    changes = []
    for rows in drawn:
        there = motif[rows]
        effect = [p[rows][there].mean() - p[rows][~there].mean() for p in (before, after)]
        changes.append(effect[1] - effect[0])
    assert codon_part(trials, before)["low"] > 0.6
    left, moved = codon_part(trials, after), interval(np.array(changes))
    assert left["low"] <= 0 <= left["high"]
    assert moved["low"] <= 0 <= moved["high"]


def test_the_live_encoders_say_what_the_store_says(demo):
    """A sequence that was not mutated, embedded here, has the prediction of training's end."""
    trials = demo.train("concat")
    (seeds,) = trials.arms.values()
    live = live_of(demo, trials)
    for place, row in enumerate(trials.test[:3].tolist()):
        said = mutagenesis.predict(trials, seeds, live, row, [trials.dataset.frames["dna"][row]])
        for one, found in zip(seeds, said, strict=True):
            stored = trials.predict(one, trials.test)[place]
            assert found[0] == pytest.approx(stored, abs=1e-5)
