"""The params of rules: the parts of the settings that their commands read, as values and flags.

Snakemake runs a job again if its params change, so they hold only what can change its result.
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
    """A regular expression that matches exactly these names; without names, nothing."""
    return "|".join(sorted(map(re.escape, names))) or "(?!)"


def omit(section: Mapping, *keys: str) -> dict:
    """A section of the settings without some of its keys."""
    return {key: value for key, value in section.items() if key not in keys}


def compared_by() -> dict:
    """The fields of the registry that the evaluation uses: which direction of a metric is better,
    which methods a control combines, and what reads no DNA."""
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
    """The settings of `sections` ("language/training") that can change a result."""
    for section in sections:
        settings = of_results(section, settings)
    return dict(settings)


def untracked(settings: Mapping, *sections: str) -> dict:
    """The settings of `sections` that cannot change a result. They are passed by a params function
    that takes `resources`, which Snakemake does not compare, so that a change re-runs nothing."""
    return omit(settings, *tracked(settings, *sections))


def as_json(entry: Mapping) -> str:
    """A catalogue entry, or a part of it, as a param: a change re-runs what is made from it."""
    return json.dumps(entry, sort_keys=True)


def reads(inputs: Mapping[str, str | Iterable[str]]) -> str:
    """Inputs as flags that are named like them, without empty ones.

    A model's manifest is passed as its folder.
    """

    def word(path: str) -> str:
        folder, name = os.path.split(path)
        return folder if name == MANIFEST else path

    return flags(
        {
            name.replace("_", "-"): (
                word(paths) if isinstance(paths, str) else [word(path) for path in paths]
            )
            for name, paths in inputs.items()
            if paths
        }
    )
