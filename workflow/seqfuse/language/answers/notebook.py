"""A trained language model from Python: one question, one answer."""

from pathlib import Path

from seqfuse.bio.reading.bad_rows import Place
from seqfuse.bio.reading.new_sequences import NewSequence
from seqfuse.errors import UserError
from seqfuse.language import prompts
from seqfuse.language.answers import interactive


class TrainedMethod:
    """A trained method of study A in `folder`, written by `seqfuse language finetune`.

    `dataset` is needed only if it was trained on several. Raises UserError for any other folder.
    """

    def __init__(self, folder: Path, dataset: str | None = None):
        self.folder = folder
        self._model = interactive.Model(folder, dataset, prompts.Settings(), "training")
        self._loaded = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that an answer can be."""
        return tuple(self._model.labels)

    def ask(self, question: str, dna: str, variant: str | None = None) -> dict:
        """The answer to a question about `dna`, of A, C, G, T and N, and its `variant`, if any.

        A dictionary as from `seqfuse ask --json`: `text` (as generated), `answer` (its label, or
        None), `likeliest`, `probabilities` of all labels, `blanked` (the same with the DNA
        blanked), `note`. Raises UserError if the model cannot take the DNA.
        """
        row = NewSequence(Place("question", 1, "question"), {"sequence": dna.upper()})
        if variant is not None:
            row.cells["variant"] = variant.upper()
        prompt = self._model.prompt(row, question)
        if not self._loaded:
            self._model.load(None)
            self._loaded = True
        (reply,) = self._model.replies([prompt])
        if "fault" in reply:
            raise UserError("; ".join(filter(None, reply["fault"])))
        return reply
