"""What all that is traced has in common: what a module holds, and how coefficients are found."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.optimize import linprog
from torch import nn

from seqfuse.training.cost import total_parameters, trained_parameters


def resident(module: nn.Module) -> dict[str, float]:
    """Parameters, those that are trained, and their bytes."""
    return {
        "parameters": total_parameters(module),
        "trained": trained_parameters(module),
        "bytes": sum(p.numel() * p.element_size() for p in set(module.parameters())),
    }


def solved(
    names: Sequence[str], batches: Sequence[Mapping], values: Sequence[float]
) -> dict[str, float]:
    """Least squares over what differs between batches; for the rest, 0."""
    columns = np.array([[batch[name] for name in names] for batch in batches], float)
    used = [i for i in range(len(names)) if names[i] == "fixed" or np.ptp(columns[:, i])]
    scale = columns[:, used].max(0)
    found = np.linalg.lstsq(columns[:, used] / scale, np.array(values, float), rcond=None)[0]
    return dict.fromkeys(names, 0.0) | {
        names[i]: float(v) for i, v in zip(used, found / scale, strict=True)
    }


def bounded(
    names: Sequence[str], batches: Sequence[Mapping], values: Sequence[float]
) -> dict[str, float]:
    """The least coefficients, none of them negative, that no batch takes more than."""
    columns = np.array([[batch[name] for name in names] for batch in batches], float)
    scale = np.maximum(columns.max(0), 1)
    takes = np.array(values, float) / max(values)
    shares = linprog((columns / scale).sum(0), A_ub=-columns / scale, b_ub=-takes).x
    return dict(zip(names, map(float, shares * max(values) / scale), strict=True))


@contextlib.contextmanager
def never_packed() -> Iterator[None]:
    """Let transformers, which cannot look into fake positions, not take a row for several
    sequences, each with a mask of its own."""
    from transformers import masking_utils

    own = masking_utils.find_packed_sequence_indices
    masking_utils.find_packed_sequence_indices = lambda positions: None
    try:
        yield
    finally:
        masking_utils.find_packed_sequence_indices = own
