"""One entry of the catalogue of models: validated against its schema, with defaults filled in."""

import copy

from seqfuse.settings.schema import packaged, read_part
from seqfuse.settings.validation import hold
from seqfuse.settings.yaml_files import NOWHERE, Places


def validate(name: str, entry: dict, places: Places = NOWHERE) -> dict:
    """The entry `name` with its defaults.

    Raises `UserError` with a line for each mistake; an unknown key comes with the nearest spelling.
    """
    schema = packaged("models")
    hold(entry, schema, f"model {name!r}", places, ("models", name))
    known = schema["properties"]
    defaults = {key: rule["default"] for key, rule in known.items() if "default" in rule}
    return copy.deepcopy(defaults) | entry


def of_folder(entry: dict) -> dict:
    """The part of an entry that the model's folder depends on."""
    return read_part("data_model", entry, packaged("models"))
