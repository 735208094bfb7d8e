"""Metrics with intervals, and paired comparisons."""
