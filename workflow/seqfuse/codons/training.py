"""Training of one arm with one seed: Adam, plateau, early stopping on validation, checkpoints.

The result depends only on inputs and settings: the batches of an epoch follow from the seed and the
epoch, so that an interrupted run resumes to the same numbers.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from seqfuse.codons.fusions.fusion import Bounded
from seqfuse.codons.inputs.batches import Batch, by_length, collate, shuffled
from seqfuse.codons.inputs.dataset import Dataset
from seqfuse.codons.model import CodonModel, Shape
from seqfuse.codons.scores import score
from seqfuse.encoders.models.encoder import Encoder
from seqfuse.errors import UserError
from seqfuse.progress import say, track
from seqfuse.registry.arms import Arm
from seqfuse.settings.sections import Section
from seqfuse.training.cost import flop_counter
from seqfuse.training.interruption.preemption import Interruption
from seqfuse.training.interruption.resume_checkpoint import Checkpoint
from seqfuse.training.precision import products

_PLATEAU_FACTOR = 0.1


class Training(Section, path="codons/training"):
    """The settings of a job: a grid of trials, one recipe, the sizes of the model."""


@dataclass(frozen=True)
class Trial:
    """What validation chooses: the learning rate and the weight of the entropy in the loss."""

    learning_rate: float
    entropy: float = 0.0


@dataclass(frozen=True)
class Passes:
    """How rows go through a trained model: the batch size and the precision."""

    batch: int
    precision: str


@dataclass(frozen=True)
class Recipe:
    """How a model is trained, whatever its arm."""

    epochs: int
    batch: int
    weight_decay: float
    encoder_learning_rate: float
    early_stopping_patience: int
    lr_patience: int
    max_grad_norm: float
    precision: str

    @property
    def passes(self) -> Passes:
        """The batch size and precision of predictions."""
        return Passes(self.batch, self.precision)


@dataclass
class Progress:
    """The state of a run: everything in a checkpoint except tensors."""

    epoch: int = 0
    batches: int = 0  # done of the current epoch
    loss: float = 0.0  # summed over the rows of the current epoch
    steps: int = 0
    examples: int = 0
    tokens: int = 0  # codons, as every arm has them
    flops: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    best_score: float = -math.inf
    best_loss: float = math.inf
    finished: bool = False
    log: list[dict] = field(default_factory=list)


@dataclass(frozen=True)
class Scale:
    """How targets are scaled for training, by the training rows only."""

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, dataset: Dataset) -> "Scale":
        """Mean and standard deviation of the training values; classes stay unscaled."""
        if dataset.labels:
            return cls()
        values = dataset.target[dataset.rows("train")]
        return cls(float(values.mean()), float(values.std()))


class Trainer:
    """One arm, one seed, one trial; `run` ends with the state of the best validation score loaded.

    `statistics` are the moments of each view's training tokens; `encoders` loads the encoders that
    are trained with the arm. `path` is the checkpoint, which is ignored if its `fingerprint` (data,
    settings, code) differs.
    """

    def __init__(
        self,
        dataset: Dataset,
        arm: Arm,
        shape: Shape,
        statistics: Mapping[str, tuple[np.ndarray, np.ndarray]],
        encoders: Callable[[], Mapping[str, Encoder]],
        recipe: Recipe,
        trial: Trial,
        seed: int,
        path: Path,
        fingerprint: str,
        device: torch.device,
    ):
        self.dataset, self.recipe, self.trial, self.seed = dataset, recipe, trial, seed
        self.checkpoint, self.device = Checkpoint(path, fingerprint), device
        self.scale, self.progress = Scale.of(dataset), Progress()
        torch.manual_seed(seed)
        self.model = CodonModel(arm, shape, encoders())
        self.model.standardise(statistics)
        self.model.to(device)
        own = [p for name, p in self.model.named_parameters() if not name.startswith("encode.")]
        groups = [{"params": own, "lr": trial.learning_rate}]
        if tuned := [p for p in self.model.encode.parameters() if p.requires_grad]:
            groups.append({"params": tuned, "lr": recipe.encoder_learning_rate})
        self.optimiser = torch.optim.Adam(groups, weight_decay=recipe.weight_decay, fused=True)
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.optimiser, factor=_PLATEAU_FACTOR, patience=recipe.lr_patience
        )
        self.train_rows, self.val_rows = dataset.rows("train"), dataset.rows("val")
        # The predictions of training rows made during the epoch, for the training score.
        self.seen = np.zeros((len(dataset.ids), dataset.outputs))
        self.best: dict[str, Tensor] = {}

    def run(self) -> Progress:
        """Train to the end, from the checkpoint if there is one."""
        self._resume()
        started, before = time.monotonic(), self.progress.seconds
        with Interruption() as stop:
            for _ in track(self._epochs(stop), self.recipe.epochs, f"seed {self.seed}, epochs"):
                self.progress.seconds = before + time.monotonic() - started
            if not self.progress.finished:
                self.progress.finished = True
                self._save()
        self.model.load_trained_state(self.best)
        return self.progress

    def _epochs(self, stop: Interruption) -> Iterable[int]:
        progress, recipe = self.progress, self.recipe
        while progress.epoch < recipe.epochs and not progress.finished:
            self._train_epoch(stop)
            self._validate()
            progress.epoch, progress.batches, progress.loss = progress.epoch + 1, 0, 0.0
            yield progress.epoch
            if progress.epoch - progress.best_epoch >= recipe.early_stopping_patience:
                return

    def _train_epoch(self, stop: Interruption) -> None:
        random = np.random.default_rng([self.seed, self.progress.epoch])
        batches = shuffled(self.dataset, self.train_rows, self.recipe.batch, random)
        self.model.train()
        for rows in batches[self.progress.batches :]:
            batch = collate(self.dataset, rows, self.device)
            if not self.progress.steps:
                with flop_counter() as counter:
                    self._step(batch)
                self._flops_a_codon = counter.get_total_flops() / batch.mask.numel()
            else:
                self._step(batch)
            self.progress.flops += round(self._flops_a_codon * batch.mask.numel())
            if stop.due():
                self._save()
                if stop.asked:
                    stop.leave(f" and saved in epoch {self.progress.epoch + 1} of seed {self.seed}")

    def _step(self, batch: Batch) -> None:
        progress = self.progress
        with products(self.device, self.recipe.precision):
            output = self.model(batch)
            loss = task_loss(output.prediction, batch.target, self.dataset.labels, self.scale)
            penalty = 0.0 if output.entropy is None else self.trial.entropy * output.entropy.mean()
        self.optimiser.zero_grad()
        (loss + penalty).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.max_grad_norm)
        self.optimiser.step()
        if isinstance(self.model.fuse, Bounded):
            self.model.fuse.clamp()
        value = loss.item()
        self._refuse_infinite("loss", value)
        self.seen[batch.rows] = output.prediction.detach().float().cpu().numpy()
        progress.loss += value * len(batch.rows)
        progress.batches += 1
        progress.steps += 1
        progress.examples += len(batch.rows)
        progress.tokens += int(self.dataset.codons[batch.rows].sum())

    def _validate(self) -> None:
        """Log the epoch, keep the state if it is the best, and adapt the learning rate."""
        progress, dataset = self.progress, self.dataset
        prediction, _ = predict(self.model, dataset, self.val_rows, self.recipe.passes, self.device)
        target = torch.from_numpy(dataset.target[self.val_rows])
        loss = task_loss(torch.from_numpy(prediction), target, dataset.labels, self.scale).item()
        self._refuse_infinite("validation loss", loss)
        val_score = score(prediction, dataset.target[self.val_rows])
        if (val_score, -loss) > (progress.best_score, -progress.best_loss):
            progress.best_epoch, progress.best_score = progress.epoch + 1, val_score
            progress.best_loss = loss
            self.best = self.model.trained_state()
        progress.log.append(
            {
                "seed": self.seed,
                "epoch": progress.epoch + 1,
                "step": progress.steps,
                "learning_rate": self.optimiser.param_groups[0]["lr"],
                "loss": progress.loss / len(self.train_rows),
                "validation_loss": loss,
                "metric": "accuracy" if dataset.labels else "spearman",
                "score": score(self.seen[self.train_rows], dataset.target[self.train_rows]),
                "validation_score": val_score,
            }
        )
        self.plateau.step(loss)

    def _refuse_infinite(self, which: str, loss: float) -> None:
        if not math.isfinite(loss):
            raise UserError(
                f"seed {self.seed}: the {which} is {loss} in epoch {self.progress.epoch + 1};"
                f" lower --learning-rate (now {self.trial.learning_rate:g})"
            )

    def _save(self) -> None:
        state = {
            "progress": asdict(self.progress),
            "flops_a_codon": self._flops_a_codon,
            "seen": torch.from_numpy(self.seen),
            "model": self.model.trained_state(),
            "optimiser": self.optimiser.state_dict(),
            "plateau": self.plateau.state_dict(),
            "best": self.best,
        }
        self.checkpoint.save(state)

    def _resume(self) -> None:
        """Load the checkpoint, if there is one with the same fingerprint."""
        saved = self.checkpoint.resume()
        if saved is None:
            return
        self.model.load_trained_state(saved["model"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.plateau.load_state_dict(saved["plateau"])
        self.best, self.seen = saved["best"], saved["seen"].numpy()
        self._flops_a_codon = saved["flops_a_codon"]
        self.progress = Progress(**saved["progress"])
        say(f"seed {self.seed}: resuming in epoch {self.progress.epoch + 1}")


def task_loss(prediction: Tensor, target: Tensor, labels: tuple[str, ...], scale: Scale) -> Tensor:
    """Mean cross-entropy (nats) for classes, or mean squared error of scaled values."""
    prediction = prediction.float()
    if labels:
        return functional.cross_entropy(prediction, target)
    return functional.mse_loss(prediction[:, 0], ((target - scale.mean) / scale.deviation).float())


@torch.no_grad()
def predict(
    model: CodonModel,
    dataset: Dataset,
    rows: np.ndarray,
    passes: Passes,
    device: torch.device,
    knocked_out: Collection[str] = (),
    scale: Scale | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Predictions float64 [n, outputs] for `rows` in order, and weights [n, M] if the arm weighs.

    Values are in the target's own unit if its `scale` is given, else as the network gives them;
    classes are log probabilities.
    """
    model.eval()
    position = np.empty(len(dataset.ids), np.int64)
    outputs, weights, done = [], [], 0
    for part in by_length(dataset, rows, passes.batch):
        with products(device, passes.precision):
            output = model(collate(dataset, part, device), knocked_out)
        position[part] = np.arange(done, done + len(part))
        done += len(part)
        outputs.append(output.prediction.double().cpu())
        weights.append(output.weights)
    back, prediction = position[rows], torch.cat(outputs)
    if dataset.labels:
        prediction = prediction.log_softmax(-1)
    elif scale is not None:
        prediction = prediction * scale.deviation + scale.mean
    if weights[0] is None:
        return prediction.numpy()[back], None
    return prediction.numpy()[back], torch.cat(weights).double().cpu().numpy()[back]
