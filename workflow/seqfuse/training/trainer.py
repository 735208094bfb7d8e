"""The trainer that every method and control shares: AdamW, validation, checkpoints that resume.

The loss of a step is the weighted mean of nats over all answer tokens of its batch, however the
batch is split into chunks and over processes. Log entries that depend on the clock or the machine
(`CLOCKED`) are the only ones that differ between runs.
"""

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from seqfuse.errors import UserError
from seqfuse.progress import say, track
from seqfuse.settings.sections import Section
from seqfuse.training.batches import chunks_for_rank, step_indices
from seqfuse.training.board import shown
from seqfuse.training.cost import flop_counter
from seqfuse.training.device import peak_memory_mb
from seqfuse.training.distributed import processes, sharding
from seqfuse.training.interruption.preemption import Interruption
from seqfuse.training.interruption.resume_checkpoint import (
    NAME,
    Checkpoint,
    random_state,
    set_random_state,
)
from seqfuse.training.interruption.run_progress import Progress
from seqfuse.training.interruption.trained_state import TrainedState
from seqfuse.training.memory import TokenBudget
from seqfuse.training.optimiser import adamw, clip, schedule
from seqfuse.training.precision import products

# Offset between per-process seeds; larger than any seed of a run.
_SEED_OFFSET = 2**32
Result = TypeVar("Result")
# The entries of the log that differ between runs.
CLOCKED = ("seconds", "tokens_per_second", "peak_memory_mb")


class Training(Section, path="language/training"):
    """The settings of a trainer, with a single learning rate and a number of steps."""

    def counted(self, rows: int) -> "Training":
        """The same settings with `epochs` over `rows` training records converted to steps."""
        if self.epochs is None:
            return self
        return replace(self, steps=max(1, round(self.epochs * rows / self.batch)), epochs=None)


class Diverged(UserError):
    """The loss became NaN or infinite."""


class Trainable(Protocol):
    """What the trainer needs of a method; its examples have `length` and `weights`."""

    def batch(self, examples: Sequence) -> object: ...

    def loss(self, batch) -> Tensor: ...


class Trainer:
    """Trains one method with one seed; `run` ends by loading the state of lowest validation loss.

    `state` is a folder for the checkpoint. `fingerprint` identifies settings, data and code; a
    checkpoint with another fingerprint is ignored. `board` is an optional folder for TensorBoard.
    If there are several processes, each computes its share of every batch. The leader holds and
    writes the tensors that are not sharded; of sharded tensors, each process holds and writes its
    own part, and only `restore_best` joins the parts of the best state.
    """

    def __init__(
        self,
        method: nn.Module,
        training: Training,
        seed: int,
        state: Path,
        fingerprint: str,
        board: Path | None = None,
    ):
        self.method, self.training, self.seed, self.board = method, training, seed, board
        self.checkpoint = Checkpoint(state / NAME, fingerprint)
        self.progress = Progress()
        self.trained = {k: p for k, p in method.named_parameters() if p.requires_grad}
        if processes.rank():
            # Processes draw different dropout masks; their weights were initialised equally.
            torch.manual_seed(seed + _SEED_OFFSET * processes.rank())
        self.optimiser = adamw(self.trained, training.learning_rate, training.weight_decay)
        self.tensors = TrainedState(self.trained, self.optimiser)
        self.budget = TokenBudget(training.chunk_tokens, self.remedy)

    @property
    def remedy(self) -> str:
        """What the user can do if a single record does not fit into memory."""
        if self.training.gradient_checkpointing:
            return (
                "cut the sequences with `sequences: {max_length: ..., too_long: window}`, or spread"
                " the model over GPUs with gpu.count and language.training.fsdp: true"
            )
        return "set language.training.gradient_checkpointing: true"

    def run(self, examples: Sequence, validation: Sequence) -> Progress:
        """Train to the last step, starting from the checkpoint if there is one."""
        if not examples:
            raise UserError("no training records: is every row in val or test?")
        training, progress = self.training, self.progress
        self._resume()
        lengths = [example.length for example in examples]
        steps = list(step_indices(lengths, training.batch, training.steps, self.seed))
        waiting = steps[progress.step :]
        started = time.monotonic() - progress.seconds
        if processes.leads():
            waiting = track(waiting, label=f"seed {self.seed}, steps", facts=self._facts)
        with Interruption(training.checkpoint_minutes) as stop, self._shown() as show:
            for indices in waiting:
                tokens_before = self.budget.tokens
                entry = self._step([examples[i] for i in indices])
                last = progress.step == training.steps
                if last or progress.step % training.validate_every == 0:
                    entry |= self._validate(validation)
                if self.budget.tokens < tokens_before:
                    entry["chunk_tokens"] = self.budget.tokens
                progress.seconds = time.monotonic() - started
                clocked = (progress.seconds, progress.tokens / progress.seconds, peak_memory_mb())
                entry |= dict(zip(CLOCKED, (round(value, 3) for value in clocked), strict=True))
                progress.log.append(entry)
                show(entry)
                # All processes save and leave together, whichever of them got the signal.
                of_each = processes.gathered((stop.asked, stop.due()))
                interrupted, due = map(any, zip(*of_each, strict=True))
                if interrupted or due or last:
                    self._save()
                if interrupted:
                    stop.leave(f" and saved at step {progress.step} of seed {self.seed}")
        self.tensors.load_best()
        self.method.eval()
        return progress

    def _step(self, examples: Sequence) -> dict:
        training, progress = self.training, self.progress
        weight = float(sum(example.weights.sum() for example in examples))
        if weight == 0:
            raise UserError("a training batch has no answer token to learn from")
        rate = training.learning_rate * schedule(
            progress.step, training.steps, training.warmup, training.schedule
        )
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.method.train()
        nats, flops = self._fitted(lambda: self._counted(examples, weight))
        if not math.isfinite(nats):
            raise Diverged(
                f"the loss is {nats} at step {progress.step + 1}; lower --learning-rate (now"
                f" {training.learning_rate})"
            )
        processes.average_gradients(p for p in self.trained.values() if not isinstance(p, DTensor))
        norm = clip(self.trained.values(), training.max_grad_norm)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        tokens = sum(example.length for example in examples)
        progress.step += 1
        progress.examples += len(examples)
        progress.tokens += tokens
        if flops is not None:
            progress.counted_flops += flops
            progress.counted_tokens += tokens
        progress.flops = round(progress.counted_flops / progress.counted_tokens * progress.tokens)
        return {
            "seed": self.seed,
            "step": progress.step,
            "loss": nats,
            "learning_rate": rate,
            "gradient_norm": float(norm),
            "tokens": progress.tokens,
        }

    def _counted(self, examples: Sequence, weight: float) -> tuple[float, int | None]:
        """Compute a batch's gradient; its loss, and the FLOP of all processes or None.

        FLOP are counted only in every `validate_every`-th step, because counting takes time.
        """
        if self.progress.step % self.training.validate_every:
            return processes.summed(self._accumulate(examples, weight)), None
        with flop_counter() as counter:
            nats = self._accumulate(examples, weight)
        return processes.summed(nats), processes.summed(counter.get_total_flops())

    def _accumulate(self, examples: Sequence, weight: float) -> float:
        """Accumulate the gradient of this process's share of a batch; its share of the loss.

        The gradient is multiplied by the number of processes, because it will be averaged over
        them.
        """
        nats = 0.0
        for part, counts in self._shares(examples):
            with self._precision():
                loss = self.method.loss(self.method.batch(self._next(examples, part))) / weight
            (loss * (counts * processes.count())).backward()
            nats += loss.item() * counts
        return nats

    def _shares(self, examples: Sequence) -> list[tuple[np.ndarray, bool]]:
        lengths = [example.length for example in examples]
        return chunks_for_rank(lengths, self.budget.tokens, processes.rank(), processes.count())

    def _next(self, examples: Sequence, part: np.ndarray) -> list:
        """The examples of the next chunk, announced to the token budget."""
        chunk = [examples[i] for i in part]
        self.budget.enter(len(chunk), max(example.length for example in chunk))
        return chunk

    def _fitted(self, work: Callable[[], Result]) -> Result:
        """The result of `work`, with chunks that are halved until they fit into memory.

        `work` starts without gradients; if it is restarted, it draws the same random numbers again.
        """
        before = random_state()

        def again() -> None:
            sharding.abandon(self.method)
            set_random_state(before)

        return self.budget.attempt(work, again)

    def _validate(self, validation: Sequence) -> dict:
        """Compute the validation loss, and remember the weights if it is the lowest so far.

        Without validation rows, the latest weights are remembered.
        """
        measured = {"validation_loss": None}
        if validation:
            measured = self._fitted(lambda: self.measure(validation))
        loss = measured["validation_loss"]
        if loss is None or loss < self.progress.best_loss:
            self.progress.best_step = self.progress.step
            self.progress.best_loss = math.inf if loss is None else loss
            self.tensors.remember()
        return measured

    @torch.no_grad()
    def measure(self, examples: Sequence) -> dict:
        """The validation loss for the log: the weighted mean of nats over the answer tokens."""
        self.method.eval()
        nats = 0.0
        for part, counts in self._shares(examples):
            with self._precision():
                loss = self.method.loss(self.method.batch(self._next(examples, part)))
            nats += loss.item() * counts
        weight = float(sum(example.weights.sum() for example in examples))
        return {"validation_loss": processes.summed(nats) / weight}

    def _precision(self):
        device = next(iter(self.trained.values())).device
        return products(device, self.training.precision)

    def _facts(self) -> str:
        """The last step, for the progress line."""
        last = self.progress.log[-1]
        return (
            f"loss {last['loss']:.3f}, {last['tokens_per_second']:.0f} tokens/s,"
            f" peak {last['peak_memory_mb']} MB"
        )

    def _shown(self) -> contextlib.AbstractContextManager[Callable[[dict], None]]:
        if self.board is None or not processes.leads():
            return contextlib.nullcontext(lambda entry: None)
        return shown(self.board, self.progress.step + 1)

    def _save(self) -> None:
        whole = {
            "progress": asdict(self.progress),
            "chunk_tokens": self.budget.tokens,
            **self.tensors.whole(),
        }
        self.checkpoint.save(
            whole, self.tensors.parts(sharded=True) if self.tensors.sharded else None
        )

    def _resume(self) -> None:
        """Load the checkpoint, if there is one with this fingerprint."""
        saved = self.checkpoint.resume()
        if saved is None:
            return
        self.tensors.take_up(saved)
        self.budget.tokens = saved["chunk_tokens"]
        if processes.leads():
            say(f"seed {self.seed}: resuming after step {saved['progress']['step']}")
        for name, value in saved["progress"].items():
            setattr(self.progress, name, value)
