"""Linear probes: what can be read off the states of a trained method, place by place."""
