"""The methods of study A: the one place where a method is registered.

Light on purpose: the Snakefile, the tables and the command line read it without importing torch.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """A way to show DNA to a language model, or a control trained like one.

    `implementation` is the class, as "module:name". `reads_store` methods take frozen encoder
    states from the embedding store. `pretrained` methods use SeqCLIP's encoder and adapter instead
    of the plain encoder. `trains_encoder` methods train the encoder, too, or, if they read
    stored states, the fusion that joins them. `generates` methods answer in text, which a judge can
    read. Probes alter the DNA of methods with `sees_dna`.
    """

    name: str
    title: str
    kind: str
    implementation: str
    reads_store: bool = False
    pretrained: bool = False
    trains_encoder: bool = False
    generates: bool = True
    sees_dna: bool = True

    @property
    def trains_fusion(self) -> bool:
        """Whether it trains the fusion of stored states, which only coding sequences have."""
        return self.reads_store and self.trains_encoder


# Methods that have a section of settings of their own.
OWN_SETTINGS = ("qformer", "onevocab")
METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "linear",
            "Linear adapter (BioReason)",
            "method",
            "seqfuse.language.methods.linear:Linear",
            reads_store=True,
        ),
        Method(
            "qformer",
            "Q-former (ChatNT)",
            "method",
            "seqfuse.language.methods.qformer:QFormer",
            reads_store=True,
        ),
        Method(
            "seqclip",
            "SeqCLIP",
            "method",
            "seqfuse.language.methods.seqclip:SeqClip",
            reads_store=True,
            pretrained=True,
        ),
        Method("onevocab", "OneVocab", "method", "seqfuse.language.methods.onevocab:OneVocab"),
        Method(
            "linear_tuned",
            "Linear adapter, encoder trained",
            "control",
            "seqfuse.language.methods.linear_tuned:LinearTuned",
            trains_encoder=True,
        ),
        Method(
            "linear_fused",
            "Linear adapter, codon fusion trained",
            "method",
            "seqfuse.language.methods.linear_fused:LinearFused",
            reads_store=True,
            trains_encoder=True,
        ),
        Method(
            "plain_text", "DNA as text", "control", "seqfuse.language.methods.plain_text:PlainText"
        ),
        Method(
            "text_only",
            "Text only",
            "control",
            "seqfuse.language.methods.text_only:TextOnly",
            sees_dna=False,
        ),
        Method(
            "dna_only",
            "DNA only",
            "control",
            "seqfuse.language.methods.dna_only:DnaOnly",
            reads_store=True,
            generates=False,
        ),
    )
}
