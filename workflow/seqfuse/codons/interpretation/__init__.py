"""What a trained fusion uses: modalities, codons, positions."""
