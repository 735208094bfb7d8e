"""LLM-as-a-judge of generated reasoning."""
