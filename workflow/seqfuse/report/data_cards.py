"""What the page says of each dataset: its card, its audit, and what was trained on it before."""

from seqfuse.report.inputs import Run


def card(run: Run, name: str) -> dict:
    """What the page says of a dataset: its card and its audit, as far as they were given."""
    card, audit = run.cards.get(name, {}), run.audits.get(name, {})
    leaked = run.leakage.get(name, [])
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
        *((f"Seen in {found['of']}", _leaked(found["splits"])) for found in leaked),
    ]
    return {
        "name": name,
        "facts": facts,
        "warnings": audit.get("warnings", []),
        "files": card.get("files", []),
        "sources": [found["source_number"] for found in (card, audit) if "source_number" in found]
        + [found["source"] for found in (*leaked, pretraining) if found],
    }


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
