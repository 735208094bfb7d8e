"""Catalogue, download, readers and the synthetic demo data: the source of every record and model."""
