"""How long the rest of a run takes, once enough of it has run to say so.

A job is expected to take the mean of its rule's finished jobs, or else what it took in an earlier
run, by its benchmark. If neither is known it is guessed: the mean of the finished jobs of its kind,
with a model or without one. Nothing is said until guesses are a small part of the estimate, which
in a first run means that some trainings have finished.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

# The largest share of a first estimate that may be guessed.
_GUESSED = 0.25


@dataclass(frozen=True)
class Expected:
    """What is known of a job before it runs: its rule, whether it computes with a model, and the
    seconds that it took in an earlier run."""

    rule: str
    computes: bool
    before: float | None


class TimeLeft:
    """The clock of a run; every time is in seconds, of one clock."""

    def __init__(self, jobs: Mapping[int, Expected], now: float):
        self._left, self._begun = dict(jobs), now
        self._started: dict[int, float] = {}
        # Seconds that jobs took, by rule and by whether they compute with a model.
        self._by_rule: dict[str, list[float]] = defaultdict(list)
        self._by_kind: dict[bool, list[float]] = defaultdict(list)
        self._is_known = False

    def start(self, numbers: list[int], now: float) -> None:
        self._started |= dict.fromkeys(numbers, now)

    def fail(self, number: int) -> None:
        self._started.pop(number, None)

    def finish(self, number: int, now: float) -> None:
        job, started = self._left.pop(number, None), self._started.pop(number, None)
        if job and started is not None:
            self._by_rule[job.rule].append(now - started)
            self._by_kind[job.computes].append(now - started)

    def seconds(self, now: float) -> float | None:
        """Seconds until the last job ends, or None while too much of that would be a guess."""
        if not self._by_kind or not self._left:
            return None
        rest = list(self._rest(now))
        total = sum(seconds for seconds, _ in rest)
        guessed = sum(seconds for seconds, is_guess in rest if is_guess)
        self._is_known |= guessed <= _GUESSED * total
        if not self._is_known:
            return None
        return max(total / self._at_once(now), max(seconds for seconds, _ in rest))

    def _rest(self, now: float) -> Iterator[tuple[float, bool]]:
        """The seconds that each job still takes, and whether they are a guess."""
        by_rule = {rule: fmean(took) for rule, took in self._by_rule.items()}
        by_kind = {kind: fmean(took) for kind, took in self._by_kind.items()}
        of_any = fmean(seconds for took in self._by_kind.values() for seconds in took)
        for number, job in self._left.items():
            known = by_rule.get(job.rule, job.before)
            whole = by_kind.get(job.computes, of_any) if known is None else known
            yield max(0.0, whole - (now - self._started.get(number, now))), known is None

    def _at_once(self, now: float) -> float:
        """How many jobs ran at the same time so far, on average."""
        finished = sum(seconds for took in self._by_kind.values() for seconds in took)
        running = sum(now - started for started in self._started.values())
        return max(1.0, (finished + running) / max(now - self._begun, 1e-9))


def by_benchmark(path) -> float | None:
    """What a job took when it last ran, by its benchmark; None if it never did."""
    try:
        return json.loads(Path(str(path)).read_text().splitlines()[-1])["s"]
    except (OSError, ValueError, IndexError, KeyError):
        return None


def in_words(seconds: float) -> str:
    """A time left, no finer than it can be known."""
    if seconds < 60:
        return "less than a minute left"
    if seconds < 90 * 60:
        return f"about {seconds / 60:.0f} min left"
    return f"about {seconds / 3600:.1f} h left"
