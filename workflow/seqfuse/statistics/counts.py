"""Which counts of rows a published percentage can be: k of n, to the digits that are printed."""


def fitting(printed: str, rows: int) -> list[int]:
    """Every k for which 100 k / `rows` lies within half a unit of the last printed digit.

    Both ends count, because halves are rounded up by some and to even by others.
    """
    digits = len(printed.partition(".")[2])
    twice, whole = 2 * int(printed.replace(".", "")), 2 * 100 * 10**digits
    first, last = -((1 - twice) * rows // whole), (twice + 1) * rows // whole
    return list(range(max(0, first), min(rows, last) + 1))
