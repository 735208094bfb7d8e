"""Layouts of model folders: encoders that are implemented here, and what transformers reads."""

# layout -> (module, class), in the order in which a config.json is tried.
LAYOUTS: dict[str, tuple[str, str]] = {
    "nucleotide-transformer-v2": (
        "seqfuse.encoders.nucleotide_transformer",
        "NucleotideTransformerV2",
    ),
    "rna-fm": ("seqfuse.encoders.rna_fm", "RnaFm"),
    "esm2": ("seqfuse.encoders.esm2", "Esm2"),
}
# Causal language models, by the `model_type` of their config.json: each may be a backbone.
DECODERS = ("qwen3", "qwen2", "llama", "mistral")
# What transformers reads by itself; BERT only as a text encoder. Scratch ones learn a tokeniser
# from the data.
TEXT_LAYOUTS = (*DECODERS, "bert")
