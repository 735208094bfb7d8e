"""DNA as plain text: the control that shows DNA in the backbone's own tokens."""

import numpy as np

from seqfuse.language.methods.method import LanguageMethod


class PlainText(LanguageMethod):
    """The letters of a sequence, as the backbone's tokeniser happens to split them; OneVocab's
    k-mers must do better."""

    def segment(self, sequence: str) -> np.ndarray:
        """The tokens of the sequence; not cached, because there are many sequences."""
        return np.array(self.chat.ids(self.dna_as_text(sequence)), np.int64)

    def dna_as_text(self, sequence: str) -> str:
        """The sequence on a line of its own."""
        return f"{sequence}\n"
