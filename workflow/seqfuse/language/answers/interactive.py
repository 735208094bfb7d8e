"""A trained model that answers on a terminal or for a whole file: its answers, the labels by
probability, and its answers without the DNA."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from seqfuse.bio.reading.bad_rows import BadRow
from seqfuse.bio.reading.new_sequences import NewSequence
from seqfuse.encoders.store.rows import CODONS
from seqfuse.errors import UserError
from seqfuse.files import canonical_json, checksums, digest
from seqfuse.labels import CLOSE
from seqfuse.language import prompts
from seqfuse.language.prompts import ClosedLabels, Dna, Prompt, Settings
from seqfuse.registry import codon_encoders, plugins
from seqfuse.registry.methods import METHODS

_NOT_ANSWERED = "not answered"


class Model:
    """A checkpoint that answers with the labels of `dataset`; call `load` before asking."""

    def __init__(self, folder: Path, dataset: str | None, settings: Settings, precision: str):
        from seqfuse.language.finetuning import checkpoint

        self.folder = folder if (folder / "method.json").is_file() else checkpoint.seeds(folder)[0]
        self.description = checkpoint.read_description(self.folder)
        known = self.description.labels
        if dataset is None and len(known) == 1:
            dataset = next(iter(known))
        if dataset not in known:
            problem = f"was not trained on {dataset}" if dataset else "knows several datasets"
            raise UserError(f"{folder}: {problem}; give --dataset, one of {', '.join(known)}")
        self.dataset, self.labels, self.settings = dataset, known[dataset], settings
        self.precision = self.description.answers_in(precision)
        self.entry = METHODS[self.description.method]
        self.method = self._states = None

    def prompt(self, row: NewSequence, question: str | None) -> Prompt | None:
        """The prompt of a row, in the form of training, with `question` or else the row's own; None
        if the row cannot be used."""
        if row.fault is not None:
            return None
        if not question and "question" not in row.cells:
            raise UserError("--question: give one, or a table with a column `question`")
        own = question or row.cells["question"]
        if not own:
            row.reject(BadRow("the question is missing", fix="fill it in or give --question"))
            return None
        unknown = {"variant": None, "reasoning": None, "label": None}
        record = unknown | row.cells | {"id": row.id, "question": own}
        thinks = self.settings.reasoning and self.dataset in self.description.thinks
        try:
            return prompts.from_record(self.dataset, record, thinks, self.description.system)
        except UserError as error:
            if question:
                raise
            row.reject(BadRow(*_fault(error, row.id)))
            return None

    def fingerprint(self, questions: str) -> str:
        """The hash of everything that the answers depend on, including the hash of the `questions`
        (but not the batch size)."""
        from seqfuse import fingerprint
        from seqfuse.training.provenance import surroundings

        modules = [self.entry.implementation, *[codon_encoders.LIVE] * self._by_codon]
        made_from = [
            checksums(self.folder),
            questions,
            vars(self.settings),
            self.precision,
            surroundings(),
            fingerprint.code(
                "seqfuse.language.answers.interactive", *(name.split(":")[0] for name in modules)
            ),
        ]
        return digest(canonical_json(made_from))

    def load(self, encoder: Path | None) -> None:
        """Load the method and, if it reads states, their encoder."""
        from seqfuse.encoders import found_again
        from seqfuse.language.finetuning import checkpoint

        if self.entry.reads_store:
            live = plugins.load(codon_encoders.LIVE) if self._by_codon else found_again.Live
            self._states = live(self.description.encoder, self.folder, encoder)
        self.method = checkpoint.load(self.folder, self._states, self.precision)

    @property
    def _by_codon(self) -> bool:
        """Whether it was trained on an arm of study B's states by codon."""
        return self.entry.reads_store and self.description.encoder["made"].get("layout") == CODONS

    def replies(self, asked: Sequence[Prompt]) -> list[dict]:
        """The reply to each prompt. For a prompt that the model cannot take, it holds `fault`:
        [what is wrong, what to do]. Such prompts are isolated by bisection."""
        if not asked:
            return []
        try:
            return self._replies(asked)
        except UserError as error:
            if len(asked) == 1:
                return [{"fault": _fault(error, asked[0].id)}]
        half = len(asked) // 2
        return self.replies(asked[:half]) + self.replies(asked[half:])

    def _replies(self, asked: Sequence[Prompt]) -> list[dict]:
        """Replies to some prompts, also with blanked DNA; equal prompts are asked only once."""
        blanked = [self._blanked(prompt) for prompt in asked] if self.entry.sees_dna else []
        distinct = {prompt.hash: prompt for prompt in (*asked, *blanked)}
        answers = dict(zip(distinct, self._answered(list(distinct.values())), strict=True))
        return [
            self._reply(prompt, *answers[prompt.hash])
            | {"blanked": self._short(*answers[blank.hash], blank) if blank else None}
            for prompt, blank in zip(asked, blanked or [None] * len(asked), strict=True)
        ]

    def _answered(self, asked: list[Prompt]) -> list[tuple[str | None, dict[str, float]]]:
        """The text, if the method generates one, and the log-likelihood of each label."""
        from seqfuse.language.answers import decoding

        self._embed(asked)
        with self._products():
            if not self.entry.generates:
                return [(None, loglik) for loglik, _ in self.method.classify(asked)]
            labels = {self.dataset: self.labels}
            answers = decoding.answer(self.method, asked, labels, self.settings)
        return [(answer.text, answer.loglik) for answer in answers]

    def answer_aloud(self, row: NewSequence, prompt: Prompt) -> None:
        """Print the answer while it is generated, then the labels, likeliest first, and the answer
        with the DNA blanked; a row that the model cannot take is rejected."""
        try:
            self._answer_aloud(prompt)
        except UserError as error:
            row.reject(BadRow(*_fault(error, row.id)))
            print(f"{_NOT_ANSWERED}: {row.fault}")

    def _answer_aloud(self, prompt: Prompt) -> None:
        if self.entry.generates:
            self._embed([prompt])
            with self._products():
                loglik = self._speak(prompt)
        else:
            [(_, loglik)] = self._answered([prompt])
        shares = probabilities(loglik)
        for label in sorted(shares, key=shares.get, reverse=True):
            print(f"{shares[label]:8.3f}  {label}")
        if self.entry.sees_dna:
            blank = self._blanked(prompt)
            without = self._short(*self._answered([blank])[0], blank)
            share = without["probabilities"][without["likeliest"]]
            print(f"with the DNA blanked: {without['likeliest']} ({share:.3f})")
        if note := self._note(prompt):
            print(f"note: {note}")

    def _embed(self, asked: Sequence[Prompt]) -> None:
        from seqfuse.language.answers import prediction

        if self._states is not None:
            self._states.hold(prediction.sequences(asked))

    def _products(self) -> AbstractContextManager:
        from seqfuse.training.precision import products

        return products(self.method.device, self.precision)

    def _speak(self, prompt: Prompt) -> dict[str, float]:
        """Print the answer to one prompt token by token; returns the labels' log-likelihoods."""
        from seqfuse.language.answers import decoding
        from seqfuse.language.answers.generation import Generation

        example = self.method.encode(prompt, answer=False)
        room = self.method.room(prompt, self.labels, self.settings.max_new_tokens)
        decoding.check_lengths(self.method, [example], self.settings, [room])
        generation, shown = Generation(self.method, [example]), ""

        def heard(whole: bool = False) -> None:
            nonlocal shown
            text = readable(generation.texts()[0], whole)
            # A character of several bytes may still be incomplete.
            if not text.endswith("\N{REPLACEMENT CHARACTER}"):
                print(text[len(shown) :], end="", flush=True)
                shown = text

        generation.run(room, heard)
        heard(whole=True)
        print("\n")
        return generation.label_scores([self.labels])[0]

    @staticmethod
    def _blanked(prompt: Prompt) -> Prompt:
        """The same question about DNA that carries only its length."""
        from seqfuse.language.probing.alterations import blank

        dna = blank(tuple(segment.sequence for segment in prompt.dna))
        return replace(prompt, dna=tuple(map(Dna, dna)))

    def _note(self, prompt: Prompt) -> str:
        """How the DNA differs in length from that of training, or ""."""
        low, high = self.description.lengths.get(self.dataset, (0, math.inf))
        lengths = [len(segment.sequence) for segment in prompt.dna]
        if all(low <= length <= high for length in lengths):
            return ""
        return f"{' and '.join(map(str, lengths))} nt; the model was trained on {low} to {high} nt"

    def _short(self, text: str | None, loglik: dict[str, float], prompt: Prompt) -> dict:
        shares = probabilities(loglik)
        likeliest = answer = max(shares, key=shares.get)
        if text is not None:
            closed = ClosedLabels(self.dataset, self.labels)
            answer = closed.match(prompts.parse(text, prompt.thinks))
        return {"answer": answer, "likeliest": likeliest, "probabilities": shares}

    def _reply(self, prompt: Prompt, text: str | None, loglik: dict[str, float]) -> dict:
        return {
            "id": prompt.id,
            "question": prompt.question,
            "text": None if text is None else readable(text),
            **self._short(text, loglik, prompt),
            "loglik": loglik,
            "note": self._note(prompt),
            "model": str(self.folder),
        }


def readable(text: str, whole: bool = True) -> str:
    """A generated text without the tag that closes its reasoning, as the prompt opens it.

    If the text is not `whole` yet, an ending that may become that tag is left out too.
    """
    sign = CLOSE.strip()
    for size in range(len(sign) - 1, 0, -1) if not whole else ():
        if text.endswith(sign[:size]):
            text = text[:-size]
            break
    before, closed, after = text.partition(sign)
    if not closed:
        return text if whole else text.rstrip("\n")
    after = after.replace(sign, "").lstrip("\n")
    before = before.rstrip("\n")
    return f"{before}\n\n{after}" if before else after


def unanswered(row: NewSequence) -> str:
    """The text in place of an answer to a row that cannot be used."""
    return f"{_NOT_ANSWERED}: {row.fault}"


def _fault(error: UserError, id: str) -> list[str]:
    """[what is wrong, what to do], from a message about a row."""
    what, _, fix = str(error).rpartition(f"record {id!r}: ")[2].partition("; ")
    return [what, fix]


def probabilities(loglik: dict[str, float]) -> dict[str, float]:
    """The share of each label in the summed likelihood of all labels."""
    highest = max(loglik.values())
    odds = {label: math.exp(nats - highest) for label, nats in loglik.items()}
    return {label: value / sum(odds.values()) for label, value in odds.items()}
