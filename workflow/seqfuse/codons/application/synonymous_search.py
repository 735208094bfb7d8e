"""A search for synonymous changes to a coding sequence by a trained arm's predictions.

First every change of one codon is predicted; then, greedily, the best one is kept and the next best
ones are tried on top of it. The protein does not change.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqfuse.bio.codon_usage import Mutant, Synonyms, gc, with_codon

# Each later round tries the best so many changes of the first round.
_TRIED_AGAIN = 64

# Each seed's predictions [seeds, n] for DNA of one protein.
Predict = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Change:
    """One more changed codon, with the arm's prediction for the whole sequence: the mean over
    seeds, its gain over the given sequence, and the standard deviation of the gain."""

    changes: int
    mutant: Mutant
    prediction: float
    effect: float
    sd: float


def singles(
    dna: str, protein: str, synonyms: Synonyms, predict: Predict
) -> tuple[float, list[Change]]:
    """The arm's predictions for the given sequence and for every synonymous change of one codon."""
    first, *mutants = synonyms.mutants(dna, protein)
    predicted = predict([first.dna, *(mutant.dna for mutant in mutants)])
    return float(predicted[:, 0].mean()), _changes(1, mutants, predicted[:, 1:], predicted[:, :1])


def greedy(
    dna: str, single: Sequence[Change], most: int, sign: int, predict: Predict
) -> Iterator[Change]:
    """The sequence after one change, two, and up to `most`, each the best on top of the previous
    one; fewer if nothing improves. `sign` is 1 for higher predictions, -1 for lower ones."""
    ranked = sorted(single, key=lambda change: -sign * change.effect)
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
        predicted = predict([dna, *(mutant.dna for mutant in mutants)])
        tried = _changes(best.changes + 1, mutants, predicted[:, 1:], predicted[:, :1])
        top = max(tried, key=lambda change: sign * change.effect)
        if sign * top.effect <= sign * best.effect:
            return
        best = top
        yield best


def _changes(
    changes: int, mutants: Sequence[Mutant], predicted: np.ndarray, given: np.ndarray
) -> list[Change]:
    """Changes from the predictions [seeds, n] of mutants and [seeds, 1] of the given sequence."""
    gained = predicted - given
    spread = gained.std(0, ddof=1) if len(gained) > 1 else np.full(gained.shape[1], np.nan)
    numbers = zip(predicted.mean(0).tolist(), gained.mean(0).tolist(), spread.tolist(), strict=True)
    return [Change(changes, m, *of) for m, of in zip(mutants, numbers, strict=True)]


@dataclass(frozen=True)
class Search:
    """The settings of a search: the codons of the arm's dataset, the most codons to change, and
    whether higher (1) or lower (-1) predictions are wanted."""

    synonyms: Synonyms
    changes: int
    sign: int

    def rows(
        self, name: str, dna: str, behind: str, protein: str, predict: Predict
    ) -> Iterator[dict]:
        """The table's rows for one sequence: as given, with each single change, and as designed.
        `behind` follows the last codon, such as a stop codon. Positions count codons from 1."""
        given, single = singles(dna, protein, self.synonyms, predict)
        whole = self._of_sequence(dna, protein, given)
        yield {"id": name, "kind": "given", "changes": 0} | whole
        designed = greedy(dna, single, self.changes, self.sign, predict)
        for kind, changes in (("single", single), ("designed", designed)):
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
