"""The inputs of an arm: codons and their views, placement of tokens, encoders trained with it."""
