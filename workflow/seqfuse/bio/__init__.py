"""What several stages know of sequences: alphabets, frames, splits, sketches, file formats."""
