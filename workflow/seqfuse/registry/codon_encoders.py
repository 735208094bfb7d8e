"""Encoders of study A that read a coding sequence codon by codon, by their names.

    fused:demo-expression/concat   the states that an arm of study B fuses, trained on that set
    fused:untrained                the states of all encoders side by side, nothing trained on them
    fused:dna, fused:rna, fused:protein   those of one encoder

The suffixes `@codons` and `@synonymous` shuffle the codons, as controls of study B do;
`@other_protein` gives each record the protein of another. Names of files have no : and no /.
"""

import re
from dataclasses import dataclass, replace
from typing import Self

from seqfuse.registry.arms import ARMS

PREFIX = "fused"
# The class that computes the states of sequences that no store holds, for `seqfuse ask`.
LIVE = "seqfuse.codons.application.live_states:LiveStates"
ALTERED = ("codons", "synonymous", "other_protein")
# In names of files, ":" and "/" are "@", and two parts may follow that no configuration gives.
_FORM = re.compile(
    rf"{PREFIX}[:@](?:(?P<alone>untrained|dna|rna|protein)|(?P<set>[^@/]+)[/@](?P<arm>\w+))"
    rf"(?:@(?P<altered>{'|'.join(ALTERED)}))?(?:@seed(?P<seed>\d+))?(?P<unfused>@unfused)?"
)


@dataclass(frozen=True)
class CodonEncoder:
    """`alone` is "untrained" or a modality; else `set` and `arm` name a trained arm.

    `seed` is the seed of the arm's checkpoint. `unfused` states are the inputs of its fusion, for a
    method that trains the fusion further.
    """

    alone: str | None
    set: str | None
    arm: str | None
    altered: str | None = None
    seed: int | None = None
    unfused: bool = False

    @classmethod
    def of(cls, name: str) -> Self | None:
        """The encoder that a name in a configuration or of a file means; None if it means none."""
        match = _FORM.fullmatch(name)
        if not match:
            return None
        parts = match.groupdict()
        seed, unfused = parts["seed"], parts["unfused"] is not None
        return cls(**parts | {"seed": seed and int(seed), "unfused": unfused})

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities whose stored states it reads."""
        if self.arm:
            return ARMS[self.arm].modalities
        return ("dna", "rna", "protein") if self.alone == "untrained" else (self.alone,)

    @property
    def word(self) -> str:
        """Its name in names of files."""
        parts = [PREFIX, *([self.set, self.arm] if self.arm else [self.alone])]
        parts += [self.altered] if self.altered else []
        parts += [] if self.seed is None else [f"seed{self.seed}"]
        return "@".join(parts + ["unfused"] * self.unfused)

    def with_seed(self, seed: int) -> Self:
        """The same encoder with the arm's checkpoint of a seed; without an arm, there is no
        seed."""
        return replace(self, seed=seed) if self.arm else self


def is_one(name: str) -> bool:
    """Whether a name in a configuration means an encoder of this kind, well-formed or not."""
    return name.startswith(f"{PREFIX}:")


def refusal(name: str) -> str | None:
    """Why there is no such encoder, judged by its name and arm alone; None if there may be."""
    encoder = CodonEncoder.of(name)
    if encoder is None or encoder.seed is not None or encoder.unfused:
        return (
            f"{name!r} is not an encoder; write fused:SET/ARM, fused:untrained, fused:dna,"
            f" fused:rna or fused:protein; for a control, add @{' or @'.join(ALTERED)}"
        )
    arm = ARMS.get(encoder.arm) if encoder.arm else None
    if encoder.arm and arm is None:
        return f"{name!r}: there is no arm {encoder.arm!r}"
    if arm and (arm.tuning or arm.one_hot or arm.shuffled or arm.random):
        return f"{name!r}: the arm {arm.name!r} does not read stored states of sequences"
    if encoder.altered == "other_protein" and arm and "protein" not in arm.modalities:
        return f"{name!r}: the arm {arm.name!r} does not read protein"
    if encoder.altered == "other_protein" and encoder.alone in ("dna", "rna"):
        return f"{name!r} does not read protein"
    return None
