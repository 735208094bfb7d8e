"""What one job takes, and what the estimates of every job share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from seqfuse.plan.rehearsal import coefficients, workload
from seqfuse.plan.rehearsal.cards import Card
from seqfuse.plan.rehearsal.coefficients import Coefficients
from seqfuse.plan.rehearsal.workload import Prompted, Workload
from seqfuse.plan.run import Run

FLOAT = 4
# AdamW keeps two moments of every trained parameter.
MOMENTS = 2
# What a process takes before it has a model, and what more with a GPU.
_PROCESS, _DRIVER = 1.0e9, 2.5e9
# Tokens of sequences that are embedded at once (encoders/embedder.py), by kind of device.
_EMBEDDED = {"cpu": 500, "cuda": 65536}


@dataclass(frozen=True)
class Estimate:
    """What a job takes: bytes of the weights, of gradients, of the optimiser and of what is alive
    beside them at the peak; of the host's memory and of disk; tokens, FLOP and seconds; and what to
    change where it does not fit."""

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
        """Bytes at the peak, where the model computes."""
        return self.weights + self.gradients + self.optimiser + self.activations

    @property
    def gpu_hours(self) -> float:
        """Hours of all its GPUs."""
        return self.seconds * self.gpus / 3600

    def fits(self, card: Card) -> bool:
        """Whether the card has room for it; of a CPU, the machine has."""
        return card.room is None or self.memory <= card.room

    def needed(self, card: Card) -> float:
        """Bytes of the node's memory."""
        return self.host + (self.memory if card.room is None else 0)


@dataclass(frozen=True)
class Estimator:
    """One run on one card, by coefficients that are known."""

    run: Run
    card: Card
    known: Coefficients

    @property
    def kind(self) -> str:
        """The kind of device."""
        return "cpu" if self.card.room is None else "cuda"

    @property
    def precision(self) -> str:
        return "float32" if self.kind == "cpu" else "bfloat16"

    def reading(self, encoder: str, tokens: float, length: float) -> Estimate:
        request = coefficients.of_encoder(self.run, encoder, "embed", self.precision)
        found = self.known.of(request)
        flops = tokens * row_flop(found, length)
        at_once = min(tokens, max(_EMBEDDED[self.kind], length))
        weights = found["resident"]["bytes"]
        alive = max(0.0, found["peak"]["fixed"] + found["peak"]["tokens"] * at_once)
        return Estimate(
            weights=weights,
            activations=alive,
            host=self.host(FLOAT * found["resident"]["parameters"], weights, weights + alive),
            tokens=tokens,
            flops=flops,
            seconds=self.card.seconds(flops, self.card.embedding, self.precision),
            remedy="a smaller encoder",
        )

    def suite(self, suite: str, name: str) -> list[tuple[Workload, Prompted]]:
        works = [workload.of_dataset(self.run, d) for d in self.run.language_suites[suite]]
        return [(work, workload.of_method(self.run, suite, name, work)) for work in works]

    def alive(self, traced: float) -> float:
        """Bytes that the card's kernels keep alive, of those that a CPU's do."""
        return max(0.0, traced) * self.card.kept

    def host(self, held: float, device: float = 0.0, peak: float = 0.0) -> float:
        """Bytes of a process beside the model: `held` of them on the host while a model is loaded
        or saved. Where the host is the device, that is not at the time of its peak: what counts is
        by how much held and what the device holds then (`device`) are over the `peak`."""
        if self.kind == "cuda":
            return _PROCESS + _DRIVER + held
        return _PROCESS + max(0.0, held + device - peak)


def prompt_flop(found: Mapping, length, prompted: Prompted, answers: float | None = None) -> float:
    """FLOP of one row of a mean length."""
    flops, learnt = found["flops"], prompted.answer.mean if answers is None else answers
    return (
        flops["tokens"] * length.mean
        + flops["squares"] * length.mean**2
        + flops["states"] * prompted.states.mean
        + flops["answers"] * learnt
    )


def row_flop(found: Mapping, length: float) -> float:
    """FLOP of a token of an encoder in a sequence of so many."""
    return found["flops"]["tokens"] + found["flops"]["squares"] * length
