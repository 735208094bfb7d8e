"""Which files a run makes, by kind: the one table that rules, figures and report ask."""

import itertools
import string

from seqfuse.plan.run import Run
from seqfuse.registry.arms import ARMS
from seqfuse.registry.figures import FIGURES
from seqfuse.registry.judges import REFERENCES
from seqfuse.settings import datasets as entries

# What figures need of the interpretation of study B, and the table that has it.
INTERPRETED = {
    "knockouts": "knockout",
    "mutagenesis": "mutagenesis",
    "usage": "codons",
    "attention": "attention",
    "fused": "fused",
}


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


class Artifacts:
    """The files of one run."""

    def __init__(self, run: Run):
        self.run = run

    def paths(self, need: str, study: str, suite: str | None = None, among=None) -> list[str]:
        """The files of one kind that a study (or one suite of it) makes, as figures ask for them.

        `among` gives the methods or arms: `run.runs` (the default) or `run.ablated`.
        """
        among = among or self.run.runs
        names = [suite] if suite else list(self.run.suites(study))
        folder = {
            "language": "<results>/language/{suite}/{run}",
            "codons": "<results>/codons/{suite}/{run}",
        }
        trained = f"{folder[study]}/model" if study == "language" else folder[study]
        if need == "verdicts":
            pairs = self.run.judged(among) if study == "language" else []
            return [f"<results>/judge/{suite}/{name}.parquet" for suite, name in pairs]
        if need == "looks":
            pairs = self.run.attended() if study == "language" else []
            return [
                f"<results>/language/{attended_suite}/{name}/attention.parquet"
                for attended_suite, name in pairs
                if attended_suite in names
            ]
        if need == "probes":
            pairs = self.run.probed() if study == "language" else []
            return [
                f"<results>/language/{probed_suite}/{name}/probes.parquet"
                for probed_suite, name in pairs
                if probed_suite in names
            ]
        if need == "answers":
            pairs = self.run.judged() if study == "language" else []
            return [
                f"<results>/language/{judged_suite}/{name}/predictions.parquet"
                for judged_suite, name in pairs
                if name not in REFERENCES
            ]
        if need == "vectors":
            shown = [
                name
                for name in (self.run.runs("language") if study == "language" else [])
                if self.run.method(name).sees_dna and self.run.method(name).generates
            ]
            before = "<results>/language/pretrain/seqclip/vectors.parquet"
            return expand(f"{folder[study]}/inputs.parquet", suite=names, run=shown) + [before] * (
                study == "language" and self.run.pretrained()
            )
        if need == "settings":
            return ["<results>/report/settings.json"]
        if need == "leakage":
            wanted = study == "language" and self.run.pretrained()
            return ["<results>/language/pretrain/leakage.json"] if wanted else []
        if need in INTERPRETED:
            asked = self.run.fusions()
            if need == "attention":
                asked = [arm for arm in asked if ARMS[arm].fusion == ARMS["xattn"].fusion]
            pattern = f"<results>/codons/{{suite}}/interpretation/{INTERPRETED[need]}.parquet"
            return expand(pattern, suite=names) if asked else []
        pattern, run = {
            "metrics": ("<results>/evaluation/{study}/{suite}/metrics.parquet", None),
            "comparisons": (
                "<results>/evaluation/{study}/{suite}/comparisons.parquet",
                None,
            ),
            "calibration": (
                "<results>/evaluation/{study}/{suite}/calibration.parquet",
                None,
            ),
            "controls": ("<results>/controls/{study}/{suite}/predictions.parquet", None),
            "predictions": (f"{folder[study]}/predictions.parquet", among(study)),
            "logs": (f"{trained}/log.jsonl", among(study)),
            "costs": (f"{trained}/cost.json", among(study)),
            "weights": (
                f"{folder[study]}/weights.parquet",
                [arm for arm in among(study) if study == "codons" and ARMS[arm].weighs],
            ),
            "records": ("<results>/sequences/{dataset}/records.parquet", None),
            "references": ("<results>/sequences/{dataset}/records.parquet", None),
            "audits": ("<results>/sequences/{dataset}/audit.json", None),
            "cards": ("<results>/data/{dataset}/card.json", None),
        }[need]
        return (
            expand(
                pattern, study=study, suite=names, run=run or [""], dataset=self.run.datasets(study)
            )
            if run != []
            else []
        )

    def needed(self, figure, need):
        """The files of one kind that a figure is drawn from; the ablations' for one of theirs."""
        if figure.ablations and need in ("metrics", "comparisons"):
            return self.ablations(figure.study, need)
        return self.paths(
            need, figure.study, among=self.run.ablated if figure.ablations else self.run.runs
        )

    def drawable(self, figure):
        """Whether a run has everything that a figure is drawn from."""
        tasks = {
            entries.validate(name, self.run.settings["datasets"][name])["task"]
            for name in self.run.datasets(figure.study)
        }
        return (
            bool(tasks)
            and (figure.task is None or figure.task in tasks)
            and all(self.needed(figure, need) for need in figure.needs)
        )

    def figures(self, study, of_ablations=False):
        """The figures of a study, or of its ablations, that this run can draw."""
        names = [
            name
            for name, figure in FIGURES.items()
            if figure.study == study and figure.ablations == of_ablations and self.drawable(figure)
        ]
        folder = "ablations/figures" if of_ablations else "figures"
        return expand(f"<results>/{folder}/{{figure}}.svg", figure=names)

    def figure_inputs(self, wildcards):
        """What one figure is drawn from, by kind."""
        figure = FIGURES[wildcards.figure]
        return {need: self.needed(figure, need) for need in figure.needs}

    def ablations(self, study, kind):
        """The tables of one kind that compare a study's ablations."""
        return expand(
            f"<results>/ablations/{study}/{{suite}}/{kind}.parquet", suite=self.run.suites(study)
        )

    def ablation_inputs(self, wildcards):
        """What the report of the ablations shows, by kind."""
        studies = self.run.settings["studies"]
        return {
            "metrics": [path for study in studies for path in self.ablations(study, "metrics")],
            "comparisons": [
                path for study in studies for path in self.ablations(study, "comparisons")
            ],
            "costs": [
                path
                for study in studies
                for path in self.paths("costs", study, among=self.run.ablated)
            ],
            "figures": [path for study in studies for path in self.figures(study, True)],
        }

    def report_inputs(self, wildcards):
        """What the report shows, by kind."""
        studies = self.run.settings["studies"]
        kinds = (
            "metrics",
            "comparisons",
            "audits",
            "cards",
            "costs",
            "verdicts",
            "leakage",
        )
        found = {
            kind: [path for study in studies for path in self.paths(kind, study)] for kind in kinds
        }
        found["figures"] = [path for study in studies for path in self.figures(study)]
        return {kind: paths for kind, paths in found.items() if paths}
