"""Training in several processes, on one node or more."""
