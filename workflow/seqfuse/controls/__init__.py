"""Predictions that a score must beat: lookups, majority, composition, late fusion."""
