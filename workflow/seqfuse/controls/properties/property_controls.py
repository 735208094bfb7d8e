"""The controls of a set of coding sequences: a value or class without an embedding.

`outputs` are as in coding.py.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from seqfuse.bio.codon_usage import codons_of
from seqfuse.bio.frames import code
from seqfuse.controls.baselines import composition, lookups, regressions
from seqfuse.controls.properties import relatives, structure, trees
from seqfuse.controls.properties.coding import CodingSet, loss
from seqfuse.progress import say
from seqfuse.registry import plugins

# Inverse strengths of the L2 penalty, chosen by validation loss like a method's learning rate.
STRENGTHS = (1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0)
# The longest k-mers of the k-mer control.
_LONGEST = 4
_LETTERS = "ACGT"
# The most one-hot entries for boosting, which converts them to doubles (160 MB).
_MOST_CELLS = 20_000_000


def controls(
    coding: CodingSet, settings: trees.Settings, threads: int
) -> Iterator[tuple[str, np.ndarray]]:
    """(name, outputs) of every control that needs only the records."""
    known = [coding.sequences[row] for row in coding.train]
    asked = [coding.sequences[row] for row in coding.asked]
    if coding.classes:
        labels = [coding.classes[code] for code in coding.target[coding.train]]
        yield "majority", np.log(lookups.majority(labels, coding.classes, len(asked)))
        yield "sequence_lookup", np.log(lookups.lookup(known, labels, asked, coding.classes))
    else:
        values = coding.target[coding.train]
        yield "mean", np.full((len(asked), 1), values.mean())
        yield "sequence_lookup", mean_lookup(known, values, asked)
    yield "length", _fitted(coding, lengths(coding.sequences))
    yield "nucleotide_counts", _fitted(coding, composition.kmers(coding.sequences, 1))
    frequencies = codon_frequencies(coding.frames)
    yield "codon_frequencies", _fitted(coding, frequencies)
    yield "amino_acids", _fitted(coding, relatives.amino_acids(coding.proteins))
    yield "homologue", relatives.nearest(coding)
    kmers = composition.kmers(coding.sequences, _LONGEST)
    yield "kmer", _fitted(coding, kmers)
    yield "codon_forest", trees.forest(coding, frequencies, settings, threads)
    placed = np.concatenate([kmers, places(coding.sequences)], axis=1, dtype=np.float32)
    yield "boosting", trees.boosting(coding, placed, settings)
    if lacking := structure.lacking(coding.sequences):
        say(f"the control of structure is left out: {lacking}")
    else:
        folded = structure.features(coding.sequences)
        placed = np.concatenate([placed, folded], axis=1, dtype=np.float32)
        yield "structure", trees.boosting(coding, placed, settings)
    for name, features_of in plugins.features("codons").items():
        yield name, _fitted(coding, features_of(coding.sequences))


def mean_lookup(known: Sequence[str], values: np.ndarray, asked: Sequence[str]) -> np.ndarray:
    """The mean training value of the identical sequence, or of all rows if there is none,
    float64[asked, 1]."""
    groups: dict[str, list[float]] = {}
    for sequence, value in zip(known, values, strict=True):
        groups.setdefault(sequence, []).append(value)
    return np.array([[np.mean(groups.get(sequence, values))] for sequence in asked])


def lengths(sequences: Sequence[str]) -> np.ndarray:
    """The number of nucleotides and its logarithm, float64[n, 2]."""
    counted = np.array([len(sequence) for sequence in sequences], np.float64)
    return np.stack([counted, np.log(counted)], axis=1)


def codon_frequencies(frames: Sequence[str]) -> np.ndarray:
    """Shares float64[n, 64] of the codons AAA to TTT; codons with other letters have no column."""
    column = {codon: index for index, codon in enumerate(sorted(code(1)))}
    shares = np.zeros((len(frames), len(column)))
    for row, dna in enumerate(frames):
        codons = codons_of(dna)
        for codon in codons:
            if codon in column:
                shares[row, column[codon]] += 1 / len(codons)
    return shares


def places(sequences: Sequence[str]) -> np.ndarray:
    """The nucleotide at each position, one-hot (A, C, G, T), uint8[n, 4 * positions].

    Positions past the end of a sequence, and other letters, are all 0. If the sequences are many or
    long, only the first positions are encoded, as many as fit into `_MOST_CELLS`.
    """
    most = max(1, _MOST_CELLS // (len(sequences) * len(_LETTERS)))
    longest = min(most, max(map(len, sequences)))
    one_hot = np.zeros((len(sequences), longest, len(_LETTERS)), np.uint8)
    for row, sequence in enumerate(sequences):
        letters = np.frombuffer(sequence[:longest].encode("ascii"), np.uint8)[:, None]
        one_hot[row, : len(letters)] = letters == np.frombuffer(_LETTERS.encode(), np.uint8)
    return one_hot.reshape(len(sequences), -1)


def regression(
    features: np.ndarray, target: np.ndarray, classes: int, strength: float
) -> Callable[[np.ndarray], np.ndarray]:
    """features[n, f] -> outputs, fitted on `features` and `target`; `classes` 0 means values."""
    if classes:
        return regressions.logistic(features, target, classes, strength)
    return regressions.ridge(features, target, strength)


def _fitted(coding: CodingSet, features: np.ndarray) -> np.ndarray:
    """Outputs of a regression (ridge, or logistic of classes) fitted on the training rows."""
    train, val, classes = coding.train, coding.known_val, len(coding.classes)
    strengths = STRENGTHS if len(val) else STRENGTHS[-1:]
    fits = [regression(features[train], coding.target[train], classes, s) for s in strengths]
    best = fits[0]
    if len(val):
        best = min(fits, key=lambda fit: loss(fit(features[val]), coding.target[val], classes))
    return best(features[coding.asked])
