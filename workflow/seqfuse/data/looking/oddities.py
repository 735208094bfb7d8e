"""What is odd about a user's file, one line each, and what to do about it."""

from collections.abc import Iterator, Sequence

from seqfuse import labels
from seqfuse.data.looking.columns import ID, LABEL, NUMBER, SEQUENCES, Column


def of(reader, unreadable: Sequence, columns: Sequence[Column]) -> list[str]:
    """What is odd, in the order of the columns; `unreadable` are the kinds of rows left out."""
    odd = [f"cannot be read: {kind.fault}" for kind in unreadable]
    odd += [f"{count:,} {what}" for what, count in reader.noted.items() if count]
    for column in columns:
        odd += [f"{column.name}: {line}" for line in _of_column(column, reader.unit)]
    return odd


def _of_column(column: Column, unit: str) -> Iterator[str]:
    kind = column.looks_like
    if column.empty and column.filled:
        yield (
            f"{column.empty:,} of {column.empty + column.filled:,} cells are empty, the first in"
            f" {unit} {column.first_empty}"
        )
    count, misfits = column.misfits
    if count:
        shown = ", ".join(f"{cell} in {unit} {line}" for line, cell in misfits)
        more = f" and {count - len(misfits):,} more" if count > len(misfits) else ""
        what, fix = "not DNA or RNA", "`cleaning: {ambiguous: drop}`"
        if kind == NUMBER:
            what, fix = "not numbers", "if this is the value, `bad_rows: reject`"
        yield (
            f"{count:,} of {column.filled:,} cells are {what}: {shown}{more}; correct them, or"
            f" leave their rows out: {fix} in the entry"
        )
    if kind in SEQUENCES:
        yield from _of_sequences(column, unit)
    if kind == LABEL:
        yield from (
            f"{', '.join(map(repr, values))} are one class except for case, blanks or punctuation"
            for values in alike(column).values()
            if len(values) > 1
        )
    if kind != ID and column.name.casefold() == "id" and column.filled:
        yield "is called id, but its cells repeat or are not names"


def _of_sequences(column: Column, unit: str) -> Iterator[str]:
    codes = dict(column.ambiguous)
    if "N" in codes:
        count, line = codes.pop("N")
        yield f"{count:,} of {column.filled:,} have N, the first in {unit} {line}"
    if codes:
        first = min(line for _, line in codes.values())
        yield (
            f"{', '.join(codes)} in {unit} {first} and perhaps later become N; with"
            " `cleaning: {ambiguous: refuse}` in the entry a run stops instead"
        )
    repeats = sum(column.values.values()) - column.distinct
    if repeats:
        yield f"{repeats:,} sequences repeat an earlier one"
    if 0 < column.uracil < column.filled:
        yield f"{column.uracil:,} of {column.filled:,} are RNA (U)"


def alike(column: Column) -> dict[str, list[str]]:
    """Labels grouped by their form without case, blanks and outer punctuation."""
    by_form: dict[str, list[str]] = {}
    for value in column.values:
        by_form.setdefault(labels.normalise(value), []).append(value)
    return by_form
