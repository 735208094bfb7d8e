"""The figures of study B, one module each."""
