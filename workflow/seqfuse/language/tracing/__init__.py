"""What methods and encoders take of memory and of FLOP, found by their shapes alone."""
