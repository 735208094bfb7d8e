"""Text only: the control that is shown the question and no DNA."""

import numpy as np

from seqfuse.language.methods.method import LanguageMethod


class TextOnly(LanguageMethod):
    """The backbone alone; DNA segments are left out of the prompt."""

    def segment(self, sequence: str) -> np.ndarray:
        """No tokens."""
        return np.empty(0, np.int64)
