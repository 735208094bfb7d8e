"""The embedding store: its rows, and how they are read and written."""
