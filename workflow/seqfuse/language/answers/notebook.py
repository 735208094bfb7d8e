"""A trained language model from Python: one question, one answer."""

from pathlib import Path

from seqfuse.bio.reading.bad_rows import Place
from seqfuse.bio.reading.new_sequences import NewSequence
from seqfuse.errors import UserError
from seqfuse.language import prompts
from seqfuse.language.answers import interactive


class TrainedMethod:
    """A method of study A in `folder`, as `seqfuse language finetune` wrote it, or a copy.

    `dataset` is needed only if it was trained on several.
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
        """The answer to a question about DNA of A, C, G, T and N, and about its variant if given.

        As `seqfuse ask --json`: `text` (what was generated), `answer` (the label that it is, or
        None), `likeliest`, `probabilities` of all labels, `blanked` (the same with the DNA
        blanked), `note`. DNA that the model does not take is a `UserError`.
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
