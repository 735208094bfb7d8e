"""Commands about a run that are no stage of it: why, fetch, accept, archive, rescore."""
