"""The methods that show DNA to a language model, and the trained controls: one module each."""
