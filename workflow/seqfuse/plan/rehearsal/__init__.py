"""Estimates of what the jobs of a run take, made before the first one runs: `seqfuse rehearse`."""
