"""Kill a small run at random moments, again and again, and see that it ends in the same bytes.

One suite of study A and one set of study B, cut from the demo's, are run undisturbed, then RUNS
times with kills: SIGINT (once or twice), SIGTERM or SIGKILL, of one job, of snakemake, or of all at
once as a terminal does. After each kill the run is started again as docs/debugging.md says, until
it ends. Every table, checkpoint and stored embedding must be that of the undisturbed run. Prints
the seed, the kills of each run, and a table; exits 1 and names what differs if anything does.

    python tests/kills.py --runs 50 --seed 1       # about an hour on two cores
    python tests/kills.py --runs 5 --quick         # the trainings alone, no encoders: a minute
"""

import argparse
import collections
import contextlib
import csv
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "workflow")]

from bench import compare  # noqa: E402
from seqfuse.data.demo import generators  # noqa: E402
from seqfuse.encoders.store.reader import Store  # noqa: E402

COPIED = ("Snakefile", "config.yaml", "workflow", "envs", "resources", "profiles", "slurm")
# In the environment of a run's processes, by which those that outlive their snakemake are found.
MARK = "SEQFUSE_KILLS"
ROWS = {"train": 48, "val": 16, "test": 24}
SETS = {"few-variants": "variants", "few-expression": "expression"}
MADE = "results/kills"
VICTIMS = ("job", "snakemake", "all")
KILLS = ("SIGINT", "SIGINT twice", "SIGTERM", "SIGKILL")
# How often a run is killed, each as likely as the others.
TIMES = (1, 1, 2)
# One run in so many starts from nothing, the others behind data, models and embeddings: those are
# made in seconds, and what can be lost comes after them.
FROM_NOTHING = 5


@dataclass(frozen=True)
class Scale:
    """What is run: a method, an arm, training steps, and the tables that are wanted of each."""

    method: str
    arm: str
    steps: int
    wanted: tuple[str, ...]
    receipts: tuple[str, ...] = ()

    @property
    def targets(self) -> list[str]:
        """The files that end a run."""
        suite = f"{MADE}/language/few/{self.method}"
        arm = f"{MADE}/codons/few-expression/{self.arm}"
        return [f"{arm}/predictions.parquet", *(f"{suite}/{name}" for name in self.wanted)]

    @property
    def begun(self) -> list[str]:
        """The files that lie before all training."""
        return [
            *(f"{MADE}/embeddings/{receipt}.json" for receipt in self.receipts),
            *(f"{MADE}/sequences/{name}/records.parquet" for name in SETS),
            f"{MADE}/sequences/few-expression/frames.parquet",
            f"{MADE}/data/models/demo-qwen3/manifest.json",
            f"{MADE}/data/few-variants/card.json",
        ]

    def settings(self, folder: Path) -> dict:
        """The configuration."""
        sets = {
            name: {
                "study": study,
                "source": "files",
                "files": [{"path": str(folder / f"{name}.csv")}],
                "split_column": "split",
            }
            for (name, study) in zip(SETS, ("language", "codons"), strict=True)
        }
        sets["few-expression"]["columns"] = {"sequence": "sequence", "value": "value"}
        training = {"steps": self.steps, "validate_every": self.steps // 3}
        # A checkpoint behind every step, so that SIGKILL too leaves something to resume from.
        training["checkpoint_minutes"] = 0.001
        language = {"suites": {"few": ["few-variants"]}, "methods": [self.method]}
        language |= {"training": training, "probe": {"rows": 8}}
        codons = {"datasets": ["few-expression"], "arms": [self.arm]}
        return {"run": "kills", "datasets": sets, "language": language, "codons": codons}


RECEIPTS = (
    "few-variants/sequence.demo-nt",
    "few-expression/dna.demo-nt",
    "few-expression/rna.demo-rnafm",
    "few-expression/protein.demo-esm2",
)
FULL = Scale("linear", "mil", 24, ("predictions.parquet", "probes.parquet"), RECEIPTS)
QUICK = Scale("onevocab", "onehot", 9, ("model/seed0/cost.json",))


class Project:
    """A copy of the project with a configuration of `scale`, in a folder of its own."""

    def __init__(self, folder: Path, scale: Scale):
        self.folder, self.scale = folder, scale
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, folder / name)
        for name, generator in SETS.items():
            _write_rows(folder / f"{name}.csv", generators.rows(generator, 0))
        settings = yaml.safe_dump(scale.settings(folder))
        (folder / "small.yaml").write_text(settings, encoding="utf-8")

    def start(self, *words: str, targets: Sequence[str] = ()) -> subprocess.Popen:
        """Snakemake in a process group of its own; what it says goes to a file."""
        command = ["snakemake", "--configfile", "small.yaml", "--cores", "2", *words]
        path = os.pathsep.join([str(self.folder / "workflow"), os.environ.get("PYTHONPATH", "")])
        with (self.folder / "said.log").open("ab") as said:
            return subprocess.Popen(
                [*command, "--", *(targets or self.scale.targets)],
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": path, MARK: str(self.folder)},
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, targets: Sequence[str]) -> None:
        """Snakemake to its end, which must be a good one."""
        if self.start(targets=targets).wait():
            text = (self.folder / "said.log").read_text(encoding="utf-8", errors="replace")
            raise SystemExit(f"an undisturbed snakemake failed:\n{text[-6000:]}")

    def unlock(self) -> None:
        """What docs/debugging.md says of a LockException."""
        if self.start("--unlock").wait():
            raise SystemExit("snakemake --unlock failed")

    def processes(self) -> list[psutil.Process]:
        """Every process of the run, wherever it was started."""
        return [process for process in psutil.process_iter() if _marked(process, self.folder)]

    def keep(self, name: str) -> Path:
        """A copy of what was made so far."""
        for made in ("results", ".snakemake"):
            shutil.copytree(self.folder / made, self.folder / name / made)
        return self.folder / name

    def restore(self, kept: Path | None) -> None:
        """Only what a copy holds; nothing where there is none."""
        for made in ("results", ".snakemake"):
            shutil.rmtree(self.folder / made, ignore_errors=True)
            if kept:
                shutil.copytree(kept / made, self.folder / made)


@dataclass
class Run:
    """One killed run: what was done to it, how often it was started again, what differs."""

    kills: list[tuple[str, str]] = field(default_factory=list)
    starts: int = 0
    differences: list[str] = field(default_factory=list)


def disturbed(project: Project, seconds: float, chance: random.Random) -> Run:
    """Start the run, kill it at moments within `seconds`, and start it again until it ends."""
    run, wanted = Run(), chance.choice(TIMES)
    while True:
        if any((project.folder / ".snakemake" / "locks").glob("*")):
            project.unlock()
        snakemake = project.start(*(["--rerun-incomplete"] if run.starts else []))
        run.starts += 1
        kill = None
        if len(run.kills) < wanted:
            _wait(snakemake, chance.uniform(0, seconds))
            if kill := _kill(project, snakemake, chance):
                run.kills.append(kill)
        if snakemake.wait() == 0:
            break
        if not kill:
            run.differences.append("snakemake failed though nothing was killed, see said.log")
            break
    for process in project.processes():  # jobs that outlived their snakemake
        process.wait()
    return run


def _wait(snakemake: subprocess.Popen, seconds: float) -> None:
    """Until then, or until snakemake ends."""
    end = time.monotonic() + seconds
    while snakemake.poll() is None and time.monotonic() < end:
        time.sleep(0.02)


def _kill(project: Project, snakemake: subprocess.Popen, chance: random.Random):
    """Kill something of a run; (victim, kill), or None if there is nothing to kill any more."""
    victim, kill = chance.choice(VICTIMS), chance.choice(KILLS)
    number = signal.Signals[kill.split()[0]]
    times = 2 if kill.endswith("twice") else 1
    for again in range(times):
        if again:
            time.sleep(chance.uniform(0, 0.5))
        if snakemake.poll() is not None:
            return (victim, kill) if again else None
        if victim == "job":
            jobs = [p for p in project.processes() if _is_job(p)]
            if not jobs:
                return (victim, kill) if again else None
            _send(chance.choice(jobs), number)
        elif victim == "snakemake":
            snakemake.send_signal(number)
        else:
            os.killpg(snakemake.pid, number)
    return victim, kill


def _send(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended a moment ago
        process.send_signal(number)


def _marked(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.environ().get(MARK) == str(folder) and process.status() != "zombie"
    except psutil.Error:
        return False


def _is_job(process: psutil.Process) -> bool:
    try:
        return any(word.endswith("/seqfuse") for word in process.cmdline()[:2])
    except psutil.Error:
        return False


def _write_rows(path: Path, rows: list[dict]) -> None:
    left, chosen = dict(ROWS), []
    for row in rows:
        if left[row["split"]]:
            left[row["split"]] -= 1
            chosen.append(row)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, chosen[0].keys())
        writer.writeheader()
        writer.writerows(chosen)


def differences(one: Path, other: Path) -> Iterator[str]:
    """What is not the same in two copies of a run: tables, checkpoints, stored embeddings, and what
    a killed process left half written."""
    for name, words in compare.differences(one / MADE, other / MADE):
        yield f"{name}: {words}"
    here, there = (_stored(folder / "results" / "embeddings") for folder in (one, other))
    for key in sorted(here.keys() | there.keys()):
        if here.get(key) != there.get(key):
            yield f"embeddings of key {key}"


def _stored(store: Path) -> dict[str, str]:
    """Each key's rows as a checksum, whatever shards they lie in."""
    found = {}
    for folder in (path.parent for path in store.glob("*/key.json")):
        rows = {
            row.sequence: (row.states.tobytes(), row.spans.tobytes(), row.pooled.tobytes())
            for row in Store(folder).stream()
        }
        content = b"".join(sequence + b"".join(rows[sequence]) for sequence in sorted(rows))
        found[folder.name] = hashlib.sha256(content).hexdigest()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="killed runs (5)")
    parser.add_argument("--seed", type=int, metavar="N", help="of the kills (default: any)")
    parser.add_argument("--quick", action="store_true", help="the trainings alone, no encoders")
    parser.add_argument("--folder", type=Path, help="where to run, kept (default: a temporary one)")
    args = parser.parse_args()
    seed = random.randrange(2**32) if args.seed is None else args.seed
    print(f"seed {seed}", flush=True)
    # A shell starts what it leaves in the background deaf to Ctrl-C, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="seqfuse-kills-") as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        runs = list(killed(Project(folder, QUICK if args.quick else FULL), args.runs, seed))
    print(summary(runs))
    return int(any(run.differences for run in runs))


def killed(project: Project, count: int, seed: int) -> Iterator[Run]:
    """The killed runs, each printed when it has ended."""
    project.run(project.scale.begun)
    begun = project.keep("begun")
    started = time.monotonic()
    project.run(project.scale.targets)
    seconds = time.monotonic() - started
    whole = project.keep("whole")
    print(f"undisturbed: {seconds:.0f} s behind data, models and embeddings", flush=True)
    for number in range(count):
        # A seed a run, so that one of them can be had again alone.
        chance = random.Random(f"{seed} {number}")
        base = None if chance.randrange(FROM_NOTHING) == 0 else begun
        run, started = Run(), time.monotonic()
        while not run.kills and not run.differences:  # else it ended before its kill
            project.restore(base)
            run = disturbed(project, seconds, chance)
        run.differences += differences(whole, project.folder)
        kills = ", ".join(f"{kill} of {victim}" for victim, kill in run.kills)
        words = "the same bytes" if not run.differences else "; ".join(run.differences)
        took = time.monotonic() - started
        print(f"{number + 1}: {kills}; {run.starts} starts, {took:.0f} s: {words}", flush=True)
        yield run


def summary(runs: list[Run]) -> str:
    """Figures of all runs as a Markdown table."""
    counted = collections.Counter(kill for run in runs for kill in run.kills)
    lines = ["| | " + " | ".join(KILLS) + " |", "|---|" + "--:|" * len(KILLS)]
    for victim in VICTIMS:
        cells = (str(counted[victim, kill]) for kill in KILLS)
        lines.append(f"| {victim} | {' | '.join(cells)} |")
    same = sum(not run.differences for run in runs)
    starts = sum(run.starts - 1 for run in runs)
    lines.append(f"\n{len(runs)} runs, {counted.total()} kills, {starts} restarts; {same} runs")
    return "\n".join(lines) + " ended in the bytes of an undisturbed one"


if __name__ == "__main__":
    sys.exit(main())
