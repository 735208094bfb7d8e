"""The parts of the controls of both studies: lookups, composition, linear models."""
