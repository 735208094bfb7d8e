"""The scope of a report: the packages that it was made with, and what its run left out."""

from importlib import metadata

from seqfuse import __version__
from seqfuse.registry.arms import ARMS
from seqfuse.registry.figures import FIGURES
from seqfuse.registry.methods import METHODS
from seqfuse.report.inputs import Run
from seqfuse.report.titles import order, title

_NAMED = ("torch", "transformers", "snakemake", "numpy", "pyarrow", "scipy")


def packages() -> dict[str, str]:
    """{name: version} of this package and of those below it that are installed here."""
    versions = {"seqfuse": __version__}
    for name in _NAMED:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            # An environment of its own for each stage holds what that stage needs.
            continue
    return versions


def left_out(run: Run) -> list[str]:
    """What the catalogues hold and this run does not."""
    settings = run.settings
    figures = [drawing.figure for drawing in (*run.figures, *run.without_rows)]
    drawn, of_ablations = {f.name for f in figures}, any(f.ablations for f in figures)
    # Ablations run more than the methods and arms of the settings.
    ran = {row["method"] for row in run.metrics}
    asked = {
        "studies": ({"language", "codons"}, set(settings["studies"])),
        "methods": (set(METHODS), ran | set(settings["language"]["methods"])),
        "arms": (set(ARMS), ran | set(settings["codons"]["arms"])),
        "figures": ({name for name, f in FIGURES.items() if f.ablations == of_ablations}, drawn),
    }
    lines = []
    for what, (known, used) in asked.items():
        missing = order(known - used)
        if missing:
            titles = [FIGURES[n].title if what == "figures" else title(n) for n in missing]
            # A title may hold commas.
            lines.append(f"{what}: {'; '.join(titles)}")
    return lines
