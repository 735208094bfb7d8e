"""How a value is held to a JSON schema.

A mistake is one line that names the key, the value and what is allowed, with the nearest spelling.
"""

from collections.abc import Mapping

from seqfuse.errors import UserError, nearest


def hold(value: Mapping, schema: Mapping, source: str) -> None:
    """Hold a mapping to a JSON schema; the first mistake is a `UserError` of one line."""
    import jsonschema

    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    first = min(errors, key=lambda e: [str(p) for p in e.absolute_path], default=None)
    if first:
        raise UserError(f"{source}: {_explain(first)}")


def _explain(error) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    at = f"{where}: " if where else ""
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        unknown = next(key for key in error.instance if key not in known)
        key = f"{where}.{unknown}" if where else unknown
        return f"unknown key {key!r}{nearest(unknown, known)}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"{at}the key {missing!r} is missing"
    if error.validator == "type":
        kinds = error.validator_value
        wanted = " or ".join(kinds) if isinstance(kinds, list) else kinds
        hint = ""
        if isinstance(error.instance, str) and "number" in wanted:
            hint = "; YAML reads 1e-3 as text, write 1.0e-3"
        return f"{at}{error.instance!r} is not of type {wanted}{hint}"
    if error.validator == "uniqueItems":
        values = error.instance
        twice = next(value for n, value in enumerate(values) if value in values[:n])
        return f"{at}{twice!r} is listed twice"
    if error.validator == "enum":
        hint = nearest(error.instance, map(str, error.validator_value))
        return f"{at}{error.instance!r} is not allowed{hint}"
    return f"{at}{error.message}"
