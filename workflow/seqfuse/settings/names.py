"""What a configuration names: that a shell and a path can carry the name, that a catalogue knows
what is named, and that it is used where it belongs."""

import re
from collections.abc import Iterator, Mapping

from seqfuse.errors import UserError, nearest
from seqfuse.registry.arms import ARMS
from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.judges import REFERENCES
from seqfuse.registry.methods import METHODS, OWN_SETTINGS
from seqfuse.registry.metrics import MEAN
from seqfuse.settings.schema import section
from seqfuse.settings.validation import hold

# Names become folders, words of a command line and wildcards; "+" and "@" are put between them
# (stability+cluster, demo-nt@random).
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Names that results use themselves: the mean over datasets, and the folder of models in data/.
_TAKEN = {"datasets": {MEAN: "the mean over a suite", "models": "the folder of models"}}
# Where a dataset of each study is listed.
_LISTED = {
    "language": "in a suite of language.suites",
    "codons": "in codons.datasets",
    "pairs": "as language.pretrain.dataset",
}


def check_form(settings: Mapping) -> None:
    """Every name that the user gives must be one; `settings` holds no NAME+SPLIT yet."""
    language = settings["language"]
    given = {
        "datasets": settings["datasets"],
        "models": settings["models"],
        "language.suites": language["suites"],
        "language.variants": language["variants"],
        "run": [settings["run"]],
    }
    for key, names in given.items():
        for name in names:
            if not isinstance(name, str):
                raise UserError(f"{key}: {name!r} is read as no text; write the name in quotes")
            if not _NAME.fullmatch(name):
                better = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")
                hint = f"; write {better!r}, for example" if better else ""
                raise UserError(
                    f"{key}: {name!r} cannot be a name; a name is made of A-Z, a-z, 0-9, '.', '_'"
                    f" and '-' and begins with a letter or digit{hint}"
                )
            if name in _TAKEN.get(key, {}):
                raise UserError(
                    f"{key}.{name}: results call {_TAKEN[key][name]} so; choose another"
                )


def check_known(settings: Mapping) -> None:
    """Every dataset, model, method and arm that is named must exist in its catalogue, and every
    dataset belong to the study that lists it."""
    language = settings["language"]
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
    for key, kind, name in _named(settings):
        if name not in known[kind]:
            hint = nearest(name, known[kind], listed.get(kind))
            raise UserError(f"{key}: there is no {called.get(kind, kind)} {name!r}{hint}")
    for key, study, name in _datasets(settings):
        own = settings["datasets"][name]["study"]
        if own != study:
            raise UserError(
                f"{key}: dataset {name!r} is of study {own}, not {study}; list it {_LISTED[own]}"
            )
    for name in language["suites"]:
        if name in METHODS:
            raise UserError(f"language.suites.{name}: this is a method's name; choose another")
    for name, variant in language["variants"].items():
        _check_variant(name, variant)


def _datasets(settings: Mapping) -> Iterator[tuple[str, str, str]]:
    """(key, study that it is listed for, name) of every dataset that is named."""
    language = settings["language"]
    for name in settings["codons"]["datasets"]:
        yield "codons.datasets", "codons", name
    for suite, members in language["suites"].items():
        for name in members:
            yield f"language.suites.{suite}", "language", name
    yield "language.pretrain.dataset", "pairs", language["pretrain"]["dataset"]


def _named(settings: Mapping) -> Iterator[tuple[str, str, str]]:
    """(key, kind, name) of everything that a catalogue must know."""
    language, codons = settings["language"], settings["codons"]
    for key, _, name in _datasets(settings):
        yield key, "dataset", name
    for key in ("backbone", "encoder", "text_encoder"):
        yield f"language.{key}", "model", language[key]
    for key, name in codons["encoders"].items():
        yield f"codons.encoders.{key}", "model", name
    for name, variant in language["variants"].items():
        yield f"language.variants.{name}.method", "method", variant["method"]
        for key in ("backbone", "encoder"):
            if key in variant:
                model = variant[key].removesuffix("@random")
                yield f"language.variants.{name}.{key}", "model", model
    for name in language["methods"]:
        yield "language.methods", "run", name
    for name in language["overrides"]:
        yield "language.overrides", "tuned", name
    for key in ("arms", "ablations", "overrides"):
        for name in codons[key]:
            yield f"codons.{key}", "arm", name


def _check_variant(name: str, variant: Mapping) -> None:
    """A variant sets settings of training or of its method, and has a name of its own."""
    where = f"language.variants.{name}"
    taken = {"method": METHODS, "control": {**CONTROLS["language"], **dict.fromkeys(REFERENCES)}}
    for kind, names in taken.items():
        if name in names:
            raise UserError(f"{where}: this is a {kind}'s name; choose another")
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
