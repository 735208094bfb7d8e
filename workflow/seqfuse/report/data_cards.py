"""What the page says of each dataset: its card, its audit, and what was trained on it before."""

from collections.abc import Mapping

from seqfuse.report.inputs import Run

_SPLITS = ("train", "val", "test")


def card(run: Run, name: str) -> dict:
    """What the page says of a dataset: its card and its audit, as far as they were given."""
    card, audit = run.cards.get(name, {}), run.audits.get(name, {})
    leakage = run.leakage.get(name, [])
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
        ("Rows", ", ".join(f"{split} {n:,}" for split, n in _in_order(splits))),
        ("Classes", str(audit["classes"]) if audit.get("classes") else ""),
        ("Left out", "; ".join(f"{reason}: {n:,}" for reason, n in left_out.items())),
        ("Cleaning", _cleaning(rows) if rows else ""),
        ("Rejects", "; ".join(f"{reason}: {n:,}" for reason, n in rejected.items())),
        ("Coding", _coding(audit.get("coding"))),
        ("Look-ups", _lookups(audit.get("lookups") or {})),
        ("Seen in train", _seen(audit.get("duplicates"))),
        ("Near-duplicates in train", _near(audit.get("near_duplicates"))),
        ("Homologues in train", _homologues(audit)),
        *((f"Seen in {one['of']}", _leaked(one["splits"])) for one in leakage),
    ]
    return {
        "name": name,
        "facts": facts,
        "warnings": audit.get("warnings", []),
        "files": card.get("files", []),
        "sources": [file["source_number"] for file in (card, audit) if "source_number" in file]
        + [file["source"] for file in (*leakage, pretraining) if file],
    }


def _in_order(splits: Mapping) -> list[tuple]:
    """Splits in the order of their use, those of another name behind them."""
    return sorted(
        splits.items(),
        key=lambda item: _SPLITS.index(item[0]) if item[0] in _SPLITS else len(_SPLITS),
    )


def _pretraining(run: Run, pretraining: dict) -> str:
    """What these pairs were for, and what was too long for an encoder."""
    apart = run.settings["language"]["pretrain"]["seed"] is None
    seeds = ", ".join(map(str, run.settings["seeds"])) if apart else pretraining["seed"]
    too_long = [
        f"{one['pairs']:,} {kind} over {one['limit']:,} tokens ({one['policy']})"
        for kind, one in pretraining["too_long"].items()
    ]
    return (
        f"SeqCLIP's pre-training on {pretraining['pairs']['train']:,} pairs, seed {seeds};"
        f" too long for an encoder: {', '.join(too_long)}. "
        + (
            "Each seed of SeqCLIP starts from a pre-training of its own."
            if apart
            else "Every seed of SeqCLIP starts from this one pre-training, so that no interval"
            " counts what another pre-training would change."
        )
    )


def _leaked(splits: dict) -> str:
    """How many rows of each split an encoder was pre-trained on."""
    parts = []
    for split, leak in _in_order(splits):
        kinds = {"gene": leak["genes"], "DNA": leak["dna"]}
        shared = [f"{n['rows']:,} by {kind}" for kind, n in kinds.items() if n is not None]
        parts.append(f"of {leak['rows']:,} {split} rows, {' and '.join(shared)}")
    return "; ".join(parts)


def _cleaning(rows: dict) -> str:
    return f"{rows['read']:,} read, {rows['kept']:,} kept, {rows['rejected']:,} rejected"


def _coding(coding: dict | None) -> str:
    if not coding:
        return ""
    kind = "coding sequences" if coding["is_coding"] else "NOT coding sequences"
    return (
        f"{kind}: {coding['share_start']:.1%} start with ATG, "
        f"{coding['share_internal_stop']:.1%} have a stop inside"
    )


def _lookups(lookups: dict) -> str:
    """What look-ups score on each split, their measure named once."""
    parts = []
    for split, scores in _in_order(lookups):
        for measure in ("accuracy", "spearman"):
            numbers = [
                f"{name} {score[measure]:.3f}"
                for name, score in (scores or {}).items()
                if score.get(measure) is not None
            ]
            if numbers:
                parts.append(f"{measure} on {split}: {', '.join(numbers)}")
    return "; ".join(parts)


def _seen(duplicates: dict | None) -> str:
    seen = duplicates["dna"]["seen_in_train"] if duplicates else {}
    return "; ".join(f"{_rows(one['rows'])} of {split}" for split, one in _in_order(seen))


def _near(near: dict | None) -> str:
    in_train = near["in_train"] if near else {}
    return "; ".join(
        f"{one['near']:,} of {one['compared']:,} compared sequences of {split}"
        for split, one in _in_order(in_train)
    )


def _homologues(audit: dict) -> str:
    """How many rows have a homologous protein in train, and how well such are found."""
    search = audit.get("homologues")
    if not search:
        return ""
    rows = "; ".join(
        f"{_rows(counts.get('seen_homologously', 0))} of {split}"
        for split, counts in _in_order(audit["seen"])
    )
    sensitivity = ", ".join(
        f"{share:.0%} of {'human proteins' if least == 'human' else f'those {float(least):.0%}'}"
        + ("" if least == "human" else " identical")
        for least, share in search["sensitivity"].items()
    )
    return (
        f"{rows}, near-duplicates not counted. Found by {search['method']}; of known homologues"
        f" this finds {sensitivity}"
    )


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count != 1 else ''}"
