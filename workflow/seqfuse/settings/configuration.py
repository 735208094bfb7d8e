"""The configuration: config.yaml over its preset over the schema's defaults, held to the schema.

`resolve` is what the Snakefile calls. A mistake is one line that names the key, the value and what
is allowed, with the nearest spelling.
"""

import copy
import os
from collections.abc import Mapping
from pathlib import Path

from seqfuse.registry.arms import ARMS
from seqfuse.settings import datasets, models, names
from seqfuse.settings.paths import RESOURCES, WORKFLOW, in_checkout
from seqfuse.settings.schema import defaults, load_yaml, schema
from seqfuse.settings.validation import hold


def merge(below: Mapping, above: Mapping) -> dict:
    """`above` laid over `below`; mappings are merged, everything else is replaced."""
    merged = copy.deepcopy(dict(below))
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def resolve(user: Mapping) -> dict:
    """The whole configuration of a run from what the user wrote, preset and defaults filled in.

    `seeds` becomes a list, `run` a name. Raises `UserError` for anything the schema refuses, for a
    name that is none, and for a dataset, model, method or arm that no catalogue knows.
    """
    validate(user)
    preset = user.get("preset", schema()["properties"]["preset"]["default"])
    below = load_yaml(in_checkout(WORKFLOW / "presets" / f"{preset}.yaml"))
    validate(below, source=f"workflow/presets/{preset}.yaml")
    settings = merge(merge(defaults(schema()), below), user)
    _replace_suites(settings["language"], user.get("language", {}))
    settings["preset"] = preset
    settings["run"] = settings["run"] or preset
    # The shell does not, because commands quote it.
    settings["store"] = str(Path(os.path.expandvars(settings["store"])).expanduser())
    if isinstance(settings["seeds"], int):
        settings["seeds"] = list(range(settings["seeds"]))
    for kind in ("datasets", "models"):
        catalogue = load_yaml(in_checkout(RESOURCES / f"{kind}.yaml"))
        settings[kind] = merge(catalogue, settings[kind])
    names.check_form(settings)
    _check_entries(user, settings)
    _split_anew(settings)
    names.check_known(settings)
    _hide_vacuous(settings)
    return settings


def _replace_suites(language: dict, own: Mapping) -> None:
    """The user's suites stand instead of the preset's, and these take their overrides with them."""
    if "suites" not in own:
        return
    for gone in language["suites"].keys() - own["suites"].keys() - own.get("overrides", {}).keys():
        language["overrides"].pop(gone, None)
    language["suites"] = dict(own["suites"])


def scratch(settings: Mapping, study: str) -> list[str]:
    """The models of a study that start from random weights, by name."""
    language = settings["language"]
    used = {
        "language": [language[key] for key in ("backbone", "encoder", "text_encoder")],
        "codons": settings["codons"]["encoders"].values(),
    }
    models = settings["models"]
    return sorted({name for name in used[study] if models[name]["kind"] == "scratch"})


def validate(settings: Mapping, source: str = "config.yaml") -> None:
    """Hold settings to the configuration's schema; the first mistake is a `UserError`."""
    hold(settings, schema(), source)


def _check_entries(user: Mapping, settings: Mapping) -> None:
    """The user's own catalogue entries, laid over the catalogue's, must have the right form."""
    for name in user.get("datasets", {}):
        datasets.validate(name, settings["datasets"][name])
    for name in user.get("models", {}):
        models.validate(name, settings["models"][name])


def _split_anew(settings: dict) -> None:
    """An entry of its own for each dataset that is named with another split, as NAME+SPLIT."""
    named = [*settings["codons"]["datasets"]]
    for members in settings["language"]["suites"].values():
        named += members
    for name in named:
        base, _, split = name.rpartition("+")
        if base in settings["datasets"] and name not in settings["datasets"]:
            settings["datasets"][name] = datasets.split_anew(base, settings["datasets"], split)


def _hide_vacuous(settings: dict) -> None:
    """Leave out the arms with random encoders where the encoders are random anyway."""
    codons = settings["codons"]
    if set(codons["encoders"].values()) <= set(scratch(settings, "codons")):
        for key in ("arms", "ablations"):
            codons[key] = [name for name in codons[key] if not ARMS[name].random]
