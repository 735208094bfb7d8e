"""Settings that a message tells a user to write: YAML that can be pasted, whatever characters a
name has."""

import math
from collections.abc import Mapping

import yaml

# Longest setting that is worth pasting, in characters.
PASTED = 80
# Placeholder for a commit.
REVISION = {"revision": "<40 hexadecimal digits>"}


def in_yaml(setting: Mapping) -> str:
    """A setting on one line, as in `columns: {group: ' gene'}`."""
    text = _dumped(setting, allow_unicode=True)
    if not text.isprintable():
        text = _dumped(setting, allow_unicode=False)
    return text.replace("? '' : ", "'': ")


def _dumped(setting: Mapping, allow_unicode: bool) -> str:
    style = {"default_flow_style": True, "sort_keys": False, "width": math.inf}
    text = yaml.safe_dump(dict(setting), allow_unicode=allow_unicode, **style)
    return text.strip().removeprefix("{").removesuffix("}")
