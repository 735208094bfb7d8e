"""Prompts: the model's input and its gold answer; seqfuse/labels.py parses the model's answer.

A prompt is a reference, a variant and a question; `backbones/chat.py` puts them into the turns of
the backbone's own chat template. The answer is `reasoning </think> Answer: label`, or
`Answer: label` without reasoning. Each method decides how a DNA segment becomes tokens or vectors.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from seqfuse.errors import UserError
from seqfuse.files import canonical_json, digest
from seqfuse.labels import CLOSE, FIELD, normalise, parse
from seqfuse.settings.sections import Section

# A record with one of these could end its own turn or fake an answer.
_CONTROL = re.compile(r"<\|.*?\|>|</?think>|</?dna>")
# An added token counts as a control token if it is special or looks like this, as <s> does.
_TAG = re.compile(r"<\S+>|\[\S+\]")


class Settings(Section, path="language/prompt"):
    """The form of prompts, and the length of their answers."""

    @property
    def of_training(self) -> dict:
        """The settings that affect training; the length of generated answers does not."""
        shown = {"reasoning": self.reasoning, "max_tokens": self.max_tokens}
        return shown | ({"system": self.system} if self.system else {})


@dataclass(frozen=True)
class Dna:
    """A segment of a prompt: nucleotides in upper case."""

    sequence: str


@dataclass(frozen=True)
class Prompt:
    """One question about one record.

    `thinks` asks for reasoning before the answer; `system` is the text of the system turn, if not
    the template's own. `reasoning` and `label` are the record's, or None if unknown, as for a
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
        """The gold answer in two parts: everything before the label, and the label. The template's
        end token follows."""
        before = f"{self.reasoning}{CLOSE}" if self.thinks else ""
        return f"{before}{FIELD}", f" {self.label}"

    @property
    def hash(self) -> str:
        """The SHA-256 of the prompt's content, regardless of template and method."""
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
    """What no text may contain: our own markers, and the tokeniser's control tokens."""
    added = tokeniser.added_tokens_decoder.values()
    tokens = {t.content for t in added if t.special or _TAG.fullmatch(t.content)}
    own = sorted(token for token in tokens if not _CONTROL.fullmatch(token))
    return re.compile("|".join([_CONTROL.pattern, *map(re.escape, own)]))


def refuse(control: re.Pattern, where: str, texts: Mapping[str, str | None]) -> None:
    """`UserError` if one of the texts, {name: text}, contains a control token."""
    for name, text in texts.items():
        match = control.search(text or "")
        if match:
            raise UserError(
                f"{where}: {name} holds {match[0]!r}, a control token; remove it from the data"
            )


def for_training(dataset: str, records: Iterable[Mapping], settings: Settings) -> Iterator[Prompt]:
    """Prompts with answers; a record thinks if the settings allow it and it has a reasoning."""
    for record in records:
        if not normalise(record["label"] or ""):
            raise UserError(
                f"{dataset}, record {record['id']!r}: has no label to learn; add one or reject the"
                " record"
            )
        thinks = settings.reasoning and bool(record["reasoning"])
        yield from_record(dataset, record, thinks, settings.system)


def for_prediction(
    dataset: str, records: Iterable[Mapping], settings: Settings
) -> Iterator[Prompt]:
    """Prompts of the rows of val and test, in order; `records` are iterated twice.

    All prompts of a dataset think if any of its training records has a reasoning: the form of a
    prompt must not depend on the row that is predicted.
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
                    f"{dataset}: the labels {other!r} and {label!r} are equal after normalisation;"
                    " rename one with `labels:` in its catalogue entry"
                )
            if self.match(parse(f"{FIELD} {label}", thinks=False)) != label:
                raise UserError(
                    f"{dataset}: the label {label!r} cannot be parsed from an answer; rename it to"
                    f" one line without {FIELD!r}"
                )

    def match(self, answer: str | None) -> str | None:
        """The label that equals an answer after normalisation, or None."""
        return None if answer is None else self._by_form.get(normalise(answer))
