"""The figures: the one place where a figure is registered.

Titles and captions are in captions.yaml beside this file, which is read on first use. Light on
purpose: the Snakefile and the report read it without importing pandas or matplotlib.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

_CAPTIONS = Path(__file__).with_name("captions.yaml")
# What every picture and the report say if a model of the study starts from random weights.
RANDOM_WEIGHTS = "Random weights: no evidence about the methods"


@dataclass(frozen=True)
class Figure:
    """A picture and its table, which `module` makes.

    `needs` are the kinds of files that it is made from, which are also the flags of its command.
    A figure of one `task`, "regression" or "classification", is drawn only if a dataset has that
    task. One of the `ablations` is drawn from what `snakemake ablations` runs, one of the `probes`
    from what `snakemake probes` does. A figure that `estimates` its own intervals needs the
    confidence; the others show those of the evaluation.
    """

    name: str
    study: str
    needs: tuple[str, ...]
    module: str
    task: str | None = None
    ablations: bool = False
    probes: bool = False
    estimates: bool = False

    @property
    def title(self) -> str:
        """The name of the figure, in a few words."""
        return _captions()[self.name]["title"]

    @property
    def intervals(self) -> bool:
        """Whether it shows intervals, as its caption says."""
        return "{confidence}" in _captions()[self.name]["caption"]

    def caption(self, confidence: float) -> str:
        """How to read the figure, for people who have only the figure; `confidence` is that of the
        run's intervals."""
        words = _captions()[self.name]["caption"]
        return words.format(confidence=f"{100 * confidence:g} %")

    @property
    def without_rows(self) -> str:
        """Why a run may have no rows for it, in a few words."""
        return _captions()[self.name]["without_rows"]


@functools.cache
def _captions() -> dict[str, dict[str, str]]:
    """{figure: its title and its caption}, with the shared sentences filled in. `{confidence}`
    stays: it depends on the run."""
    import yaml

    data = yaml.load(
        _CAPTIONS.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    shared = data["shared"] | {"confidence": "{confidence}"}
    return {
        name: words | {"caption": words["caption"].format_map(shared)}
        for name, words in data["figures"].items()
    }


STUDIES = {
    "language": "Study A: at what level should DNA meet a language model?",
    "codons": "Study B: what do a molecule's DNA, mRNA and protein add to each other?",
}

_ALL = (
    Figure("verdict", "language", ("metrics", "comparisons"), "seqfuse.figures.language.verdict"),
    Figure("probes", "language", ("metrics", "comparisons"), "seqfuse.figures.sources.probes"),
    Figure("conflicts", "language", ("metrics",), "seqfuse.figures.sources.conflicts"),
    Figure(
        "decodable",
        "language",
        ("linear_probes", "clusters", "metrics"),
        "seqfuse.figures.sources.decodable",
        probes=True,
        estimates=True,
    ),
    Figure(
        "gap",
        "language",
        ("gaps",),
        "seqfuse.figures.sources.modality_gap",
        probes=True,
    ),
    Figure(
        "calibration",
        "language",
        ("metrics", "calibration"),
        "seqfuse.figures.language.calibration",
    ),
    Figure("looks", "language", ("looks",), "seqfuse.figures.sources.variant_attention"),
    Figure("methods", "language", ("metrics", "comparisons"), "seqfuse.figures.language.methods"),
    Figure("tasks", "language", ("metrics", "comparisons"), "seqfuse.figures.language.tasks"),
    Figure("means", "language", ("metrics", "comparisons"), "seqfuse.figures.language.task_means"),
    Figure("table1", "language", ("metrics", "comparisons"), "seqfuse.figures.tables.table1"),
    Figure(
        "judge",
        "language",
        ("verdicts", "clusters", "metrics"),
        "seqfuse.figures.language.judge",
        estimates=True,
    ),
    Figure(
        "case", "language", ("verdicts", "answers", "references"), "seqfuse.figures.language.case"
    ),
    Figure(
        "traces",
        "language",
        ("answers", "references", "clusters"),
        "seqfuse.figures.sources.traces",
        estimates=True,
    ),
    Figure("cost", "language", ("metrics", "comparisons", "costs"), "seqfuse.figures.drawing.cost"),
    Figure("umap", "language", ("vectors",), "seqfuse.figures.language.umap"),
    Figure(
        "table2",
        "language",
        ("metrics", "comparisons", "verdicts", "clusters", "settings"),
        "seqfuse.figures.tables.table2",
        ablations=True,
        estimates=True,
    ),
    Figure(
        "table4",
        "language",
        ("metrics", "comparisons", "costs", "settings"),
        "seqfuse.figures.tables.table4",
        ablations=True,
    ),
    Figure("training", "language", ("logs", "costs"), "seqfuse.figures.language.training"),
    Figure("fusion", "codons", ("metrics", "comparisons"), "seqfuse.figures.codons.fusion"),
    Figure(
        "truth",
        "codons",
        ("predictions", "controls", "records"),
        "seqfuse.figures.codons.predicted_vs_measured",
        task="regression",
    ),
    Figure(
        "confusion",
        "codons",
        ("predictions", "controls", "records"),
        "seqfuse.figures.codons.confusion",
        task="classification",
    ),
    Figure(
        "lengths",
        "codons",
        ("predictions", "controls", "records", "clusters"),
        "seqfuse.figures.codons.lengths",
        estimates=True,
    ),
    Figure("weights", "codons", ("weights", "records"), "seqfuse.figures.codons.weights"),
    Figure(
        "weights_ablations",
        "codons",
        ("weights", "records"),
        "seqfuse.figures.codons.weights",
        ablations=True,
    ),
    Figure("knockouts", "codons", ("knockouts",), "seqfuse.figures.codons.knockouts"),
    Figure("codon_map", "codons", ("mutagenesis",), "seqfuse.figures.codons.codon_map"),
    Figure(
        "codon_effects", "codons", ("mutagenesis", "usage"), "seqfuse.figures.codons.codon_effects"
    ),
    Figure("attention", "codons", ("attention",), "seqfuse.figures.codons.codon_attention"),
    Figure("fused", "codons", ("fused", "records"), "seqfuse.figures.codons.fused"),
    Figure("curves", "codons", ("logs", "costs"), "seqfuse.figures.codons.curves"),
)

FIGURES: dict[str, Figure] = {figure.name: figure for figure in _ALL}
