"""The estimate of one job, and what all estimates have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from seqfuse.plan.rehearsal import coefficients, workload
from seqfuse.plan.rehearsal.cards import Card
from seqfuse.plan.rehearsal.coefficients import Coefficients
from seqfuse.plan.rehearsal.workload import Prompted, Workload
from seqfuse.plan.run import Run

FLOAT = 4
# AdamW keeps two moments per trained parameter.
MOMENTS = 2
# Bytes of a process without a model, and in addition with a GPU.
_PROCESS, _DRIVER = 1.0e9, 2.5e9
# Tokens that are embedded at once (encoders/embedder.py), by kind of device.
_EMBEDDED = {"cpu": 500, "cuda": 65536}


@dataclass(frozen=True)
class Estimate:
    """What a job takes: bytes of weights, gradients, optimiser and activations at the peak, of host
    memory and of disk; tokens, FLOP and seconds; and what to change if it does not fit."""

    weights: float = 0
    gradients: float = 0
    optimiser: float = 0
    activations: float = 0
    host: float = 0
    disk: float = 0
    tokens: float = 0
    flops: float = 0
    seconds: float = 0
    gpus: int = 1
    remedy: str = ""
    notes: Mapping[str, object] = field(default_factory=dict)

    @property
    def memory(self) -> float:
        """Bytes at the peak on the device of the model."""
        return self.weights + self.gradients + self.optimiser + self.activations

    @property
    def gpu_hours(self) -> float:
        """Hours times GPUs."""
        return self.seconds * self.gpus / 3600

    def fits(self, card: Card) -> bool:
        """Whether the card has room for it; a CPU is assumed to."""
        return card.room is None or self.memory <= card.room

    def needed(self, card: Card) -> float:
        """Bytes of the node's memory that it needs."""
        return self.host + (self.memory if card.room is None else 0)


@dataclass(frozen=True)
class Estimator:
    """Estimates of one run on one card, from known coefficients."""

    run: Run
    card: Card
    known: Coefficients

    @property
    def kind(self) -> str:
        """The kind of device: "cpu" or "cuda"."""
        return "cpu" if self.card.room is None else "cuda"

    @property
    def precision(self) -> str:
        return "float32" if self.kind == "cpu" else "bfloat16"

    def reading(self, encoder: str, tokens: float, length: float) -> Estimate:
        request = coefficients.of_encoder(self.run, encoder, "embed", self.precision)
        traced = self.known.of(request)
        flops = tokens * row_flop(traced, length)
        at_once = min(tokens, max(_EMBEDDED[self.kind], length))
        weights = traced["resident"]["bytes"]
        alive = max(0.0, traced["peak"]["fixed"] + traced["peak"]["tokens"] * at_once)
        return Estimate(
            weights=weights,
            activations=alive,
            host=self.host(FLOAT * traced["resident"]["parameters"], weights, weights + alive),
            tokens=tokens,
            flops=flops,
            seconds=self.card.seconds(flops, self.card.embedding, self.precision),
            remedy="a smaller encoder",
        )

    def suite(self, suite: str, name: str) -> list[tuple[Workload, Prompted]]:
        works = [workload.of_dataset(self.run, d) for d in self.run.language_suites[suite]]
        return [(work, workload.of_method(self.run, suite, name, work)) for work in works]

    def alive(self, traced: float) -> float:
        """Bytes of activations on this card, from those traced on a CPU."""
        return max(0.0, traced) * self.card.kept

    def host(self, held: float, device: float = 0.0, peak: float = 0.0) -> float:
        """Bytes of a process besides the model on its device. `held` bytes are on the host while a
        model is loaded or saved. If the host is the device, this is not at the time of the `peak`:
        only the excess of `held` and what the device holds then (`device`) over the peak counts."""
        if self.kind == "cuda":
            return _PROCESS + _DRIVER + held
        return _PROCESS + max(0.0, held + device - peak)


def prompt_flop(traced: Mapping, length, prompted: Prompted, answers: float | None = None) -> float:
    """FLOP of one row of a mean length."""
    flops, learnt = traced["flops"], prompted.answer.mean if answers is None else answers
    return (
        flops["tokens"] * length.mean
        + flops["squares"] * length.mean**2
        + flops["states"] * prompted.states.mean
        + flops["answers"] * learnt
    )


def row_flop(traced: Mapping, length: float) -> float:
    """FLOP per token of an encoder in a sequence of so many tokens."""
    return traced["flops"]["tokens"] + traced["flops"]["squares"] * length
