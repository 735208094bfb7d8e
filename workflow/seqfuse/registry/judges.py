"""The judge's dimensions and its control rows, for the tables and figures that show verdicts.

Light on purpose: the figures and the report read it without importing anything heavy.
"""

# name -> title; the name is also that of the prompt, resources/judge/<name>.md. Scores run 0 to 10.
DIMENSIONS: dict[str, str] = {
    "semantic_similarity": "Semantic similarity",
    "logical_coherence": "Logical coherence",
    "completeness": "Completeness",
}

# The local judge, which reads no meaning, and its one score.
OVERLAP = "word overlap"
WORD_OVERLAP: dict[str, str] = {"word_overlap": "Word overlap"}
TITLES: dict[str, str] = DIMENSIONS | WORD_OVERLAP

# Rows that no model wrote, judged like a method's: the scale against which to read judged scores.
CEILING = "ceiling"
REFERENCES: dict[str, str] = {
    "retrieval": "Training row's reasoning for the same question",
    "same_label": "Training row's reasoning for the same label",
    "shuffled": "Another test row's reference reasoning",
    "padded": "Another test row's reference, padded",
    CEILING: "The reference itself (ceiling)",
}


def dimensions(judge: str) -> dict[str, str]:
    """What a judge scores."""
    return WORD_OVERLAP if judge == OVERLAP else DIMENSIONS
