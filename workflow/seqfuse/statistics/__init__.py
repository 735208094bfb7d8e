"""Statistics that several stages share: intervals and tests, correlation, agreement of judges."""
