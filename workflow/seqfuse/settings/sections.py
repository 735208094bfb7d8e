"""Typed access to a section of the configuration: a class whose fields come from the schema.

    class Settings(Section, path="language/qformer"): ...

    Settings(heads=8).latents  # 64, the schema's default

A key is declared once, in config.schema.yaml; its field, type, default and help follow from it.
What else a stage needs of its settings (a property, a narrower type of a field) goes into the class
body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from seqfuse.errors import UserError
from seqfuse.settings.schema import section

_TYPES = {"integer": int, "number": float, "boolean": bool, "string": str}


class Section:
    """A frozen dataclass of the settings at `path` in the schema, by keyword only."""

    section: ClassVar[str]

    def __init_subclass__(cls, path: str):
        rules = section(path)
        cls.section = path
        cls.__annotations__ = {
            **{name: _type(rule) for name, rule in rules.items()},
            **cls.__dict__.get("__annotations__", {}),
        }
        for name, rule in rules.items():
            if "default" in rule:
                setattr(cls, name, _frozen(rule["default"]))
        cls.__doc__ = "\n\n".join(
            [
                f"The section `{path}` of the configuration.",
                *([cls.__doc__] if cls.__doc__ else []),
                "\n".join(f"{name}: {rule['description']}" for name, rule in rules.items()),
            ]
        )
        dataclass(frozen=True, kw_only=True)(cls)

    @classmethod
    def saved(cls, values: Mapping) -> Self:
        """The settings that a checkpoint was made with, `values`.

        Raises `UserError` if one is missing; today's default may differ from the one it was made
        with."""
        missing = [name for name in cls.__dataclass_fields__ if name not in values]
        if missing:
            raise UserError(f"{cls.section}: the checkpoint's settings have no {missing[0]!r}")
        return cls(**values)


def _type(rule: dict) -> type:
    """The type of a setting's values; a list becomes a tuple."""
    kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    union = None
    for name in kinds:
        if name == "null":
            one = type(None)
        elif name == "array":
            one = tuple[_type(rule["items"]), ...]
        else:
            one = _TYPES[name]
        union = one if union is None else union | one
    return union


def _frozen(value):
    return tuple(value) if isinstance(value, list) else value
