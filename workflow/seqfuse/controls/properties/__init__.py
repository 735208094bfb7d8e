"""Study B: values and classes from what needs no embedding, late fusion, and shuffled codons."""
