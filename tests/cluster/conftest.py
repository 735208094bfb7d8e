"""Private clusters, and a tiny project of one or two training chains that runs on them."""

import importlib.util
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).resolve().parent
PROJECT = ("Snakefile", "workflow", "envs", "resources", "profiles", "slurm")
# What the one arm's training makes, and what it is made of.
TRAINED = "results/tiny/codons/tiny-codons/dna/predictions.parquet"
BEFORE_TRAINING = (
    "results/tiny/embeddings/tiny-codons/dna.demo-nt.json",
    "results/tiny/sequences/tiny-codons/records.parquet",
)
CONFIG = {
    "preset": "demo",
    "run": "tiny",
    "seeds": 1,
    # Tried by tests of their own.
    "gpu": {"canary": False},
    "datasets": {
        "tiny-codons": {"study": "codons", "source": "files", "files": [{"path": "codons.csv"}]},
        "tiny-pairs": {"study": "pairs", "source": "files", "files": [{"path": "pairs.csv"}]},
        "tiny-language": {
            "study": "language",
            "source": "files",
            "files": [{"path": "language.csv"}],
            "question": "Which?",
            "labels": {"0": "no", "1": "yes"},
        },
    },
    "language": {
        "suites": {"tiny": ["tiny-language"]},
        "methods": ["seqclip"],
        "training": {"steps": 2, "validate_every": 2},
        "pretrain": {"dataset": "tiny-pairs", "steps": 2, "batch": 8, "validate_every": 2},
    },
    "codons": {
        "datasets": ["tiny-codons"],
        "arms": ["dna"],
        "training": {"epochs": 12, "early_stopping_patience": 12},
    },
}


def load(name: str):
    """A module of this folder, which is not a package."""
    specification = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


slurm = load("slurm")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.cluster)


@dataclass
class Project:
    """A copy of the project in a folder of its own, and the cluster that it submits to."""

    root: Path
    cluster: object = None
    environment: dict = field(default_factory=dict)

    @property
    def predictions(self) -> bytes:
        """The bytes of the trained arm's predictions."""
        return (self.root / TRAINED).read_bytes()

    @property
    def _environment(self) -> dict:
        base = self.cluster.environment if self.cluster else os.environ
        slow = {"PATH": f"{self.root / 'bin'}{os.pathsep}{base['PATH']}"}
        code = {"PYTHONPATH": str(self.root / "workflow"), "SECONDS_A_STEP": "0"}
        # The GPUs of the cluster are stand-ins.
        cpu = {"SEQFUSE_DEVICE": "cpu"}
        return {**base, **slow, **code, **cpu, **self.environment}

    def start(self, *words: str, log: str = "snakemake.txt") -> subprocess.Popen:
        """Start snakemake in the copy, both streams into `log`."""
        with (self.root / log).open("ab") as output:
            return subprocess.Popen(
                [sys.executable, HERE / "quick.py", *words],
                cwd=self.root,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def submit(self, *words: str) -> subprocess.Popen:
        """Start snakemake on the cluster, as a user types it."""
        return self.start(*words, "--profile", "slurm", "--config", "preset=demo")

    def finish(self, run: subprocess.Popen, code: int = 0) -> str:
        """Wait for snakemake to end with `code`; what it said."""
        found = run.wait()
        said = (self.root / "snakemake.txt").read_text()
        assert found == code, said[-6000:]
        return said

    def settings(self, section: str) -> dict:
        """A section of config.yaml."""
        return yaml.safe_load((self.root / "config.yaml").read_text())[section]

    def configure(self, **sections) -> None:
        """Replace sections of config.yaml."""
        path = self.root / "config.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | sections))

    def profile(self, **values) -> None:
        """Set keys of the cluster's profile; None takes a key out."""
        path = self.root / "slurm" / "profile.yaml"
        changed = yaml.safe_load(path.read_text()) | {
            key.replace("_", "-"): value for key, value in values.items()
        }
        kept = {key: value for key, value in changed.items() if value is not None}
        path.write_text(yaml.safe_dump(kept))

    def jobs(self, rule: str = "") -> list[dict[str, str]]:
        """Slurm's records of this project's jobs, of one rule, in order of submission."""
        records = self.cluster.jobs(self.root)
        return [job for job in records if _rule_of(job) == rule or not rule]

    def log(self, rule: str) -> str:
        """The logs of a rule's jobs."""
        return "".join(path.read_text() for path in self.root.glob(f"results/tiny/logs/{rule}/*"))

    def wait_for(self, what: str, condition, seconds: float = 300) -> None:
        """Wait until `condition()` holds, snakemake's own words in the message if it does not."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                pytest.fail(f"not within {seconds} s: {what}\n{self._said()}")
            time.sleep(0.5)

    def wait_for_training(self) -> dict[str, str]:
        """Wait until a job trains, a few epochs of twelve; Slurm's record of it."""
        self.wait_for("a few epochs", lambda: "epochs: " in self.log("codons_train"))
        return self.jobs("codons_train")[-1]

    def _said(self) -> str:
        return (self.root / "snakemake.txt").read_text()[-4000:]


@pytest.fixture(scope="session")
def rule_of():
    """The rule that a job runs, from the comment that the executor submits with it."""
    return _rule_of


def _rule_of(job: dict[str, str]) -> str:
    return job.get("Comment", "").removeprefix("rule_").split("_wildcards_")[0]


@pytest.fixture(scope="session")
def trained() -> str:
    """What the one arm's training makes."""
    return TRAINED


@pytest.fixture(scope="session")
def states():
    """How the training jobs of a project ended, in order of submission."""
    return lambda project: [job["JobState"] for job in project.jobs("codons_train")]


@pytest.fixture(scope="session")
def assert_resumed():
    """Assert that the last training job did not repeat what an earlier one had saved, nor leave
    any of twelve epochs out."""

    def check(project) -> None:
        log = project.log("codons_train")
        resumed = int(log.split("resuming in epoch ")[1].split()[0])
        assert 1 <= resumed <= 12
        assert f"epochs: {12 - resumed + 1} done" in log

    return check


@pytest.fixture(scope="session")
def stage_of():
    """The stage that a job belongs to."""
    return lambda job: _rule_of(job).split("_")[0]


@pytest.fixture(scope="session")
def fresh():
    """Make a copy of a project: `fresh(project, target, cluster, environment)`."""
    return copy


@pytest.fixture(scope="session")
def installed():
    """Skip where there is no Slurm."""
    missing = slurm.absent(*slurm.REQUIRED)
    if missing:
        pytest.skip(f"no Slurm ({', '.join(missing)})")


@pytest.fixture(scope="session")
def cluster(installed, tmp_path_factory):
    """A cluster without slurmdbd."""
    with slurm.Slurm(tmp_path_factory.mktemp("slurm") / "lab", accounting=False) as running:
        yield running


@pytest.fixture(scope="session")
def accounted(installed, tmp_path_factory):
    """A cluster with slurmdbd, which refuses accounts that it does not know."""
    missing = slurm.absent(*slurm.ACCOUNTING)
    if missing:
        pytest.skip(f"no slurmdbd ({', '.join(missing)})")
    with slurm.Slurm(tmp_path_factory.mktemp("slurmdbd") / "lab", accounting=True) as running:
        yield running


@pytest.fixture(scope="session")
def tiny(installed, tmp_path_factory, root) -> Project:
    """The tiny project in which nothing was run."""
    target = tmp_path_factory.mktemp("tiny")
    for name in PROJECT:
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        if (root / name).is_dir():
            shutil.copytree(root / name, target / name, ignore=ignored)
        else:
            shutil.copy2(root / name, target / name)
    (target / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    (target / "bin").mkdir()
    command = target / "bin" / "seqfuse"
    command.write_text(f"#!{sys.executable}\n{(HERE / 'slow.py').read_text()}")
    command.chmod(0o755)
    write_data(target)
    made = Project(target)
    # Look at once, and at jobs of seconds.
    made.profile(slurm_init_seconds_before_status_checks=1, latency_wait=20)
    return made


@pytest.fixture(scope="session")
def embedded(tiny, tmp_path_factory) -> Project:
    """The tiny project with all that its one arm trains on."""
    made = copy(tiny, tmp_path_factory.mktemp("embedded") / "project")
    made.finish(made.start("--cores", "1", *BEFORE_TRAINING))
    return made


@pytest.fixture(scope="session")
def undisturbed(embedded, tmp_path_factory) -> bytes:
    """The arm's predictions where nothing went wrong, made without a cluster."""
    made = copy(embedded, tmp_path_factory.mktemp("undisturbed") / "project")
    made.finish(made.start("--cores", "1", TRAINED))
    return made.predictions


@pytest.fixture
def chain(embedded, cluster, tmp_path) -> Project:
    """A project of its own on the cluster, whose training takes half a minute."""
    slow = {"SECONDS_A_STEP": "1"}
    return copy(embedded, tmp_path / "project", cluster, slow)


@pytest.fixture(scope="session")
def time_limited(embedded, cluster, tmp_path_factory):
    """A project whose training outlasts its time limit, and its snakemake: started ahead, because
    it takes minutes, on a partition of one node that no test lets fail."""
    slow = {"SECONDS_A_STEP": "4"}
    project = copy(embedded, tmp_path_factory.mktemp("limited") / "project", cluster, slow)
    project.configure(jobs={"gpu": {"threads": 1, "mem_mb": 1500, "runtime": 1}})
    spare = ("--set-resources", "codons_train:slurm_partition=spare")
    return project, project.submit(TRAINED, *spare)


@pytest.fixture
def on_cluster(monkeypatch):
    """Let this process submit to the cluster of a project, in whose folder it then is."""

    def enter(project: Project) -> None:
        monkeypatch.chdir(project.root)
        for name in ("PATH", "SLURM_CONF"):
            monkeypatch.setenv(name, project.cluster.environment[name])

    return enter


def copy(project: Project, target: Path, cluster=None, environment=None) -> Project:
    """A project's copy, what it made and its dates included."""
    shutil.copytree(project.root, target, symlinks=True)
    (target / "snakemake.txt").unlink(missing_ok=True)
    return Project(target, cluster, environment or {})


def write_data(folder: Path) -> None:
    """Thirty records for training, ten for validation and ten for the test, of each kind."""
    draw = random.Random(0)
    splits = ["train"] * 30 + ["val"] * 10 + ["test"] * 10

    def dna(length: int) -> str:
        return "".join(draw.choices("ACGT", k=length))

    def cds() -> str:
        codons = ("GCT", "AAA", "CTG", "GAT", "TTC", "GGC", "ATC", "CAG")
        return "ATG" + "".join(draw.choices(codons, k=draw.randint(20, 30))) + "TAA"

    tables = {
        "codons": ["sequence,value,split"]
        + [f"{cds()},{draw.random():.3f},{split}" for split in splits],
        "language": ["sequence,label,split"]
        + [f"{dna(60)},{row % 2},{split}" for row, split in enumerate(splits)],
        "pairs": ["sequence,text,split"]
        + [f"{dna(60)},a gene of family {row % 5},{s}" for row, s in enumerate(splits)],
    }
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
