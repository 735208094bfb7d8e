"""Answers of a language method: greedy generation in batches, and the likelihood of every label.

Batches are formed by length, and split further if memory runs out; generation.py answers one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from seqfuse.errors import UserError
from seqfuse.language.answers.generation import Generation, label_tokens
from seqfuse.language.methods.examples import Example
from seqfuse.language.methods.method import LanguageMethod
from seqfuse.language.prompts import Prompt, Settings
from seqfuse.training.batches import chunks
from seqfuse.training.memory import TokenBudget

# Tokens a batch may hold with its padding and its answers, by device, and examples: a larger batch
# leaves the CPU's cache, and pads more.
_TOKENS, _EXAMPLES = {"cpu": 16384, "cuda": 65536}, 256
# Where memory does not suffice for one prompt and its answer.
_REMEDY = "lower language.prompt.max_new_tokens, or use a GPU with more memory"


@dataclass(frozen=True)
class Answer:
    """What a model says about one prompt: the text, whether it was cut before its end token, and
    nats of each label, end included, summed and over the label's tokens."""

    text: str
    cut: bool
    loglik: dict[str, float]
    loglik_per_token: dict[str, float]
    prompt_tokens: int
    answer_tokens: int


def answer(
    method: LanguageMethod,
    prompts: Sequence[Prompt],
    labels: dict[str, list[str]],
    settings: Settings,
    done: Callable[[int], None] = lambda count: None,
    once: Callable[[str, Callable], list | None] = lambda key, work: work(),
) -> list[Answer | None]:
    """The answers to `prompts`, in their order; `labels` are those of each prompt's dataset.

    `once` may know a batch from before, or leave it to another job, whose answers are None then
    (see `resume_journal.Journal`): which prompts make a batch depends on their lengths alone.
    """
    examples = [method.encode(prompt, answer=False) for prompt in prompts]
    closed = [labels[prompt.dataset] for prompt in prompts]
    rooms = [
        method.room(prompt, names, settings.max_new_tokens)
        for prompt, names in zip(prompts, closed, strict=True)
    ]
    check_lengths(method, examples, settings, rooms)
    answers: list[Answer | None] = [None] * len(prompts)
    budget = TokenBudget(_TOKENS[method.device.type], _REMEDY)
    for number, (part, room) in enumerate(_batches(method, examples, rooms)):

        def work(part=part, room=room):
            batch, names = [examples[i] for i in part], [closed[i] for i in part]
            return [asdict(said) for said in _fitted(budget, method, batch, names, room)]

        found = once(str(number), work)
        if found is not None:
            for i, said in zip(part, found, strict=True):
                answers[i] = Answer(**said)
            done(len(part))
    return answers


def _batches(
    method: LanguageMethod, examples: Sequence[Example], rooms: Sequence[int]
) -> Iterator[tuple[np.ndarray, int]]:
    """The places of the examples of every batch, and the most tokens that its answers take.

    What reasons is not mixed with what does not: a batch goes on until its last row has ended.
    """
    for thinks in (True, False):
        places = np.flatnonzero([example.prompt.thinks == thinks for example in examples])
        room = max((rooms[i] for i in places), default=0)
        lengths = [examples[i].length + room for i in places]
        for part in chunks(lengths, _TOKENS[method.device.type], _EXAMPLES):
            yield places[part], room


def _fitted(
    budget: TokenBudget,
    method: LanguageMethod,
    batch: Sequence[Example],
    labels: Sequence[list[str]],
    room: int,
) -> list[Answer]:
    """The answers to one batch, in as many parts as memory needs; later batches are cut alike."""
    lengths = [example.length + room for example in batch]

    def work() -> list[Answer]:
        found: dict[int, Answer] = {}
        for part in map(sorted, chunks(lengths, budget.tokens)):
            budget.enter(len(part), max(lengths[i] for i in part))
            rows = [batch[i] for i in part]
            found |= zip(part, _answers(method, rows, [labels[i] for i in part], room), strict=True)
        return [found[i] for i in range(len(batch))]

    return budget.attempt(work, again=lambda: None)


def _answers(
    method: LanguageMethod,
    batch: Sequence[Example],
    labels: Sequence[list[str]],
    room: int,
) -> list[Answer]:
    """The answers to one batch, of `room` tokens at most; `labels` are the closed ones of each
    example."""
    generated = Generation(method, batch).run(room)
    scores = generated.label_scores(labels)
    said = (generated.texts(), generated.counts, generated.cut, scores)
    return [
        Answer(
            text,
            cut,
            loglik,
            {name: nats / len(label_tokens(method, name)) for name, nats in loglik.items()},
            example.length,
            count,
        )
        for example, text, count, cut, loglik in zip(batch, *said, strict=True)
    ]


def check_lengths(
    method: LanguageMethod, examples: Sequence[Example], settings: Settings, rooms: Sequence[int]
) -> None:
    """Refuse examples if the longest, with the new tokens that each may take, is over the limit:
    none is cut."""
    tokens = [example.length + room for example, room in zip(examples, rooms, strict=True)]
    longest = int(np.argmax(tokens))
    found = method.too_long(examples[longest].prompt, tokens[longest], settings)
    if found:
        raise UserError(found)
