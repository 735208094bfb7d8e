"""Make an SVG smaller by leaving out what matplotlib writes and nobody sees."""

import re

_TAG = re.compile(r"<[a-z][^>]*>", re.DOTALL)
# A hundredth of a point is a thousandth of a letter.
_LONG_NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d{3,}(?![\w.])")
_NO_TURN = re.compile(r' transform="rotate\(-?0 [^)]*\)"')
_FAMILY = re.compile(r"font-family: ([^;\"]*); ?")


def slim(svg: str) -> str:
    """The same picture: coordinates to a hundredth of a point, its first font named once, no
    indents.

    Texts stand as they were.
    """
    families = _FAMILY.findall(svg)
    most = families[0] if families else ""
    svg = re.sub(r"\n\s+<", "\n<", _TAG.sub(lambda tag: _slim_tag(tag[0], most), svg))
    if families:
        family = most.replace("'", "")
        svg = svg.replace("<svg ", f'<svg style="font-family: {family}" ', 1)
    return svg


def _slim_tag(tag: str, family: str) -> str:
    if tag.startswith("<image"):
        return tag
    tag = re.sub(f"font-family: {re.escape(family)}; ?", "", tag)
    tag = _LONG_NUMBER.sub(lambda number: _rounded(number[0]), tag)
    return re.sub(r"\s*\n\s*", " ", _NO_TURN.sub("", tag))


def _rounded(number: str) -> str:
    return f"{float(number):z.2f}".rstrip("0").rstrip(".")
