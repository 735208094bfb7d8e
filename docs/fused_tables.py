"""The tables of coding variants shown by codon, from docs/measured/fused/*.csv.

`python -m bench.study.collect RUN --out docs/measured/fused` writes these from a run of preset
`fused`.
"""

from collections.abc import Iterator

from study_tables import ROOT, SUBSETS, interval, read

from seqfuse.registry.titles import TITLES

FOLDER = ROOT / "docs" / "measured" / "fused"
_HALF = "sequence_decides"
# What a row's name in preset `fused` shows the language model.
SHOWN = {
    "by_protein": "protein",
    "by_rna": "mRNA",
    "by_dna": "DNA",
    "by_concat": "concatenation",
    "by_mil": "MIL",
    "by_xattn": "cross-attention",
    "untrained": "side by side, untrained",
    "qformer_by_concat": "concatenation, through a Q-former",
    "seqclip_by_concat": "concatenation, through SeqCLIP",
    "other_protein": "*concatenation, another record's protein*",
    "shuffled_codons": "*concatenation, codons shuffled*",
}
_BEST = "by_protein"
_AGAINST = [name for name in SHOWN if name != _BEST] + ["text_only", "kmer"]


def section() -> str:
    """What stands between the marks in docs/results.md."""
    scores = [row for row in read(FOLDER / "scores.csv") if _asked(row)]
    comparisons = [row for row in read(FOLDER / "comparisons.csv") if row["subset"] == _HALF]
    return "\n".join([*_scores(scores), *_differences(comparisons)])


def _asked(row: dict) -> bool:
    return row["split"] == "test" and row["probe"] == "none" and row["metric"] == "accuracy"


def _scores(rows: list[dict]) -> Iterator[str]:
    """One row per arm, then one per control; the accuracy of each seed."""
    half = {row["method"]: row for row in rows if row["subset"] == _HALF}
    rows_of = f"{SUBSETS[_HALF]} ({half[_BEST]['n']}; {half[_BEST]['clusters']} clusters)"
    yield f"| what the language model is shown | {rows_of} | of each seed |"
    yield "|---|---|---|"
    others = [name for name, row in half.items() if row["kind"] == "control"]
    for name in filter(half.__contains__, dict.fromkeys([*SHOWN, *others])):
        seeds = [float(value) for value in half[name]["by_seed"].split()]
        shown = ", ".join(f"{value:.3f}" for value in seeds) if len(seeds) > 1 else ""
        title = SHOWN.get(name) or f"*{TITLES[name]}*"
        yield f"| {title} | {interval(half[name], 'value')} | {shown} |"
    yield ""


def _differences(rows: list[dict]) -> Iterator[str]:
    """One row per arm or control that protein is held against; p is Holm's."""
    pairs = {(row["method"], row["against"]): row for row in rows}
    yield "| protein less | difference | smallest detectable | p |"
    yield "|---|---|---|---|"
    for name in _AGAINST:
        if not (row := pairs.get((_BEST, name)) or _turned(pairs.get((name, _BEST)))):
            continue
        title = SHOWN.get(name) or f"*{TITLES[name]}*"
        yield (
            f"| {title} | {interval(row, 'difference')} | {float(row['detectable']):.3f} |"
            f" {float(row['p_holm']):.2g} |"
        )
    yield ""


def _turned(row: dict | None) -> dict | None:
    """A comparison seen from its other side."""
    if row is None:
        return None
    sides = {"difference": "difference", "low": "high", "high": "low"}
    return row | {name: -float(row[other]) for name, other in sides.items()}
