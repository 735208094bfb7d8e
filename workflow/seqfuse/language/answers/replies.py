"""The replies to all rows of a file, in order, written as JSON lines or a table.

Only one batch of rows is in memory at a time.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from seqfuse.bio.reading import file_kinds, new_sequences
from seqfuse.bio.reading.bad_rows import BadRow, BadRows
from seqfuse.files import atomic
from seqfuse.language.answers import interactive
from seqfuse.language.answers.interactive import Model
from seqfuse.language.answers.questions import Checked, Questions, position
from seqfuse.language.answers.resume_journal import Journal
from seqfuse.progress import say, track

DELIMITERS = {f".{form}": delimiter for form, delimiter in file_kinds.DELIMITERS.items()}


@dataclass
class Replies:
    """The reply to each row, or the reason that there is none; answers `batch` rows at a time."""

    model: Model
    questions: Questions
    batch: int
    journal: Journal | None = None
    bad: BadRows = field(default_factory=BadRows)
    answered: int = 0
    same: int = 0  # rows with the same likeliest label without their DNA
    noted: int = 0
    shown_dna: bool = False

    def __iter__(self) -> Iterator[dict]:
        pairs, start = iter(self.questions), 0
        while True:
            # Batches of an earlier call are kept, even if its batch size was different.
            kept = self.journal and self.journal.kept(str(start))
            part = [*islice(pairs, len(kept) if kept else self.batch)]
            if not part:
                return
            replies = kept or self._answered([prompt for _, prompt in part], str(start))
            for (row, _), reply in zip(part, replies, strict=True):
                yield self._reply(row, reply)
            start += len(part)

    def aloud(self, several: bool) -> None:
        """Print the answers while they are generated, each under its id if there are several."""
        for row, prompt in self.questions:
            if prompt is None:
                continue
            if several:
                print(f"> {prompt.id}")
            self.model.answer_aloud(row, prompt)
            if row.fault is None:
                self.answered += 1
            else:
                self.bad.add(row.place, row.fault)

    def _answered(self, asked: list, key: str) -> list[dict | None]:
        """A reply to each prompt, None for None."""

        def work() -> list[dict | None]:
            replies = iter(self.model.replies([prompt for prompt in asked if prompt is not None]))
            return [None if prompt is None else next(replies) for prompt in asked]

        return self.journal.once(key, work) if self.journal else work()

    def _reply(self, row: new_sequences.NewSequence, reply: dict | None) -> dict:
        if reply and "fault" in reply:
            row.reject(BadRow(*reply["fault"]))
            self.bad.add(row.place, row.fault)
        place = position(row)
        if row.fault is not None:
            return {"id": row.id} | place | {"note": interactive.unanswered(row)}
        self.answered += 1
        self.noted += bool(reply["note"])
        if reply["blanked"]:
            self.shown_dna = True
            self.same += reply["likeliest"] == reply["blanked"]["likeliest"]
        return {"id": row.id} | place | reply


def as_json(reply: dict) -> str:
    """A reply as a line of JSON."""
    return json.dumps(reply, ensure_ascii=False)


def write(out: Path, replies: Replies, checked: Checked, columns: list[str], policy: str) -> None:
    """Write the answers to a file; finished batches are saved beside it until then.

    `columns` are the columns of a table that hold a row's position.
    """
    with Journal(out) as journal:
        journal.begin(replies.model.fingerprint(checked.asked))
        replies.journal = journal
        total = checked.sound + checked.faulty
        with atomic(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            if out.suffix == ".jsonl":
                file.writelines(as_json(reply) + "\n" for reply in track(replies, total, "records"))
            else:
                names = _names(replies.model.labels, columns)
                table = csv.DictWriter(file, names, restval="", delimiter=DELIMITERS[out.suffix])
                table.writeheader()
                table.writerows(map(_as_row, track(replies, total, "records")))
            new_sequences.tell(replies.bad, replies.answered, policy)
    without = (
        f"{replies.same} have the same likeliest label without their DNA"
        if replies.shown_dna
        else "the method is shown no DNA"
    )
    say(f"{out}: {replies.answered} of {total} answered; {without}")
    if replies.noted:
        say(f"{replies.noted} have DNA shorter or longer than any in training")


def _names(labels: list[str], position: list[str]) -> list[str]:
    """The columns of a table."""
    shares = [f"p({label})" for label in labels]
    asked = ["question", "answer", "likeliest", *shares, "blanked", "p_blanked", "text", "note"]
    return ["id", *position, *asked]


def _as_row(reply: dict) -> dict:
    """A reply as a row of a table."""
    if "loglik" not in reply:
        return reply
    blanked = reply["blanked"] or {"likeliest": "", "probabilities": {"": ""}}
    row = reply | {f"p({label})": share for label, share in reply["probabilities"].items()}
    row |= {"blanked": blanked["likeliest"]}
    row |= {"p_blanked": blanked["probabilities"][blanked["likeliest"]]}
    return {name: value for name, value in row.items() if name not in _IN_JSON_ALONE}


_IN_JSON_ALONE = ("probabilities", "loglik", "model")
