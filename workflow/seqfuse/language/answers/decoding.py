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

# The most tokens of a batch, with padding and answers, by device, and the most examples: larger
# batches exceed the CPU's cache and need more padding.
_TOKENS, _EXAMPLES = {"cpu": 16384, "cuda": 65536}, 256
# The advice if one prompt with its answer does not fit into memory.
_REMEDY = "lower language.prompt.max_new_tokens, or use a GPU with more memory"


@dataclass(frozen=True)
class Answer:
    """The answer to one prompt.

    `text` was generated; `cut` if it reached the length limit before its end token. `loglik` is the
    log-likelihood (nats) of each label, including the end token; `loglik_per_token` is the same
    divided by the label's number of tokens.
    """

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

    `once` may return a batch's earlier answers, or None for a batch that another job answers (see
    `resume_journal.Journal`). Which prompts form a batch depends only on their lengths.
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
            return [asdict(one) for one in _fitted(budget, method, batch, names, room)]

        answered = once(str(number), work)
        if answered is not None:
            for i, fields in zip(part, answered, strict=True):
                answers[i] = Answer(**fields)
            done(len(part))
    return answers


def _batches(
    method: LanguageMethod, examples: Sequence[Example], rooms: Sequence[int]
) -> Iterator[tuple[np.ndarray, int]]:
    """The indices of the examples of every batch, and the most tokens of its answers.

    Prompts that think are not mixed with others: a batch runs until its last row has ended.
    """
    for thinks in (True, False):
        indices = np.flatnonzero([example.prompt.thinks == thinks for example in examples])
        room = max((rooms[i] for i in indices), default=0)
        lengths = [examples[i].length + room for i in indices]
        for part in chunks(lengths, _TOKENS[method.device.type], _EXAMPLES):
            yield indices[part], room


def _fitted(
    budget: TokenBudget,
    method: LanguageMethod,
    batch: Sequence[Example],
    labels: Sequence[list[str]],
    room: int,
) -> list[Answer]:
    """The answers to one batch, in as many parts as memory requires."""
    lengths = [example.length + room for example in batch]

    def work() -> list[Answer]:
        answered: dict[int, Answer] = {}
        for part in map(sorted, chunks(lengths, budget.tokens)):
            budget.enter(len(part), max(lengths[i] for i in part))
            rows = [batch[i] for i in part]
            own = _answers(method, rows, [labels[i] for i in part], room)
            answered |= zip(part, own, strict=True)
        return [answered[i] for i in range(len(batch))]

    return budget.attempt(work, again=lambda: None)


def _answers(
    method: LanguageMethod,
    batch: Sequence[Example],
    labels: Sequence[list[str]],
    room: int,
) -> list[Answer]:
    """The answers to one batch, of at most `room` tokens; `labels` are each example's closed
    labels."""
    generated = Generation(method, batch).run(room)
    scores = generated.label_scores(labels)
    columns = generated.texts(), generated.counts, generated.cut, scores
    return [
        Answer(
            text,
            cut,
            loglik,
            {name: nats / len(label_tokens(method, name)) for name, nats in loglik.items()},
            example.length,
            count,
        )
        for example, text, count, cut, loglik in zip(batch, *columns, strict=True)
    ]


def check_lengths(
    method: LanguageMethod, examples: Sequence[Example], settings: Settings, rooms: Sequence[int]
) -> None:
    """`UserError` if the longest example, with the tokens of its answer, exceeds the limit; no
    example is truncated."""
    tokens = [example.length + room for example, room in zip(examples, rooms, strict=True)]
    longest = int(np.argmax(tokens))
    refusal = method.too_long(examples[longest].prompt, tokens[longest], settings)
    if refusal:
        raise UserError(refusal)
