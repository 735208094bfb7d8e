"""Statistics that several stages need: rank correlation, and how far two judges agree."""
