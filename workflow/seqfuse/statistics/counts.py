"""Which counts of rows, k of n, a published percentage could stand for, given its digits."""


def fitting(printed: str, rows: int) -> list[int]:
    """Every k for which 100 k / `rows` lies within half a unit of the last printed digit.

    Both ends are included, because some authors round halves up and others to even.
    """
    digits = len(printed.partition(".")[2])
    twice, whole = 2 * int(printed.replace(".", "")), 2 * 100 * 10**digits
    first, last = -((1 - twice) * rows // whole), (twice + 1) * rows // whole
    return list(range(max(0, first), min(rows, last) + 1))
