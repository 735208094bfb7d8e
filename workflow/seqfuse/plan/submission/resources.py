"""The resources of jobs: threads, memory, time, disk, GPUs. All but threads grow with each attempt
or with the size of the inputs."""

import inspect
import math
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.plan import disk
from seqfuse.plan.inputs import Inputs
from seqfuse.plan.rehearsal import cards
from seqfuse.plan.rehearsal.estimate import Estimate
from seqfuse.plan.rehearsal.estimates import Estimates
from seqfuse.plan.rehearsal.learning import FEWEST_TOKENS
from seqfuse.plan.run import Run
from seqfuse.registry.arms import ARMS

# How much larger a limit is than the estimate, and the shortest time limit (minutes).
_SPARE_MEMORY, _SPARE_TIME, _FEWEST_MINUTES = 1.3, 3, 30


class Needs:
    """The resources that the rules of one run declare. `unknown` returns the placeholder for a size
    that is not known before earlier jobs have run."""

    def __init__(self, run: Run, inputs: Inputs, unknown: Callable[[], object]):
        self.run, self.inputs, self.unknown = run, inputs, unknown

    def disk_mb(self, estimate: Callable) -> Callable:
        """Disk of a job (MB): what `estimate(wildcards, input)` returns in bytes, and twice the
        size of the tables that it reads, for those that it writes. Returns TBD if an input is
        missing or cannot be read; the job reports the error.
        """

        def rounded(wildcards, input):
            tables = [path for path in input if str(path).endswith(".parquet")]
            try:
                written = estimate(wildcards, input) + 2 * disk.size(tables)
            except (OSError, disk.Unreadable):
                return self.unknown()
            return -(-written // 1_000_000)

        return rounded

    def threads(self, kind: str) -> int:
        """Threads of a kind of job; fixed, because another number changes the last digits."""
        return self.run.settings["jobs"][kind]["threads"]

    def mem_mb(self, kind, processes=1):
        """Memory of a kind of job (MB) on a node: for each of its processes there, a base and
        three times what it reads; growing with each attempt."""
        base = self.run.settings["jobs"][kind]["mem_mb"]
        return lambda wildcards, input, attempt: (
            attempt * processes * (base + 3 * (disk.size(input) // 1_000_000))
        )

    def runtime(self, kind, seeds=1):
        """Time limit of a kind of job for so many seeds (minutes), growing with each attempt."""
        minutes = seeds * self.run.settings["jobs"][kind]["runtime"]
        return lambda wildcards, attempt: attempt * minutes

    def runtime_of_seeds(self, wildcards, attempt):
        """Time limit of a job that fine-tunes its seeds one after another (minutes)."""
        seeds = len(self.run.trained_seeds(wildcards))
        return self.runtime("gpu", seeds)(wildcards, attempt)

    def tables_disk(self, wildcards, input):
        """Bytes of a job that writes only tables, which `disk_mb` counts."""
        return 0

    def embeddings_disk(self, wildcards, input):
        """Bytes by which the store grows at most."""
        return disk.embeddings(
            input.table,
            self.inputs.embedded_columns(wildcards).split(),
            self.inputs.embedded_resolution(wildcards),
            Path(input.model).parent,
            self.run.encoder_layout(wildcards.encoder),
            self.run.settings["embeddings"],
        )

    def codon_states_disk(self, wildcards, input):
        """Bytes by which the store grows, and of the memory maps of its inputs. A fused state may
        be a few times as wide as those of its modalities."""
        names = self.inputs.codon_states(wildcards).keys() - {"frames", "arm"}
        return 4 * disk.mapped(input[name] for name in names)

    def finetune_disk(self, wildcards, input):
        """Bytes of checkpoints, and of the memory map of the states that a method reads."""
        total = disk.mapped(input.embeddings)
        if self.run.method(wildcards.method).generates:
            rank = self.run.finetuning(wildcards.suite, wildcards.method)["lora_rank"]
            seeds = len(self.run.trained_seeds(wildcards))
            total += disk.finetuning(Path(input.backbone).parent, seeds, rank)
        return total

    def pretrain_disk(self, wildcards, input):
        """Bytes of the checkpoints of the encoder; an adapter alone takes next to nothing."""
        encoder = input.get("encoder")
        return disk.finetuning(Path(encoder).parent, seeds=1, lora_rank=0) if encoder else 0

    def arm_disk(self, wildcards, input):
        """Bytes of the checkpoints of a head and of the encoders trained with it, and of memory
        maps."""
        settings, arm = self.run.arm_training(wildcards.arm), ARMS[wildcards.arm]
        rank = settings["lora_rank"] if arm.tuning == "lora" else 0
        folders = [Path(input[name]).parent for name in self.inputs.arm_models(wildcards)]
        models = [disk.weights(folder, rank) for folder in folders]
        head = disk.head(settings["parameter_budget"], settings["width"], settings["channels"])
        trained = head + sum(trained for _, trained in models)
        saved = head + sum(whole for whole, _ in models)
        entropies = len(settings["entropy"]) if arm.entropy else 1
        trials = len(settings["learning_rate"]) * entropies
        return disk.checkpoints(saved, trained, len(self.run.seeds), trials) + disk.mapped(
            input[name] for name in self.inputs.arm_embeddings(wildcards)
        )

    def interpretation_disk(self, wildcards, input):
        """Bytes of the memory maps of what the fusions read."""
        return disk.mapped(input[view] for view in self.inputs.fused_embeddings(wildcards))

    def computing(self, rule: str, disk_of: Callable, runtime: Callable) -> dict:
        """The resources of a job that computes with a model, on one GPU if there is one. Memory
        and time are those of `jobs.gpu`, with this `runtime`, or computed (`jobs.computed`)."""
        gpu = self.run.settings["gpu"]
        return {
            "gpu": 1,
            "gpu_model": gpu["model"],
            "mem_mb": self._computed(rule, self._memory, self.mem_mb("gpu")),
            "disk_mb": self.disk_mb(disk_of),
            "runtime": self._computed(rule, self._minutes, runtime),
        }

    def part(self) -> dict:
        """The resources of a job that does one part of several. They are the same for all parts,
        because a job array of Slurm uses those of its first task for every task. The job that
        gathers the parts declares the disk of all."""
        gpu, job = self.run.settings["gpu"], self.run.settings["jobs"]["gpu"]
        return {
            "gpu": 1,
            "gpu_model": gpu["model"],
            "mem_mb": lambda wildcards, attempt: attempt * job["mem_mb"],
            "runtime": self.runtime("gpu"),
        }

    def training(self, rule: str, disk_of: Callable, runtime: Callable | None = None) -> dict:
        """The resources of a training job; without a `runtime`, the time is that of its seeds. On
        several nodes, the job's own shell line starts the processes with srun, so Slurm must not:
        hence `mpi`, and no task per GPU."""
        gpu = self.run.settings["gpu"]
        several = {
            "nodes": gpu["nodes"],
            "tasks": gpu["nodes"],
            "mpi": "srun",
            "tasks_per_gpu": 0,
        }
        memory = self.mem_mb("gpu", processes=gpu["count"])
        return {
            **self.computing(rule, disk_of, runtime or self.runtime_of_seeds),
            "gpu": gpu["count"] * gpu["nodes"],
            "mem_mb": self._computed(rule, self._memory, memory, processes=gpu["count"]),
            "nodes": 1,
        } | (several if gpu["nodes"] > 1 else {})

    @cached_property
    def estimates(self) -> Estimates:
        """The estimates of jobs on the card of the configuration."""
        return Estimates(self.run, cards.card(self.run.settings))

    def fitted(self, wildcards) -> dict:
        """Gradient checkpointing and the tokens of a chunk, if the configuration leaves them open:
        what fits the card, or for a shape that was not traced yet, what takes least memory."""
        settings = self.run.finetuning(wildcards.suite, wildcards.method)
        if None not in (settings["gradient_checkpointing"], settings["chunk_tokens"]):
            return {}
        try:
            return self.estimates.fitted(wildcards.suite, wildcards.method)
        except UserError:
            least = {"gradient_checkpointing": True, "chunk_tokens": FEWEST_TOKENS}
            return {key: value for key, value in least.items() if settings[key] is None}

    def _memory(self, estimate: Estimate) -> int:
        megabytes = _SPARE_MEMORY * estimate.needed(self.estimates.card) / 1e6
        return 1000 * math.ceil(megabytes / 1000)

    def _minutes(self, estimate: Estimate) -> int:
        return max(_FEWEST_MINUTES, math.ceil(_SPARE_TIME * estimate.seconds / 60))

    def _computed(
        self, rule: str, limit: Callable, configured: Callable, processes: int = 1
    ) -> Callable:
        """The `limit` of a job's estimate, growing with each attempt, if the configuration wants
        that and the shapes of the job are known; otherwise what is configured."""
        if not self.run.settings["jobs"]["computed"]:
            return configured

        # Snakemake passes a function what its parameters name.
        def computed(wildcards, input, attempt):
            try:
                estimate = self.estimates.of(rule, wildcards)
            except UserError:
                names = inspect.signature(configured).parameters
                facts = {"wildcards": wildcards, "input": input, "attempt": attempt}
                return configured(**{name: facts[name] for name in names})
            return attempt * processes * limit(estimate)

        return computed
