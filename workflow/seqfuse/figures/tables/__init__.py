"""The papers' tables as pictures."""
