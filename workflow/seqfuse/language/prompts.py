"""Prompts: what a model is shown, and what it should answer; seqfuse/labels.py reads the answer.

A prompt is a reference, a variant and a question; `backbones/chat.py` puts them into the turns of
the backbone's own chat template. The answer is `reasoning </think> Answer: label`, or
`Answer: label` without reasoning. How a DNA segment becomes tokens or vectors is each method's own
affair.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from seqfuse.errors import UserError
from seqfuse.files import canonical_json, digest
from seqfuse.labels import CLOSE, FIELD, normalise, parse
from seqfuse.settings.sections import Section

# A record that holds one of these could close its own turn or fake an answer.
_CONTROL = re.compile(r"<\|.*?\|>|</?think>|</?dna>")
# What a tokeniser adds to its vocabulary is a control token if it says so or looks like one: <s>.
_TAG = re.compile(r"<\S+>|\[\S+\]")


class Settings(Section, path="language/prompt"):
    """How a question is put, and how long its answer may be."""


@dataclass(frozen=True)
class Dna:
    """A segment of a prompt: nucleotides in upper case."""

    sequence: str


@dataclass(frozen=True)
class Prompt:
    """One question about one record. `thinks`: reasoning is asked for before the answer; `system`
    is the text of the system's turn, if not the template's own.

    `reasoning` and `label` are what the record says; both are null where nothing is known, as in a
    question from a terminal.
    """

    id: str
    dataset: str
    dna: tuple[Dna, ...]
    question: str
    thinks: bool
    reasoning: str | None = None
    label: str | None = None
    system: str | None = None

    @property
    def answer(self) -> tuple[str, str]:
        """What the model should say: everything up to the label, and the label; the template's end
        token follows."""
        before = f"{self.reasoning}{CLOSE}" if self.thinks else ""
        return f"{before}{FIELD}", f" {self.label}"

    @property
    def hash(self) -> str:
        """The SHA-256 of what is shown, whatever template and method make of it."""
        dna = [segment.sequence for segment in self.dna]
        return digest(canonical_json([self.system, dna, self.question, self.thinks]))


def from_record(dataset: str, record: Mapping, thinks: bool, system: str | None = None) -> Prompt:
    """The prompt of a cleaned record (a row of `tables.CLEAN` as a dictionary)."""
    where = f"{dataset}, record {record['id']!r}"
    refuse(_CONTROL, where, {name: record[name] for name in ("question", "reasoning", "label")})
    sequences = [record["sequence"], record["variant"]]
    return Prompt(
        record["id"],
        dataset,
        tuple(Dna(sequence) for sequence in sequences if sequence),
        record["question"] or "",
        thinks,
        record["reasoning"],
        record["label"],
        system,
    )


def control_tokens(tokeniser) -> re.Pattern:
    """What no text may hold: our own signs, and the tokeniser's control tokens."""
    added = tokeniser.added_tokens_decoder.values()
    tokens = {t.content for t in added if t.special or _TAG.fullmatch(t.content)}
    own = sorted(token for token in tokens if not _CONTROL.fullmatch(token))
    return re.compile("|".join([_CONTROL.pattern, *map(re.escape, own)]))


def refuse(control: re.Pattern, where: str, texts: Mapping[str, str | None]) -> None:
    """Stop at a text, by its name, that holds a control token."""
    for name, text in texts.items():
        found = control.search(text or "")
        if found:
            raise UserError(
                f"{where}: {name} holds {found[0]!r}, a control token; take it out of the data"
            )


def for_training(dataset: str, records: Iterable[Mapping], settings: Settings) -> Iterator[Prompt]:
    """Prompts with answers; a record thinks where the settings and its own reasoning allow it."""
    for record in records:
        if not normalise(record["label"] or ""):
            raise UserError(
                f"{dataset}, record {record['id']!r}: no label, so there is no answer to learn;"
                " give it one or reject the record"
            )
        thinks = settings.reasoning and bool(record["reasoning"])
        yield from_record(dataset, record, thinks, settings.system)


def for_prediction(
    dataset: str, records: Iterable[Mapping], settings: Settings
) -> Iterator[Prompt]:
    """Prompts of the rows of val and test, in order; `records` are gone through twice.

    A dataset thinks if any of its training records has reasoning: what stands in the row that is
    predicted must not choose the form of its prompt.
    """
    thinks = settings.reasoning and reasons(records)
    for record in records:
        if record["split"] != "train":
            yield from_record(dataset, record, thinks, settings.system)


def reasons(records: Iterable[Mapping]) -> bool:
    """Whether any training record of a dataset has a reasoning."""
    return any(record["reasoning"] for record in records if record["split"] == "train")


class ClosedLabels:
    """The labels of one dataset's training records, sorted; `match` finds one by normal form."""

    def __init__(self, dataset: str, labels: Iterable[str]):
        self.labels = sorted(set(labels))
        self._by_form: dict[str, str] = {}
        for label in self.labels:
            other = self._by_form.setdefault(normalise(label), label)
            if other != label:
                raise UserError(
                    f"{dataset}: the labels {other!r} and {label!r} are one after normalisation;"
                    " rename one with `labels:` in its catalogue entry"
                )
            if self.match(parse(f"{FIELD} {label}", thinks=False)) != label:
                raise UserError(
                    f"{dataset}: the label {label!r} could not be read back from an answer; rename"
                    f" it on one line and without {FIELD!r}"
                )

    def match(self, answer: str | None) -> str | None:
        """The label that an answer means, or null."""
        return None if answer is None else self._by_form.get(normalise(answer))
