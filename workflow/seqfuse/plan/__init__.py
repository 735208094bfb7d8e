"""What a run is made of and what it asks of the machine, before the first job starts."""
