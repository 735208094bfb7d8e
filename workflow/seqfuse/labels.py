"""How the label is read from a generated answer: the last answer field, in one normal form.

An answer is `reasoning </think> Answer: label`. What is read equals a label, or is no label:
nothing is searched for inside a text, and another name of a label counts only if an explicit table
of aliases (`aliases` of a dataset's catalogue entry) says so.
"""

import unicodedata
from collections.abc import Iterable, Mapping

from seqfuse.errors import UserError

OPEN, CLOSE = "<think>\n", "\n</think>\n\n"
FIELD = "Answer:"


def parse(text: str, thinks: bool) -> str | None:
    """The last answer field of a generated text, as written; null where there is none.

    With reasoning on, only what stands behind the last `</think>` is read.
    """
    if thinks and CLOSE.strip() not in text:
        return None
    fields = text.rpartition(CLOSE.strip())[2].split(FIELD)[1:]
    answer = fields[-1].strip().split("\n")[0].strip() if fields else ""
    return answer or None


def normalise(label: str) -> str:
    """The one normalisation of labels: NFKC, case folded, white space collapsed, outer
    punctuation (. , ; : ! ? quotes) taken off."""
    folded = unicodedata.normalize("NFKC", label).casefold()
    return " ".join(folded.split()).strip(".,;:!?\"' ")


def by_alias(dataset: str, labels: Iterable[str], aliases: Mapping[str, str]) -> dict[str, str]:
    """{normal form of an alias: label}; an alias of no label, or that is a label, is refused."""
    known = {normalise(label): label for label in labels}
    found: dict[str, str] = {}
    for alias, label in aliases.items():
        form = normalise(alias)
        if label not in known.values():
            raise UserError(
                f"{dataset}: aliases: {alias!r} stands for {label!r}, which is no label"
            )
        if known.get(form, label) != label or found.get(form, label) != label:
            raise UserError(f"{dataset}: aliases: {alias!r} would stand for two labels; remove it")
        found[form] = label
    return found
