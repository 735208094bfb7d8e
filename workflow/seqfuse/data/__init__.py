"""Catalogue, download, readers and the synthetic demo data."""
