"""The embedded demo data: seeded generators of our own, each with a planted, documented truth."""

from collections.abc import Callable

from seqfuse.data import demo_codons, demo_genes, demo_language

# generator -> (rows from a seed, what a record's label, value or text should be)
GENERATORS: dict[str, tuple[Callable[[int], list[dict]], Callable[[dict], object]]] = {
    "variants": (demo_language.variants, demo_language.variant_truth),
    "promoter": (demo_language.promoter, demo_language.promoter_truth),
    "splice": (demo_language.splice, demo_language.splice_truth),
    "motifs": (demo_language.motifs, demo_language.motif_truth),
    "expression": (demo_codons.expression, demo_codons.expression_truth),
    "classes": (demo_codons.classes, demo_codons.classes_truth),
    "genes": (demo_genes.genes, demo_genes.gene_truth),
}


def rows(generator: str, seed: int) -> list[dict]:
    """The records of a demo set; the same seed gives the same rows."""
    return GENERATORS[generator][0](seed)


def truth(generator: str, row: dict) -> object:
    """What the planted rule says about one record: a label, a value without noise, or a text."""
    return GENERATORS[generator][1](row)
