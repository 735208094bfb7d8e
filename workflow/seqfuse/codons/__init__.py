"""Study B: DNA, mRNA and protein embeddings fused codon by codon."""
