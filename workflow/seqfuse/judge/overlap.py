"""The local judge: word overlap with the reference, from 0 to 10. Deterministic; reads no meaning.

It stands in where there is no server to ask, under its own name in every table. Its scores are
never to be set beside a language model's.

- semantic_similarity: F1 of the two texts' words as multisets.
- logical_coherence: ROUGE-L's F1, the longest common subsequence of words: shared words count only
  in the reference's order.
- completeness: the share of the reference's distinct content words (no stop words) that the
  candidate holds.
"""

import re
from collections import Counter

_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be because by for from has have in into is it its leads likely may of"
        " on or results such that the their these this thus to was were which while with within",
    )
)


def score(dimension: str, reference: str, candidate: str) -> tuple[float, str]:
    """The score 0-10 of one dimension and, in words, what was counted."""
    wanted, given = words(reference), words(candidate)
    if dimension == "semantic_similarity":
        shared = (Counter(wanted) & Counter(given)).total()
        return _f1(shared, wanted, given), f"{shared} words shared"
    if dimension == "logical_coherence":
        shared = common_subsequence(wanted, given)
        return _f1(shared, wanted, given), f"{shared} words shared in order"
    content = set(wanted) - _STOP_WORDS
    covered = len(content & set(given))
    reason = f"{covered} of {len(content)} content words covered"
    return 10 * covered / len(content) if content else 0.0, reason


def words(text: str) -> list[str]:
    """Lower-case words and numbers; signs such as * and -| stand between them and drop out."""
    return re.findall(r"[a-z0-9]+", text.lower())


def common_subsequence(a: list[str], b: list[str]) -> int:
    """Length of the longest common subsequence, by bit-parallel dynamic programming (Hyyrö 2004).

    Bit i of `row` is 0 where the table's row steps up at a[i].
    """
    matches: dict[str, int] = {}
    for position, word in enumerate(a):
        matches[word] = matches.get(word, 0) | 1 << position
    full = (1 << len(a)) - 1
    row = full
    for word in b:
        matched = row & matches.get(word, 0)
        row = ((row + matched) | (row - matched)) & full
    return len(a) - row.bit_count()


def _f1(shared: int, wanted: list[str], given: list[str]) -> float:
    return 20 * shared / (len(wanted) + len(given)) if wanted or given else 0.0
