"""A fine-tuning job: the seeds of one method on one suite, their checkpoints, logs and costs."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import torch

from seqfuse import fingerprint
from seqfuse.encoders.recorded import of_receipt
from seqfuse.encoders.store.reader import Store
from seqfuse.errors import UserError
from seqfuse.files import (
    atomic_directory,
    canonical_json,
    checksums,
    digest,
    read_json,
    sha256,
    write_json,
    write_manifest,
)
from seqfuse.language.finetuning import checkpoint, model_card
from seqfuse.language.finetuning.preflight import Preflight
from seqfuse.language.methods.method import Setup
from seqfuse.language.prompts import Settings, reasons
from seqfuse.language.suite import Suite, read_states
from seqfuse.progress import say
from seqfuse.registry.methods import Method
from seqfuse.settings.schema import of_results
from seqfuse.training.cost import write_log
from seqfuse.training.device import device
from seqfuse.training.distributed import processes
from seqfuse.training.example_store import Stored
from seqfuse.training.interruption.preemption import locked
from seqfuse.training.interruption.resume_checkpoint import discard
from seqfuse.training.interruption.run_progress import Progress, step_cost
from seqfuse.training.interruption.shared_folder import shared
from seqfuse.training.interruption.trained_state import restore_best
from seqfuse.training.precision import round_frozen
from seqfuse.training.provenance import surroundings
from seqfuse.training.trainer import Diverged, Trainer, Training


@dataclass(frozen=True)
class Job:
    """One method on one suite with some seeds and one learning rate; `run` writes their folders.

    `name` is its name in the tables: the method's own, or that of a variant of it.
    """

    method: Method
    name: str
    suite: str
    datasets: tuple[str, ...]
    records: tuple[Path, ...]
    backbone: Path
    receipts: tuple[Path, ...]
    pretrained: Path | None
    encoder: Path | None
    prompt: Settings
    training: Training
    settings: dict
    seeds: tuple[int, ...]
    state: Path
    cards: tuple[Path, ...]
    tensorboard: Path | None
    _encoded: list = field(default_factory=list, init=False, repr=False)

    def run(self, out: Path) -> None:
        """Train every seed, and only then write their folders."""
        with processes.led(self._alone()), processes.led(shared(self._memory)):
            for seed in self.seeds:
                self._train(seed)
            if processes.leads():
                for seed in self.seeds:
                    self._write(seed, out / f"seed{seed}")
                for seed in self.seeds:
                    # The trials of other learning rates go too.
                    for tried in self.state.glob(f"rate*/seed{seed}"):
                        discard(tried)
            processes.wait()

    def trial(self, out: Path) -> None:
        """Train the first seed, and write the validation loss of its learning rate as JSON.

        `run` with that rate continues from its state, so that nothing is trained twice.
        """
        seed, rate = self.seeds[0], self.training.learning_rate
        result = {"learning_rate": rate, "seed": seed, "validation_loss": None}
        with processes.led(self._alone()), processes.led(shared(self._memory, keep=True)):
            try:
                progress = self._train(seed)
            except Diverged as error:
                say(f"learning rate {rate:g}: {error}")
            else:
                if not math.isfinite(progress.best_loss):
                    raise UserError(
                        "no validation records to choose a learning rate by; give a single"
                        " --learning-rate"
                    )
                result |= {"validation_loss": progress.best_loss}
                result |= {"examples": progress.examples, "flops": progress.flops}
            if processes.leads():
                write_json(out, result)
            processes.wait()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Lock the seeds' states against other processes."""
        with contextlib.ExitStack() as held:
            for seed in sorted(self.seeds):
                held.enter_context(locked(self._state(seed) / ".lock"))
            yield

    def _write(self, seed: int, out: Path) -> None:
        """Write one seed, loaded from its state so that memory holds only one model."""
        method = self._build(seed)
        progress = restore_best(method, self._state(seed), self._fingerprint)
        cost = step_cost(seed, method, self.training.learning_rate, progress)
        description = self._description(seed, method, out)
        owner = {"method": self.name, "study": "language", "suite": self.suite}
        out.parent.mkdir(parents=True, exist_ok=True)
        with atomic_directory(out) as folder:
            checkpoint.save(folder, method, description)
            self._card(folder, method, description, cost, progress)
            write_log(folder / "log.jsonl", progress.log)
            write_json(folder / "cost.json", {**owner, "kind": self._kind, "seeds": [cost]})
            write_manifest(folder)

    @cached_property
    def _kind(self) -> str:
        """ "method" or "control"; a method that is shown states of altered codons or of the protein
        of another record is a control."""
        altered = [Store.open(receipt).description.get("altered") for receipt in self.receipts]
        return "control" if any(altered) else self.method.kind

    @cached_property
    def _suite(self) -> Suite:
        return Suite.read(self.datasets, self.records)

    @cached_property
    def _states(self) -> tuple[object | None, str | None, int]:
        """The frozen states of all sequences, their store's key, and their width."""
        if not self.receipts:
            return None, None, 0
        with processes.leader_first():
            return read_states(self.datasets, self.receipts, self._suite.sequences(), self._memory)

    @property
    def _memory(self) -> Path:
        """The folder of a suite's decoded states, shared by all its jobs."""
        return self.state.parent / "memory"

    def _train(self, seed: int) -> Progress:
        """Train with a seed, resuming from its checkpoint if there is one."""
        method = self._build(seed)
        examples, validation = self._examples(method)
        if self.training.fsdp and self.method.generates and processes.count() > 1:
            method.shard()
        elif self.training.precision == "bfloat16":
            round_frozen(method)
        board = self.tensorboard and self.tensorboard / self._place(seed)
        training = self.training.counted(len(examples))
        trainer = Trainer(method, training, seed, self._state(seed), self._fingerprint, board)
        return trainer.run(examples, validation)

    def _build(self, seed: int) -> torch.nn.Module:
        torch.manual_seed(seed)
        return checkpoint.build(self.method.name, self._setup()).to(device())

    def _place(self, seed: int) -> Path:
        return Path(f"rate{self.training.learning_rate!r}", f"seed{seed}")

    def _state(self, seed: int) -> Path:
        return self.state / self._place(seed)

    def _examples(self, method) -> tuple[Stored, Stored]:
        """The training and validation examples, encoded once for all seeds."""
        if not self._encoded:
            rows = self.training.validation_rows
            suite = self._suite.shuffled() if self.training.shuffle_dna else self._suite
            parts = suite.training(self.prompt), suite.validation(self.prompt, rows)
            preflight = Preflight(method, self.prompt)
            for part in parts:
                encoded = (method.encode(prompt, answer=True) for prompt in part)
                self._encoded.append(Stored(self.state, preflight.trained(encoded)))
            preflight.hold(self._suite)
            preflight.refuse_blind(self._encoded[0])
        return self._encoded[0], self._encoded[1]

    @cached_property
    def _labels(self) -> dict[str, list[str]]:
        return self._suite.labels()

    def _setup(self) -> Setup:
        states, _, width = self._states
        return Setup(
            backbone=self.backbone,
            lora_rank=self.training.lora_rank,
            label_weight=self.training.label_weight,
            gradient_checkpointing=self.training.gradient_checkpointing,
            settings=self.settings | self._fusion,
            states=states,
            encoder_width=width,
            pretrained=self.pretrained,
            encoder=self.encoder,
            labels=self._labels,
        )

    @cached_property
    def _fusion(self) -> dict:
        """The shape of the fusion that is trained, from the description of its states' store."""
        if not (self.receipts and self.method.trains_encoder):
            return {}
        fusion = Store.open(self.receipts[0]).description.get("fusion")
        if fusion is None:
            raise UserError(
                f"{self.receipts[0]}: method {self.method.name!r} trains the fusion of an arm; give"
                " receipts of `seqfuse codons embed --unfused`"
            )
        return {"fusion": fusion}

    def _description(self, seed: int, method, folder: Path) -> checkpoint.Description:
        _, key, width = self._states
        records = self._suite.records
        return checkpoint.Description(
            self.method.name,
            self.name,
            self.suite,
            seed,
            method.saved_settings(),
            self._labels,
            key,
            width,
            of_receipt(self.receipts[0], folder) if self.receipts else None,
            [name for name in records if self.prompt.reasoning and reasons(records[name])],
            self.training.precision,
            {name: self._suite.lengths(name) for name in self._labels},
            self.prompt.system,
        )

    def _card(self, folder: Path, method, description, cost: dict, progress: Progress) -> None:
        use = model_card.Use.of(method, description) if self.method.generates else None
        model_card.write(
            folder,
            description,
            use,
            self.backbone,
            self._suite.records,
            [read_json(path) for path in self.cards],
            self.prompt.of_training
            | asdict(self.training)
            | self.settings
            | model_card.pretraining(self.pretrained),
            cost,
            progress.best_loss,
        )

    @cached_property
    def _inputs(self) -> list:
        """Checksums of the inputs."""
        return [
            [sha256(path) for path in self.records],
            checksums(self.backbone),
            checksums(self.pretrained) if self.pretrained else None,
            self._of_encoder,
        ]

    @property
    def _of_encoder(self) -> dict | str | None:
        """Checksums of the encoder, or of the arm's fusion, that is trained."""
        if self.encoder is None or self.encoder.is_dir():
            return self.encoder and checksums(self.encoder)
        return sha256(self.encoder)

    @cached_property
    def _fingerprint(self) -> str:
        """The hash of everything that a checkpoint depends on; it resumes only if this is equal."""
        module = self.method.implementation.split(":")[0]
        return digest(
            canonical_json(
                [
                    self.method.name,
                    self.datasets,
                    *self._inputs,
                    self._states[1],
                    self.prompt.of_training,
                    of_results("language/training", asdict(self.training)),
                    self.settings,
                    surroundings(),
                    fingerprint.code("seqfuse.language.finetuning.finetuning_job", module),
                ]
            )
        )
