"""What an arm says, as rows of the table of predictions."""

from collections.abc import Sequence

import numpy as np


def rows_of(
    ids: Sequence[str],
    dataset: str,
    arm: str,
    seed: int,
    labels: Sequence[str],
    values: np.ndarray,
    probe: str = "none",
) -> list[dict]:
    """Rows of `tables.PREDICTIONS` from values [n, outputs]; of classes, the likeliest is said."""
    common = {"dataset": dataset, "method": arm, "seed": seed, "probe": probe}
    found = []
    for name, outputs in zip(ids, values, strict=True):
        if labels:
            said = {
                "predicted": labels[int(outputs.argmax())],
                "loglik": list(zip(labels, outputs.tolist(), strict=True)),
            }
        else:
            said = {"predicted_value": float(outputs[0])}
        found.append({"id": name} | common | said)
    return found
