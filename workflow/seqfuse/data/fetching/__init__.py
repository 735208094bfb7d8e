"""Fetching from the network, and verifying what was fetched."""
