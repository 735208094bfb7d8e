"""The trainer that every method and control shares: AdamW, validation, checkpoints that resume.

A step's gradient is that of the weighted mean of nats over all answer tokens of its batch, however
it is cut into chunks. What depends on the clock (seconds, memory) is kept apart from what does not.
"""

import math
import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from seqfuse import interruption
from seqfuse.errors import UserError
from seqfuse.interruption import Interruption
from seqfuse.language.batches import chunks, step_indices
from seqfuse.progress import say, track


@dataclass(frozen=True)
class Training:
    """The section `language/training` of the configuration."""

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    schedule: str
    warmup: float
    clip: float
    lora_rank: int
    precision: str
    label_weight: float
    validate_every: int
    validation_rows: int
    chunk_tokens: int
    checkpoint_minutes: float


class Trainable(Protocol):
    """What the trainer needs of a method: examples have `length` and `weights`."""

    def batch(self, examples: Sequence) -> object: ...

    def loss(self, batch) -> Tensor: ...

    def flops(self, tokens: int, supervised: int) -> int: ...


@dataclass
class Progress:
    """What a run has come to: everything but the tensors of a checkpoint."""

    step: int = 0
    examples: int = 0
    tokens: int = 0
    flops: int = 0
    seconds: float = 0.0
    best_step: int = 0
    best_loss: float = math.inf
    log: list[dict] = field(default_factory=list)


class Trainer:
    """Trains one method with one seed; `run` ends with the best state by validation loss loaded.

    `state` is a folder for the one checkpoint, `fingerprint` names settings, data and code: a
    checkpoint with another fingerprint is not used.
    """

    def __init__(
        self, method: nn.Module, training: Training, seed: int, state: Path, fingerprint: str
    ):
        self.method, self.training, self.seed = method, training, seed
        self.path = state / "checkpoint.pt"
        self.fingerprint = fingerprint
        self.progress = Progress()
        self.trained = {k: p for k, p in method.named_parameters() if p.requires_grad}
        self.optimiser = torch.optim.AdamW(
            _decay_groups(self.trained, training.weight_decay),
            lr=training.learning_rate,
            betas=(0.9, 0.999),
            fused=True,
        )
        self.best: dict[str, Tensor] = {}

    def run(self, examples: Sequence, validation: Sequence) -> Progress:
        """Train to the last step, from the checkpoint if there is one."""
        if not examples:
            raise UserError("no training records: is every row in val or test?")
        training, progress = self.training, self.progress
        self._resume()
        lengths = [example.length for example in examples]
        steps = list(step_indices(lengths, training.batch, training.steps, self.seed))
        waiting = steps[progress.step :]
        started = time.monotonic() - progress.seconds
        with Interruption(training.checkpoint_minutes) as stop:
            for indices in track(waiting, label=f"seed {self.seed}, steps"):
                entry = self._step([examples[i] for i in indices])
                last = progress.step == training.steps
                if last or progress.step % training.validate_every == 0:
                    entry["validation_loss"] = self._validate(validation)
                progress.seconds = time.monotonic() - started
                entry["seconds"] = round(progress.seconds, 3)
                progress.log.append(entry)
                if stop.due() or last:
                    self._save()
                if stop.asked:
                    say(f"seed {self.seed}: stopped at step {progress.step}; run again to go on")
                stop.leave()
        self._load_best()
        return progress

    def _step(self, examples: Sequence) -> dict:
        training, progress = self.training, self.progress
        weight = float(sum(example.weights.sum() for example in examples))
        if weight == 0:
            raise UserError("a training batch without a single answer token to learn from")
        rate = training.learning_rate * schedule(
            progress.step, training.steps, training.warmup, training.schedule
        )
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.method.train()
        nats = 0.0
        for part in chunks([example.length for example in examples], training.chunk_tokens):
            with self._precision():
                loss = self.method.loss(self.method.batch([examples[i] for i in part])) / weight
            loss.backward()
            nats += loss.item()
        if not math.isfinite(nats):
            raise UserError(
                f"the loss is {nats} at step {progress.step + 1}; lower --learning-rate (now"
                f" {training.learning_rate})"
            )
        norm = nn.utils.clip_grad_norm_(self.trained.values(), training.clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        tokens = sum(example.length for example in examples)
        supervised = sum(int((example.weights > 0).sum()) for example in examples)
        progress.step += 1
        progress.examples += len(examples)
        progress.tokens += tokens
        progress.flops += self.method.flops(tokens, supervised)
        return {
            "seed": self.seed,
            "step": progress.step,
            "loss": nats,
            "learning_rate": rate,
            "gradient_norm": float(norm),
            "tokens": progress.tokens,
        }

    def _validate(self, validation: Sequence) -> float | None:
        """The validation loss; a new best is remembered, without validation rows the last one."""
        loss = self.evaluate(validation) if validation else None
        if loss is None or loss < self.progress.best_loss:
            self.progress.best_step = self.progress.step
            self.progress.best_loss = math.inf if loss is None else loss
            self.best = {k: p.detach().cpu().clone() for k, p in self.trained.items()}
        return loss

    @torch.no_grad()
    def evaluate(self, examples: Sequence) -> float:
        """The weighted mean of nats over the answer tokens of `examples`."""
        self.method.eval()
        nats = 0.0
        for part in chunks([example.length for example in examples], self.training.chunk_tokens):
            with self._precision():
                nats += self.method.loss(self.method.batch([examples[i] for i in part])).item()
        return nats / float(sum(example.weights.sum() for example in examples))

    def _precision(self):
        device = next(iter(self.trained.values())).device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.training.precision == "bfloat16")

    def _save(self) -> None:
        state = {
            "progress": asdict(self.progress),
            "trained": {k: p.detach() for k, p in self.trained.items()},
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
        }
        interruption.save(self.path, self.fingerprint, state)

    def _resume(self) -> None:
        """Take up the checkpoint, if there is one that fits."""
        found = interruption.resume(self.path, self.fingerprint)
        if found is None:
            return
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(found["trained"][name])
        self.optimiser.load_state_dict(found["optimiser"])
        self.best = found["best"]
        for name, value in found["progress"].items():
            setattr(self.progress, name, value)
        say(f"seed {self.seed}: resuming behind step {self.progress.step}")

    def _load_best(self) -> None:
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(self.best[name])
        self.method.eval()


def schedule(step: int, steps: int, warmup: float, kind: str) -> float:
    """The factor on the peak learning rate at a step counted from 0: linear warm-up over the share
    `warmup` of the steps, then constant, or half a cosine down to zero."""
    warm = round(warmup * steps)
    if step < warm:
        return (step + 1) / warm
    if kind == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def peak_memory_mb() -> int:
    """The most memory this process has held: the GPU's where there is one, else resident (MB)."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() // 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _decay_groups(parameters: dict[str, nn.Parameter], decay: float) -> list[dict]:
    """Weight decay on matrices, none on biases, norms and other vectors."""
    matrices = [p for p in parameters.values() if p.ndim > 1]
    vectors = [p for p in parameters.values() if p.ndim <= 1]
    groups = [(matrices, decay), (vectors, 0.0)]
    return [{"params": found, "weight_decay": value} for found, value in groups if found]
