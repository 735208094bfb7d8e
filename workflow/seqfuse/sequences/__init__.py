"""Cleaning, codon frames, and the audit of duplicates and leakage."""
