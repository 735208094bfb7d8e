"""Words of a question that give its label away, which a lookup of whole questions cannot see.

A word counts if enough training rows contain it. It is named if nearly all of those rows have one
label, and that share is far above the label's share of all rows.
"""

import re
from collections import Counter
from collections.abc import Iterable

# At least so many training rows contain the word; at least this share of them has the label; and
# the share exceeds the label's share of all rows by at least this much.
_ROWS, _PURE, _ABOVE = 20, 0.95, 0.2
_LISTED, _NAMED = 20, 3
# Distinct words that are counted: the first ones to appear.
_MOST_WORDS = 200_000


class Words:
    """Counts of words by split and label, batch by batch."""

    def __init__(self):
        self._rows: dict[str, Counter[str]] = {}
        self._of_word: dict[str, Counter[tuple[str, str]]] = {}
        self._known: set[str] = set()

    def add(self, splits: Iterable[str], questions: Iterable, labels: Iterable) -> None:
        """Count rows; those without a question or label are skipped."""
        for split, question, label in zip(splits, questions, labels, strict=True):
            if question is None or label is None:
                continue
            self._rows.setdefault(split, Counter())[label] += 1
            counts = self._of_word.setdefault(split, Counter())
            for word in set(re.findall(r"\w+", question.lower())):
                if word in self._known or len(self._known) < _MOST_WORDS:
                    self._known.add(word)
                    counts[word, label] += 1

    def telling(self) -> list[dict]:
        """The words that give a label away in train, the commonest first, with their counts in
        each split: rows that contain the word, and how many of those have the label."""
        labels = self._rows.get("train", Counter())
        totals: Counter[str] = Counter()
        for (word, _), count in self._of_word.get("train", Counter()).items():
            totals[word] += count
        telling = []
        for (word, label), count in self._of_word.get("train", Counter()).items():
            share, base = count / totals[word], labels[label] / labels.total()
            if totals[word] >= _ROWS and share >= _PURE and share >= base + _ABOVE:
                telling.append({"word": word, "label": label, "splits": self._counts(word, label)})
        telling.sort(key=lambda one: (-one["splits"]["train"]["rows"], one["word"]))
        return telling[:_LISTED]

    def _counts(self, word: str, label: str) -> dict:
        return {
            split: {
                "rows": sum(counts[word, other] for other in self._rows[split]),
                "with_label": counts[word, label],
            }
            for split, counts in self._of_word.items()
        }


def warnings(telling: list[dict]) -> list[str]:
    """A line that names the commonest telling words, one per label, with their counts in test."""
    line_of = {}
    for one in telling:
        split = "test" if one["splits"].get("test", {}).get("rows") else "train"
        counts = one["splits"][split]
        count = f"{counts['with_label']:,} of {counts['rows']:,} rows of {split}"
        line_of.setdefault(one["label"], f"{one['word']!r} says {one['label']!r} ({count})")
    if not line_of:
        return []
    named = ", ".join([*line_of.values()][:_NAMED])
    return [f"words of the question give labels away, without DNA: {named}"]
