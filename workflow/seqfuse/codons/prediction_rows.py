"""An arm's predictions as rows of the predictions table, and back."""

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
    """Rows of `tables.PREDICTIONS` from values [n, outputs]; of classes, the likeliest is
    `predicted`."""
    common = {"dataset": dataset, "method": arm, "seed": seed, "probe": probe}
    rows = []
    for name, outputs in zip(ids, values, strict=True):
        if labels:
            answer = {
                "predicted": labels[int(outputs.argmax())],
                "loglik": list(zip(labels, outputs.tolist(), strict=True)),
            }
        else:
            answer = {"predicted_value": float(outputs[0])}
        rows.append({"id": name} | common | answer)
    return rows


def values_of(rows: Iterable[dict], ids: Sequence[str], labels: Sequence[str]) -> list[np.ndarray]:
    """Each seed's predictions [n, outputs] for the records `ids`, from rows without a probe; NaN
    for a missing record."""
    place, of_seed = {name: row for row, name in enumerate(ids)}, {}
    for row in rows:
        if row["id"] in place:
            table = of_seed.setdefault(row["seed"], np.full((len(ids), len(labels) or 1), np.nan))
            loglik = dict(row["loglik"] or ())
            values = [loglik[label] for label in labels] if labels else [row["predicted_value"]]
            table[place[row["id"]]] = values
    return [of_seed[seed] for seed in sorted(of_seed)]
