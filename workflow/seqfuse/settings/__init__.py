"""The configuration: its keys, what a run resolves them to, how a stage is given its part."""
