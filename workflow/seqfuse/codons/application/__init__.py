"""A trained arm used: what it says of new sequences, and of synonymous changes to them."""
