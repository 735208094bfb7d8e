"""How numbers are written where people read them."""

MINUS = "\N{MINUS SIGN}"


def minus(number: str) -> str:
    """A number in text with a minus sign for its hyphen: that of every figure, table and line."""
    return number.replace("-", MINUS)
