"""One module a figure or table."""
