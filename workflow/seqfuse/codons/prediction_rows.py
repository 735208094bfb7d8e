"""What an arm says, as rows of the table of predictions and back."""

from collections.abc import Iterable, Sequence

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


def values_of(rows: Iterable[dict], ids: Sequence[str], labels: Sequence[str]) -> list[np.ndarray]:
    """What each seed says of the records `ids`, [n, outputs], from rows of the table that no probe
    altered."""
    place, of_seed = {name: row for row, name in enumerate(ids)}, {}
    for row in rows:
        if row["id"] in place:
            said = of_seed.setdefault(row["seed"], np.full((len(ids), len(labels) or 1), np.nan))
            found = dict(row["loglik"] or ())
            values = [found[label] for label in labels] if labels else [row["predicted_value"]]
            said[place[row["id"]]] = values
    return [of_seed[seed] for seed in sorted(of_seed)]
