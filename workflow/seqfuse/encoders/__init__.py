"""Nucleotide Transformer v2, RNA-FM and ESM-2: tokenise with spans, load, forward."""
