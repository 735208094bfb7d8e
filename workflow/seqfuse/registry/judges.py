"""The judge's dimensions and its control rows, for the tables and figures that show verdicts.

Light on purpose: the figures and the report read it without importing anything heavy.
"""

# name -> title; the name is also that of the prompt, resources/judge/<name>.md. Scores run 0 to 10.
DIMENSIONS: dict[str, str] = {
    "semantic_similarity": "Semantic similarity",
    "logical_coherence": "Logical coherence",
    "completeness": "Completeness",
}

# Rows that no model wrote, judged like a method's: what a score of the judge must be read against.
REFERENCES: dict[str, str] = {
    "retrieval": "Training row's reasoning for the same question",
    "same_label": "Training row's reasoning for the same label",
    "shuffled": "Another test row's reference reasoning",
}
