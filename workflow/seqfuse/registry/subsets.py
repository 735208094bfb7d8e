"""The subsets of a split that are scored separately, and the probes that alter rows: in words, in
the order of figures and tables."""

from seqfuse.registry.metrics import UNALTERED

# What train has that resembles a row, the closest match first; each row is in one of these.
SEEN: dict[str, str] = {
    "seen_exactly": "train has the same DNA",
    "seen_nearly": "train has a near-duplicate",
    "seen_homologously": "train has a homologous protein",
    "unseen": "nothing similar in train",
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
    """A subset in words; for an unknown one, its name with spaces."""
    return SUBSETS.get(name) or name.replace("_", " ")
