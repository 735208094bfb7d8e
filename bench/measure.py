"""How a measure is taken: alternating pairs, medians, one row of the table and of bench.json."""

import contextlib
import importlib
import io
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from seqfuse.files import write_json

GROUPS = (
    "embeddings",
    "sequences",
    "codons",
    "evaluation",
    "training",
    "memory",
    "prediction",
    "workflow",
    "cluster",
)


@dataclass(frozen=True)
class Setting:
    """A scratch folder, the share of the full size, the alternating pairs, the CPU threads."""

    folder: Path
    scale: float
    repeats: int
    threads: int

    def rows(self, full: int, least: int = 20) -> int:
        """How many of `full` rows are measured."""
        return max(least, round(full * self.scale))


def of(group: str) -> list[Callable[[Setting], dict]]:
    """The measures of a group: the functions in its `MEASURES`."""
    return importlib.import_module(f"bench.{group}").MEASURES


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call, its progress not shown."""
    with contextlib.redirect_stderr(io.StringIO()):
        started = time.perf_counter()
        work()
        return time.perf_counter() - started


def exhaust(items: Iterable) -> None:
    """Take every item and keep none."""
    for _ in items:
        pass


def alternate(setting: Setting, ours: Callable, baseline: Callable) -> tuple[float, float]:
    """The median seconds of each, called in turn."""
    return medians(setting, lambda: seconds(ours), lambda: seconds(baseline))


def medians(
    setting: Setting, ours: Callable[[], float], baseline: Callable[[], float]
) -> tuple[float, float]:
    """The median of the seconds that each gives, called in turn."""
    pairs = [(ours(), baseline()) for _ in range(setting.repeats)]
    return tuple(statistics.median(times) for times in zip(*pairs, strict=True))


def apart(work: Callable, *words: object) -> tuple[float, object]:
    """Seconds and outcome of one call in a new process, whose start and imports are not counted."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_clocked, (work, *words))


def _clocked(work: Callable, *words: object) -> tuple[float, object]:
    outcomes = []
    return seconds(lambda: outcomes.append(work(*words))), outcomes[0]


def result(name: str, ours: float, baseline: float, unit: str, at_least: float, **more) -> dict:
    """One row; `ratio` says how many times better ours is, whichever way the unit points."""
    better = ours / baseline if unit.endswith("/s") else baseline / ours
    return {
        "name": name,
        "ours": ours,
        "baseline": baseline,
        "ratio": better,
        "unit": unit,
        "at_least": at_least,
        **more,
    }


def line(row: dict) -> str:
    """A row of the table; under it, where a measure has one, a table of its own."""
    bar = f"at least {row['at_least']:g}" if row["at_least"] else "no bar"
    verdict = "" if row["ratio"] >= row["at_least"] else "  below"
    whole = (
        f"{row['name']:14} ours {row['ours']:10.4g} {row['unit']:9} baseline"
        f" {row['baseline']:10.4g}  ratio {row['ratio']:7.2f} ({bar},"
        f" {row['rows']} rows){verdict}"
    )
    parts = ("  ".join(f"{k} {v:8.4g}" for k, v in part.items()) for part in row.get("table", ()))
    return "\n    ".join([whole, *parts])


def save(rows: list[dict], setting: Setting, path: str) -> None:
    """Write all rows with the conditions they were measured under."""
    conditions = {name: getattr(setting, name) for name in ("scale", "repeats", "threads")}
    write_json(path, [row | conditions for row in rows])
