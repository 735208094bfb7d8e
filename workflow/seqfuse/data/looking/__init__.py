"""A description of a user's file: its columns, its oddities, and the entry to paste."""
