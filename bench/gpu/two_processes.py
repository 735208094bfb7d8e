"""A step over two processes that share a card, beside one process: the same loss, and its price.

NCCL refuses two ranks on one card in most versions; then gloo is used, and the row says so. The
second half of this file is what each process runs.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.gpu import shapes
from bench.gpu.card import Card
from bench.gpu.shapes import SHAPES, Shape
from bench.gpu.steps import Ours, same

_PROCESSES = 2
_SECONDS = 120


def part(card: Card, shape: Shape, folder: Path) -> dict:
    """Tokens a second of a step in two processes; baseline: the same step in one."""
    single = _measure(card, shape, folder / "one")
    wanted = ("nccl", "gloo") if card.cuda else ("gloo",)
    refusals = {}
    for backend in wanted:
        result = folder / f"{backend}.json"
        if refusal := _refusal(backend, [shape.name, str(card.device), backend, str(result)]):
            refusals[backend] = refusal
            continue
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
    raise RuntimeError(f"no two processes: {refusals}")


def _refusal(backend: str, words: list[str]) -> str:
    """Run both processes to their end; why they failed, "" if neither did.

    They meet in a file, so no port has to be free and no name of this machine has to resolve.
    """
    with tempfile.TemporaryDirectory(prefix=f"{backend}-") as place:
        said = [Path(place) / f"said{rank}" for rank in range(_PROCESSES)]
        command = [sys.executable, "-m", "bench.gpu.two_processes", *words, f"{place}/meeting"]
        ranks = []
        try:
            for rank, path in enumerate(said):
                with path.open("w", encoding="utf-8") as file:
                    started = subprocess.Popen([*command, str(rank)], stdout=file, stderr=file)
                ranks.append(started)
            ended = _ended(ranks)
        finally:
            for started in ranks:
                started.kill()
                started.wait()
        if not any(ended.values()):
            return "" if len(ended) == _PROCESSES else f"not done after {_SECONDS} s"
        return "; ".join(
            f"process {rank} ended with status {status}: {_reason(said[rank])}"
            for rank, status in ended.items()
            if status
        )


def _ended(ranks: list[subprocess.Popen]) -> dict[int, int]:
    """The status of each process that ended by itself: of all, or until one failed or was late."""
    until = time.monotonic() + _SECONDS
    while True:
        ended = {rank: one.returncode for rank, one in enumerate(ranks) if one.poll() is not None}
        # If one has failed, the others wait for it in vain.
        if len(ended) == len(ranks) or any(ended.values()) or time.monotonic() > until:
            return ended
        time.sleep(0.05)


def _measure(card: Card, shape: Shape, folder: Path) -> dict:
    method = shapes.build("text_only", shape, card.device, small=True, lora=True)
    examples = shapes.encode(method, shapes.kegg(shape, shape.kegg))
    take = Ours(method, folder, len(examples))
    loss = take(examples)
    seconds = card.seconds(lambda: take(examples), shape.repeats)
    tokens = sum(example.length for example in examples)
    return {"loss": loss, "tokens_per_second": tokens / seconds}


def _reason(path: Path) -> str:
    """What a process said last: its error with the lines that follow it, or else the last line."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() or ["it said nothing"]
    errors = [n for n, line in enumerate(lines) if re.match(r"(\[rank\d\]: )?[\w.]*Error\b", line)]
    return " ".join(" ".join(lines[errors[-1] if errors else -1 :]).split())[:500]


def main(shape: str, device: str, backend: str, result: str, meeting: str, rank: str) -> None:
    """One of the two processes."""
    import torch.distributed

    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        backend, init_method=f"file://{meeting}", rank=int(rank), world_size=_PROCESSES
    )
    try:
        measured = _measure(Card(device), SHAPES[shape], Path(result).parent / f"of-{backend}")
        if rank == "0":
            Path(result).write_text(json.dumps(measured), encoding="utf-8")
    finally:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
