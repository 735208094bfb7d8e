"""The embedded demo data: seeded generators, each with a planted and documented truth."""

from collections.abc import Callable

from seqfuse.data.demo import coding_genes, coding_variants, codons, effects, genes, language

# generator -> (rows from a seed, what a record's label, value or text should be)
GENERATORS: dict[str, tuple[Callable[[int], list[dict]], Callable[[dict], object]]] = {
    "variants": (language.variants, language.variant_truth),
    "coding-variants": (coding_variants.variants, coding_variants.truth),
    "promoter": (language.promoter, language.promoter_truth),
    "splice": (language.splice, language.splice_truth),
    "motifs": (language.motifs, language.motif_truth),
    "effects": (effects.effects, effects.effect_truth),
    "expression": (codons.expression, codons.expression_truth),
    "classes": (codons.classes, codons.classes_truth),
    "genes": (genes.genes, genes.gene_truth),
    "coding-genes": (coding_genes.genes, coding_genes.description),
}


def rows(generator: str, seed: int) -> list[dict]:
    """The records of a demo set; the same seed gives the same rows."""
    return GENERATORS[generator][0](seed)


def truth(generator: str, row: dict) -> object:
    """What the planted rule says about one record: a label, a value without noise, or a text."""
    return GENERATORS[generator][1](row)
