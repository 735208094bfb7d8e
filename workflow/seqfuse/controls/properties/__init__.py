"""Study B: values and classes without an embedding, late fusion, and shuffled codons."""
