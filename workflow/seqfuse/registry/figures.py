"""The figures: the one place where a figure is registered.

Light on purpose: the Snakefile and the report read it without importing pandas or matplotlib.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A picture and its table, which `module` makes.

    `needs` are the kinds of files it is made from, which are also the flags of its command.
    A figure that `ranks` compares scores, and says so when the models are scratch models. One that
    shows a `task` alone is drawn where a dataset has it: "regression" or "classification". One of
    the `ablations` is drawn from what `snakemake ablations` runs.
    """

    name: str
    title: str
    caption: str
    study: str
    needs: tuple[str, ...]
    module: str
    ranks: bool = True
    task: str | None = None
    ablations: bool = False


STUDIES = {
    "language": "Study A: at what level should DNA meet a language model?",
    "codons": "Study B: what do a molecule's DNA, mRNA and protein add to each other?",
}

_INTERVALS = (
    "Bars are bootstrap intervals; the grey field ends at the best control, and only a score "
    "beyond it shows anything; a star marks a score that beats every control beyond the noise. "
    "Subsets of fewer than 20 rows stand in the tables alone."
)

_LINES = (
    "Thin lines are the training loss, averaged over at most 100 stretches of steps; thick lines "
    "the validation loss; controls are grey and dashed. One line a seed."
)

_ALL = (
    Figure(
        "verdict",
        "Did it read the sequence?",
        "Test scores of each method on two halves of a dataset. Left, the question alone decides "
        "the label, so that a look-up scores as well without any DNA. Right, one question has "
        "several labels and only the sequence decides. A method reads the sequence if it passes "
        "the text-only model and every look-up on the right. Bars are bootstrap intervals.",
        "language",
        ("metrics", "comparisons"),
        "seqfuse.figures.language.verdict",
    ),
    Figure(
        "probes",
        "What altered DNA does",
        "Test scores of the same checkpoints on altered DNA (hollow) beside unaltered (filled), "
        "and of controls that read no sequence, all on the same rows: those that only the sequence "
        "decides, where a dataset has such rows. A method that reads the sequence falls under "
        "probes that destroy it, down to the grey field, which ends at the best of these controls. "
        "Bars are bootstrap intervals; the table has the differences, each with its interval, and "
        "the share of answers that a probe changes.",
        "language",
        ("metrics", "comparisons"),
        "seqfuse.figures.language.probes",
    ),
    Figure(
        "calibration",
        "Calibration",
        "Reliability of the labels' likelihoods on the test split: the share of answers whose "
        "likeliest label is right, against its share of all labels' likelihood, in bins of 1/15; "
        "the larger a dot, the more answers; bins of fewer than five stand in the table alone. On "
        "the dashed line a model is as sure as it may be. The table has the expected calibration "
        "error with its interval.",
        "language",
        ("metrics", "calibration"),
        "seqfuse.figures.language.calibration",
    ),
    Figure(
        "looks",
        "Attention and mutagenesis around the variant",
        "Above, the attention of OneVocab's answer to the token of each nucleotide of the variant "
        "sequence, the mean over layers, heads and answer tokens, against that to an average DNA "
        "token. Below, how much less likely its own answer becomes when another nucleotide stands "
        "there, the mean of the three. Lines are means over test records and seeds, bands their "
        "quartiles. Attention says where a model looks, mutagenesis what its answer hangs on.",
        "language",
        ("looks",),
        "seqfuse.figures.language.variant_attention",
        ranks=False,
    ),
    Figure(
        "methods",
        "Methods and controls",
        "Test score of every method and control of study A, by dataset and subset, with trained "
        f"parameters. {_INTERVALS} A diamond is the published value, where the dataset is the "
        "paper's.",
        "language",
        ("metrics", "comparisons"),
        "seqfuse.figures.language.methods",
    ),
    Figure(
        "tasks",
        "Nucleotide tasks",
        "After the paper's Fig. 3. Matthews correlation of each method on every task with one "
        "question. Bars are bootstrap intervals; the hollow ring is the best control of that "
        "task.",
        "language",
        ("metrics", "comparisons"),
        "seqfuse.figures.language.tasks",
    ),
    Figure(
        "means",
        "Mean over the tasks",
        "After the paper's Fig. 4. The mean over the tasks that were trained together, of each "
        f"method and control of study A, with trained parameters. {_INTERVALS}",
        "language",
        ("metrics", "comparisons"),
        "seqfuse.figures.language.task_means",
    ),
    Figure(
        "table1",
        "Accuracy, F1, precision and recall",
        "After the paper's Table 1. Test scores of the sets that are compared by accuracy, each "
        "with its bootstrap interval; controls are grey, and a star marks an accuracy that beats "
        "each of them beyond the noise. F1, precision and recall are averaged "
        "over gold classes with equal weight (macro) or by their size (weighted). The paper does "
        "not say which average its F1, precision and recall are, nor which split its rows are "
        "of: its one number stands beside each of ours. The CSV has every average and the notes "
        "on the published values.",
        "language",
        ("metrics", "comparisons"),
        "seqfuse.figures.tables.table1",
    ),
    Figure(
        "judge",
        "Judged reasoning",
        "After the paper's Table 3. Mean score (0 to 10) of the reasoning of each method and "
        "control, by judge and dimension, with bootstrap intervals over records. Refused and "
        "malformed verdicts are counted in the table, not scored. Judges are never mixed, and "
        "overlap is no language model. Our prompts are not the paper's, which are not public: a "
        "published score (diamond) is of other prompts, and stands beside scores of models "
        "alone.",
        "language",
        ("verdicts",),
        "seqfuse.figures.language.judge",
    ),
    Figure(
        "case",
        "What each method said about one record",
        "After the paper's Fig. 5. The generated reasoning of each method's first seed about one "
        "test record, with the judge's scores. The record is not picked by hand: it is the one "
        "whose mean score is the median of those judged, among records that only the sequence "
        "decides where a set has such. Long texts are cut in the picture; the CSV holds them "
        "whole.",
        "language",
        ("verdicts", "answers", "references"),
        "seqfuse.figures.language.case",
    ),
    Figure(
        "cost",
        "Score against cost",
        "Test score of study A against trained parameters, with bootstrap intervals; hollow marks "
        "are trained controls. The dashed line, with its interval in grey, is the best control "
        "that needs no training. Of two methods at one height the left one is cheaper.",
        "language",
        ("metrics", "comparisons", "costs"),
        "seqfuse.figures.drawing.cost",
    ),
    Figure(
        "umap",
        "DNA and text before the decoder",
        "After the paper's Fig. 6. UMAP of DNA and the text that belongs to it, drawn with one "
        "seed. First: held-out genes and their descriptions after SeqCLIP's pre-training. Then, "
        "for each method, the input embeddings that its decoder is given for the same test "
        "records: the mean over a record's DNA and the mean over its question and reference "
        "reasoning. Each panel is a space of its own. The numbers are measured in that space, "
        "not in the picture: the share of each point's ten nearest neighbours that are of the "
        "other kind (well under the number in brackets, DNA and text lie apart), and the share "
        "of DNA whose own text is the nearest. Suites whose texts are nearly all the same are "
        "left out.",
        "language",
        ("vectors",),
        "seqfuse.figures.language.umap",
        ranks=False,
    ),
    Figure(
        "table2",
        "What of OneVocab is trained",
        "After the paper's Table 2. OneVocab with a part of it frozen, on the sets that are "
        "compared by accuracy: test scores and judged reasoning, each with its bootstrap "
        "interval; a star marks what beats every control beyond the noise. The paper "
        "does not say which average its F1, precision and recall are; its "
        "judge had other prompts than ours.",
        "language",
        ("metrics", "comparisons", "verdicts", "settings"),
        "seqfuse.figures.tables.table2",
        ablations=True,
    ),
    Figure(
        "table4",
        "Length of OneVocab's k-mers",
        "After the paper's Table 4. OneVocab with k-mers of other lengths, each trained for the "
        "same number of steps: test scores with bootstrap intervals, a star behind what beats "
        "every control beyond the noise, and what training took (mean over seeds). Several "
        "sets that were trained together are shown by their mean; the "
        "CSV has each. The paper does not say which set its table is of, so that no difference "
        "from it is taken.",
        "language",
        ("metrics", "comparisons", "costs", "settings"),
        "seqfuse.figures.tables.table4",
        ablations=True,
    ),
    Figure(
        "training",
        "Training of study A",
        f"Training and validation loss of each method. {_LINES}",
        "language",
        ("logs", "costs"),
        "seqfuse.figures.language.training",
        ranks=False,
    ),
    Figure(
        "fusion",
        "Modalities, fusions and controls",
        "Test score of every arm and control of study B, by dataset, with trained parameters. "
        f"{_INTERVALS} A diamond is the published value, where the dataset is the paper's.",
        "codons",
        ("metrics", "comparisons"),
        "seqfuse.figures.codons.fusion",
    ),
    Figure(
        "truth",
        "Prediction against truth",
        "Test predictions of the regression sets, mean over seeds, against the measured value; the "
        "line is equality. rho is Spearman's, of these means; the tables have the mean over seeds.",
        "codons",
        ("predictions", "controls", "records"),
        "seqfuse.figures.codons.predicted_vs_measured",
        task="regression",
    ),
    Figure(
        "confusion",
        "Confusion matrices",
        "Test predictions of the classification sets, summed over seeds; each row is one true "
        "class, the colour its share.",
        "codons",
        ("predictions", "controls", "records"),
        "seqfuse.figures.codons.confusion",
        task="classification",
    ),
    Figure(
        "lengths",
        "Score against length",
        "Test score of every arm in the quarters of the test sequences by length, mean over seeds. "
        "Bars are 95 % intervals over the rows of a quarter (Fisher's z, Wilson). Sets of one "
        "length are left out; controls stand in the table.",
        "codons",
        ("predictions", "controls", "records"),
        "seqfuse.figures.codons.lengths",
    ),
    Figure(
        "weights",
        "Modality weights",
        "Weight that attention pooling gives each modality of a test sequence, one box a seed: "
        "median, quartiles, 5th and 95th percentile; dotted, equal weights. A weight is no "
        "importance: the modalities are views of one string, and seeds may disagree.",
        "codons",
        ("weights", "records"),
        "seqfuse.figures.codons.weights",
        ranks=False,
    ),
    Figure(
        "weights_ablations",
        "Modality weights, variants of pooling",
        "Weight that attention pooling gives each modality of a test sequence, with and without "
        "the entropy term and in its other variants: median, quartiles, 5th and 95th percentile, "
        "one box a seed; dotted, equal weights. The entropy term rewards decided weights, so that "
        "only those without it are the data's alone.",
        "codons",
        ("weights", "records"),
        "seqfuse.figures.codons.weights",
        ranks=False,
        ablations=True,
    ),
    Figure(
        "knockouts",
        "What is lost without a modality",
        "Test score that a trained fusion loses when the states of some modalities are replaced, "
        "by their training mean, which says nothing, or by noise, which says something wrong. Mean "
        "over seeds; bars are paired bootstrap intervals over records and seeds. Beside it the "
        "weight that attention pooling gives the modality: weights are not importance.",
        "codons",
        ("knockouts",),
        "seqfuse.figures.codons.knockouts",
    ),
    Figure(
        "codon_map",
        "Synonymous mutagenesis",
        "What each synonymous codon does to a fusion's prediction at the first and last codons, "
        "less the mean of its synonyms at that position: mean over test sequences and seeds. Grey: "
        "no sequence has that residue there. Of classes, the one that synonymous codons move most "
        "is shown, in log probability.",
        "codons",
        ("mutagenesis",),
        "seqfuse.figures.codons.codon_map",
        ranks=False,
    ),
    Figure(
        "codon_effects",
        "Effect of synonymous codons",
        "Mean effect of each codon among its synonyms, over all positions, sequences and seeds, "
        "against its relative adaptiveness (the weight of the codon adaptation index, with the "
        "training sequences as reference set); colour is GC3. Bars are standard errors over "
        "sequences, rho is Spearman's.",
        "codons",
        ("mutagenesis", "usage"),
        "seqfuse.figures.codons.codon_effects",
        ranks=False,
    ),
    Figure(
        "attention",
        "Cross-attention by codon",
        "Attention that codons receive around start and stop: how often more than if all codons of "
        "all modalities got the same, mean over test sequences and seeds. A pattern counts where "
        "another set shows it too.",
        "codons",
        ("attention",),
        "seqfuse.figures.codons.codon_attention",
        ranks=False,
    ),
    Figure(
        "fused",
        "Fused vectors",
        "UMAP of a fusion's vectors of the test sequences (mean over codons, first seed), coloured "
        "by the target. The number above each panel is measured among the ten nearest vectors, not "
        "in the picture.",
        "codons",
        ("fused", "records"),
        "seqfuse.figures.codons.fused",
        ranks=False,
    ),
    Figure(
        "curves",
        "Training of study B",
        f"Training and validation loss of each arm. {_LINES}",
        "codons",
        ("logs", "costs"),
        "seqfuse.figures.codons.curves",
        ranks=False,
    ),
)

FIGURES: dict[str, Figure] = {figure.name: figure for figure in _ALL}
