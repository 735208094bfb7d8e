"""Embedding with the encoder of the adapters, and a checkpoint of training, written and read."""

from pathlib import Path

import numpy as np
import torch

from bench.gpu import shapes
from bench.gpu.card import Card
from bench.gpu.shapes import Shape
from bench.gpu.steps import Ours
from seqfuse.encoders.embedder import Embedder, Settings, keep_freed_memory
from seqfuse.training.trainer import Trainer

# Of a state, against the mean size of states; what batches of other shapes round differently.
SAME_STATE = 0.05


def embedding(card: Card, shape: Shape, folder: Path) -> dict:
    """Sequences of KEGG and the NT tasks through NT, as the store is given them; baseline: an ESM
    of transformers with as many weights a block (it has no SwiGLU), 16 sequences a padded batch in
    the order of the table."""
    random = np.random.default_rng(0)
    lengths = [4001] * (2 * shape.kegg) + [500] * (4 * shape.nt) + [200] * shape.nt
    lengths = random.permutation([length // shape.shrink for length in lengths])
    sequences = [shapes.dna(random, int(length)) for length in lengths]
    keep_freed_memory()
    settings = Settings(layer=-1, output="hidden", dtype="float16", too_long="refuse")
    embedder = Embedder(folder / "encoder", settings, "native")
    counted = embedder.count({s: f"sequence {i}" for i, s in enumerate(sequences)})

    def ours() -> dict[str, np.ndarray]:
        return {row.sequence: row.states for row in embedder.rows(counted)}

    difference = _alone(card, embedder, sequences[0], exact=False)
    if not difference < SAME_STATE:
        raise AssertionError(f"states of a batch and of one sequence differ by {difference}")
    beside = _esm(card, shape)
    tokens = [embedder._encoder.tokenise(sequence).ids for sequence in sequences]

    @torch.inference_mode()
    def plain() -> list[torch.Tensor]:
        embedded = []
        for start in range(0, len(tokens), 16):
            rows = [torch.from_numpy(row) for row in tokens[start : start + 16]]
            ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=1)
            ids = ids.to(card.device)
            with torch.autocast(card.device.type, torch.bfloat16, enabled=card.cuda):
                states = beside(ids, attention_mask=(ids != 1).long()).last_hidden_state
            embedded.append(states.float().cpu().half())
        return embedded

    times = []
    for side in (ours, plain):
        side()
        times.append(card.seconds(side))
    return {
        "unit": "sequences/s",
        "ours": len(sequences) / times[0],
        "baseline": len(sequences) / times[1],
        "difference": difference,
        "difference_from_float32": _alone(card, embedder, sequences[0], exact=True),
    }


def _alone(card: Card, embedder: Embedder, sequence: str, exact: bool) -> float:
    """How far the stored states of a sequence are from those of the encoder on it alone, in the
    precision of the store's batches or exactly in float32: mean difference over mean size."""
    encoder = embedder._encoder
    tokens = encoder.tokenise(sequence)
    ids = torch.from_numpy(tokens.ids)[None].to(card.device)
    enabled = card.cuda and not exact
    with torch.inference_mode(), torch.autocast(card.device.type, torch.bfloat16, enabled=enabled):
        alone = encoder(ids)[0].float().cpu()[torch.from_numpy(~tokens.special)]
    (row,) = embedder.rows(embedder.count({sequence: "the first"}))
    stored = torch.from_numpy(row.states).float()
    return float((stored - alone).abs().mean() / alone.abs().mean())


def _esm(card: Card, shape: Shape):
    from transformers import EsmConfig, EsmModel

    settings = dict(shape.encoder)
    # Two matrices instead of three.
    settings["intermediate_size"] = settings["intermediate_size"] * 3 // 2
    config = EsmConfig(
        vocab_size=4107,
        pad_token_id=1,
        mask_token_id=2,
        max_position_embeddings=2050,
        position_embedding_type="rotary",
        **settings,
    )
    with card.device:
        return EsmModel(config, add_pooling_layer=False).eval()


def checkpoint(card: Card, shape: Shape, folder: Path) -> list[dict]:
    """The checkpoint of a whole fine-tuning at the small shape, written and read; baseline: a plain
    torch.save and torch.load of the model's and the optimiser's state."""
    method = shapes.build("onevocab", shape, card.device, small=True)
    examples = shapes.encode(method, shapes.nt(shape, 2))
    ours = Ours(method, folder / "checkpoint", 2)
    ours(examples)
    trainer, plain = ours.trainer, folder / "plain.pt"

    def write() -> None:
        state = {"model": method.state_dict(), "optimiser": trainer.optimiser.state_dict()}
        torch.save(state, plain)

    def read() -> None:
        state = torch.load(plain, map_location="cpu", weights_only=True)
        method.load_state_dict(state["model"])
        trainer.optimiser.load_state_dict(state["optimiser"])

    before = {name: tensor.clone() for name, tensor in trainer.trained.items()}
    again = Trainer(method, trainer.training, 0, folder / "checkpoint", "bench")
    times = [card.seconds(work) for work in (trainer._save, write, again._resume, read)]
    gigabytes = trainer.checkpoint.path.stat().st_size / 1e9
    for name, tensor in before.items():
        if not torch.equal(tensor, again.trained[name]):
            raise AssertionError(f"{name} came back from the checkpoint with other values")
    trainer.checkpoint.path.unlink()
    plain.unlink()
    return [
        {"name": f"checkpoint_{what}", "unit": "GB/s", "gigabytes": round(gigabytes, 3)}
        | {"ours": gigabytes / taken, "baseline": gigabytes / beside, "difference": 0.0}
        for what, taken, beside in (("write", *times[:2]), ("read", *times[2:]))
    ]
