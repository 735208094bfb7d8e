"""The configuration: config.yaml over its preset over the schema's defaults, held to the schema.

`resolve` is what the Snakefile calls. A mistake is one line that names the key, the value and what
is allowed, with the nearest spelling.
"""

import copy
from collections.abc import Mapping

from seqfuse.errors import UserError, nearest
from seqfuse.registry.arms import ARMS
from seqfuse.registry.methods import METHODS, OWN_SETTINGS
from seqfuse.settings import datasets, models
from seqfuse.settings.paths import RESOURCES, WORKFLOW, in_checkout
from seqfuse.settings.schema import defaults, load_yaml, schema, section
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

    `seeds` becomes a list, `run` a name. Raises `UserError` for anything the schema refuses and for
    a dataset, model, method or arm that no catalogue knows.
    """
    validate(user)
    preset = user.get("preset", schema()["properties"]["preset"]["default"])
    below = load_yaml(in_checkout(WORKFLOW / "presets" / f"{preset}.yaml"))
    validate(below, source=f"workflow/presets/{preset}.yaml")
    settings = merge(merge(defaults(schema()), below), user)
    _replace_suites(settings["language"], user.get("language", {}))
    settings["preset"] = preset
    settings["run"] = settings["run"] or preset
    if isinstance(settings["seeds"], int):
        settings["seeds"] = list(range(settings["seeds"]))
    for kind in ("datasets", "models"):
        catalogue = load_yaml(in_checkout(RESOURCES / f"{kind}.yaml"))
        settings[kind] = merge(catalogue, settings[kind])
    _check_entries(user, settings)
    _split_anew(settings)
    _check_names(settings)
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
    for names in settings["language"]["suites"].values():
        named += names
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


def _check_names(settings: dict) -> None:
    """Every dataset, model, method and arm that is named must exist in its catalogue."""
    language, codons = settings["language"], settings["codons"]
    named = [("codons.datasets", "dataset", name) for name in codons["datasets"]]
    for suite, members in language["suites"].items():
        named += [(f"language.suites.{suite}", "dataset", name) for name in members]
    named.append(("language.pretrain.dataset", "dataset", language["pretrain"]["dataset"]))
    named += [
        (f"language.{k}", "model", language[k]) for k in ("backbone", "encoder", "text_encoder")
    ]
    named += [(f"codons.encoders.{k}", "model", name) for k, name in codons["encoders"].items()]
    named += [
        (f"language.variants.{name}.method", "method", variant["method"])
        for name, variant in language["variants"].items()
    ]
    named += [
        (f"language.variants.{name}.{key}", "model", variant[key].removesuffix("@random"))
        for name, variant in language["variants"].items()
        for key in ("backbone", "encoder")
        if key in variant
    ]
    named += [("language.methods", "run", name) for name in language["methods"]]
    named += [("language.overrides", "tuned", name) for name in language["overrides"]]
    keys = ("arms", "ablations", "overrides")
    named += [(f"codons.{k}", "arm", name) for k in keys for name in codons[k]]
    known = {
        "dataset": settings["datasets"],
        "model": settings["models"],
        "method": METHODS,
        "run": {**METHODS, **language["variants"]},
        "tuned": {**METHODS, **language["suites"]},
        "arm": ARMS,
    }
    called = {"run": "method", "tuned": "method or suite"}
    listed = {"dataset": "resources/datasets.yaml", "model": "resources/models.yaml"}
    for key, kind, name in named:
        if name not in known[kind]:
            hint = nearest(name, known[kind], listed.get(kind))
            raise UserError(f"{key}: there is no {called.get(kind, kind)} {name!r}{hint}")
    for name in language["suites"]:
        if name in METHODS:
            raise UserError(f"language.suites.{name}: this is a method's name; choose another")
    for name, variant in language["variants"].items():
        _check_variant(name, variant)


def _check_variant(name: str, variant: Mapping) -> None:
    """A variant sets settings of training or of its method, and has a name of its own."""
    where = f"language.variants.{name}"
    if name in METHODS:
        raise UserError(f"{where}: this is a method's name; choose another")
    sections = ["training"] + [variant["method"]] * (variant["method"] in OWN_SETTINGS)
    known = {"method": {}, "backbone": {"type": "string"}, "encoder": {"type": "string"}}
    for part in sections:
        known |= section(f"language/{part}")
    if METHODS[variant["method"]].pretrained:
        pretrain = {k: v for k, v in section("language/pretrain").items() if k != "dataset"}
        known["pretrain"] = {"type": "object", "additionalProperties": False}
        known["pretrain"]["properties"] = pretrain
    schema = {"additionalProperties": False, "properties": known}
    hold(variant, schema, where)
