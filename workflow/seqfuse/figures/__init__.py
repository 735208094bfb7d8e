"""One module a figure or table: a CSV from the results, and a picture drawn from that CSV."""
