"""What is fetched from a network, and what vouches for it."""
