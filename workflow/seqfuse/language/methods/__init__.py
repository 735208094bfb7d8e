"""The ways to show DNA to a language model, and the controls trained like them: one module each."""
