"""The tables of the controls on real files, from docs/measured/*.csv.

`python -m bench.controls RUN` writes these.
"""

from collections.abc import Iterator

from study_tables import ROOT, SUBSETS, interval, read

from seqfuse.registry.controls import CONTROLS

FOLDER = ROOT / "docs" / "measured"
_SEEN = {"all": "all", "seen_nearly": "seen nearly", "unseen": "unseen"}
_SUITES = {"kegg": "KEGG, accuracy", "cov-vac": "CoV-Vac, Spearman", "mrfp": "mRFP, Spearman"}


def section() -> str:
    """What stands between the marks in docs/results.md."""
    scores = read(FOLDER / "controls.csv")
    lines = [
        *_scores(scores, "language", {"kegg": SUBSETS}),
        *_scores(scores, "codons", {"cov-vac": _SEEN, "mrfp": {"all": "all"}}),
        *_structure(read(FOLDER / "structure.csv")),
    ]
    return "\n".join(lines)


def _scores(rows: list[dict], study: str, asked: dict[str, dict[str, str]]) -> Iterator[str]:
    """A row a control, a column a set of test rows with its number."""
    scored = {(row["suite"], row["subset"], row["method"]): row for row in rows}
    places = [(suite, subset) for suite, subsets in asked.items() for subset in subsets]
    heads = []
    for suite, subset in places:
        n = next(row["n"] for row in rows if (row["suite"], row["subset"]) == (suite, subset))
        heads.append(f"{_SUITES[suite]}: {asked[suite][subset]} ({n})")
    yield f"| test | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    for name, control in CONTROLS[study].items():
        cells = [scored.get((*place, name)) for place in places]
        if any(cells):
            shown = [interval(cell, "value") if cell else "not run" for cell in cells]
            yield f"| *{control.title}* | {' | '.join(shown)} |"
    yield ""


def _structure(rows: list[dict]) -> Iterator[str]:
    yield "| boosting with structure less boosting | n (clusters) | Spearman | p |"
    yield "|---|---|---|---|"
    for row in rows:
        yield (
            f"| {row['suite']}: {_SEEN[row['subset']]} | {row['n']} ({row['clusters']}) |"
            f" {interval(row, 'difference')} | {float(row['p']):.3f} |"
        )
    yield ""
