"""The configuration: config.yaml over its preset over the schema's defaults, held to the schema.

`resolve` is what the Snakefile calls. A mistake is one line that names the key, the value and what
is allowed, with the nearest spelling.
"""

import copy
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from seqfuse.registry import codon_encoders, plugins
from seqfuse.registry.arms import ARMS
from seqfuse.settings import datasets, models, own_data
from seqfuse.settings.names import form, references
from seqfuse.settings.paths import RESOURCES, WORKFLOW, in_checkout
from seqfuse.settings.schema import defaults, schema
from seqfuse.settings.validation import hold, together
from seqfuse.settings.yaml_files import NOWHERE, Places, load_yaml

# What a model's checksums hold for.
_PINNED = ("repository", "revision")
# The catalogues that a user may add to, and the modules that validate their entries.
ENTRIES = {"datasets": datasets, "models": models}


def merge(below: Mapping, above: Mapping) -> dict:
    """`above` laid over `below`; mappings are merged, everything else is replaced."""
    merged = copy.deepcopy(dict(below))
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def resolve(user: Mapping, places: Places = NOWHERE, mistakes: Sequence[str] = ()) -> dict:
    """The whole configuration of a run from what the user wrote, preset and defaults filled in.

    `seeds` becomes a list, `run` a name. `places` tells where each key is written; `mistakes` are
    those made in reading it. Raises `UserError` with a line for each of them, for anything that the
    schema refuses, for an invalid name, and for a dataset, model, method or arm that no catalogue
    knows.
    """
    catalogues = {kind: load_yaml(in_checkout(RESOURCES / f"{kind}.yaml")) for kind in ENTRIES}
    keys = partial(hold, user, schema(), "config.yaml", places)
    together([keys, *_entry_checks(user, catalogues, places)], mistakes)
    preset = user.get("preset", schema()["properties"]["preset"]["default"])
    settings = merge(merge(defaults(schema()), _preset(preset)), user)
    _replace_suites(settings["language"], user.get("language", {}))
    _interpret_own(settings["codons"], user.get("codons", {}))
    settings["preset"] = preset
    # Expanded here, because commands quote it, so that the shell does not.
    settings["store"] = str(Path(os.path.expandvars(settings["store"])).expanduser())
    if isinstance(settings["seeds"], int):
        settings["seeds"] = list(range(settings["seeds"]))
    for kind, catalogue in catalogues.items():
        settings[kind] = merge(_without_old_pins(catalogue, settings[kind]), settings[kind])
    settings["run"] = settings["run"] or own_data.run_name(settings, catalogues["datasets"])
    plugins.register(settings["plugins"])
    form.check(settings, places)
    _split_anew(settings)
    references.check(settings, places)
    _hide_vacuous(settings)
    return settings


def _preset(name: str) -> dict:
    """What a preset sets; a preset that names another one is laid over it."""
    own = load_yaml(in_checkout(WORKFLOW / "presets" / f"{name}.yaml"))
    hold(own, schema(), f"workflow/presets/{name}.yaml")
    return merge(_preset(own["preset"]), own) if "preset" in own else own


def _without_old_pins(catalogue: Mapping, own: Mapping) -> dict:
    """The catalogue without the checksums of models that the user takes at another commit."""

    def moved(name: str, entry: Mapping) -> bool:
        changes = own.get(name, {})
        return any(key in changes and changes[key] != entry.get(key) for key in _PINNED)

    return {
        name: {k: v for k, v in entry.items() if k != "sha256" or not moved(name, entry)}
        for name, entry in catalogue.items()
    }


def _replace_suites(language: dict, own: Mapping) -> None:
    """The user's suites replace the preset's, whose overrides go with them, and so do the variants
    that only they run."""
    if "suites" not in own:
        return
    gone = language["suites"].keys() - own["suites"].keys()
    for suite in gone - own.get("overrides", {}).keys():
        language["overrides"].pop(suite, None)
    for name in language["variants"].keys() - own.get("variants", {}).keys():
        variant = language["variants"][name]
        if left := [suite for suite in variant.get("suites", []) if suite not in gone]:
            variant["suites"] = left
        elif "suites" in variant:
            del language["variants"][name]
    language["suites"] = dict(own["suites"])


def _interpret_own(codons: dict, own: Mapping) -> None:
    """If the user lists arms, the last fusion among them is interpreted, not one that the preset
    names."""
    interpretation = codons["interpretation"]
    if "arms" in own and interpretation["arm"] not in own["arms"]:
        interpretation["arm"] = own.get("interpretation", {}).get("arm")


def scratch(settings: Mapping, study: str) -> list[str]:
    """The models of a study that start from random weights, by name."""
    language = settings["language"]
    by_codon = settings["codons"]["encoders"].values()
    named = [language[key] for key in ("backbone", "encoder", "text_encoder")]
    plain = [name for name in named if not codon_encoders.is_one(name)]
    used = {
        "language": [*plain, *(by_codon if len(plain) < len(named) else ())],
        "codons": by_codon,
    }
    models = settings["models"]
    return sorted({name for name in used[study] if models[name]["kind"] == "scratch"})


def _entry_checks(user: Mapping, catalogues: Mapping, places: Places) -> Iterator[partial]:
    """The user's own catalogue entries, laid over the catalogue's, must have the right form."""
    for kind, module in ENTRIES.items():
        own = user.get(kind, {})
        for name, entry in own.items() if isinstance(own, Mapping) else ():
            if isinstance(entry, Mapping):  # otherwise the configuration's schema refuses it
                known = catalogues[kind].get(name, {})
                yield partial(module.validate, name, merge(known, entry), places)


def _split_anew(settings: dict) -> None:
    """Add an entry for each dataset that is named with another split, as NAME+SPLIT."""
    named = [*settings["codons"]["datasets"]]
    for members in settings["language"]["suites"].values():
        named += members
    for name in named:
        base, _, split = name.rpartition("+")
        if base in settings["datasets"] and name not in settings["datasets"]:
            settings["datasets"][name] = datasets.split_anew(base, settings["datasets"], split)
    codons, first = settings["codons"], settings["sequences"]["split_seed"]
    for name in codons["datasets"]:
        for seed, one in enumerate(datasets.splits(name, codons["split_seeds"]), start=first):
            if one != name and name in settings["datasets"]:
                entry = datasets.with_split_seed(settings["datasets"][name], seed)
                settings["datasets"][one] = entry


def _hide_vacuous(settings: dict) -> None:
    """Leave out the arms with random encoders where the encoders are random anyway."""
    codons = settings["codons"]
    if set(codons["encoders"].values()) <= set(scratch(settings, "codons")):
        for key in ("arms", "ablations"):
            codons[key] = [name for name in codons[key] if not ARMS[name].random]
