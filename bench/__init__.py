"""Our code against its plain counterparts: `python -m bench`."""
