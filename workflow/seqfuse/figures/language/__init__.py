"""The figures of study A, one module each."""
