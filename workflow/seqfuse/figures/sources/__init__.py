"""What an answer follows: its text or its DNA, and where the DNA is lost."""
