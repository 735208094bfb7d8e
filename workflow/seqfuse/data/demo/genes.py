"""Demo gene-text pairs for SeqCLIP: DNA with family motifs, and a text that names the families."""

import numpy as np

from seqfuse.data.demo.planting import (
    background,
    balanced,
    distinct,
    motifs_are,
    plant,
    splits,
    two_places,
)

LENGTH = 120
FAMILIES = {
    "kinase": "GGCATTGACCA", "helicase": "TACGGATCTCC", "transporter": "CTTGCCAGTAC",
    "receptor": "ACCTGTTAGCG", "protease": "GTGAACTCGGT", "ligase": "CAATCGTGCAG",
    "synthase": "TGCTAGACGTT", "phosphatase": "AGGTCACTTGC",
}  # fmt: skip
TEXT = "This gene encodes a {first} with a {second} domain."


def genes(seed: int) -> list[dict]:
    """400/50/50 pairs: the DNA holds the motifs of two families, and the text names both families.

    The text names first the family whose motif is nearer to the start of the DNA. The 56 ordered
    pairs of different families are about equally frequent in train.
    """
    rng, seen = np.random.default_rng(seed), set()
    sizes = {"train": 400, "val": 50, "test": 50}
    pairs = [(first, second) for first in FAMILIES for second in FAMILIES if first != second]
    drawn = [pair for size in sizes.values() for pair in balanced(rng, pairs, size)]
    return [
        {"id": name, "split": split} | distinct(lambda pair=pair: _gene(rng, pair), seen)
        for (split, name), pair in zip(splits(sizes), drawn, strict=True)
    ]


def gene_truth(row: dict) -> str:
    """The description of a demo-genes record, from its planted rule."""
    places = {name: row["sequence"].find(motif) for name, motif in FAMILIES.items()}
    first, second = sorted((name for name in places if places[name] >= 0), key=places.get)
    return TEXT.format(first=first, second=second)


def _gene(rng: np.random.Generator, pair: tuple[str, str]) -> dict:
    wanted = [FAMILIES[name] for name in pair]
    others = [motif for name, motif in FAMILIES.items() if name not in pair]
    sequence = ""
    while not motifs_are(sequence, wanted, others):
        places = sorted(two_places(rng, LENGTH, len(wanted[0])))
        sequence = background(rng, LENGTH)
        for motif, place in zip(wanted, places, strict=True):
            sequence = plant(sequence, motif, place)
    text = TEXT.format(first=pair[0], second=pair[1])
    return {"sequence": sequence, "text": text, "group": "-".join(sorted(pair))}
