"""The metrics of the evaluation: for each its title, which direction is better, and its task.

Light on purpose: the figures and the report read it without importing numpy.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A number of metrics.parquet. `better` is "higher" or "lower"; `task` is the task that it
    applies to.

    `ends` are its least and largest value, None if one of them is not finite. All but correlations
    and errors of regression are shares of 1, not percent.
    """

    name: str
    title: str
    task: str
    better: str = "higher"
    ends: tuple[float, float] | None = (0.0, 1.0)


_SIGNED = (-1.0, 1.0)
_ALL = (
    Metric("accuracy", "Accuracy", "classification"),
    Metric("macro_f1", "F1, macro over gold classes", "classification"),
    Metric("macro_precision", "Precision, macro over gold classes", "classification"),
    Metric("macro_recall", "Recall, macro over gold classes", "classification"),
    Metric("union_f1", "F1, macro over gold and predicted classes", "classification"),
    Metric("union_precision", "Precision, macro over gold and predicted classes", "classification"),
    Metric("union_recall", "Recall, macro over gold and predicted classes", "classification"),
    Metric("weighted_f1", "F1, weighted by gold class", "classification"),
    Metric("weighted_precision", "Precision, weighted by gold class", "classification"),
    Metric("weighted_recall", "Recall, weighted by gold class (= accuracy)", "classification"),
    Metric("mcc", "Matthews correlation", "classification", ends=_SIGNED),
    Metric("invalid_rate", "Answers that are not a label", "classification", "lower"),
    Metric("alias_rate", "Answers that an alias made a label", "classification", "lower"),
    Metric("cut_rate", "Answers cut at max_new_tokens", "classification", "lower"),
    Metric("likelihood_accuracy", "Accuracy of the likeliest label", "classification"),
    Metric("ece", "Expected calibration error", "classification", "lower"),
    Metric("substring_accuracy", "Accuracy by BioReason's substring rule", "classification"),
    Metric(
        "substring_inflation",
        "What the substring rule adds to accuracy",
        "classification",
        "lower",
        ends=_SIGNED,
    ),
    Metric("changed", "Answers that the probe changes", "classification"),
    # Of sets whose answers begin with the line of the variant (`sequences.state_variant`).
    Metric("stated_reference", "Reference letters stated right", "classification"),
    Metric("stated_alternate", "Alternate letters stated right", "classification"),
    Metric("stated_position", "Position stated right", "classification"),
    # Of a question with the DNA of a record of another label (probe "conflict").
    Metric("follows_text", "Answers with the label of the question", "classification"),
    Metric("follows_dna", "Answers with the label of the DNA", "classification"),
    Metric("follows_neither", "Answers with neither label", "classification"),
    Metric(
        "text_over_dna",
        "Answers that follow the text less those that follow the DNA",
        "classification",
        ends=_SIGNED,
    ),
    Metric("spearman", "Spearman correlation", "regression", ends=_SIGNED),
    Metric("pearson", "Pearson correlation", "regression", ends=_SIGNED),
    Metric("r2", "Coefficient of determination", "regression", ends=None),
    Metric("mae", "Mean absolute error", "regression", "lower", ends=None),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}

# The name under which metrics.parquet and comparisons.parquet hold the mean over a suite's
# datasets (Fig. 4); it is written if all of them share one primary metric.
MEAN = "mean"

# The probe under which metrics.parquet holds the scores on the probed rows before they are altered:
# those of the probed methods and, for comparison, of methods and controls without probes.
UNALTERED = "unaltered"

# The probe, and the kind, under which metrics.parquet holds what answers follow if the question is
# that of one record and the DNA that of another.
CONFLICT = "conflict"

# What comparisons.parquet calls all controls together: only a method that beats each of them has
# shown something.
EVERY_CONTROL = "every_control"
BEATS_ALL = "beats every control"
