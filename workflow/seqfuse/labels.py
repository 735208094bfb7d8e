"""How the label is read from a generated answer: the last answer field, in one normal form.

An answer is `reasoning </think> Answer: label`. It is correct only if it equals the label after
normalisation: no text is searched for labels, and another name of a label counts only if the
`aliases` of the dataset's catalogue entry list it.
"""

import unicodedata
from collections.abc import Iterable, Mapping

from seqfuse.errors import UserError

OPEN, CLOSE = "<think>\n", "\n</think>\n\n"
FIELD = "Answer:"


def parse(text: str, thinks: bool) -> str | None:
    """The last answer field of a generated text, as written; None if there is none.

    With reasoning (`thinks`), only the text after the last `</think>` is read.
    """
    if thinks and CLOSE.strip() not in text:
        return None
    fields = text.rpartition(CLOSE.strip())[2].split(FIELD)[1:]
    answer = fields[-1].strip().split("\n")[0].strip() if fields else ""
    return answer or None


def normalise(label: str) -> str:
    """The one normalisation of labels: NFKC, case folded, white space collapsed, outer
    punctuation (. , ; : ! ? quotes) removed."""
    folded = unicodedata.normalize("NFKC", label).casefold()
    return " ".join(folded.split()).strip(".,;:!?\"' ")


def by_alias(dataset: str, labels: Iterable[str], aliases: Mapping[str, str]) -> dict[str, str]:
    """{normal form of an alias: label}.

    Raises `UserError` for an alias of an unknown label, or one that would stand for two labels.
    """
    known = {normalise(label): label for label in labels}
    label_of: dict[str, str] = {}
    for alias, label in aliases.items():
        form = normalise(alias)
        if label not in known.values():
            raise UserError(
                f"{dataset}: aliases: {alias!r} stands for {label!r}, which is not a label"
            )
        if known.get(form, label) != label or label_of.get(form, label) != label:
            raise UserError(f"{dataset}: aliases: {alias!r} would stand for two labels; remove it")
        label_of[form] = label
    return label_of
