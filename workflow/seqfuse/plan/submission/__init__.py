"""How jobs are submitted: their resources, how they start, and what is checked before they go."""
