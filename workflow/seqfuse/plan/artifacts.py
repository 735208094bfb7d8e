"""Which files a run makes: one table of their kinds, paths and owners.

Rules, figures and the report ask for the files of a kind. A kind is declared once, by a row of
`ARTIFACTS`; the rule that makes it spells out the same path.
"""

import itertools
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqfuse.plan.run import Run
from seqfuse.registry.arms import ARMS
from seqfuse.registry.figures import FIGURES
from seqfuse.registry.judges import REFERENCES

REPORTED = (
    *("metrics", "comparisons", "audits", "cards", "costs", "verdicts"),
    *("leakage", "pretrainings", "figures"),
)
ABLATIONS_REPORTED = ("metrics", "comparisons", "costs", "figures")


def expand(pattern: str, **values: str | list[str]) -> list[str]:
    """A pattern with every combination of the values that it names; what it does not name is
    ignored."""
    named = {name for _, name, _, _ in string.Formatter().parse(pattern) if name}
    lists = {
        name: [given] if isinstance(given, str) else list(given)
        for name, given in values.items()
        if name in named
    }
    combinations = itertools.product(*lists.values())
    return [pattern.format(**dict(zip(lists, chosen, strict=True))) for chosen in combinations]


@dataclass(frozen=True)
class Scope:
    """Whose files are asked for: suites of a study, and the methods or arms compared on them, with
    their ablations or without."""

    run: Run
    study: str
    suites: Sequence[str]
    ablations: bool = False

    @property
    def compared(self) -> list[str]:
        """The methods or arms."""
        return self.run.ablated(self.study) if self.ablations else self.run.runs(self.study)

    @property
    def datasets(self) -> list[str]:
        """The datasets of the suites."""
        suites = self.run.suites(self.study)
        return list(dict.fromkeys(name for suite in self.suites for name in suites[suite]))


Wildcards = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Artifact:
    """A kind of file: its path, and the wildcards of each such file in a scope.

    A kind that one `study` alone makes names it. One that ablations make anew, beside the study's
    own, has two rows; `ablations` tells them apart.
    """

    kind: str
    pattern: str
    wildcards: Callable[[Scope], Wildcards]
    study: str | None = None
    ablations: bool | None = None

    def paths(self, scope: Scope) -> list[str]:
        """The files of this row in a scope."""
        if self.study not in (None, scope.study) or self.ablations not in (None, scope.ablations):
            return []
        return [self.pattern.format(**wildcards) for wildcards in self.wildcards(scope)]


class Artifacts:
    """The files of one run."""

    def __init__(self, run: Run):
        self.run = run

    def paths(
        self, kind: str, study: str, suite: str | None = None, ablations: bool = False
    ) -> list[str]:
        """The files of one kind that a study, or one suite of it, makes.

        With `ablations`, those of `snakemake ablations`, which compares the methods or arms with
        what varies them.
        """
        rows = [row for row in ARTIFACTS if row.kind == kind]
        if not rows:
            raise KeyError(kind)
        suites = [suite] if suite else list(self.run.suites(study))
        scope = Scope(self.run, study, suites, ablations)
        return [path for row in rows for path in row.paths(scope)]

    def figure_inputs(self, wildcards) -> dict[str, list[str]]:
        """What one figure is drawn from, by kind."""
        figure = FIGURES[wildcards.figure]
        return {
            kind: self.paths(kind, figure.study, None, figure.ablations) for kind in figure.needs
        }

    def report_inputs(self, wildcards) -> dict[str, list[str]]:
        """What the report shows, by kind; a kind that this run makes none of is left out."""
        by_kind = {kind: self._of_studies(kind) for kind in REPORTED} | self._accepted()
        return {kind: paths for kind, paths in by_kind.items() if paths}

    def ablation_inputs(self, wildcards) -> dict[str, list[str]]:
        """What the report of the ablations shows, by kind."""
        by_kind = {kind: self._of_studies(kind, ablations=True) for kind in ABLATIONS_REPORTED}
        return by_kind | self._accepted()

    def _accepted(self) -> dict[str, list[str]]:
        """What was kept of older code (`seqfuse accept`), where anything was."""
        path = f"{self.run.results}/report/accepted.json"
        return {"accepted": [path]} if Path(path).exists() else {}

    def of_study(self, study: str, ablations: bool = False) -> list[str]:
        """What a study comes to: its models, predictions, metrics, and figures with their tables.

        Targets name all of it, because Snakemake makes a lost file again only where a target asks
        for it, and a forced job that was killed has lost its files.
        """
        drawn = _of_figures(Scope(self.run, study, list(self.run.suites(study)), ablations))
        needed = [kind for figure in drawn for kind in FIGURES[figure["figure"]].needs]
        own = [] if ablations else ["probes", "conflicts"]
        kinds = ["models", "model_cards", "predictions", *own, "metrics", "figures", *needed]
        return [
            path
            for kind in dict.fromkeys(kinds)
            for path in self.paths(kind, study, None, ablations)
        ]

    def of_probes(self) -> list[str]:
        """What `snakemake probes` comes to: linear probes, and the figures of them."""
        kinds = ("linear_probes", "gaps", "probe_figures")
        return [path for kind in kinds for path in self.paths(kind, "language")]

    def of_report(self, ablations: bool = False) -> list[str]:
        """What a report shows, and what its studies come to."""
        shown = self.ablation_inputs(None) if ablations else self.report_inputs(None)
        found = [path for paths in shown.values() for path in paths]
        for study in self.run.settings["studies"]:
            found += self.of_study(study, ablations)
        return list(dict.fromkeys(found))

    def _of_studies(self, kind: str, ablations: bool = False) -> list[str]:
        studies = self.run.settings["studies"]
        return [path for study in studies for path in self.paths(kind, study, None, ablations)]


# --- whose files of a kind there are --------------------------------------------------------------


def _of_run(scope: Scope) -> Wildcards:
    return [{}]


def _of_pretraining(scope: Scope) -> Wildcards:
    return [{}] if scope.run.pretrained() else []


def _of_arms_read(scope: Scope) -> Wildcards:
    """The sets whose arms are encoders of what is compared."""
    encoders = [scope.run.codon_encoder(name) for name in scope.compared]
    return [{"dataset": name} for name in dict.fromkeys(e.set for e in encoders if e and e.arm)]


def _of_pairs(scope: Scope) -> Wildcards:
    """The gene-text pairs that a pre-training of this run reads."""
    pairs = scope.run.settings["language"]["pretrain"]["dataset"]
    return [{"dataset": pairs}] if scope.run.pretrained() else []


def _of_datasets(scope: Scope) -> Wildcards:
    return [{"dataset": name} for name in scope.run.datasets(scope.study)]


def _of_suites(scope: Scope) -> Wildcards:
    return [{"study": scope.study, "suite": suite} for suite in scope.suites]


def _of_predicted(scope: Scope) -> Wildcards:
    """What controls predict at once: a suite of study A, a set of study B."""
    places = scope.suites if scope.study == "language" else scope.datasets
    return [{"study": scope.study, "suite": place} for place in places]


def _of_methods(scope: Scope) -> Wildcards:
    pairs = [(suite, name) for suite in scope.suites for name in scope.compared]
    return _pairs(scope, [pair for pair in pairs if scope.run.varies(pair[1], pair[0])])


def _of_readers(scope: Scope) -> Wildcards:
    """Methods that see DNA and answer in text; their variants are not shown."""
    entries = {name: scope.run.method(name) for name in scope.run.runs("language")}
    names = [name for name, entry in entries.items() if entry.sees_dna and entry.generates]
    return _each(scope.suites, "suite", "method", names)


def _of_judged(scope: Scope) -> Wildcards:
    return _pairs(scope, scope.run.judged(scope.ablations))


def _of_answering(scope: Scope) -> Wildcards:
    """What is judged, without the judge's own controls, which answer nothing."""
    return [pair for pair in _of_judged(scope) if pair["method"] not in REFERENCES]


def _of_probed(scope: Scope) -> Wildcards:
    return _pairs(scope, scope.run.probed())


def _of_decoded(scope: Scope) -> Wildcards:
    """What linear probes read: the methods that are probed, and those that are shown no DNA."""
    excluded = scope.run.settings["language"]["probe"]["exclude_suites"]
    suites = [suite for suite in scope.suites if suite not in excluded]
    return _each(suites, "suite", "method", scope.run.runs("language"))


def _of_attended(scope: Scope) -> Wildcards:
    return _pairs(scope, scope.run.attended())


def _of_arms(scope: Scope) -> Wildcards:
    return _each(scope.datasets, "dataset", "arm", scope.compared)


def _of_seeds(scope: Scope) -> Wildcards:
    """Every seed of what is compared."""
    compared = _of_methods(scope) if scope.study == "language" else _of_arms(scope)
    return [{**names, "seed": str(seed)} for names in compared for seed in scope.run.seeds]


def _of_weighing_arms(scope: Scope) -> Wildcards:
    weighing = [name for name in scope.compared if ARMS[name].weighs]
    return _each(scope.datasets, "dataset", "arm", weighing)


def _of_interpreted_sets(scope: Scope) -> Wildcards:
    return [{"dataset": name} for name in scope.datasets] if scope.run.fusions() else []


def _of_attending_sets(scope: Scope) -> Wildcards:
    """Codon sets, where the run has a fusion by cross-attention."""
    fusions = {ARMS[name].fusion for name in scope.run.fusions()}
    return _of_interpreted_sets(scope) if ARMS["xattn"].fusion in fusions else []


def _of_figures(scope: Scope, probes: bool = False) -> Wildcards:
    """The figures that this run makes every input of, and has a dataset with their task for; with
    `probes`, those that `snakemake probes` draws."""
    tasks = scope.run.tasks(scope.study)
    figures = [
        figure
        for figure in FIGURES.values()
        if (figure.study, figure.ablations) == (scope.study, scope.ablations)
        and figure.probes == probes
        and (figure.task in tasks if figure.task else tasks)
    ]
    paths = Artifacts(scope.run).paths
    return [
        {"figure": figure.name}
        for figure in figures
        if all(paths(kind, figure.study, None, figure.ablations) for kind in figure.needs)
    ]


def _of_probe_figures(scope: Scope) -> Wildcards:
    return _of_figures(scope, probes=True)


def _each(places: Sequence[str], place: str, run: str, names: Sequence[str]) -> Wildcards:
    """Every suite or set with each of these methods or arms, by what the rules call the two."""
    return [{place: one, run: name} for one in places for name in names]


def _pairs(scope: Scope, pairs: Sequence[tuple[str, str]]) -> Wildcards:
    return [{"suite": suite, "method": name} for suite, name in pairs if suite in scope.suites]


_METHOD = "<results>/language/{suite}/{method}"
_ARM = "<results>/codons/{dataset}/{arm}"
_INTERPRETED = "<results>/codons/{dataset}/interpretation"
_EVALUATION = "<results>/evaluation/{study}/{suite}"
_ABLATIONS = "<results>/ablations/{study}/{suite}"

ARTIFACTS: tuple[Artifact, ...] = (
    # datasets
    Artifact("cards", "<results>/data/{dataset}/card.json", _of_datasets),
    Artifact("cards", "<results>/data/{dataset}/card.json", _of_pairs, "language"),
    Artifact("records", "<results>/sequences/{dataset}/records.parquet", _of_datasets),
    Artifact("clusters", "<results>/sequences/{dataset}/clusters.parquet", _of_datasets),
    Artifact("references", "<results>/sequences/{dataset}/records.parquet", _of_datasets),
    Artifact("audits", "<results>/sequences/{dataset}/audit.json", _of_datasets),
    Artifact("audits", "<results>/sequences/{dataset}/audit.json", _of_pairs, "language"),
    # study A
    Artifact("predictions", f"{_METHOD}/predictions.parquet", _of_methods, "language"),
    Artifact("answers", f"{_METHOD}/predictions.parquet", _of_answering, "language"),
    Artifact("models", f"{_METHOD}/model/seed{{seed}}/manifest.json", _of_seeds, "language"),
    Artifact("costs", f"{_METHOD}/model/seed{{seed}}/cost.json", _of_seeds, "language"),
    Artifact("logs", f"{_METHOD}/model/seed{{seed}}/log.jsonl", _of_seeds, "language"),
    Artifact("probes", f"{_METHOD}/probes.parquet", _of_probed, "language"),
    Artifact("conflicts", f"{_METHOD}/conflicts.parquet", _of_probed, "language"),
    Artifact("linear_probes", f"{_METHOD}/linear_probes.parquet", _of_decoded, "language"),
    Artifact("gaps", f"{_METHOD}/gaps.parquet", _of_decoded, "language"),
    Artifact("looks", f"{_METHOD}/attention.parquet", _of_attended, "language"),
    Artifact("vectors", f"{_METHOD}/inputs.parquet", _of_readers, "language"),
    Artifact(
        "vectors",
        "<results>/language/pretrain/seqclip/vectors.parquet",
        _of_pretraining,
        "language",
    ),
    Artifact("leakage", "<results>/language/pretrain/leakage.json", _of_pretraining, "language"),
    Artifact("leakage", "<results>/codons/{dataset}/leakage.json", _of_arms_read, "language"),
    Artifact(
        "pretrainings",
        "<results>/language/pretrain/seqclip/model.json",
        _of_pretraining,
        "language",
    ),
    Artifact("folds", "<results>/controls/language/{suite}/folds.parquet", _of_suites, "language"),
    Artifact("verdicts", "<results>/judge/{suite}/{method}.parquet", _of_judged, "language"),
    # study B
    Artifact("predictions", f"{_ARM}/predictions.parquet", _of_arms, "codons"),
    Artifact("models", f"{_ARM}/seed{{seed}}.safetensors", _of_seeds, "codons"),
    Artifact("costs", f"{_ARM}/cost.json", _of_arms, "codons"),
    Artifact("logs", f"{_ARM}/log.jsonl", _of_arms, "codons"),
    Artifact("model_cards", f"{_ARM}/README.md", _of_arms, "codons"),
    Artifact("model_cards", f"{_ARM}/arm.json", _of_arms, "codons"),
    Artifact("model_cards", f"{_ARM}/training_codons.safetensors", _of_arms, "codons"),
    Artifact("weights", f"{_ARM}/weights.parquet", _of_weighing_arms, "codons"),
    Artifact("knockouts", f"{_INTERPRETED}/knockout.parquet", _of_interpreted_sets, "codons"),
    Artifact("mutagenesis", f"{_INTERPRETED}/mutagenesis.parquet", _of_interpreted_sets, "codons"),
    Artifact("usage", f"{_INTERPRETED}/codons.parquet", _of_interpreted_sets, "codons"),
    Artifact("attention", f"{_INTERPRETED}/attention.parquet", _of_attending_sets, "codons"),
    Artifact("fused", f"{_INTERPRETED}/fused.parquet", _of_interpreted_sets, "codons"),
    # both
    Artifact("controls", "<results>/controls/{study}/{suite}/predictions.parquet", _of_predicted),
    Artifact("metrics", f"{_EVALUATION}/metrics.parquet", _of_suites, ablations=False),
    Artifact("metrics", f"{_ABLATIONS}/metrics.parquet", _of_suites, ablations=True),
    Artifact("comparisons", f"{_EVALUATION}/comparisons.parquet", _of_suites, ablations=False),
    Artifact("comparisons", f"{_ABLATIONS}/comparisons.parquet", _of_suites, ablations=True),
    Artifact("calibration", f"{_EVALUATION}/calibration.parquet", _of_suites, ablations=False),
    Artifact("calibration", f"{_ABLATIONS}/calibration.parquet", _of_suites, ablations=True),
    Artifact("figures", "<results>/figures/{figure}.svg", _of_figures, ablations=False),
    Artifact("probe_figures", "<results>/figures/{figure}.svg", _of_probe_figures, "language"),
    Artifact("figures", "<results>/ablations/figures/{figure}.svg", _of_figures, ablations=True),
    Artifact("settings", "<results>/report/settings.json", _of_run),
)
