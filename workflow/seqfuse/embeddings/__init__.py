"""The Parquet store of embeddings, addressed by what it holds."""
