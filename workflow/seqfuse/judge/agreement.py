"""How far two judges agree on the same answers; the overlap of words is one of them."""

import itertools

from seqfuse.registry.judges import DIMENSIONS


def lines(rows: list[dict]) -> list[str]:
    """One line a dimension and pair of judges among `rows` (verdicts)."""
    scores: dict[str, dict[str, dict[tuple, float]]] = {}
    for row in rows:
        if row["status"] == "ok":
            answer = (row["dataset"], row["id"], row["seed"])
            of_judge = scores.setdefault(row["dimension"], {}).setdefault(row["judge"], {})
            of_judge[answer] = row["score"]
    found = []
    for dimension in DIMENSIONS:
        for (one, a), (other, b) in itertools.combinations(scores.get(dimension, {}).items(), 2):
            pairs = [(a[answer], b[answer]) for answer in a if answer in b]
            found.append(f"{dimension}: {one} and {other}: {agreement(pairs)}")
    return found


def agreement(pairs: list[tuple[float, float]]) -> str:
    """Spearman's correlation, mean difference (second less first) and mean distance, in words."""
    from scipy.stats import spearmanr

    if len(pairs) < 2:
        return f"{len(pairs)} verdicts in common"
    first, second = zip(*pairs, strict=True)
    constant = len(set(first)) == 1 or len(set(second)) == 1
    rho = "none (constant)" if constant else f"{spearmanr(first, second).statistic:.2f}"
    gaps = [b - a for a, b in pairs]
    mean, distance = sum(gaps) / len(gaps), sum(map(abs, gaps)) / len(gaps)
    return (
        f"Spearman {rho}, mean difference {mean:+.2f}, mean distance {distance:.2f}, "
        f"{len(pairs)} verdicts"
    )
