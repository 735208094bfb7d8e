"""Files of a user, row by row: formats, cells, and what is said of rows that cannot be used."""
