"""What a file of one's own is: its columns, what is odd, the entry to paste."""
