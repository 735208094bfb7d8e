"""The tables of what answers follow on KEGG, from docs/measured/{conflicts,decodable,gap}.csv.

These are the tables of a run's figures: `cp results/kegg/figures/NAME.csv docs/measured/`.
"""

from collections.abc import Iterator

from study_tables import ROOT, SUBSETS, interval, read, title

from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.methods import METHODS

FOLDER = ROOT / "docs" / "measured"
_SHARES = {"follows_text": "text", "follows_dna": "DNA", "follows_neither": "neither"}
_HALVES = ("question_decides", "sequence_decides")
_TARGETS = {
    "label": "label",
    "gene": "gene",
    "reference_base": "reference base",
    "alternate_base": "alternate base",
    "position": "position",
}
_CONTROLS = ("question_only", "random_weights", "shuffled")


def section() -> str:
    """What stands between the marks in docs/results.md."""
    conflicts, decodable, gap = (
        read(FOLDER / f"{name}.csv") for name in ("conflicts", "decodable", "gap")
    )
    return "\n".join([*_conflicts(conflicts), *_decodable(decodable), *_gap(gap)])


def _conflicts(rows: list[dict]) -> Iterator[str]:
    """A row a method or control, three shares for each half of the test split."""
    shares = {(row["method"], row["subset"]): row for row in rows if row["split"] == "test"}
    heads = [
        f"{SUBSETS[half]} ({next(r['n'] for (_, h), r in shares.items() if h == half)}): {words}"
        for half in _HALVES
        for words in _SHARES.values()
    ]
    yield f"| the answer follows | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    for name in [*METHODS, *CONTROLS["language"]]:
        if (name, "all") in shares:
            cells = [
                _share(shares[name, half], share) if (name, half) in shares else "none"
                for half in _HALVES
                for share in _SHARES
            ]
            yield f"| {title(name)} | {' | '.join(cells)} |"
    yield ""


def _share(row: dict, share: str) -> str:
    return interval(row | {end: row[f"{share}_{end}"] for end in ("low", "high")}, share)


def _decodable(rows: list[dict]) -> Iterator[str]:
    """A row a method and place, a column a target: accuracy of the probe, then of its controls."""
    cells = {
        (row["method"], row["place"], row["layer"], row["target"], row["control"]): row
        for row in rows
    }
    targets = [name for name in _TARGETS if any(row["target"] == name for row in rows)]
    heads = []
    for name in targets:
        one = next(r for r in rows if (r["target"], r["control"]) == (name, "none"))
        heads.append(f"{_TARGETS[name]} ({one['n']}; commonest {float(one['majority']):.2f})")
    yield f"| method | read off | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 2) + "|"
    probed = [row for row in rows if row["place"] != "answer"]
    for place in dict.fromkeys((row["method"], row["place"], row["layer"]) for row in probed):
        method, where, layer = place
        called = f"layer {layer}" if where == "language model" else where
        told = [_with_controls(cells, place, target) for target in targets]
        yield f"| {title(method)} | {called} | {' | '.join(told)} |"
    yield ""


def _with_controls(cells: dict, place: tuple[str, str, str], target: str) -> str:
    found = [cells.get((*place, target, control)) for control in _CONTROLS]
    controls = " / ".join(f"{float(row['value']):.2f}" if row else "none" for row in found)
    return f"{interval(cells[*place, target, 'none'], 'value')}; {controls}"


def _gap(rows: list[dict]) -> Iterator[str]:
    """A row a method, a column a layer: distance of centroids over spread; the separator."""
    layers = sorted({row["layer"] for row in rows}, key=int)
    yield f"| DNA and text | {' | '.join(f'layer {layer}' for layer in layers)} |"
    yield "|---" * (len(layers) + 1) + "|"
    for method in dict.fromkeys(row["method"] for row in rows):
        own = {row["layer"]: row for row in rows if row["method"] == method}
        cells = [
            f"{float(own[x]['distance']):.2f}; {float(own[x]['separable']):.3f}" for x in layers
        ]
        yield f"| {title(method)} | {' | '.join(cells)} |"
    yield ""
