"""The arms of study B: the one place where an arm is registered.

Light on purpose: the Snakefile, the tables and the command line read it without importing torch.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Arm:
    """A set of modalities and the fusion that joins them codon by codon.

    `fusion` is the class, as "module:name"; a single modality needs none. An arm that `weighs`
    gives every sequence a weight a modality, which are written beside its predictions.
    """

    name: str
    title: str
    modalities: tuple[str, ...]
    fusion: str | None = None
    weighs: bool = False


_ALL = ("dna", "rna", "protein")

ARMS: dict[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm("dna", "DNA alone", ("dna",)),
        Arm("rna", "mRNA alone", ("rna",)),
        Arm("protein", "Protein alone", ("protein",)),
        Arm("concat", "Concatenation", _ALL, "seqfuse.codons.concat:Concat"),
        Arm("mil", "MIL with entropy", _ALL, "seqfuse.codons.mil:GatedMil", weighs=True),
        Arm("xattn", "Cross-attention", _ALL, "seqfuse.codons.xattn:CrossAttention"),
    )
}
