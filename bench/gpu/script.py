"""The parts in their order, the table and the JSON; `main` is `python -m bench gpu`."""

import argparse
import json
import os
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

METHODS = ("text_only", "linear", "qformer", "seqclip", "onevocab", "linear_tuned")
# The longest first line that a table shows of what went wrong.
_SHOWN = 160


def parts() -> dict[str, Callable]:
    """Every part by its name, in the order in which they are taken; imported now."""
    from bench.gpu import asking, steps, storing, two_processes

    return {
        "step_small_kegg": steps.step("text_only", "kegg", small=True),
        **{f"step_{name}_kegg": steps.step(name, "kegg") for name in METHODS},
        "step_dna_only_kegg": steps.step("dna_only", "kegg"),
        "step_linear_nt": steps.step("linear", "nt"),
        "step_onevocab_nt": steps.step("onevocab", "nt"),
        # Spelt in letters, KEGG's DNA is longer than any preset lets a prompt be.
        "step_plain_text_nt": steps.step("plain_text", "nt"),
        "pretraining": steps.pretraining,
        "vocabulary_loss": steps.vocabulary_loss,
        "linear_cross_entropy": steps.linear_cross_entropy,
        "padding_mask": steps.padding_mask,
        "out_of_memory": steps.out_of_memory,
        "precisions": asking.precisions,
        "generation": asking.generation,
        "label_scoring": asking.label_scoring,
        "embedding": storing.embedding,
        "checkpoint": storing.checkpoint,
        "two_processes": two_processes.part,
    }


def main(words: list[str]) -> int:
    """Take every part; 1 if one failed or was left out."""
    args = _arguments().parse_args(words)
    if args.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch

    from bench.gpu import shapes
    from bench.gpu.card import Card

    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    card, shape = Card(device), shapes.SHAPES[args.shape]
    known = parts()
    if unknown := set(args.only or ()) - set(known):
        raise SystemExit(f"no part {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    facts = card.facts() | {"shape": shape.name, "command": "python -m bench gpu"}
    print(*(f"{name}: {value}" for name, value in facts.items()), sep="\n", flush=True)
    started, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="seqfuse-gpu-") as place:
        folder = Path(place)
        shapes.write_encoder(shape, folder / "encoder")
        for name, part in known.items():
            if args.only and name not in args.only:
                continue
            left = 60 * args.minutes - (time.monotonic() - started)
            rows += take(name, partial(part, card, shape, folder), left)
            for row in rows:
                if not row.pop("printed", False):
                    print(line(row), flush=True)
                row["printed"] = True
            card.clear()
            _save(args.out, facts, rows, started)
    print(f"{len(rows)} rows in {time.monotonic() - started:.0f} s: {args.out}")
    return int(any("failed" in row for row in rows))


def take(name: str, part: Callable[[], dict | list[dict]], left: float) -> list[dict]:
    """The rows of one part; one that failed or was left out is a row that says so."""
    if left <= 0:
        return [{"name": name, "failed": "left out: the minutes given were over"}]
    started = time.monotonic()
    try:
        outcome = part()
    except Exception as error:  # noqa: BLE001, whatever it is, the other parts are worth having
        words = " ".join(str(error).split())
        return [
            {
                "name": name,
                "failed": f"{type(error).__name__}: {words}",
                "where": traceback.format_exc(limit=-3),
                "seconds": round(time.monotonic() - started, 1),
            }
        ]
    outcome = outcome if isinstance(outcome, list) else [outcome]
    seconds = round(time.monotonic() - started, 1)
    return [{"name": name, **row, **_ratio(row), "seconds": seconds} for row in outcome]


def _ratio(row: dict) -> dict:
    return {"ratio": row["ours"] / row["baseline"]} if "baseline" in row else {}


def line(row: dict) -> str:
    """A row of the table."""
    if "failed" in row:
        return f"{row['name']:24} FAILED {row['failed'][:_SHOWN]}"
    words = f"{row['name']:24} {row['ours']:11.4g} {row['unit']:11}"
    if "ratio" in row:
        words += f" plain {row['baseline']:10.4g}  ratio {row['ratio']:6.2f}"
    facts = (
        f"  {name} {row[name]:.4g}"
        for name in ("mfu", "baseline_mfu", "peak_gb", "baseline_peak_gb", "same_labels")
        if row.get(name) is not None
    )
    return words + "".join(facts)


def _save(out: Path, facts: dict, rows: list[dict], started: float) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    shown = [{k: v for k, v in row.items() if k != "printed"} for row in rows]
    content = {**facts, "seconds": round(time.monotonic() - started, 1), "rows": shown}
    out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.ArgumentParser:
    from bench import gpu

    parser = argparse.ArgumentParser(
        prog="python -m bench gpu",
        description=gpu.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--shape", choices=("real", "tiny"), default="real", help="sizes of everything (real)"
    )
    parser.add_argument(
        "--device", choices=("cuda", "cpu"), help="default: the GPU where there is one"
    )
    parser.add_argument("--only", nargs="+", metavar="PART", help="parts to take (default: all)")
    parser.add_argument(
        "--minutes", type=float, default=8.0, help="no part begins after so many (8)"
    )
    parser.add_argument("--out", type=Path, default=Path("results/bench/gpu.json"))
    return parser
