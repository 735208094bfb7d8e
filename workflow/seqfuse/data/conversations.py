"""Conversations about sequences as questions and answers, the form of ChatNT's instruction data.

A cell holds the turns, {role, message} each, as a list or as the JSON text of one. The user's first
message is the question, the assistant's reply the answer. `<DNA>` marks a sequence's place in the
question. Prompts show the sequences first, so that the mark of a single one is taken out; those of
two become (1) and (2), which keeps their order.
"""

import json
import re

_PLACE = re.compile(r"(\s*)<DNA>", re.IGNORECASE)
_ROLES = ("user", "assistant")


class LeftOut(Exception):
    """Why a row cannot be a record; such rows are counted by these words."""


def first(cell: object, sequences: int) -> tuple[str, str, bool]:
    """The first question about so many sequences, its answer, and whether more is said after."""
    turns = _turns(cell)
    if [role for role, _ in turns[:1]] == ["system"]:
        turns = turns[1:]
    unknown = next((role for role, _ in turns if role not in _ROLES), None)
    if unknown is not None:
        raise LeftOut(f"exchanges: the role {unknown!r} is neither user nor assistant")
    if [role for role, _ in turns[:2]] != [*_ROLES]:
        raise LeftOut("exchanges: no question of the user that the assistant answers next")
    if any(role != _ROLES[place % 2] for place, (role, _) in enumerate(turns)):
        raise LeftOut("exchanges: user and assistant do not take turns")
    (_, question), (_, answer) = turns[:2]
    if not question or not answer:
        raise LeftOut("exchanges: an empty message")
    return _without_places(question, sequences), answer, len(turns) > 2


def only_one(cell: object) -> object:
    """The one class in a list of classes, or in the JSON text of one; other cells as they are."""
    found = _parsed(cell) if isinstance(cell, str) and cell.startswith("[") else cell
    if not isinstance(found, list):
        return cell
    if len(found) != 1:
        raise LeftOut(f"the label lists {len(found)} classes")
    return found[0]


def _turns(cell: object) -> list[tuple[str, str]]:
    """(role in lower case, message) of each turn."""
    turns = _parsed(cell) if isinstance(cell, str) else cell
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise LeftOut("exchanges: not a list of turns {role, message}")
    said = [(turn.get("role"), turn.get("message")) for turn in turns]
    if not all(isinstance(part, str) for turn in said for part in turn):
        raise LeftOut("exchanges: a turn without a role or a message")
    return [(role.strip().lower(), message.strip()) for role, message in said]


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _without_places(question: str, sequences: int) -> str:
    places = len(_PLACE.findall(question))
    if places != sequences:
        raise LeftOut(f"exchanges: {places} times <DNA> for {sequences} sequence(s)")
    if sequences == 1:
        return _PLACE.sub("", question).strip()
    numbers = iter(range(1, sequences + 1))
    return _PLACE.sub(lambda place: f"{place[1]}({next(numbers)})", question)
