"""Features of mRNA folding by ViennaRNA (Lorenz et al. 2011), an extra: `seqfuse[structure]`.

The span of base pairs is limited, so that time grows linearly with the length, not with its cube:
about a second per 1,000 nucleotides.
"""

import importlib.util
from collections.abc import Sequence

import numpy as np

# Longest pair (nt), and the window over which probabilities are averaged (Bernhart et al. 2006).
_SPAN, _WINDOW = 100, 150
# The unpaired probability is averaged over this many stretches of equal length, and over the first
# nucleotides, where translation begins.
_STRETCHES, _FIRST = 20, 30
# With more nucleotides than this (about three hours), no structure is computed.
MOST = 10_000_000


def lacking(sequences: Sequence[str]) -> str | None:
    """Why the control of structure cannot be computed, or None if it can."""
    if importlib.util.find_spec("RNA") is None:
        return "ViennaRNA is not installed (pip install viennarna)"
    total = sum(map(len, sequences))
    return f"{total:,} nucleotides are more than {MOST:,}" if total > MOST else None


def features(sequences: Sequence[str]) -> np.ndarray:
    """Minimum free energy (kcal/mol), the same per nucleotide, and mean unpaired probabilities of
    the first nucleotides and of each stretch, float64[n, 3 + stretches]."""
    return np.array([_folded(sequence.upper().replace("T", "U")) for sequence in sequences])


def _folded(rna: str) -> np.ndarray:
    import RNA

    details = RNA.md()
    details.window_size = window = min(_WINDOW, len(rna))
    details.max_bp_span = span = min(_SPAN, window)
    energy = RNA.fold_compound(rna, details, RNA.OPTION_WINDOW).mfe_window_cb(_ignored, None)
    # One row per nucleotide, after an empty one; entry 1 is the probability of that nucleotide.
    rows = RNA.pfl_fold_up(rna, 1, window, span)
    unpaired = np.array([row[1] for row in rows[1:]], np.float64)
    stretches = [part.mean() if len(part) else 0.0 for part in np.array_split(unpaired, _STRETCHES)]
    return np.array([energy, energy / len(rna), unpaired[:_FIRST].mean(), *stretches])


def _ignored(*local: object) -> None:
    """ViennaRNA reports every local structure; only their total energy is used."""
