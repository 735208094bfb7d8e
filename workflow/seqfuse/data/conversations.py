"""Conversations about sequences as questions and answers, in the form of ChatNT's instruction data.

A cell holds the turns, each {role, message}, as a list or as the JSON text of a list. The user's
first message is the question, the assistant's reply the answer. `<DNA>` marks a sequence's place in
the question. Prompts show the sequences first, so a single mark is removed; the marks of two
sequences become (1) and (2), which keeps their order.
"""

import json
import re

_PLACE = re.compile(r"(\s*)<DNA>", re.IGNORECASE)
_ROLES = ("user", "assistant")


class LeftOut(Exception):
    """Why a row is not a record; such rows are counted by this text."""


def first(cell: object, sequences: int) -> tuple[str, str, bool]:
    """The first question about `sequences` sequences, its answer, and whether more turns follow.

    Raises `LeftOut` if the conversation does not have this form."""
    turns = _turns(cell)
    if [role for role, _ in turns[:1]] == ["system"]:
        turns = turns[1:]
    unknown = next((role for role, _ in turns if role not in _ROLES), None)
    if unknown is not None:
        raise LeftOut(f"exchanges: the role {unknown!r} is neither user nor assistant")
    if [role for role, _ in turns[:2]] != [*_ROLES]:
        raise LeftOut("exchanges: the first turns are not a user's question and its answer")
    if any(role != _ROLES[place % 2] for place, (role, _) in enumerate(turns)):
        raise LeftOut("exchanges: user and assistant do not alternate")
    (_, question), (_, answer) = turns[:2]
    if not question or not answer:
        raise LeftOut("exchanges: an empty message")
    return _without_places(question, sequences), answer, len(turns) > 2


def only_one(cell: object) -> object:
    """The one class in a list of classes, or in the JSON text of a list; other cells unchanged."""
    classes = _parsed(cell) if isinstance(cell, str) and cell.startswith("[") else cell
    if not isinstance(classes, list):
        return cell
    if len(classes) != 1:
        raise LeftOut(f"the label lists {len(classes)} classes")
    return classes[0]


def _turns(cell: object) -> list[tuple[str, str]]:
    """(role in lower case, message) of each turn."""
    turns = _parsed(cell) if isinstance(cell, str) else cell
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise LeftOut("exchanges: not a list of turns {role, message}")
    pairs = [(turn.get("role"), turn.get("message")) for turn in turns]
    if not all(isinstance(part, str) for turn in pairs for part in turn):
        raise LeftOut("exchanges: a turn without a role or a message")
    return [(role.strip().lower(), message.strip()) for role, message in pairs]


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _without_places(question: str, sequences: int) -> str:
    places = len(_PLACE.findall(question))
    if places != sequences:
        raise LeftOut(f"exchanges: <DNA> occurs {places} times for {sequences} sequence(s)")
    if sequences == 1:
        return _PLACE.sub("", question).strip()
    numbers = iter(range(1, sequences + 1))
    return _PLACE.sub(lambda place: f"{place[1]}({next(numbers)})", question)
