"""What an arm reads: codons with their views, tokens placed on codons, encoders trained with it."""
