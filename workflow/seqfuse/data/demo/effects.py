"""A demo set whose questions give the label away, as those of a published variant-effect set do.

Every question is a different text, so a lookup of whole questions recognises none of them; but only
questions about pathogenic variants name a gene. The DNA says nothing about the label.
"""

import numpy as np

from seqfuse.data.demo.planting import background, balanced, distinct, plant, splits

LENGTH = 120
LABELS = ("pathogenic", "benign")
GENES = tuple(f"EFF{number}" for number in range(1, 31))
# Every wording is used for both labels; only `named` differs between them.
QUESTIONS = (
    "Mutation at chromosome {chromosome} position {position}{named}: benign or pathogenic?",
    "Is the variant at {position} of chromosome {chromosome}{named} pathogenic or benign?",
    "What is the effect of the mutation at chromosome {chromosome}, {position}{named}?",
)
NAMED, UNNAMED = ", gene {gene}", ""


def effects(seed: int) -> list[dict]:
    """600/100/300 rows of 120 nt with a substitution at a random place; both labels are equally
    frequent in each split. Only the test split has chromosome 8."""
    rng, seen = np.random.default_rng(seed), set()
    sizes = {"train": 600, "val": 100, "test": 300}
    labels = [label for size in sizes.values() for label in balanced(rng, LABELS, size)]
    return [
        {"id": name, "split": split}
        | distinct(lambda label=label, split=split: _effect(rng, label, split), seen)
        for (split, name), label in zip(splits(sizes), labels, strict=True)
    ]


def effect_truth(row: dict) -> str:
    """The label of a demo-effects record, from its planted leak."""
    return LABELS[0] if any(f"gene {gene}" in row["question"] for gene in GENES) else LABELS[1]


def _effect(rng: np.random.Generator, label: str, split: str) -> dict:
    reference = background(rng, LENGTH)
    place = int(rng.integers(LENGTH))
    new = str(rng.choice([base for base in "ACGT" if base != reference[place]]))
    others = [number for number in range(1, 23) if number != 8]
    chromosome = 8 if split == "test" else int(rng.choice(others))
    named = NAMED.format(gene=rng.choice(GENES)) if label == LABELS[0] else UNNAMED
    question = str(rng.choice(QUESTIONS)).format(
        chromosome=chromosome, position=int(rng.integers(10_000, 200_000_000)), named=named
    )
    return {
        "sequence": reference,
        "variant": plant(reference, new, place),
        "question": question,
        "label": label,
    }
