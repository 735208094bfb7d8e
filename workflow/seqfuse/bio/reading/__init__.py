"""A user's files, row by row: formats, cells, and reports of rows that cannot be used."""
