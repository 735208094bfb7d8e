"""The names in a configuration: well-formed, known to a catalogue, and used where they belong."""
