"""The chat template of a tokeniser, as the text around DNA and question.

The template is rendered once with a placeholder for the user's words and split there: into the text
before it, and the text after it, which opens the answer. DNA segments and the question go in
between, so that a method can show DNA as tokens or as vectors under any template.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.labels import CLOSE, OPEN
from seqfuse.language.prompts import Dna, Prompt, control_tokens

# Placeholders for the words of the user and of the assistant.
_QUESTION, _ANSWER = "QUESTION7f3a", "ANSWER7f3a"
# Some templates show the date; a fixed one keeps prompts the same every day.
_TODAY = "26 Jul 2024"
_CLOCK = f"{{% macro strftime_now(format) %}}{_TODAY}{{% endmacro %}}"


@dataclass(frozen=True)
class Frame:
    """The text around DNA and question.

    `opened` ends where the answer begins: after an opened <think> if the prompt thinks, else after
    the template's empty thinking block, if it has one.
    """

    start: str
    opened: str


class Chat:
    """How a tokeniser's template writes the user's turn and opens the assistant's."""

    def __init__(self, tokeniser, folder: Path):
        self.tokeniser, self._folder = tokeniser, folder
        if not tokeniser.chat_template:
            raise UserError(
                f"{folder}: its tokeniser has no chat template; choose an instruction-tuned model,"
                " or put its template into the folder as chat_template.jinja"
            )
        self._frames: dict[tuple[str | None, bool], Frame] = {}
        self.end = self._end()
        self.control = self._control()
        self._before = self._anchor()

    def ids(self, text: str, first: bool = False) -> list[int]:
        """The ids of a part of a conversation; `first` if nothing precedes it.

        Some tokenisers add a space before the first word of a text, and only there.
        """
        before = "" if first else self._before
        ids = self.tokeniser(before + text, add_special_tokens=False)["input_ids"]
        return ids[1:] if before else ids

    @property
    def highest(self) -> int:
        """The highest id in the template's own text."""
        frame = self.frame(None, False)
        return max(self.end, *self.ids(frame.start, first=True), *self.ids(frame.opened))

    def frame(self, system: str | None, thinks: bool) -> Frame:
        """The text around a question; `system` is the text of the system turn (None: the
        template's own)."""
        if (system, thinks) not in self._frames:
            self._frames[system, thinks] = self._cut(system, thinks)
        return self._frames[system, thinks]

    def segments(self, prompt: Prompt) -> list[str | Dna]:
        """The segments of the model's input: reference, variant, question, the opened answer."""
        frame = self.frame(prompt.system, prompt.thinks)
        return [frame.start, *prompt.dna, f"{prompt.question}{frame.opened}"]

    def _cut(self, system: str | None, thinks: bool) -> Frame:
        shown = self._rendered(system, enable_thinking=thinks, add_generation_prompt=True)
        start, opened = self._around(shown, _QUESTION)
        # Some templates open the thinking block themselves, whether or not it is wanted.
        opens = opened.rstrip().endswith(OPEN.strip())
        opened = opened.rstrip() + "\n" if opens else opened
        if thinks and not opens:
            opened += OPEN
        elif opens and not thinks:
            opened += CLOSE
        return Frame(start, opened)

    def _end(self) -> int:
        """The id of the token that ends an answer: the one that the template puts after it, or else
        the tokeniser's eos_token."""
        shown = self._rendered(None, answer=_ANSWER)
        after = self._around(shown, _ANSWER)[1].lstrip()
        known = {t.content: i for i, t in self.tokeniser.added_tokens_decoder.items()}
        matches = [token for token in known if token and after.startswith(token)]
        if matches:
            return known[max(matches, key=len)]
        if after or self.tokeniser.eos_token_id is None:
            reason = f"{after.split()[0]!r} is not a token" if after else "there is no eos_token"
            raise UserError(
                f"{self._folder}: {reason}, so nothing ends an answer; choose a chat model whose"
                " template puts a token of its tokeniser after each answer"
            )
        return self.tokeniser.eos_token_id

    def _anchor(self) -> str:
        """A token to put before a part that is not the first, when it is tokenised; "" if that
        token would absorb a space after it."""
        end = self.tokeniser.convert_ids_to_tokens(self.end)
        spaced, plain = self.tokeniser([f"{end} x", f"{end}x"], add_special_tokens=False)[
            "input_ids"
        ]
        return end if spaced != plain and spaced[0] == self.end else ""

    def _control(self) -> re.Pattern:
        """What no text of the data may contain: the tokeniser's control tokens and, if none of them
        opens the answer, the template's words that do."""
        tokens, opening = control_tokens(self.tokeniser), self.frame(None, False).opened.strip()
        if not opening or tokens.search(opening):
            return tokens
        return re.compile(f"{tokens.pattern}|{re.escape(opening.splitlines()[0])}")

    def _around(self, shown: str, part: str) -> tuple[str, str]:
        pieces = shown.split(part)
        if len(pieces) != 2:
            raise UserError(
                f"{self._folder}: its chat template shows a turn {len(pieces) - 1} times; choose a"
                " model whose template shows each turn once"
            )
        return pieces[0], pieces[1]

    def _rendered(self, system: str | None, answer: str | None = None, **settings) -> str:
        turns = [("system", system), ("user", _QUESTION), ("assistant", answer)]
        messages = [{"role": role, "content": text} for role, text in turns if text is not None]
        try:
            shown = self.tokeniser.apply_chat_template(
                messages,
                chat_template=_CLOCK + self.tokeniser.get_chat_template(),
                date_string=_TODAY,
                tokenize=False,
                **settings,
            )
        except Exception as error:  # a template is a program and may raise anything
            reason = " ".join(str(error).split())
            raise UserError(self._refusal(system, reason)) from None
        if system and system.strip() not in shown:
            raise UserError(self._refusal(system, "it leaves the text out"))
        return shown

    def _refusal(self, system: str | None, reason: str) -> str:
        if system is None:
            return f"{self._folder}: its chat template cannot be used ({reason})"
        return (
            f"{self._folder}: its chat template has no system turn ({reason}); leave"
            " language.prompt.system out"
        )
