"""What a score must beat: lookups, majority, composition, late mean."""
