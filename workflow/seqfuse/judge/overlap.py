"""The local judge: word overlap with the reference, 0 to 10. Deterministic and blind to meaning.

It needs no server, and has its own name in every table and a single score: ROUGE-1's F1 (Lin 2004),
from the words that both texts share. A wrong site or disease scores high if the other words match,
so this score must not be compared with a language model's.
"""

import re
from collections import Counter


def score(reference: str, candidate: str) -> tuple[float, str]:
    """The score, 0 to 10, and the number of shared words as a reason."""
    of_reference, of_candidate = words(reference), words(candidate)
    shared = (Counter(of_reference) & Counter(of_candidate)).total()
    both = len(of_reference) + len(of_candidate)
    return (20 * shared / both if both else 0.0), f"{shared} words shared"


def words(text: str) -> list[str]:
    """Lower-case words and numbers; signs such as * and -| are dropped."""
    return re.findall(r"[a-z0-9]+", text.lower())
