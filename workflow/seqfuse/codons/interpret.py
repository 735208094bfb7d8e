"""Show what trained fusions use: knock-outs, synonymous mutants, attention, fused vectors.

Reads the folders of trained arms of one dataset, its records and frames, the embeddings of its
modalities, and the encoders of DNA and mRNA, because mutants are in no store. Writes a folder:
knockout.parquet, mutagenesis.parquet, codons.parquet (how often each codon is used),
attention.parquet (for cross-attention) and fused.parquet.

    seqfuse codons interpret --dataset demo-expression \\
        --trained results/demo/codons/demo-expression/concat \\
        --records results/demo/sequences/demo-expression/records.parquet \\
        --frames results/demo/sequences/demo-expression/frames.parquet \\
        --clusters results/demo/sequences/demo-expression/clusters.parquet \\
        --dna results/demo/embeddings/demo-expression/dna.demo-nt.json \\
        --rna results/demo/embeddings/demo-expression/rna.demo-rnafm.json \\
        --protein results/demo/embeddings/demo-expression/protein.demo-esm2.json \\
        --dna-encoder results/demo/data/models/demo-nt \\
        --rna-encoder results/demo/data/models/demo-rnafm --out interpretation
"""

import argparse
from pathlib import Path

from seqfuse.codons.train import MODALITIES
from seqfuse.settings import cli_flags

# The modalities whose encoders see a synonymous mutation.
MUTABLE = ("dna", "rna")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", required=True, metavar="NAME", help="name of the dataset")
    parser.add_argument(
        "--trained", required=True, type=Path, nargs="+", metavar="DIR", help="folders of arms"
    )
    parser.add_argument("--records", required=True, type=Path, help="cleaned records")
    parser.add_argument("--frames", required=True, type=Path, help="codon frames")
    parser.add_argument("--clusters", required=True, type=Path, help="which records are one sample")
    for modality in MODALITIES:
        text = f"receipt of the {modality} embeddings"
        parser.add_argument(f"--{modality}", type=Path, metavar="RECEIPT", help=text)
    for modality in MUTABLE:
        text = f"folder of the encoder that made the {modality} embeddings"
        parser.add_argument(f"--{modality}-encoder", type=Path, metavar="DIR", help=text)
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    cli_flags.add(parser, "codons/interpretation")
    cli_flags.add(parser, "evaluation", "confidence")


def run(args: argparse.Namespace) -> None:
    import torch

    from seqfuse.codons.interpretation import interpretation_job, trained_arms
    from seqfuse.encoders.embedder import keep_freed_memory

    torch.set_num_threads(args.threads)
    keep_freed_memory()
    receipts = {name: getattr(args, name) for name in MODALITIES if getattr(args, name)}
    encoders = {name: getattr(args, f"{name}_encoder") for name in MUTABLE}
    files = args.records, args.frames, args.clusters
    study = trained_arms.read(args.dataset, args.trained, *files, receipts)
    settings = cli_flags.take(args, interpretation_job.Settings)
    interpretation_job.write(study, encoders, settings, args.confidence, args.out)
