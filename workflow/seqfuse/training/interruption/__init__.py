"""What lets a long command be interrupted, and go on where it was."""
