"""Using a trained arm: predictions for new sequences and for synonymous changes to them."""
