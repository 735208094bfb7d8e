"""The arms of study B: the one place where an arm is registered.

Light on purpose: the Snakefile, the tables and the command line read it without importing torch.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from seqfuse.registry.layouts import LAYOUTS

# The fusion of an arm that names none.
SINGLE = "seqfuse.codons.fusions.single:Single"


@dataclass(frozen=True)
class Arm:
    """A set of modalities and the fusion that joins them codon by codon.

    `modalities` are read from the embedding store. `fusion` is the class, as "module:name"; a
    single modality needs none. `kind` is "method", "ablation" or "control". An arm that `weighs`
    gives every sequence a weight for each modality, written beside its predictions; only with
    `entropy` does the entropy of these weights count in its loss. An arm that is not `aligned` puts
    a modality's n-th token at the n-th codon. A `one_hot` arm reads the codons themselves. An arm
    with `tuning` ("lora" or "full") trains encoders with its fusion, end to end. A control may read
    `shuffled` frames ("codons" or "synonymous"), or the states of encoders with `random` weights.
    """

    name: str
    title: str
    modalities: tuple[str, ...]
    fusion: str | None = None
    weighs: bool = False
    kind: str = "method"
    entropy: bool = False
    aligned: bool = True
    one_hot: bool = False
    tuning: str | None = None
    shuffled: str | None = None
    random: bool = False

    @property
    def views(self) -> tuple[str, ...]:
        """What the arm sees of a sequence: its modalities, or its codons as one-hot vectors."""
        return ("codon",) if self.one_hot else self.modalities

    @property
    def modules(self) -> list[str]:
        """The modules of this arm beyond those that all arms share, for the hash of its code."""
        encoders = [module for module, _ in LAYOUTS.values()] if self.tuning else []
        return [(self.fusion or SINGLE).split(":")[0], *encoders]

    @property
    def interpreted(self) -> bool:
        """Whether trained models of the arm are interpreted: those of every fusion that reads
        stored embeddings and is not a control."""
        return len(self.modalities) > 1 and not (self.tuning or self.shuffled or self.random)

    def trains(self, tuned: Iterable[str]) -> tuple[str, ...]:
        """The modalities whose encoder the arm trains, where `tuned` are those that may be."""
        return tuple(view for view in self.modalities if self.tuning and view in tuned)


_ALL = ("dna", "rna", "protein")
_CONCAT, _MIL = "seqfuse.codons.fusions.concat:Concat", "seqfuse.codons.fusions.mil"

ARMS: dict[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm("dna", "DNA alone", ("dna",)),
        Arm("rna", "mRNA alone", ("rna",)),
        Arm("protein", "Protein alone", ("protein",)),
        Arm("dna_rna", "DNA + mRNA", ("dna", "rna"), _CONCAT),
        Arm("dna_protein", "DNA + protein", ("dna", "protein"), _CONCAT),
        Arm("rna_protein", "mRNA + protein", ("rna", "protein"), _CONCAT),
        Arm("concat", "Concatenation", _ALL, _CONCAT),
        Arm("mil", "MIL with entropy", _ALL, f"{_MIL}:GatedMil", weighs=True, entropy=True),
        Arm("xattn", "Cross-attention", _ALL, "seqfuse.codons.fusions.xattn:CrossAttention"),
        Arm("rna_lora", "mRNA alone, LoRA", ("rna",), tuning="lora"),
        Arm("concat_lora", "Concatenation, LoRA", _ALL, _CONCAT, tuning="lora"),
        Arm(
            "mil_lora",
            "MIL with entropy, LoRA",
            _ALL,
            f"{_MIL}:GatedMil",
            weighs=True,
            entropy=True,
            tuning="lora",
        ),
        Arm(
            "xattn_lora",
            "Cross-attention, LoRA",
            _ALL,
            "seqfuse.codons.fusions.xattn:CrossAttention",
            tuning="lora",
        ),
        Arm("concat_full", "Concatenation, end to end", _ALL, _CONCAT, tuning="full"),
        Arm(
            "mil_no_entropy",
            "MIL without entropy",
            _ALL,
            f"{_MIL}:GatedMil",
            weighs=True,
            kind="ablation",
        ),
        Arm(
            "mil_shared",
            "MIL, one shared projection",
            _ALL,
            f"{_MIL}:SharedMil",
            weighs=True,
            kind="ablation",
            entropy=True,
        ),
        Arm(
            "mil_one_gate",
            "MIL, one gate for all modalities",
            _ALL,
            f"{_MIL}:OneGateMil",
            weighs=True,
            kind="ablation",
            entropy=True,
        ),
        Arm(
            "mil_matched",
            "MIL with entropy, as large as mRNA alone",
            _ALL,
            f"{_MIL}:GatedMil",
            weighs=True,
            kind="ablation",
            entropy=True,
        ),
        Arm("rna_matched", "mRNA alone, as large as MIL", ("rna",), kind="ablation"),
        Arm(
            "mil_token",
            "MIL, weights by codon",
            _ALL,
            f"{_MIL}:TokenMil",
            weighs=True,
            kind="ablation",
            entropy=True,
        ),
        Arm(
            "concat_unaligned",
            "Concatenation, not aligned",
            _ALL,
            _CONCAT,
            kind="ablation",
            aligned=False,
        ),
        Arm(
            "concat_shuffled",
            "Concatenation, codons shuffled",
            _ALL,
            _CONCAT,
            kind="control",
            shuffled="codons",
        ),
        Arm(
            "concat_synonymous",
            "Concatenation, synonymous codons drawn anew",
            _ALL,
            _CONCAT,
            kind="control",
            shuffled="synonymous",
        ),
        Arm(
            "concat_random",
            "Concatenation, random encoders",
            _ALL,
            _CONCAT,
            kind="control",
            random=True,
        ),
        Arm(
            "onehot",
            "One-hot codons",
            (),
            SINGLE,
            kind="control",
            one_hot=True,
        ),
    )
}
