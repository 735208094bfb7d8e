"""The memory and FLOP of methods and encoders, computed from their shapes alone."""
