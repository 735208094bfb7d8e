"""Coding sets of study A and the encoders that read them by codon, for the rules."""

from collections.abc import Iterable

from seqfuse.plan.run import Run
from seqfuse.registry.arms import ARMS
from seqfuse.registry.codon_encoders import CodonEncoder


class ByCodon:
    """Flags and modules for the coding sets of one run; `fused` is an encoder as file names spell
    it."""

    def __init__(self, run: Run):
        self.run = run

    @property
    def framed_sets(self) -> list[str]:
        """The sets with codon frames: those of study B, and those of study A, with the pairs of its
        pre-training, that are coding."""
        pairs = self.run.settings["language"]["pretrain"]["dataset"]
        named = dict.fromkeys([*self.run.datasets("language"), pairs])
        return [*self.run.codon_sets, *self._coding(named)]

    def genetic_codes(self, suite: str) -> list[str] | None:
        """The genetic codes of the coding sets of a suite of study A, as NAME=CODE."""
        coding = self._coding(self.run.language_suites[suite])
        return [f"{name}={self.run.cleaning(name)['genetic_code']}" for name in coding] or None

    def reading(self, fused: str) -> dict:
        """How an encoder reads frames, as flags."""
        encoder = CodonEncoder.of(fused)
        return {"altered": encoder.altered, "unfused": [] if encoder.unfused else None}

    def modules(self, fused: str) -> list[str]:
        """The modules of an encoder's fusion, to hash its code."""
        encoder = CodonEncoder.of(fused)
        return ARMS[encoder.arm].modules if encoder.arm else []

    def contrasted(self, by_codon: bool) -> list[str]:
        """The pre-trainings that read states by codon, or those that read DNA."""
        names = self.run.pretrainings()
        return [name for name in names if bool(self.run.pretrained_on(name)) == by_codon]

    def trained_on(self, name: str) -> list[str]:
        """The modules of the fusion that a method or variant goes on training."""
        encoder = self.run.codon_encoder(name)
        return ARMS[encoder.arm].modules if encoder and encoder.unfused else []

    def _coding(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if self.run.settings["datasets"][name].get("cds")]
