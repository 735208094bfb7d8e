"""The encoders that are implemented here: the one place where a layout is registered."""

# layout -> (module, class), in the order in which a config.json is tried.
LAYOUTS: dict[str, tuple[str, str]] = {
    "nucleotide-transformer-v2": (
        "seqfuse.encoders.nucleotide_transformer",
        "NucleotideTransformerV2",
    ),
    "rna-fm": ("seqfuse.encoders.rna_fm", "RnaFm"),
    "esm2": ("seqfuse.encoders.esm2", "Esm2"),
}
