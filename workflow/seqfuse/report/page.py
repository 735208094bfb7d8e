"""Fill templates/page.html.j2 with a run's findings, tables, figures and cards.

The page is one file: style.css and script.js stand inside it, and its Content-Security-Policy
forbids loading anything else and running any other script. Jinja2 escapes all text.
"""

import base64
import hashlib
import json
from pathlib import Path

import jinja2

from seqfuse.registry.figures import STUDIES
from seqfuse.report import cells, findings, grids
from seqfuse.report.inputs import Run
from seqfuse.report.titles import title

TEMPLATES = Path(__file__).with_name("templates")
_ROWS_OF_A_FIGURE = 200

_SECTIONS = {
    "verdicts": "Verdicts",
    "scores": "Scores",
    "comparisons": "Comparisons",
    "published": "Published",
    "judge": "Judge",
    "figures": "Figures",
    "data": "Data",
    "cost": "Cost",
    "left-out": "Not run",
    "settings": "Settings",
    "sources": "Sources",
}


def render(run: Run, packages: dict[str, str], commit: str) -> str:
    """The whole page as HTML; `packages` and `commit` say what it was made with."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "title_of": title,
        "slug": _slug,
        "exact": repr,
        "score": cells.score,
        "weight": cells.weight,
    }
    results = findings.Results(run)
    judged, published = grids.judged(run), grids.published(run)
    style = loader.get_source(environment, "style.css")[0]
    # The policy's hash covers all between the tags, the line break behind the first included.
    script = "\n" + loader.get_source(environment, "script.js")[0]
    absent = {name for name, found in (("judge", judged), ("published", published)) if not found}
    return environment.get_template("page.html.j2").render(
        run=run,
        packages=packages,
        commit=commit,
        hours=_hours(sum(row["seconds"] for row in run.costs)),
        paid=_paid(run),
        prompts=_prompts(run),
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        sections=[item for item in _SECTIONS.items() if item[0] not in absent],
        scratch=run.scratch(),
        warnings=[(n, text) for n, audit in run.audits.items() for text in audit["warnings"]]
        + findings.cut_answers(run),
        confidence=run.settings["evaluation"]["confidence"],
        findings=findings.findings(results),
        rankings=_by_study(results),
        everything=grids.everything(run),
        comparisons=grids.comparisons(run),
        judged=judged,
        agreement=grids.agreement(run),
        published=published,
        cards=[_card(run, name) for name in dict.fromkeys([*run.cards, *run.audits])],
        costs=grids.costs(run),
        left_out=grids.left_out(run),
        settings=json.dumps(run.settings, indent=2, sort_keys=True, ensure_ascii=False),
        most=_ROWS_OF_A_FIGURE,
    )


def _by_study(results: findings.Results) -> list[tuple[str, list[cells.Grid]]]:
    tables = grids.rankings(results)
    studies = [place.study for place in results.scores]
    return [
        (STUDIES[study], [table for table, of in zip(tables, studies, strict=True) if of == study])
        for study in dict.fromkeys(studies)
    ]


def _card(run: Run, name: str) -> dict:
    """What the page says of a dataset: its card and its audit, as far as they were given."""
    card, audit = run.cards.get(name, {}), run.audits.get(name, {})
    leaked = run.leakage.get(name, {})
    pretraining = run.pretraining if card.get("study") == "pairs" else {}
    rows, splits = audit.get("rows"), audit.get("splits") or card.get("rows") or {}
    rejected, left_out = audit.get("rejected") or {}, card.get("left_out") or {}
    facts = [
        ("Title", card.get("title")),
        ("Licence", card.get("licence")),
        ("Citation", card.get("citation")),
        ("Source", card.get("source")),
        ("Used for", _pretraining(run, pretraining) if pretraining else ""),
        ("Task", card.get("task")),
        ("Rows", ", ".join(f"{split} {n:,}" for split, n in splits.items())),
        ("Classes", str(audit["classes"]) if audit.get("classes") else ""),
        ("Left out", "; ".join(f"{reason}: {n:,}" for reason, n in left_out.items())),
        ("Cleaning", _cleaning(rows) if rows else ""),
        ("Rejects", "; ".join(f"{reason}: {n:,}" for reason, n in rejected.items())),
        ("Coding", _coding(audit.get("coding"))),
        ("Look-ups", _lookups(audit.get("lookups") or {})),
        ("Seen in train", _seen(audit.get("duplicates"))),
        ("Near-duplicates in train", _near(audit.get("near_duplicates"))),
        ("Homologues in train", _homologues(audit)),
        ("Seen in SeqCLIP's pre-training", _leaked(leaked.get("splits") or {})),
    ]
    return {
        "name": name,
        "facts": facts,
        "warnings": audit.get("warnings", []),
        "files": card.get("files", []),
        "sources": [found["source_number"] for found in (card, audit) if "source_number" in found]
        + [found["source"] for found in (leaked, pretraining) if found],
    }


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f}" if seconds < 360_000 else f"{seconds / 3600:,.0f}"


def _paid(run: Run) -> list[str]:
    """What each judge behind a server took, a sentence each; equal questions are asked once."""
    asked: dict[str, dict[str, dict]] = {}
    for row in run.verdicts:
        if row["prompt"]:
            asked.setdefault(row["judge"], {})[row["key"]] = row
    prices = run.settings.get("judge", {})
    lines = []
    for judge, verdicts in asked.items():
        read = sum(row["prompt_tokens"] or 0 for row in verdicts.values())
        said = sum(row["answer_tokens"] or 0 for row in verdicts.values())
        usd = (read * prices.get("input_price", 0) + said * prices.get("output_price", 0)) / 1e6
        cost = f", {usd:,.2f} USD at the configured prices" if usd else ""
        lines.append(
            f"Judge {judge}: {len(verdicts):,} verdicts, {read:,} prompt and {said:,} answer "
            f"tokens{cost}."
        )
    return lines


def _prompts(run: Run) -> list[tuple[str, str]]:
    """(dimension, hash) of the judges' prompts."""
    return sorted({(row["dimension"], row["prompt"]) for row in run.verdicts if row["prompt"]})


def _pretraining(run: Run, found: dict) -> str:
    """What these pairs were for, and what was too long for an encoder."""
    apart = run.settings["language"]["pretrain"]["seed"] is None
    seeds = ", ".join(map(str, run.settings["seeds"])) if apart else found["seed"]
    cut = [
        f"{one['pairs']:,} {kind} over {one['limit']:,} tokens ({one['policy']})"
        for kind, one in found["too_long"].items()
    ]
    return (
        f"SeqCLIP's pre-training on {found['pairs']['train']:,} pairs, seed {seeds};"
        f" too long for an encoder: {', '.join(cut)}. "
        + (
            "Each seed of SeqCLIP starts from a pre-training of its own."
            if apart
            else "Every seed of SeqCLIP starts from this one pre-training, so that what is due to"
            " its seed is in no interval."
        )
    )


def _leaked(splits: dict) -> str:
    parts = []
    for split, found in splits.items():
        kinds = {"gene": found["genes"], "DNA": found["dna"]}
        shared = [f"{n['rows']:,} by {kind}" for kind, n in kinds.items() if n is not None]
        parts.append(f"of {found['rows']:,} rows of {split} {', '.join(shared)}")
    return "; ".join(parts)


def _cleaning(rows: dict) -> str:
    return f"{rows['read']:,} read, {rows['kept']:,} kept, {rows['rejected']:,} rejected"


def _coding(coding: dict | None) -> str:
    if not coding:
        return ""
    said = "coding sequences" if coding["is_coding"] else "NOT coding sequences"
    return (
        f"{said}: {coding['share_start']:.1%} start with ATG, "
        f"{coding['share_internal_stop']:.1%} have a stop inside"
    )


def _lookups(lookups: dict) -> str:
    parts = []
    for split, scores in lookups.items():
        for name, found in (scores or {}).items():
            measure = "accuracy" if "accuracy" in found else "spearman"
            if found.get(measure) is not None:
                parts.append(f"{name} on {split} {found[measure]:.3f} ({measure})")
    return "; ".join(parts)


def _seen(duplicates: dict | None) -> str:
    seen = duplicates["dna"]["seen_in_train"] if duplicates else {}
    return "; ".join(f"{found['rows']:,} rows of {split}" for split, found in seen.items())


def _near(near: dict | None) -> str:
    found = near["in_train"] if near else {}
    return "; ".join(
        f"{one['near']:,} of {one['compared']:,} compared sequences of {split}"
        for split, one in found.items()
    )


def _homologues(audit: dict) -> str:
    """How many rows have a homologous protein in train, and how well such are found."""
    search = audit.get("homologues")
    if not search:
        return ""
    rows = "; ".join(
        f"{counts.get('seen_homologously', 0):,} rows of {split} that are no near-duplicates"
        for split, counts in audit["seen"].items()
    )
    sensitivity = ", ".join(
        f"{share:.0%} of homologues of {least if least == 'human' else f'{float(least):.0%}'}"
        + (" proteins" if least == "human" else " identity")
        for least, share in search["sensitivity"].items()
    )
    return f"{rows}; by {search['method']}, which links {sensitivity}"


def _slug(text: str) -> str:
    """Letters, digits and hyphens for an address within the page; other signs by their number."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else f".{ord(c)}" for c in text)
