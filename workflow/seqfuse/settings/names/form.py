"""Whether the names that a user gives can be names: for a shell, for a path, and beside the names
that results and the registry use already."""

import re
from collections.abc import Iterator, Mapping

from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.judges import REFERENCES
from seqfuse.registry.methods import METHODS
from seqfuse.registry.metrics import MEAN
from seqfuse.settings.names.named import Mistake, key
from seqfuse.settings.validation import refuse
from seqfuse.settings.yaml_files import Places

# Names become folders, words of a command line and wildcards; "+" and "@" are put between them
# (stability+cluster, demo-nt@random).
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Names that results use themselves: the mean over datasets, the folder of models in data/, and the
# encoder that a run pre-trains.
_RESERVED = {
    "datasets": {MEAN: "the mean over a suite", "models": "the folder of models"},
    "models": {"seqclip": "the pre-trained encoder"},
}


def check(settings: Mapping, places: Places) -> None:
    """Every name that the user gives must be valid; `settings` holds no NAME+SPLIT yet.

    Raises `UserError` with a line for each one that is not.
    """
    refuse([places.located(*mistake) for mistake in _ill_formed(settings)])


def _ill_formed(settings: Mapping) -> Iterator[Mistake]:
    language = settings["language"]
    names_of = {
        ("datasets",): settings["datasets"],
        ("models",): settings["models"],
        ("language", "suites"): language["suites"],
        ("language", "variants"): language["variants"],
        ("run",): [settings["run"]],
    }
    for path, names in names_of.items():
        section = key(path)
        for name in names:
            if not _NAME.fullmatch(name):
                better = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")
                hint = f"; write {better!r}, for example" if better else ""
                yield (
                    (*path, name),
                    f"{section}: {name!r} cannot be a name; a name is made of A-Z, a-z, 0-9, '.',"
                    f" '_' and '-' and begins with a letter or digit{hint}",
                )
            if meaning := _RESERVED.get(section, {}).get(name):
                said = f"{section}.{name}: in results, this name means {meaning}; choose another"
                yield (*path, name), said


def taken(settings: Mapping) -> Iterator[Mistake]:
    """Suites and variants that have the name of a method, a control or a model."""
    controls = {**CONTROLS["language"], **dict.fromkeys(REFERENCES)}
    models = settings["models"]
    names_taken = {
        "suites": {"method": METHODS},
        # A variant of SeqCLIP pre-trains an encoder, which goes by its name.
        "variants": {"method": METHODS, "control": controls, "model": models},
    }
    for own, kinds in names_taken.items():
        for name in settings["language"][own]:
            for kind, names in kinds.items():
                if name in names:
                    path = ("language", own, name)
                    yield path, f"{key(path)}: this is a {kind}'s name; choose another"
