"""An archive of study A: probes, folds, aliases and ablations come out again."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from seqfuse import tables
from seqfuse.cli import main
from seqfuse.files import write_json
from seqfuse.plan.artifacts import Artifacts
from seqfuse.plan.run import Run
from seqfuse.plan.tools import rescore
from seqfuse.plan.tools.archive import MANIFEST
from seqfuse.registry.figures import FIGURES
from seqfuse.sequences import clusters
from seqfuse.settings import configuration

SUITE = NAME = "mine"
DRAWN = ("methods", "probes", "table4")  # what is drawn takes a second each
ALIASES = {"als": "motor neuron disease"}
LABELS = ("motor neuron disease", "ataxia")
SETTINGS = {
    "preset": "demo", "run": "small", "studies": ["language"], "seeds": [0, 1],
    "datasets": {NAME: {
        "study": "language", "source": "files", "files": [{"path": "mine.csv"}],
        "columns": {"variant": "alt", "label": "disease"}, "aliases": ALIASES,
    }},
    "language": {
        "suites": {SUITE: [NAME]}, "methods": ["onevocab", "text_only"],
        "variants": {"onevocab_k2": {"method": "onevocab", "k": 2}},
        "prompt": {"reasoning": False}, "attention": {"rows": 0},
    },
}  # fmt: skip


class Made:
    """A finished run of study A in a folder, written and scored as its rules do."""

    def __init__(self, folder: Path):
        self.folder, self.random = folder, np.random.default_rng(0)
        settings = configuration.resolve(SETTINGS)
        write_json(folder / "report" / "settings.json", settings)
        self.artifacts = Artifacts(Run(settings))
        self.sequences()
        for ablations in (False, True):
            for path in self.paths("predictions", ablations):
                self.predict(path, path.parent.name, (0, 1))
            for path in self.paths("costs", ablations):
                self.cost(path)
        for path in self.paths("probes"):
            self.predict(path, path.parent.name, (0, 1), probes=("none", "swap"))
        for path in self.paths("conflicts"):
            self.contradict(path, path.parent.name)
        self.predict(*self.paths("controls"), "majority", (0,))
        self.predict(*self.paths("folds"), "kmers", (0, 1), splits=("train", "val", "test"))

    def paths(self, kind: str, ablations: bool = False) -> list[Path]:
        found = self.artifacts.paths(kind, "language", None, ablations)
        return [Path(path.replace("<results>", str(self.folder))) for path in found]

    def sequences(self) -> None:
        bases = list("ACGT")
        self.records = [
            {"id": f"r{n}", "split": ("train", "test", "val")[n % 3], "label": LABELS[n % 2]}
            | {"sequence": "".join(self.random.choice(bases, 40)), "question": f"Gene {n % 9}?"}
            | {"subset": ("question_decides", "sequence_decides")[n // 3 % 2]}
            for n in range(90)
        ]
        for row in self.records:
            row["variant"] = row["sequence"][:-1] + "A"
        (path,) = self.paths("records")
        write(path, self.records, tables.CLEAN)
        clusters.write(path, path.with_name("clusters.parquet"))

    def predict(self, path, method, seeds, probes=("none",), splits=("val", "test")) -> None:
        """Answers of which some are right by an alias alone."""
        rows = []
        for row in self.records:
            decided = row["subset"] == "sequence_decides"
            if row["split"] not in splits or ("train" in splits and not decided):
                continue
            for seed in seeds:
                for probe in probes:
                    right = self.random.random() < 0.6
                    said = row["label"] if right else LABELS[0]
                    alias = said == LABELS[0] and self.random.random() < 0.5
                    rows.append(
                        {"id": row["id"], "dataset": NAME, "method": method, "seed": seed}
                        | {"probe": probe, "predicted": None if alias else said}
                        | {"text": f"Answer: {'ALS' if alias else said}"}
                    )
        write(path, rows, tables.PREDICTIONS)

    def contradict(self, path: Path, method: str) -> None:
        """The same about each test question with the DNA of the record two before it."""
        test = [row for row in self.records if row["split"] == "test"]
        self.predict(path, method, (0, 1), probes=("conflict",), splits=("test",))
        rows = tables.read(path, tables.PREDICTIONS).to_pylist()
        after = {row["id"]: test[place - 2]["id"] for place, row in enumerate(test)}
        write(path, [row | {"dna_of": after[row["id"]]} for row in rows], tables.CONFLICTS)

    def cost(self, path: Path) -> None:
        seed, method = int(path.parent.name.removeprefix("seed")), path.parents[2].name
        kind = {"text_only": "control", "onevocab": "method"}.get(method, "ablation")
        cost = {"study": "language", "suite": SUITE, "method": method, "kind": kind}
        took = {"trained_parameters": 10, "tokens": 100, "examples": 10, "seconds": 1.0}
        write_json(path, cost | {"seeds": [{"seed": seed} | took]})

    def score(self, ablations: bool) -> None:
        def files(flag: str, *paths: Path) -> list[str]:
            return [f"--{flag}", *map(str, paths)]

        words = ["--study", "language", "--suite", SUITE, "--datasets", NAME]
        words += files("records", *self.paths("records"))
        words += files("clusters", *self.paths("clusters"))
        words += files(
            "predictions", *self.paths("controls"), *self.paths("predictions", ablations)
        )
        words += files("costs", *self.paths("costs", ablations))
        for more in ("folds",) if ablations else ("probes", "conflicts"):
            words += files(more, *self.paths(more))
        words += ["--aliases", json.dumps({NAME: ALIASES})]
        (metrics,) = self.paths("metrics", ablations)
        assert main(["evaluation", *words, "--out", str(metrics.parent)]) == 0

    def draw(self) -> None:
        for name in DRAWN:
            figure = FIGURES[name]
            (out,) = [p for p in self.paths("figures", figure.ablations) if p.stem == name]
            words = ["--figure", name, "--out", str(out.with_suffix(""))]
            for need in figure.needs:
                words += [f"--{need}", *map(str, self.paths(need, figure.ablations))]
            assert main(["figures", *words]) == 0


def write(path: Path, rows: list[dict], schema) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tables.write(path, tables.from_rows(rows, schema), schema)


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """The archive of such a run, of which a few figures are drawn."""
    folder = tmp_path_factory.mktemp("run") / "results" / "small"
    shown = {name: FIGURES[name] for name in DRAWN}
    with pytest.MonkeyPatch.context() as patch:
        for module in ("artifacts", "artifact_kinds"):
            patch.setattr(f"seqfuse.plan.{module}.FIGURES", shown)
        made = Made(folder)
        made.score(ablations=False)
        made.score(ablations=True)
        made.draw()
        out = folder.parent / "small.zip"
        assert main(["archive", str(folder), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def unpacked(archive, tmp_path_factory) -> tuple[dict, Path]:
    folder = tmp_path_factory.mktemp("archive")
    return rescore.unpack(archive, folder), folder


def test_an_archive_of_study_a_gives_every_number_again(archive, capsys):
    assert main(["rescore", str(archive)]) == 0
    said = capsys.readouterr().out.splitlines()
    made = [f"evaluation/language/{SUITE}/", f"ablations/language/{SUITE}/"]
    expected = [f"{place}{kind}.parquet" for place in made for kind in ("metrics", "comparisons")]
    expected += ["figures/methods.csv", "figures/probes.csv", "ablations/figures/table4.csv"]
    for name in expected:
        (line,) = [line for line in said if line.startswith(f"{name}: ")]
        assert line.endswith(", the same") and not line.startswith(f"{name}: 0 "), line
    assert said[-1] == "Every number equals the one reported."


def test_an_archive_holds_probes_folds_aliases_and_ablations(unpacked):
    manifest, folder = unpacked
    own, ablated = manifest["evaluations"]
    for kind in ("probes", "conflicts"):
        assert [Path(name).parent.name for name in own[kind]] == ["onevocab"]
        assert ablated[kind] == []
    assert own["folds"] == []
    assert ablated["folds"] == [f"controls/language/{SUITE}/folds.parquet"]
    assert json.loads(own["aliases"]) == {NAME: ALIASES}
    assert any("onevocab_k2" in name for name in ablated["predictions"] + ablated["costs"])
    assert not any("onevocab_k2" in name for name in own["predictions"])
    # Each seed of each method has a cost of its own.
    assert len(own["costs"]) == 4 and len(ablated["costs"]) == 2 * (len(ablated["predictions"]) - 1)

    def metrics(one: dict) -> list[dict]:
        return pq.read_table(folder / one["reported"]["metrics"]).to_pylist()

    assert {r["probe"] for r in metrics(own)} == {"none", "unaltered", "swap", "conflict"}
    assert "folds" in {row["split"] for row in metrics(ablated)}
    assert any(row["metric"] == "alias_rate" and row["value"] > 0 for row in metrics(own))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda manifest: manifest["evaluations"][0] | {"aliases": None}, "alias_rate"),
        (lambda manifest: manifest["evaluations"][0] | {"probes": []}, "swap"),
        (lambda manifest: manifest["evaluations"][1] | {"folds": []}, "folds"),
    ],
)
def test_an_archive_without_one_of_them_does_not_give_every_number(
    unpacked, tmp_path, change, named
):
    manifest, folder = unpacked
    one = change(manifest)
    differ = dict(rescore._tables({"evaluations": [one]}, folder, tmp_path))
    lines = differ[one["reported"]["metrics"]][1]
    assert any(f" {named}" in line and "not computed again" in line for line in lines)


def test_an_archive_says_what_its_figures_are_not_drawn_from(archive):
    with zipfile.ZipFile(archive) as opened:
        manifest = json.loads(opened.read(MANIFEST))
    assert [figure["figure"] for figure in manifest["figures"]] == list(DRAWN)
    assert manifest["left_out"] == []
