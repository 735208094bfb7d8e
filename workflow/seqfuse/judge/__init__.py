"""Generated reasoning, scored by a language model as judge."""
