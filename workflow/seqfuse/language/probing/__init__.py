"""Trained methods asked about altered DNA, and their attention to DNA."""
