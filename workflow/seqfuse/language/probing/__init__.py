"""Trained methods asked about altered DNA, and where they look."""
