"""The figures of study A, one module per figure."""
