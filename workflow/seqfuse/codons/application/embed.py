"""Store the states of coding records codon by codon, as encoder states for study A.

Reads cleaned coding records of study A, their codon frames, a receipt of the embedding store for
each modality of the frames, and the checkpoint of an arm, whose fused states are stored. Without an
arm, the states of the modalities are concatenated, with a DNA token's state repeated for each codon
that it covers. Writes rows into the store, and a receipt.

    seqfuse codons embed --records results/fused/sequences/demo-coding-variants/records.parquet \\
        --frames results/fused/sequences/demo-coding-variants/frames.parquet \\
        --rna results/fused/embeddings/demo-coding-variants/rna.demo-rnafm.json \\
        --protein results/fused/embeddings/demo-coding-variants/protein.demo-esm2.json \\
        --arm results/fused/codons/demo-expression/rna_protein/seed0.safetensors \\
        --store results/embeddings --out rna_protein.json
"""

import argparse
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.registry.codon_encoders import ALTERED

_MODALITIES = ("dna", "rna", "protein")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", required=True, type=Path, help="cleaned coding records")
    parser.add_argument("--frames", required=True, type=Path, help="their frames")
    for modality in _MODALITIES:
        text = f"receipt of the frames' {modality} embeddings"
        parser.add_argument(f"--{modality}", type=Path, metavar="RECEIPT", help=text)
    parser.add_argument("--arm", type=Path, metavar="FILE", help="a seed's checkpoint of an arm")
    parser.add_argument(
        "--unfused", action="store_true", help="store the input of the arm's fusion instead"
    )
    parser.add_argument("--altered", choices=ALTERED, help="how the frames were altered")
    parser.add_argument("--store", required=True, help="folder of the store")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--out", required=True, type=Path, help="receipt to write, JSON")


def run(args: argparse.Namespace) -> None:
    receipts = {name: getattr(args, name) for name in _MODALITIES if getattr(args, name)}
    if not receipts:
        raise UserError("give a receipt of embeddings: --dna, --rna or --protein")
    if args.unfused and not args.arm:
        raise UserError("--unfused needs an arm; name its checkpoint with --arm")

    import numpy as np
    import torch

    from seqfuse.codons import description
    from seqfuse.codons.application.codon_states import CodonStates, Sequences
    from seqfuse.encoders.store import index
    from seqfuse.encoders.store.reader import Store
    from seqfuse.encoders.store.writer import Writer
    from seqfuse.files import scratch_directory, write_json
    from seqfuse.progress import say, track
    from seqfuse.registry.arms import ARMS
    from seqfuse.training.interruption.preemption import Interruption

    torch.set_num_threads(args.threads)
    if args.arm:
        arm = ARMS[description.read(args.arm).arm]
        if lacking := [view for view in arm.modalities if view not in receipts]:
            raise UserError(f"{args.arm}: arm {arm.name!r} needs --{lacking[0]}, a receipt")
        receipts = {view: receipts[view] for view in arm.modalities}
    stores = {view: Store.open(receipt) for view, receipt in receipts.items()}
    states = CodonStates(stores, args.arm, args.unfused)
    sequences = Sequences.read(args.records, args.frames)
    with (
        Interruption() as stop,
        scratch_directory(args.out) as memory,
        Writer(args.store, states.description(args.altered, args.frames)) as writer,
    ):
        held = [writer.holds(letters) for letters in sequences.letters]
        missing = np.flatnonzero(~np.array(held))
        say(f"{args.records}: {len(held)} distinct sequences, {len(missing)} to embed")
        rows = states.rows(sequences, missing, memory)
        for row in track(rows, len(missing), "sequences"):
            writer.add(row)
            if stop.asked:
                break
    index.build(writer.folder, writer.key)
    receipt = {
        "store": args.store,
        "key": writer.key,
        "model": str(args.arm.parent) if args.arm else "untrained",
        "table": str(args.records),
        "columns": ["sequence", "variant"],
        "resolution": "codon",
        "sequences": len(sequences.letters),
        "width": states.width,
    }
    write_json(args.out, receipt)
