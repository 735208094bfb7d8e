"""What all traces share: the size of a module, and the fit of coefficients."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.optimize import linprog
from torch import nn

from seqfuse.training.cost import total_parameters, trained_parameters


def resident(module: nn.Module) -> dict[str, float]:
    """The numbers of parameters and trained parameters, and the bytes of parameters."""
    return {
        "parameters": total_parameters(module),
        "trained": trained_parameters(module),
        "bytes": sum(p.numel() * p.element_size() for p in set(module.parameters())),
    }


def solved(
    names: Sequence[str], batches: Sequence[Mapping], values: Sequence[float]
) -> dict[str, float]:
    """Least-squares coefficients of the quantities that differ between batches; 0 for others."""
    columns = np.array([[batch[name] for name in names] for batch in batches], float)
    used = [i for i in range(len(names)) if names[i] == "fixed" or np.ptp(columns[:, i])]
    scale = columns[:, used].max(0)
    fit = np.linalg.lstsq(columns[:, used] / scale, np.array(values, float), rcond=None)[0]
    return dict.fromkeys(names, 0.0) | {
        names[i]: float(v) for i, v in zip(used, fit / scale, strict=True)
    }


def bounded(
    names: Sequence[str], batches: Sequence[Mapping], values: Sequence[float]
) -> dict[str, float]:
    """The smallest coefficients, none negative, that are an upper bound for every batch."""
    columns = np.array([[batch[name] for name in names] for batch in batches], float)
    scale = np.maximum(columns.max(0), 1)
    relative = np.array(values, float) / max(values)
    shares = linprog((columns / scale).sum(0), A_ub=-columns / scale, b_ub=-relative).x
    return dict(zip(names, map(float, shares * max(values) / scale), strict=True))


@contextlib.contextmanager
def never_packed() -> Iterator[None]:
    """Stop transformers from looking for packed sequences, which needs the values of positions; on
    fake tensors there are none."""
    from transformers import masking_utils

    own = masking_utils.find_packed_sequence_indices
    masking_utils.find_packed_sequence_indices = lambda positions: None
    try:
        yield
    finally:
        masking_utils.find_packed_sequence_indices = own
