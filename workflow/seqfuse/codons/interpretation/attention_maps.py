"""The inside of a trained fusion: its attention maps and fused vectors."""

from collections.abc import Iterator

import numpy as np
import torch

from seqfuse.codons.fusions.xattn import CrossAttention
from seqfuse.codons.inputs.batches import collate
from seqfuse.codons.interpretation.trained_arms import Trained, Trials


def attention(trials: Trials, trained: Trained, rows: np.ndarray) -> Iterator[dict]:
    """Rows of `ATTENTION` for a fusion with cross-attention; none for other fusions.

    One sequence at a time, because a map grows with the square of the codons.
    """
    fuse, arm = trained.model.fuse, trained.arm
    if not isinstance(fuse, CrossAttention):
        return
    dataset = trials.viewed(trained, rows)
    for row in range(len(rows)):
        codons = int(dataset.codons[row])
        batch = collate(dataset, np.array([row]), trials.device)
        with torch.inference_mode():
            map_MCMC = fuse.maps(trained.model.views(batch), batch.mask)[0]
        received = map_MCMC[:, :codons, :, :codons].mean(1).cpu().numpy()
        received = received * len(arm.modalities) * codons
        common = {"dataset": trials.dataset.name, "method": arm.name, "seed": trained.seed}
        common |= {"id": dataset.ids[row], "codons": codons}
        for (query, key, position), value in np.ndenumerate(received):
            yield common | {
                "query": arm.modalities[query],
                "key": arm.modalities[key],
                "position": position,
                "received": float(value),
            }


@torch.inference_mode()
def fused(trials: Trials, trained: Trained) -> Iterator[dict]:
    """Rows of `FUSED`: one vector for each test record, in order."""
    vectors = {}
    for chosen, batch in trials.batches(trained, trials.test):
        states = trained.model.fuse(trained.model.views(batch), batch.mask).states
        means = states.sum(1) / batch.mask.sum(1, keepdim=True)
        vectors |= dict(zip(chosen.tolist(), means.cpu().tolist(), strict=True))
    common = {"dataset": trials.dataset.name, "method": trained.arm.name, "seed": trained.seed}
    for position, row in enumerate(trials.test.tolist()):
        yield common | {"id": trials.dataset.ids[row], "vector": vectors[position]}
