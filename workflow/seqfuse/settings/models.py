"""One entry of the catalogue of models: held to its schema, defaults filled in."""

from seqfuse.settings.schema import FOLDER, load_yaml
from seqfuse.settings.validation import hold


def validate(name: str, entry: dict) -> dict:
    """The entry `name` with its defaults; a mistake is one line with the nearest spelling."""
    schema = load_yaml(FOLDER / "models.schema.yaml")
    hold(entry, schema, f"model {name!r}")
    known = schema["properties"]
    return {key: rule["default"] for key, rule in known.items() if "default" in rule} | entry
