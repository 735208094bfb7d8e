"""Interrupting a long command, and resuming it."""
