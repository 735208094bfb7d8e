"""What rules pass to commands and compare: parts of the settings as params and as flags.

Snakemake runs a rule again whose params have changed, so these are cut to what can change a result.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping

from seqfuse.files import MANIFEST
from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.methods import METHODS
from seqfuse.registry.metrics import METRICS
from seqfuse.settings.cli_flags import flags
from seqfuse.settings.schema import of_results


def either(names: Iterable[str]) -> str:
    """A regular expression that matches exactly these names, or nothing."""
    return "|".join(sorted(map(re.escape, names))) or "(?!)"


def omit(section: Mapping, *keys: str) -> dict:
    """A section of the settings without some of its keys."""
    return {key: value for key, value in section.items() if key not in keys}


def compared_by() -> dict:
    """What of the registry the evaluation computes from: which way a metric is better, what a
    control is made of, and what reads no DNA."""
    return {
        "better": {name: metric.better for name, metric in METRICS.items()},
        "made_of": {
            name: control.made_of
            for controls in CONTROLS.values()
            for name, control in controls.items()
            if control.made_of
        },
        "no_dna": [
            *(name for name, control in CONTROLS["language"].items() if not control.reads_dna),
            *(name for name, method in METHODS.items() if not method.sees_dna),
        ],
    }


def tracked(settings: Mapping, *sections: str) -> dict:
    """The settings among those of `sections` ("language/training") that can change a result."""
    for section in sections:
        settings = of_results(section, settings)
    return dict(settings)


def untracked(settings: Mapping, *sections: str) -> dict:
    """The others. As params of `resources`, which Snakemake does not compare, they re-run
    nothing."""
    return omit(settings, *tracked(settings, *sections))


def as_json(entry: Mapping) -> str:
    """A catalogue entry, or a part of it, so that a change of it re-runs what is made from it."""
    return json.dumps(entry, sort_keys=True)


def reads(inputs: Mapping[str, str | Iterable[str]]) -> str:
    """Inputs as flags of their names; what a job reads none of is left out.

    A model's manifest stands for its folder.
    """

    def word(path: str) -> str:
        folder, name = os.path.split(path)
        return folder if name == MANIFEST else path

    return flags(
        {
            name.replace("_", "-"): (
                word(found) if isinstance(found, str) else [word(path) for path in found]
            )
            for name, found in inputs.items()
            if found
        }
    )
