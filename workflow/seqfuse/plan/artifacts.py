"""Which files a run makes: for rules, figures and the report, which ask for them by kind."""

import itertools
import string
from pathlib import Path

from seqfuse.plan import artifact_kinds
from seqfuse.plan.run import Run
from seqfuse.registry.figures import FIGURES

REPORTED = (
    *("metrics", "comparisons", "audits", "cards", "costs", "verdicts"),
    *("leakage", "pretrainings", "figures"),
)
ABLATIONS_REPORTED = ("metrics", "comparisons", "costs", "figures")


def expand(pattern: str, **values: str | list[str]) -> list[str]:
    """A pattern filled in with every combination of values; values it does not name are ignored."""
    named = {name for _, name, _, _ in string.Formatter().parse(pattern) if name}
    lists = {
        name: [value] if isinstance(value, str) else list(value)
        for name, value in values.items()
        if name in named
    }
    combinations = itertools.product(*lists.values())
    return [pattern.format(**dict(zip(lists, chosen, strict=True))) for chosen in combinations]


class Artifacts:
    """The files of one run."""

    def __init__(self, run: Run):
        self.run = run

    def paths(
        self, kind: str, study: str, suite: str | None = None, ablations: bool = False
    ) -> list[str]:
        """The files of one kind, as `artifact_kinds.paths` lists them."""
        return artifact_kinds.paths(self.run, kind, study, suite, ablations)

    def figure_inputs(self, wildcards) -> dict[str, list[str]]:
        """The files that one figure is drawn from, by kind."""
        figure = FIGURES[wildcards.figure]
        return {
            kind: self.paths(kind, figure.study, None, figure.ablations) for kind in figure.needs
        }

    def report_inputs(self, wildcards) -> dict[str, list[str]]:
        """The files that the report shows, by kind, without kinds that this run does not make."""
        by_kind = {kind: self._of_studies(kind) for kind in REPORTED} | self._accepted()
        return {kind: paths for kind, paths in by_kind.items() if paths}

    def ablation_inputs(self, wildcards) -> dict[str, list[str]]:
        """The files that the report of the ablations shows, by kind."""
        by_kind = {kind: self._of_studies(kind, ablations=True) for kind in ABLATIONS_REPORTED}
        return by_kind | self._accepted()

    def _accepted(self) -> dict[str, list[str]]:
        """The record of what `seqfuse accept` kept, if it kept anything."""
        path = f"{self.run.results}/report/accepted.json"
        return {"accepted": [path]} if Path(path).exists() else {}

    def of_study(self, study: str, ablations: bool = False) -> list[str]:
        """Everything that a study makes: models, predictions, metrics, and figures with their
        tables.

        Targets name all of it, because Snakemake makes a lost file again only if a target names
        it, and a forced job that was killed has lost its files.
        """
        suites = list(self.run.suites(study))
        drawn = artifact_kinds.of_figures(artifact_kinds.Scope(self.run, study, suites, ablations))
        needed = [kind for figure in drawn for kind in FIGURES[figure["figure"]].needs]
        own = [] if ablations else ["probes", "conflicts"]
        kinds = ["models", "model_cards", "predictions", *own, "metrics", "figures", *needed]
        return [
            path
            for kind in dict.fromkeys(kinds)
            for path in self.paths(kind, study, None, ablations)
        ]

    def of_probes(self) -> list[str]:
        """Everything that `snakemake probes` makes: linear probes and their figures."""
        kinds = ("linear_probes", "gaps", "probe_figures")
        return [path for kind in kinds for path in self.paths(kind, "language")]

    def of_report(self, ablations: bool = False) -> list[str]:
        """What a report shows, and everything that its studies make."""
        shown = self.ablation_inputs(None) if ablations else self.report_inputs(None)
        paths = [path for of_kind in shown.values() for path in of_kind]
        for study in self.run.settings["studies"]:
            paths += self.of_study(study, ablations)
        return list(dict.fromkeys(paths))

    def _of_studies(self, kind: str, ablations: bool = False) -> list[str]:
        studies = self.run.settings["studies"]
        return [path for study in studies for path in self.paths(kind, study, None, ablations)]
