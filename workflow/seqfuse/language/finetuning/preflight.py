"""Checks before training: would anything stop the prediction of the suite, or spoil its scores?

They cover every record of every split: its texts, the tokens of its prompt and its answer, and
whether an answer as long as the longest in training can be generated.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter

import torch
from torch.nn import Module

from seqfuse.errors import UserError
from seqfuse.language.methods.examples import Example
from seqfuse.language.methods.method import LanguageMethod
from seqfuse.language.prompts import Prompt, Settings, for_prediction
from seqfuse.language.suite import Suite

# Training examples that are compared to see whether DNA makes a difference.
_COMPARED = 32
# A number of tokens, and the prompt that has so many.
_Length = tuple[int, Prompt | None]


class Preflight:
    """Training examples pass through `trained`; then `hold` checks the records to be predicted, and
    refuses those that do not fit."""

    def __init__(self, method: Module, settings: Settings):
        self.method, self.settings = method, settings
        # A classifier generates no text.
        self._writes = isinstance(method, LanguageMethod)
        # The longest so far: whole examples, prompts that think, and answers.
        self._whole: _Length = (0, None)
        self._shown: _Length = (0, None)
        self._answer: _Length = (0, None)

    def trained(self, examples: Iterable[Example]) -> Iterator[Example]:
        """The examples, unchanged, after noting their lengths."""
        for example in examples:
            if self._writes:
                self._see(example)
            yield example

    def hold(self, suite: Suite) -> None:
        """`UserError` if a text of the suite contains a control token, or a record is too long to
        be learnt or answered; it names the longest record, the setting to raise, and its value."""
        most, labels = self.settings.max_new_tokens, suite.labels()
        for name, records in suite.records.items():
            for prompt in for_prediction(name, records, self.settings):
                if not self._writes:
                    continue
                known = prompt.label and (prompt.reasoning or not prompt.thinks)
                example = self.method.encode(prompt, answer=bool(known))
                self._see(example)
                shown = example.length - example.answer_tokens
                if prompt.thinks:
                    self._shown = max(self._shown, (shown, prompt), key=itemgetter(0))
                else:
                    answered = shown + self.method.room(prompt, labels[name], most)
                    self._whole = max(self._whole, (answered, prompt), key=itemgetter(0))
        needed, prompt = self._answer
        problems = []
        if needed > most:
            problems.append(
                f"{prompt.dataset}, record {prompt.id!r}: the answer has {needed} tokens, but"
                f" prediction stops after {most}; raise language.prompt.max_new_tokens to"
                f" {needed} (--max-new-tokens)"
            )
        shown, asked = self._shown
        answered = (shown + max(most, needed), asked) if asked else self._shown
        tokens, prompt = max(self._whole, answered, key=itemgetter(0))
        if prompt:
            problems.append(self.method.too_long(prompt, tokens, self.settings))
        if any(problems):
            raise UserError("; and ".join(filter(None, problems)))

    def refuse_blind(self, examples: Sequence[Example]) -> None:
        """`UserError` if DNA cannot matter to any answer: every sequence enters as the same
        vectors, and training could not make them differ.

        Training examples with different DNA are compared in pairs. It suffices that the vectors of
        one pair differ, or that their gradients at the trained parameters do.
        """
        if not self._writes:
            return
        shown = [e for e in islice(examples, _COMPARED) if len(self.method.dna_columns(e.prompt))]
        pairs = [(shown[0], e) for e in shown[1:] if e.prompt.dna != shown[0].prompt.dna]
        if pairs and not any(self._told_apart(*pair) for pair in pairs):
            raise UserError(
                "DNA cannot matter to this model: every sequence enters as the same vectors, and"
                " training cannot change that; train the part that shows DNA, or initialise it"
                " with different values (onevocab: --initialisation random)"
            )

    def _told_apart(self, *pair: Example) -> bool:
        trained = [p for p in self.method.parameters() if p.requires_grad]
        # With dropout, vectors would differ regardless of the DNA.
        self.method.eval()
        shown = [
            self.method.embed(self.method.batch([e]))[0, self.method.dna_columns(e.prompt)]
            for e in pair
        ]
        common = min(map(len, shown))
        first, second = (vectors[:common] for vectors in shown)
        if not torch.equal(first, second):
            return True
        if not first.requires_grad:
            return False
        moved = [torch.autograd.grad(v.sum(), trained, allow_unused=True) for v in (first, second)]
        return any(
            one is not None and not torch.equal(one, other)
            for one, other in zip(*moved, strict=True)
        )

    def _see(self, example: Example) -> None:
        prompt = example.prompt
        self._whole = max(self._whole, (example.length, prompt), key=itemgetter(0))
        self._answer = max(self._answer, (example.answer_tokens, prompt), key=itemgetter(0))
