"""The kinds of files that a run makes: one table of their paths and owners.

A kind is declared once, by a row of `ARTIFACTS`; the rule that makes it spells out the same path.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from seqfuse.plan import pairs
from seqfuse.plan.run import Run
from seqfuse.registry.arms import ARMS
from seqfuse.registry.figures import FIGURES
from seqfuse.registry.judges import REFERENCES


@dataclass(frozen=True)
class Scope:
    """Whose files are wanted: those of some suites of a study, and of the methods or arms compared
    on them, with or without their ablations."""

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

    `study` is set if only one study makes the kind. A kind that ablations make once more has two
    rows, which `ablations` tells apart.
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


def _of_run(scope: Scope) -> Wildcards:
    return [{}]


def _of_leakage(scope: Scope) -> Wildcards:
    return [{}] if scope.run.pretrained() else []


def _of_pretrainings(scope: Scope) -> Wildcards:
    """The pre-trainings that methods of this run start from; of several seeds, the first's."""
    run = scope.run
    starting = [name for name in run.runs("language") if run.method(name).pretrained]
    names = dict.fromkeys(run.pretraining_of(name) for name in starting)
    return [{"pretraining": name} for name in names if run.pretrained()]


def _of_shown_pretraining(scope: Scope) -> Wildcards:
    """The one whose vectors a figure has room for."""
    return _of_pretrainings(scope)[:1]


def _of_arms_read(scope: Scope) -> Wildcards:
    """The sets whose arms are encoders of what is compared."""
    encoders = [scope.run.codon_encoder(name) for name in scope.compared]
    return [{"dataset": name} for name in dict.fromkeys(e.set for e in encoders if e and e.arm)]


def _of_pairs(scope: Scope) -> Wildcards:
    """The gene-text pairs that a pre-training of this run reads."""
    dataset = scope.run.settings["language"]["pretrain"]["dataset"]
    return [{"dataset": dataset}] if scope.run.pretrained() else []


def _of_datasets(scope: Scope) -> Wildcards:
    return [{"dataset": name} for name in scope.run.datasets(scope.study)]


def _of_suites(scope: Scope) -> Wildcards:
    return [{"study": scope.study, "suite": suite} for suite in scope.suites]


def _of_predicted(scope: Scope) -> Wildcards:
    """What one job of controls predicts: a suite of study A, a set of study B."""
    places = scope.suites if scope.study == "language" else scope.datasets
    return [{"study": scope.study, "suite": place} for place in places]


def _of_methods(scope: Scope) -> Wildcards:
    every = [(suite, name) for suite in scope.suites for name in scope.compared]
    return _pairs(scope, [(suite, name) for suite, name in every if scope.run.varies(name, suite)])


def _of_readers(scope: Scope) -> Wildcards:
    """Methods that see DNA and answer in text; figures do not show their variants."""
    entries = {name: scope.run.method(name) for name in scope.run.runs("language")}
    names = [name for name, entry in entries.items() if entry.sees_dna and entry.generates]
    return _each(scope.suites, "suite", "method", names)


def _of_judged(scope: Scope) -> Wildcards:
    return _pairs(scope, pairs.judged(scope.run, scope.ablations))


def _of_answering(scope: Scope) -> Wildcards:
    """What is judged, without the judge's own controls, which have no answers."""
    return [pair for pair in _of_judged(scope) if pair["method"] not in REFERENCES]


def _of_probed(scope: Scope) -> Wildcards:
    return _pairs(scope, pairs.probed(scope.run))


def _of_decoded(scope: Scope) -> Wildcards:
    """What linear probes read: the methods that are probed, and those that see no DNA."""
    excluded = scope.run.settings["language"]["probe"]["exclude_suites"]
    suites = [suite for suite in scope.suites if suite not in excluded]
    return _each(suites, "suite", "method", scope.run.runs("language"))


def _of_attended(scope: Scope) -> Wildcards:
    return _pairs(scope, pairs.attended(scope.run))


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


def of_figures(scope: Scope, probes: bool = False) -> Wildcards:
    """The figures of which this run makes every input and has a dataset with their task; with
    `probes`, those that `snakemake probes` draws."""
    tasks = scope.run.tasks(scope.study)
    figures = [
        figure
        for figure in FIGURES.values()
        if (figure.study, figure.ablations) == (scope.study, scope.ablations)
        and figure.probes == probes
        and (figure.task in tasks if figure.task else tasks)
    ]
    return [
        {"figure": figure.name}
        for figure in figures
        if all(
            paths(scope.run, kind, figure.study, None, figure.ablations) for kind in figure.needs
        )
    ]


def _of_probe_figures(scope: Scope) -> Wildcards:
    return of_figures(scope, probes=True)


def _each(places: Sequence[str], place: str, run: str, names: Sequence[str]) -> Wildcards:
    """Every suite or set with each of these methods or arms, by the rules' names of both."""
    return [{place: one, run: name} for one in places for name in names]


def _pairs(scope: Scope, chosen: Sequence[tuple[str, str]]) -> Wildcards:
    return [{"suite": suite, "method": name} for suite, name in chosen if suite in scope.suites]


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
        "<results>/language/pretrain/{pretraining}/vectors.parquet",
        _of_shown_pretraining,
        "language",
    ),
    Artifact("leakage", "<results>/language/pretrain/leakage.json", _of_leakage, "language"),
    Artifact("leakage", "<results>/codons/{dataset}/leakage.json", _of_arms_read, "language"),
    Artifact(
        "pretrainings",
        "<results>/language/pretrain/{pretraining}/model.json",
        _of_pretrainings,
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
    Artifact("figures", "<results>/figures/{figure}.svg", of_figures, ablations=False),
    Artifact("probe_figures", "<results>/figures/{figure}.svg", _of_probe_figures, "language"),
    Artifact("figures", "<results>/ablations/figures/{figure}.svg", of_figures, ablations=True),
    Artifact("settings", "<results>/report/settings.json", _of_run),
)


def paths(
    run: Run, kind: str, study: str, suite: str | None = None, ablations: bool = False
) -> list[str]:
    """The files of one kind that a study, or one suite of it, makes.

    With `ablations`, those of `snakemake ablations`, which compares the methods or arms with their
    variants.
    """
    rows = [row for row in ARTIFACTS if row.kind == kind]
    if not rows:
        raise KeyError(kind)
    scope = Scope(run, study, [suite] if suite else list(run.suites(study)), ablations)
    return [path for row in rows for path in row.paths(scope)]
