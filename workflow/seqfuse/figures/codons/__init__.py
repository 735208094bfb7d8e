"""The figures of study B, one module per figure."""
