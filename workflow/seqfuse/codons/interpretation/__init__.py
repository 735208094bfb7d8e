"""What a trained fusion uses: modalities, codons and positions."""
