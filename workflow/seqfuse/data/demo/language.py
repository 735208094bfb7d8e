"""Demo sets of study A, each with a planted truth.

Motifs are 11 nt long: wherever one begins, one of its 6-mers is a whole token, so that a tokeniser
of fixed 6-mers can see it at any phase.
"""

import numpy as np

from seqfuse.data.demo.planting import (
    background,
    balanced,
    distinct,
    motifs_are,
    plant,
    reverse_complement,
    splits,
    two_places,
)

LENGTH = 120
CENTRE = 5  # the position in an 11-nt site that the variant hits

# demo-variants. The nucleotides next to the centre are the same in both sites, so that mono- and
# dinucleotides do not reveal which site was hit.
SITES = {"kappa": "GATTCAGTCAG", "sigma": "CCGACAGGATT"}
ALLELES = ("G", "T")  # in place of the A at the centre of either site
DISEASES = ("amber syndrome", "cobalt ataxia", "linden myopathy", "velvet anaemia")
DISEASE_OF_VARIANT = dict(
    zip([(site, allele) for site in SITES for allele in ALLELES], DISEASES, strict=True)
)
GENES = {f"GEN{number}": DISEASES[number % 4] for number in range(1, 21)}
LOCI = tuple(f"LOC{number}" for number in range(1, 41))
GENE_QUESTION = "Gene {gene}. What disease does this variant contribute to?"
SHARED_QUESTION = "Unnamed gene. What disease does this variant contribute to?"

# demo-motifs. The dinucleotides of B are those of the reverse complement of A, so that both classes
# have the same nucleotides and dinucleotides on average.
MOTIF_A, MOTIF_B = "GCAGTCAGGAT", "ATGACCTCTGC"
SPACING = range(0, 25)

# demo-promoter.
TATA = "GCTATAAAAGC"
GC_RICH, GC_POOR, GC_FROM = range(36, 43), range(20, 27), 60  # G and C in the 60 nt after GC_FROM

# demo-splice.
DONOR, ACCEPTOR = "CAGGTAAGTAT", "TTTTCTGCAGG"


def variants(seed: int) -> list[dict]:
    """KEGG-like variants: 1600/200/800 rows; the question decides half of them, the DNA the others.

    question_decides: the question names one of 20 genes, `GENES` gives the disease, and the DNA is
    background with a random substitution. sequence_decides: one shared question; the reference
    holds both `SITES` at random places, the variant changes the centre of one of them, and
    `DISEASE_OF_VARIANT[site, allele]` is the label. Every disease is equally frequent in each half
    of each split. `group` is the gene, or one of 40 nominal loci that carry no information.
    """
    rng, seen, rows = np.random.default_rng(seed), set(), []
    for split, size in {"train": 1600, "val": 200, "test": 800}.items():
        halves = balanced(rng, list(GENES), size // 2)
        halves += balanced(rng, list(DISEASE_OF_VARIANT), size // 2)
        for number, i in enumerate(rng.permutation(size), start=1):
            draw = _gene_variant if i < size // 2 else _site_variant
            row = distinct(lambda draw=draw, half=halves[i]: draw(rng, half), seen)
            rows.append({"id": f"{split}-{number}", "split": split} | row)
    return rows


def variant_truth(row: dict) -> str:
    """The disease of a demo-variants record, from its planted rule."""
    if row["question"] != SHARED_QUESTION:
        return GENES[row["question"].removeprefix("Gene ").split(".")[0]]
    reference, variant = row["sequence"], row["variant"]
    [hit] = [i for i, (a, b) in enumerate(zip(reference, variant, strict=True)) if a != b]
    context = reference[hit - CENTRE : hit + CENTRE + 1]
    [site] = [name for name, motif in SITES.items() if motif == context]
    return DISEASE_OF_VARIANT[site, variant[hit]]


def _gene_variant(rng: np.random.Generator, gene: str) -> dict:
    reference = background(rng, LENGTH)
    while not motifs_are(reference, (), SITES.values()):
        reference = background(rng, LENGTH)
    place = int(rng.integers(CENTRE, LENGTH - CENTRE))
    old = reference[place]
    new = str(rng.choice([base for base in "ACGT" if base != old]))
    return {
        "sequence": reference,
        "variant": plant(reference, new, place),
        "question": GENE_QUESTION.format(gene=gene),
        "label": GENES[gene],
        "reasoning": f"The gene is {gene}. Its changes lead to {GENES[gene]}.",
        "group": gene,
    }


def _site_variant(rng: np.random.Generator, truth: tuple[str, str]) -> dict:
    site, allele = truth
    reference = ""
    while not motifs_are(reference, SITES.values()):
        places = dict(zip(SITES, two_places(rng, LENGTH, len(SITES[site])), strict=True))
        reference = background(rng, LENGTH)
        for name, place in places.items():
            reference = plant(reference, SITES[name], place)
    disease = DISEASE_OF_VARIANT[truth]
    return {
        "sequence": reference,
        "variant": plant(reference, allele, places[site] + CENTRE),
        "question": SHARED_QUESTION,
        "label": disease,
        "reasoning": f"The {site} site is now {allele}. This leads to {disease}.",
        "group": str(rng.choice(LOCI)),
    }


def motifs(seed: int) -> list[dict]:
    """Strand and order of two motifs: 600/100/300 rows of 120 nt, two classes.

    "1": A, then B after a gap in `SPACING`, on the given strand. "0": B before A (one half), or the
    reverse complement of a "1" (the other half). Both motifs are always there.
    """
    return _labelled(seed, ("1", "0"), lambda rng, label: _motif_pair(rng, label))


def motif_truth(row: dict) -> str:
    """The class of a demo-motifs record, from its planted rule."""
    a, b = row["sequence"].find(MOTIF_A), row["sequence"].find(MOTIF_B)
    return "1" if a >= 0 and b - a - len(MOTIF_A) in SPACING else "0"


def _motif_pair(rng: np.random.Generator, label: str) -> str:
    order = (MOTIF_A, MOTIF_B)
    if label == "0" and rng.random() < 0.5:
        order = (MOTIF_B, MOTIF_A)
    flipped = label == "0" and order == (MOTIF_A, MOTIF_B)
    others = [reverse_complement(motif) for motif in order]
    sequence = ""
    while not motifs_are(sequence, order, others):
        gap = int(rng.choice(SPACING))
        start = int(rng.integers(0, LENGTH - 2 * len(MOTIF_A) - gap + 1))
        sequence = plant(background(rng, LENGTH), order[0], start)
        sequence = plant(sequence, order[1], start + len(MOTIF_A) + gap)
    return reverse_complement(sequence) if flipped else sequence


def promoter(seed: int) -> list[dict]:
    """TATA box and GC content: 600/100/300 rows of 120 nt, two classes.

    "1": `TATA` in the first 60 nt and `GC_RICH` G and C in the other 60. "0": only the box, only
    the GC, or neither, a third each. A model that reads only one of them is right in 5 of 6 rows.
    """
    return _labelled(seed, ("1", "0"), _promoter)


def promoter_truth(row: dict) -> str:
    """The class of a demo-promoter record, from its planted rule."""
    tail = row["sequence"][GC_FROM:]
    return "1" if TATA in row["sequence"] and tail.count("G") + tail.count("C") in GC_RICH else "0"


def _promoter(rng: np.random.Generator, label: str) -> str:
    choices = [(True, True)] if label == "1" else [(True, False), (False, True), (False, False)]
    box, rich = choices[rng.integers(len(choices))]
    sequence = TATA * (not box)
    while sequence.count(TATA) != box:
        sequence = background(rng, GC_FROM)
        if box:
            sequence = plant(sequence, TATA, int(rng.integers(0, GC_FROM - len(TATA) + 1)))
        strong = int(rng.choice(GC_RICH if rich else GC_POOR))
        tail = list(rng.choice(list("GC"), size=strong))
        tail += list(rng.choice(list("AT"), size=LENGTH - GC_FROM - strong))
        sequence += "".join(rng.permutation(tail))
    return sequence


def splice(seed: int) -> list[dict]:
    """Splice sites: 600/100/300 rows of 120 nt, three classes.

    "donor" and "acceptor" hold `DONOR` or `ACCEPTOR` within 20 nt of the middle; "none" holds a
    shuffled one in the same place, so that composition does not reveal the class.
    """
    return _labelled(seed, ("donor", "acceptor", "none"), _splice)


def splice_truth(row: dict) -> str:
    """The class of a demo-splice record, from its planted rule."""
    sites = {"donor": DONOR, "acceptor": ACCEPTOR}
    return next((name for name, motif in sites.items() if motif in row["sequence"]), "none")


def _splice(rng: np.random.Generator, label: str) -> str:
    motif = {"donor": DONOR, "acceptor": ACCEPTOR, "none": None}[label]
    wanted = [motif] if motif else []
    unwanted = [other for other in (DONOR, ACCEPTOR) if other != motif]
    sequence = DONOR + ACCEPTOR
    while not motifs_are(sequence, wanted, unwanted):
        planted = motif or "".join(rng.permutation(list(unwanted[rng.integers(2)])))
        middle = (LENGTH - len(planted)) // 2
        sequence = plant(background(rng, LENGTH), planted, middle + int(rng.integers(-20, 21)))
    return sequence


def _labelled(seed: int, classes: tuple[str, ...], draw) -> list[dict]:
    """600/100/300 balanced rows with distinct sequences from `draw(rng, label)`."""
    rng, seen = np.random.default_rng(seed), set()
    sizes = {"train": 600, "val": 100, "test": 300}
    labels = [label for size in sizes.values() for label in balanced(rng, classes, size)]
    return [
        {"id": name, "split": split}
        | distinct(lambda label=label: {"sequence": draw(rng, label), "label": label}, seen)
        for (split, name), label in zip(splits(sizes), labels, strict=True)
    ]
