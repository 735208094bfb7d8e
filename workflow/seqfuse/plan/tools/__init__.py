"""Commands about a run that no rule calls: why, fetch, rehearse, accept, diff and others."""
