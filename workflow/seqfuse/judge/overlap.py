"""The local judge: word overlap with the reference, from 0 to 10. Deterministic; reads no meaning.

It stands in where there is no server to ask, under its own name in every table, and has one score
of its own: ROUGE-1's F1 (Lin 2004), the words that both texts have. A wrong site or disease in the
reference's words scores high, so that it is never to be set beside a language model's scores.
"""

import re
from collections import Counter


def score(reference: str, candidate: str) -> tuple[float, str]:
    """The score 0-10 and, in words, what was counted."""
    wanted, given = words(reference), words(candidate)
    shared = (Counter(wanted) & Counter(given)).total()
    both = len(wanted) + len(given)
    return (20 * shared / both if both else 0.0), f"{shared} words shared"


def words(text: str) -> list[str]:
    """Lower-case words and numbers; signs such as * and -| stand between them and drop out."""
    return re.findall(r"[a-z0-9]+", text.lower())
