"""The controls of both studies: the one place where a control is registered.

Light on purpose: the tables, the figures and the report read it without importing numpy.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Control:
    """A prediction that a method's score must beat, and what beating it shows.

    A control that is `made_of` trained arms counts their parameters as its own. A plugin's control
    is a regression on `features`: the "module:function" that turns sequences, list[str], into
    float[n, k]. A control that does not read DNA (`reads_dna`) gives a question the same answer
    whatever DNA comes with it; any other gives DNA the same answer whatever the question.
    """

    name: str
    title: str
    study: str
    description: str
    made_of: tuple[str, ...] = ()
    features: str | None = None
    reads_dna: bool = True


_SINGLES = ("dna", "rna", "protein")


_ALL = (
    Control(
        "majority",
        "Majority class",
        "language",
        "The commonest label of the training records, whatever is asked.",
        reads_dna=False,
    ),
    Control(
        "question_lookup",
        "Question lookup",
        "language",
        "The commonest training label of the very same question text; no DNA is read.",
        reads_dna=False,
    ),
    Control(
        "question_words",
        "Question's words",
        "language",
        "Logistic regression on the words of the question and on runs of 3 to 5 letters: what its "
        "wording gives away, even about questions that are not in train; no DNA is read.",
        reads_dna=False,
    ),
    Control(
        "pair_lookup",
        "DNA-pair lookup",
        "language",
        "The commonest training label of the very same reference and variant; no question is read.",
    ),
    Control(
        "codon_lookup",
        "Codon-change lookup",
        "language",
        "The commonest training label of the very same change of codons, in coding sets with a "
        "variant; no question and nothing around the change is read.",
    ),
    Control(
        "amino_acid_lookup",
        "Amino-acid-change lookup",
        "language",
        "The commonest training label of the very same change of amino acids, in coding sets with "
        "a variant: what the genetic code alone makes of the change.",
    ),
    Control(
        "question_majority",
        "Question majority",
        "language",
        "The commonest label of the very same question in the whole set, scored rows included: the "
        "most that an answer without DNA can score. Only in folds.",
        reads_dna=False,
    ),
    Control(
        "gc",
        "GC content",
        "language",
        "Logistic regression on the share of G and C.",
    ),
    Control(
        "composition",
        "Composition",
        "language",
        "Logistic regression on counts of nucleotides and dinucleotides, and on what the variant "
        "changes in them.",
    ),
    Control(
        "kmer",
        "Counts of 4-mers",
        "language",
        "Logistic regression on counts of 1- to 4-mers, and on what the variant changes in them: "
        "a linear model that reads local context, but neither position nor order.",
    ),
    Control(
        "reference_only",
        "Reference alone",
        "language",
        "The control of 4-mers without the variant: what the location in the genome gives away.",
    ),
    Control(
        "majority",
        "Majority class",
        "codons",
        "The commonest label of the training records, whatever is asked.",
    ),
    Control("mean", "Mean", "codons", "The mean value of the training records."),
    Control(
        "sequence_lookup",
        "Sequence lookup",
        "codons",
        "The mean value, or commonest label, of the training records of the very same sequence.",
    ),
    Control(
        "length",
        "Length",
        "codons",
        "Ridge regression (of classes: logistic) on the number of nucleotides and its logarithm.",
    ),
    Control(
        "nucleotide_counts",
        "Counts of nucleotides",
        "codons",
        "Ridge regression (of classes: logistic) on the counts of A, C, G and U.",
    ),
    Control(
        "codon_frequencies",
        "Codon frequencies",
        "codons",
        "Ridge regression (of classes: logistic) on the share of each of the 64 codons.",
    ),
    Control(
        "amino_acids",
        "Amino acids",
        "codons",
        "Ridge regression (of classes: logistic) on the share of each of the 20 amino acids: "
        "shows which part of the score of codon frequencies is due to the protein.",
    ),
    Control(
        "homologue",
        "Most similar training sequence",
        "codons",
        "The value or label of the training record whose protein scores highest in an alignment "
        "(BLOSUM62, stretches without gaps); among several with the very same protein, of those "
        "with the most codons in common.",
    ),
    Control(
        "kmer",
        "Counts of 4-mers",
        "codons",
        "Ridge regression (of classes: logistic) on counts of 1- to 4-mers.",
    ),
    Control(
        "codon_forest",
        "Codon frequencies, forest",
        "codons",
        "A random forest on the share of each of the 64 codons.",
    ),
    Control(
        "boosting",
        "Composition and place, boosting",
        "codons",
        "Gradient-boosted trees on counts of 1- to 4-mers and on the nucleotide at every position "
        "(of many or long sequences, the first ones); validation chooses the number of rounds.",
    ),
    Control(
        "structure",
        "Composition, place and structure, boosting",
        "codons",
        "The same trees, also with the minimum free energy of the folded mRNA and the probability "
        "that its nucleotides are unpaired, along the sequence (ViennaRNA, if installed).",
    ),
    Control(
        "late_mean",
        "Mean of single modalities",
        "codons",
        "The plain mean of what the single modalities predict, seed by seed: late fusion.",
        made_of=_SINGLES,
    ),
    Control(
        "late_stack",
        "Ridge stack of single modalities",
        "codons",
        "Ridge (of classes: logistic) regression on what the single modalities predict, seed by "
        "seed, fitted on the validation records alone.",
        made_of=_SINGLES,
    ),
)

# {study: {name: control}}
CONTROLS: dict[str, dict[str, Control]] = {
    study: {control.name: control for control in _ALL if control.study == study}
    for study in ("language", "codons")
}


_BLIND = ("text_only", "majority", "question_words", "question_lookup", "pair_lookup")


def blind(name: str) -> bool:
    """Whether a control of study A answers without reading the sequence that it is asked about.

    A lookup of DNA pairs is blind, too: it recognises pairs that it has seen. Lookups of the change
    of codons or amino acids are not: they answer about pairs that they have not seen.
    """
    return name in _BLIND
