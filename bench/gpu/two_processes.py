"""A step over two processes that share a card, beside one process: the same loss, and its price.

NCCL refuses two ranks on one card in most versions; then gloo is used, and the row says so. The
second half of this file is what each process runs.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.gpu import shapes
from bench.gpu.card import Card
from bench.gpu.shapes import SHAPES, Shape
from bench.gpu.steps import Ours, same

_SECONDS = 120


def part(card: Card, shape: Shape, folder: Path) -> dict:
    """Tokens a second of a step in two processes; baseline: the same step in one."""
    single = _measure(card, shape, folder / "one")
    wanted = ("nccl", "gloo") if card.cuda else ("gloo",)
    refusals = {}
    for backend in wanted:
        result = folder / f"{backend}.json"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", "2", "-m", "bench.gpu.two_processes"]
        command += [shape.name, str(card.device), backend, str(result)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
        if run.returncode == 0:
            shared = json.loads(result.read_text(encoding="utf-8"))
            same(shared["loss"], single["loss"])
            return {
                "unit": "tokens/s",
                "ours": shared["tokens_per_second"],
                "baseline": single["tokens_per_second"],
                "backend": backend,
                "refused": refusals,
                "difference": abs(shared["loss"] - single["loss"]),
            }
        refusals[backend] = _reason(run.stderr)
    raise RuntimeError(f"no two processes: {refusals}")


def _measure(card: Card, shape: Shape, folder: Path) -> dict:
    method = shapes.build("text_only", shape, card.device, small=True, lora=True)
    examples = shapes.encode(method, shapes.kegg(shape, shape.kegg))
    take = Ours(method, folder, len(examples))
    loss = take(examples)
    seconds = card.seconds(lambda: take(examples), shape.repeats)
    tokens = sum(example.length for example in examples)
    return {"loss": loss, "tokens_per_second": tokens / seconds}


def _reason(said: str) -> str:
    """The line that says why, of all that a launcher prints."""
    lines = [line.strip() for line in said.splitlines() if "rror" in line or "uplicate" in line]
    return (lines or said.splitlines() or ["it said nothing"])[0][:300]


def main(shape: str, device: str, backend: str, result: str) -> None:
    """One of the two processes."""
    import torch.distributed

    torch.set_num_threads(1)
    torch.distributed.init_process_group(backend)
    try:
        measured = _measure(Card(device), SHAPES[shape], Path(result).parent / f"of-{backend}")
        if int(os.environ["RANK"]) == 0:
            Path(result).write_text(json.dumps(measured), encoding="utf-8")
    finally:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
