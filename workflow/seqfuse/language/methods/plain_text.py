"""DNA as plain text: the control that spells DNA in the backbone's own tokens."""

import numpy as np

from seqfuse.language.methods.method import LanguageMethod


class PlainText(LanguageMethod):
    """The letters of a sequence, as the backbone's tokeniser happens to cut them: what OneVocab's
    k-mers must beat."""

    def segment(self, sequence: str) -> np.ndarray:
        """The tokens of the sequence on a line of its own; not kept, as sequences are many."""
        ids = self.tokeniser(f"{sequence}\n", add_special_tokens=False)["input_ids"]
        return np.array(ids, np.int64)
