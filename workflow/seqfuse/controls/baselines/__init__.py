"""What the controls of both studies are made of: lookups, composition, linear models."""
