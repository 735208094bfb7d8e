"""Which rows of a split are scored apart, in words, in the order of figures and tables."""

SUBSETS: dict[str, str] = {
    "all": "all rows",
    "question_decides": "the question decides",
    "sequence_decides": "the sequence decides",
    "dna_seen": "DNA also in train",
    "dna_unseen": "DNA not in train",
}


def subset(name: str) -> str:
    """What decides the label in a subset, in words; of an unknown subset its name in words."""
    return SUBSETS.get(name) or name.replace("_", " ")
