"""What a job asks of the machine: threads, memory, time, disk, GPUs; all but threads grow with each
attempt or with what the job reads."""

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

# What a job is given beyond what is computed: a limit is no estimate.
_SPARE_MEMORY, _SPARE_TIME, _FEWEST_MINUTES = 1.3, 3, 30


class Needs:
    """What the rules of one run ask for. `unknown` makes what stands for a size that is not known
    before earlier jobs have run."""

    def __init__(self, run: Run, inputs: Inputs, unknown: Callable[[], object]):
        self.run, self.inputs, self.unknown = run, inputs, unknown

    def disk_mb(self, estimate: Callable) -> Callable:
        """Disk of a job (MB) by what `estimate(wildcards, input)` says in bytes, and its tables:
        what it writes of them is at most twice what it reads. Returns TBD if an input is
        missing or cannot be read; the job reports the error.
        """

        def rounded(wildcards, input):
            tables = [path for path in input if str(path).endswith(".parquet")]
            try:
                found = estimate(wildcards, input) + 2 * disk.size(tables)
            except (OSError, disk.Unreadable):
                return self.unknown()
            return -(-found // 1_000_000)

        return rounded

    def threads(self, kind: str) -> int:
        """Threads of a kind of job; fixed, because another number changes the bits of a result."""
        return self.run.settings["jobs"][kind]["threads"]

    def mem_mb(self, kind, processes=1):
        """Memory of a kind of job on a node (MB) and thrice what it reads, for each of its
        processes there, growing with each attempt."""
        base = self.run.settings["jobs"][kind]["mem_mb"]
        return lambda wildcards, input, attempt: (
            attempt * processes * (base + 3 * (disk.size(input) // 1_000_000))
        )

    def runtime(self, kind, seeds=1):
        """Minutes of a kind of job that runs so many seeds, growing with each attempt."""
        minutes = seeds * self.run.settings["jobs"][kind]["runtime"]
        return lambda wildcards, attempt: attempt * minutes

    def runtime_of_seeds(self, wildcards, attempt):
        """Minutes of a job that fine-tunes its seeds one after another."""
        seeds = len(self.run.trained_seeds(wildcards))
        return self.runtime("gpu", seeds)(wildcards, attempt)

    def tables_disk(self, wildcards, input):
        """A job that writes nothing but tables."""
        return 0

    def embeddings_disk(self, wildcards, input):
        """What the store grows by at most."""
        return disk.embeddings(
            input.table,
            self.inputs.embedded_columns(wildcards).split(),
            self.inputs.embedded_resolution(wildcards),
            Path(input.model).parent,
            self.run.encoder_layout(wildcards.encoder),
            self.run.settings["embeddings"],
        )

    def codon_states_disk(self, wildcards, input):
        """What the store grows by, and memory maps of what it is made from. A fusion may be wider
        than its modalities, by no more than a few times."""
        names = self.inputs.codon_states(wildcards).keys() - {"frames", "arm"}
        return 4 * disk.mapped(input[name] for name in names)

    def finetune_disk(self, wildcards, input):
        """Checkpoints, and the memory map of the states that a method reads."""
        found = disk.mapped(input.embeddings)
        if self.run.method(wildcards.method).generates:
            given = self.run.finetuning(wildcards.suite, wildcards.method)
            seeds = len(self.run.trained_seeds(wildcards))
            found += disk.finetuning(Path(input.backbone).parent, seeds, given["lora_rank"])
        return found

    def pretrain_disk(self, wildcards, input):
        """Checkpoints of the encoder; an adapter alone takes next to nothing."""
        encoder = input.get("encoder")
        return disk.finetuning(Path(encoder).parent, seeds=1, lora_rank=0) if encoder else 0

    def arm_disk(self, wildcards, input):
        """Checkpoints of a head and of encoders that are trained with it, and memory maps."""
        given, arm = self.run.arm_training(wildcards.arm), ARMS[wildcards.arm]
        rank = given["lora_rank"] if arm.tuning == "lora" else 0
        folders = [Path(input[name]).parent for name in self.inputs.arm_models(wildcards)]
        models = [disk.weights(folder, rank) for folder in folders]
        head = disk.head(given["parameter_budget"], given["width"], given["channels"])
        trained = head + sum(trained for _, trained in models)
        saved = head + sum(whole for whole, _ in models)
        entropies = len(given["entropy"]) if arm.entropy else 1
        trials = len(given["learning_rate"]) * entropies
        return disk.checkpoints(saved, trained, len(self.run.seeds), trials) + disk.mapped(
            input[name] for name in self.inputs.arm_embeddings(wildcards)
        )

    def interpretation_disk(self, wildcards, input):
        """Memory maps of what the fusions read."""
        return disk.mapped(input[view] for view in self.inputs.fused_embeddings(wildcards))

    def computing(self, rule: str, disk_of: Callable, runtime: Callable) -> dict:
        """What a job asks for that computes with a model on one GPU, where there is one. Memory and
        time are those of `jobs.gpu`, with this `runtime`, or computed (`jobs.computed`)."""
        gpu = self.run.settings["gpu"]
        return {
            "gpu": 1,
            "gpu_model": gpu["model"],
            "mem_mb": self._computed(rule, self._memory, self.mem_mb("gpu")),
            "disk_mb": self.disk_mb(disk_of),
            "runtime": self._computed(rule, self._minutes, runtime),
        }

    def part(self) -> dict:
        """What a job asks for that does one part of several: the same for all, because a job array
        of Slurm takes the first job's resources for every one. The job that gathers the parts
        counts the disk of all."""
        gpu, job = self.run.settings["gpu"], self.run.settings["jobs"]["gpu"]
        return {
            "gpu": 1,
            "gpu_model": gpu["model"],
            "mem_mb": lambda wildcards, attempt: attempt * job["mem_mb"],
            "runtime": self.runtime("gpu"),
        }

    def training(self, rule: str, disk_of: Callable, runtime: Callable | None = None) -> dict:
        """What a training job asks for; without a `runtime`, that of the seeds that it fine-tunes.
        Of several nodes, the job's own shell line starts the processes (srun), so that Slurm must
        not: `mpi`, and no task for each GPU."""
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
        """What jobs take on the card of the configuration."""
        return Estimates(self.run, cards.card(self.run.settings))

    def fitted(self, wildcards) -> dict:
        """Whether a fine-tuning recomputes activations, and the tokens of a chunk, where the
        configuration leaves that open; of a shape that no file knows yet, what takes least."""
        given = self.run.finetuning(wildcards.suite, wildcards.method)
        if None not in (given["gradient_checkpointing"], given["chunk_tokens"]):
            return {}
        try:
            return self.estimates.fitted(wildcards.suite, wildcards.method)
        except UserError:
            open_ = {"gradient_checkpointing": True, "chunk_tokens": FEWEST_TOKENS}
            return {key: value for key, value in open_.items() if given[key] is None}

    def _memory(self, estimate: Estimate) -> int:
        megabytes = _SPARE_MEMORY * estimate.needed(self.estimates.card) / 1e6
        return 1000 * math.ceil(megabytes / 1000)

    def _minutes(self, estimate: Estimate) -> int:
        return max(_FEWEST_MINUTES, math.ceil(_SPARE_TIME * estimate.seconds / 60))

    def _computed(
        self, rule: str, asked: Callable, configured: Callable, processes: int = 1
    ) -> Callable:
        """What `asked` makes of a job's estimate, growing with each attempt, where the
        configuration wants that and all its shapes are known; else what is configured."""
        if not self.run.settings["jobs"]["computed"]:
            return configured

        # Snakemake gives a function what its arguments name.
        def found(wildcards, input, attempt):
            try:
                estimate = self.estimates.of(rule, wildcards)
            except UserError:
                names = inspect.signature(configured).parameters
                given = {"wildcards": wildcards, "input": input, "attempt": attempt}
                return configured(**{name: given[name] for name in names})
            return attempt * processes * asked(estimate)

        return found
