"""GPU models (cards): memory and speed by their data sheets, and the share of both that is reached.

The shares were measured on an H200 (docs/gpu.md). There a quarter of a training step is matrix
products, and the rest is memory traffic. Other cards have another ratio of both speeds: their
shares are derived from that, and were not measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from seqfuse.errors import UserError, nearest

# Measured on an H200: the share of its peak FLOP/s that training, reading prompts, and an encoder
# alone reach, and the share of its memory bandwidth that generating an answer reaches.
_TRAINING, _READING, _EMBEDDING, _WRITING = 0.13, 0.08, 0.35, 0.05
# Activations of a step on a GPU as a share of those on a CPU; and bytes of logits that a GPU holds
# at once (language/backbones/chunked_cross_entropy.py).
_KEPT, _LOGITS = 0.85, 2.2e9
# The share of a step's time on an H200 that matrix products take.
_PRODUCTS = 0.25
# The share of a card's memory that is free, and GB that driver and torch take of it.
_FREE, _OWN_GB = 0.97, 1.5
# Speed of float32 products (TF32) relative to bfloat16.
_FLOAT32 = 0.5


@dataclass(frozen=True)
class Card:
    """A GPU, or a number of CPU cores: memory (GB of 10^9 bytes), dense bfloat16 speed (TFLOP/s)
    and memory bandwidth (TB/s). The memory of a CPU is None, because it is the machine's; a card
    of another size than those sold has the speed of the one with `sold_gb`."""

    name: str
    memory_gb: float | None
    tflops: float
    bandwidth: float
    training: float = _TRAINING
    reading: float = _READING
    embedding: float = _EMBEDDING
    writing: float = _WRITING
    float32: float = _FLOAT32
    own_gb: float = _OWN_GB
    kept: float = _KEPT
    logits: float = _LOGITS
    sold_gb: float | None = None

    @property
    def room(self) -> float | None:
        """Bytes that a job may use."""
        return None if self.memory_gb is None else 1e9 * (_FREE * self.memory_gb - self.own_gb)

    @property
    def title(self) -> str:
        """Its name, with its memory."""
        if self.memory_gb is None:
            return self.name
        if self.sold_gb in (None, self.memory_gb):
            return f"{self.name} of {self.memory_gb:g} GB"
        return f"a card of {self.memory_gb:g} GB with the speed of {self.name}-{self.sold_gb:g}"

    def seconds(self, flops: float, share: float, precision: str) -> float:
        """Seconds that so many FLOP take at a share of the card's peak."""
        speed = self.tflops * (self.float32 if precision == "float32" else 1)
        return flops / (1e12 * speed * share)


_H200 = Card("h200", 141, 989, 4.8)
# name -> the sizes that are sold, largest first: (GB, TFLOP/s, TB/s).
_SHEETS = {
    "h200": [(141, 989, 4.8)],
    "h100": [(80, 989, 3.35)],
    "a100": [(80, 312, 2.04), (40, 312, 1.56)],
    "l40s": [(48, 362, 0.86)],
    "rtx4090": [(24, 165, 1.01)],
    "a10": [(24, 125, 0.6)],
}
# One CPU core in float32, measured on the two cores of docs/results.md.
_CORE_TFLOPS, _CORE_BANDWIDTH = 0.07, 0.01
CPU = "cpu"


def card(settings: Mapping, named: str | None = None) -> Card:
    """The card that a run's `gpu` and `jobs` describe, or a named one, such as a100-80 or cpu."""
    gpu, threads = settings["gpu"], settings["jobs"]["gpu"]["threads"]
    if named is None and gpu["memory_gb"] is None:
        named = CPU
    if named == CPU:
        core = Card(CPU, None, _CORE_TFLOPS * threads, _CORE_BANDWIDTH * threads)
        name = f"{threads} CPU cores"
        return replace(
            core,
            name=name,
            training=0.5,
            reading=0.5,
            embedding=0.6,
            writing=0.7,
            float32=1,
            kept=1,
            logits=0,
        )
    name, _, size = (named or gpu["model"] or "a100").partition("-")
    if name not in _SHEETS:
        known = [*_SHEETS, CPU]
        raise UserError(
            f"{named or gpu['model']}: unknown card{nearest(name, known)}; give --card one of"
            f" {', '.join(known)}, with its memory if there are several sizes: a100-80"
        )
    if size:
        sold = [sheet for sheet in _SHEETS[name] if str(sheet[0]) == size]
    else:
        wanted = 0 if named else gpu["memory_gb"]
        sold = [sheet for sheet in _SHEETS[name] if sheet[0] >= wanted]
    if not sold:
        sizes = ", ".join(f"{name}-{sheet[0]}" for sheet in _SHEETS[name])
        raise UserError(f"no {name} has {size or wanted} GB; there are {sizes}")
    memory, tflops, bandwidth = sold[-1]
    sheet = Card(name, memory if named else gpu["memory_gb"], tflops, bandwidth, sold_gb=memory)
    slower = _PRODUCTS * _H200.tflops / tflops + (1 - _PRODUCTS) * _H200.bandwidth / bandwidth
    faster = _H200.tflops / tflops / slower
    return replace(sheet, training=_TRAINING * faster, reading=_READING * faster)
