"""Synonymous changes to a coding sequence, by what a trained arm predicts of them.

First every change of one codon; then, greedily, the best one is kept and the best next ones are
tried on top of it. The protein stays what it is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqfuse.bio.codon_usage import Mutant, Synonyms, gc, with_codon

# Changes that are tried again in each later round: the best ones of the first.
_TRIED_AGAIN = 64

# What each seed predicts [seeds, n] of DNA of one protein.
Predict = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Change:
    """One more codon changed, and what the arm says of the whole sequence `dna` then: the mean of
    its seeds, what that gained on the sequence as it was given, and the spread of the gain."""

    changes: int
    mutant: Mutant
    prediction: float
    effect: float
    sd: float


def singles(
    dna: str, protein: str, synonyms: Synonyms, predict: Predict
) -> tuple[float, list[Change]]:
    """What the arm predicts of the sequence as given, and of every synonymous change of a codon."""
    first, *mutants = synonyms.mutants(dna, protein)
    said = predict([first.dna, *(mutant.dna for mutant in mutants)])
    return float(said[:, 0].mean()), _changes(1, mutants, said[:, 1:], said[:, :1])


def greedy(
    dna: str, found: Sequence[Change], most: int, sign: int, predict: Predict
) -> Iterator[Change]:
    """The sequence after one change, two, and up to `most`, each the best on top of the one before;
    fewer where no other is better. `sign` is 1 for higher predictions, -1 for lower ones."""
    ranked = sorted(found, key=lambda change: -sign * change.effect)
    if not ranked or sign * ranked[0].effect <= 0:
        return
    best, changed = ranked[0], set()
    yield best
    while best.changes < most:
        changed.add(best.mutant.position)
        others = [one.mutant for one in ranked if one.mutant.position not in changed]
        mutants = [
            one._replace(dna=with_codon(best.mutant.dna, one.position, one.codon))
            for one in others[:_TRIED_AGAIN]
        ]
        if not mutants:
            return
        said = predict([dna, *(mutant.dna for mutant in mutants)])
        tried = _changes(best.changes + 1, mutants, said[:, 1:], said[:, :1])
        top = max(tried, key=lambda change: sign * change.effect)
        if sign * top.effect <= sign * best.effect:
            return
        best = top
        yield best


def _changes(
    changes: int, mutants: Sequence[Mutant], said: np.ndarray, given: np.ndarray
) -> list[Change]:
    """Changes from predictions [seeds, n] of mutants and [seeds, 1] of the sequence as given."""
    gained = said - given
    spread = gained.std(0, ddof=1) if len(gained) > 1 else np.full(gained.shape[1], np.nan)
    numbers = zip(said.mean(0).tolist(), gained.mean(0).tolist(), spread.tolist(), strict=True)
    return [Change(changes, m, *of) for m, of in zip(mutants, numbers, strict=True)]


@dataclass(frozen=True)
class Search:
    """What sequences are searched with: the codons of the arm's set, how many are changed at most,
    and whether higher (1) or lower (-1) predictions are wanted."""

    synonyms: Synonyms
    changes: int
    sign: int

    def rows(
        self, name: str, dna: str, behind: str, protein: str, predict: Predict
    ) -> Iterator[dict]:
        """The table's rows of one sequence, `behind` which a stop codon may follow: as given, with
        each change of a codon, and as designed. Positions count codons from 1."""
        given, found = singles(dna, protein, self.synonyms, predict)
        whole = self._of_sequence(dna, protein, given)
        yield {"id": name, "kind": "given", "changes": 0} | whole
        designed = greedy(dna, found, self.changes, self.sign, predict)
        for kind, changes in (("single", found), ("designed", designed)):
            for change in changes:
                mutant = change.mutant
                yield {
                    "id": name,
                    "kind": kind,
                    "changes": change.changes,
                    "codon": mutant.position + 1,
                    "residue": mutant.residue,
                    "from": mutant.reference,
                    "to": mutant.codon,
                    "effect": change.effect,
                    "sd": change.sd if np.isfinite(change.sd) else "",
                    **self._of_sequence(mutant.dna, protein, change.prediction),
                    "sequence": mutant.dna + behind if kind == "designed" else "",
                }

    def _of_sequence(self, dna: str, protein: str, prediction: float) -> dict:
        index = self.synonyms.adaptation(dna, protein)
        return {"prediction": prediction, "cai": index, "gc": gc(dna)}


NAMES = (
    *("id", "kind", "changes", "codon", "residue", "from", "to", "effect", "sd", "prediction"),
    *("cai", "gc", "sequence"),
)
