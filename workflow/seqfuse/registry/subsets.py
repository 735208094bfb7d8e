"""Which rows of a split are scored apart, and how probes alter them: in words, in the order of
figures and tables."""

from seqfuse.registry.metrics import UNALTERED

# How well train knows a row, the closest first; each row is one of these.
SEEN: dict[str, str] = {
    "seen_exactly": "train has the same DNA",
    "seen_nearly": "train has a near-duplicate",
    "seen_homologously": "train has a homologous protein",
    "unseen": "nothing alike in train",
}
SUBSETS: dict[str, str] = {
    "all": "all rows",
    "question_decides": "the question decides",
    "sequence_decides": "the sequence decides",
    **SEEN,
}
# How a probe alters a sequence before the same checkpoint answers again.
PROBES: dict[str, str] = {
    UNALTERED: "unaltered",
    "swap": "reference, variant swapped",
    "revert": "variant reverted",
    "scramble": "scrambled",
    "blank": "blank",
    "reverse_complement": "reverse complement",
    "shift": "shifted by one",
    "other": "another record's DNA",
}


def subset(name: str) -> str:
    """What decides the label in a subset, in words; of an unknown subset its name in words."""
    return SUBSETS.get(name) or name.replace("_", " ")
