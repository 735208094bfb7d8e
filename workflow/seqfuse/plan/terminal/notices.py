"""Notes before a run, when they can still change it, and the next steps after it."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from seqfuse.settings import configuration, own_data
from seqfuse.settings.paths import RESOURCES
from seqfuse.settings.schema import schema
from seqfuse.settings.yaml_files import load_yaml

# How each note begins.
NOTE = "note: "


def say(settings: Mapping) -> None:
    """Print the notes about a run to standard error."""
    for line in random_weights(settings):
        print(f"{NOTE}{line}", file=sys.stderr)


def random_weights(settings: Mapping) -> Iterator[str]:
    """A line for each study that uses models with random weights on the user's own data, with the
    key that gives trained ones."""
    own = own_data.used(settings, load_yaml(RESOURCES / "datasets.yaml"))
    for study, names in own.items():
        if names and (random := configuration.scratch(settings, study)):
            trained = next(preset for preset in _presets() if _is_trained(preset, study))
            yield (
                f"{', '.join(names)}: the models have random weights ({', '.join(random)}), so the"
                " scores of this run say what your data give away, and nothing about what trained"
                " models would reach; for these,"
                f" `preset: {trained}`"
            )


def next_steps(settings: Mapping, dag) -> list[str]:
    """The path of the report that Snakemake's graph made, and what to try next."""
    pages = [job.output[0] for job in dag.jobs if job.rule.name in ("report", "report_ablations")]
    if not pages:
        return []
    if settings["run"] == settings["preset"] == "demo":
        tried = (
            "data of your own (`seqfuse data look FILE`, docs/own-data.md), or real data and small"
            " pre-trained models, on one GPU or eight cores (`snakemake --config preset=small`)"
        )
    else:
        tried = (
            "a trained method on sequences of your own (`seqfuse ask`, `seqfuse codons predict`;"
            " docs/usage.md), or variants of the methods (`snakemake ablations`)"
        )
    return [*(f"report: {Path(page).resolve()}" for page in pages), f"next: {tried}"]


def _presets() -> list[str]:
    """From the smallest scale to the largest."""
    return schema()["properties"]["preset"]["enum"]


def _is_trained(preset: str, study: str) -> bool:
    return not configuration.scratch(configuration.resolve({"preset": preset}), study)
