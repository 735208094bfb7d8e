"""Linear probes: what the hidden states of a trained method encode, place by place."""
