"""The user's own datasets, and the run that they get.

In the run of a preset they would replace its report, under the preset's title.
"""

from collections.abc import Collection, Mapping

from seqfuse.settings import datasets
from seqfuse.settings.schema import schema


def used(settings: Mapping, catalogue: Collection[str]) -> dict[str, list[str]]:
    """The user's own datasets that a run reads, by study, in the order of `datasets`: those that
    are not in the catalogue, generated ones left out."""
    listed = {
        "language": [name for names in settings["language"]["suites"].values() for name in names],
        "codons": settings["codons"]["datasets"],
    }
    own = [
        name
        for name, entry in settings["datasets"].items()
        if name not in catalogue and entry.get("source") != "synthetic"
    ]
    named = {study: set(map(datasets.base, listed[study])) for study in settings["studies"]}
    return {study: [name for name in own if name in names] for study, names in named.items()}


def run_name(settings: Mapping, catalogue: Collection[str]) -> str:
    """The name of a run that the user has not named: that of the preset, or that of the user's
    first own dataset, so that a second one joins it."""
    return next(iter(run_names(settings, catalogue)), settings["preset"])


def run_names(settings: Mapping, catalogue: Collection[str]) -> list[str]:
    """The name that each of the user's own datasets would give a run; never that of a preset."""
    own = {name for names in used(settings, catalogue).values() for name in names}
    presets = schema()["properties"]["preset"]["enum"]
    return [f"own-{n}" if n in presets else n for n in settings["datasets"] if n in own]
