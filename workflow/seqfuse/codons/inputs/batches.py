"""The views of a dataset's rows, made from the embedding store, and rows in batches.

States stay in one decoded memory map for each modality, shared by all seeds (and all arms of a
dataset); a batch copies only its own rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqfuse.codons.inputs.align import Packed
from seqfuse.codons.inputs.dataset import Dataset, OneHot, View
from seqfuse.codons.inputs.placement import NUCLEOTIDES, Placement, place, place_in_order
from seqfuse.encoders.store.reader import Store
from seqfuse.errors import UserError

# Batches are padded to a multiple of this, so that few shapes occur and kernels are reused.
_PADDED_TO = 8
_BATCHES_A_POOL = 16


class Batch(NamedTuple):
    """Some rows: `mask` bool[B, C] marks their codons; `views` are packed; `target` is [B]."""

    rows: np.ndarray
    mask: Tensor
    views: dict[str, Packed]
    target: Tensor


def with_views(
    dataset: Dataset,
    stores: Mapping[str, Store],
    parts: Mapping[str, int],
    folder: Path,
    aligned: bool = True,
) -> Dataset:
    """The dataset with the views that `stores` hold, decoded into `folder`."""
    views = {}
    for view, store in stores.items():
        letters = dataset.frames[view]
        spans = [store.spans(sequence) for sequence in letters]
        placements = placed(dataset, view, spans, parts[view], aligned)
        views[view] = View(letters, store.memory_map(letters, folder), placements, parts[view])
    return replace(dataset, views=views)


def with_one_hot(dataset: Dataset) -> Dataset:
    """The dataset with its one-hot codons as the only view, "codon"."""
    spans = [
        np.arange(n)[:, None] * NUCLEOTIDES + np.array([[0, NUCLEOTIDES]]) for n in dataset.codons
    ]
    placements = placed(dataset, "codon", spans, 1)
    return replace(dataset, views={"codon": View(dataset.frames["dna"], OneHot(), placements, 1)})


def placed(
    dataset: Dataset, view: str, spans: Sequence[np.ndarray], parts: int, aligned: bool = True
) -> list[Placement]:
    """One placement for each row; rows with the same length and tokenisation share theirs.

    Raises `UserError` if a codon of a row has no token."""
    letters_a_codon = 1 if view == "protein" else NUCLEOTIDES
    known: dict[tuple, Placement] = {}
    placements = []
    for name, row_spans, codons in zip(dataset.ids, spans, dataset.codons.tolist(), strict=True):
        key = (codons, row_spans.tobytes())
        if key not in known:
            try:
                known[key] = (
                    place(row_spans * (NUCLEOTIDES // letters_a_codon), codons, parts)
                    if aligned
                    else place_in_order(len(row_spans), codons)
                )
            except UserError as error:
                raise UserError(f"record {name!r}: {view} embedding: {error}") from None
        placements.append(known[key])
    return placements


def collate(dataset: Dataset, rows: np.ndarray, device: torch.device) -> Batch:
    """The batch of `rows`, padded to the longest of them."""
    codons = dataset.codons[rows]
    width = -(-int(codons.max()) // _PADDED_TO) * _PADDED_TO
    mask = torch.from_numpy(np.arange(width) < codons[:, None]).to(device)
    packed = {name: _pack(view, rows, width, device) for name, view in dataset.views.items()}
    target = torch.from_numpy(dataset.target[rows]).to(device)
    return Batch(rows, mask, packed, target)


def shuffled(
    dataset: Dataset, rows: np.ndarray, size: int, random: np.random.Generator
) -> list[np.ndarray]:
    """Rows in random batches of similar length: sorted by length within pools of 16 batches."""
    order, batches = random.permutation(rows), []
    for start in range(0, len(order), size * _BATCHES_A_POOL):
        pool = order[start : start + size * _BATCHES_A_POOL]
        pool = pool[np.argsort(dataset.codons[pool], kind="stable")]
        batches += [pool[i : i + size] for i in range(0, len(pool), size)]
    return [batches[i] for i in random.permutation(len(batches))]


def by_length(dataset: Dataset, rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Rows in deterministic batches of similar length, longest first.

    Shortest first, the memory that a batch frees would be too small for the next one.
    """
    order = rows[np.argsort(-dataset.codons[rows], kind="stable")]
    for start in range(0, len(order), size):
        yield order[start : start + size]


def moments(parts: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every feature over the states [T, D] of all `parts`.

    Returns float32 [D] each. A constant feature has deviation 1. One pass, one part in memory.
    """
    count, total, squares = 0, 0.0, 0.0
    for part in parts:
        states = part.astype(np.float64)
        count, total = count + len(states), total + states.sum(0)
        squares = squares + np.einsum("td,td->d", states, states)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    # States are half precision: what rounding leaves of a constant feature is not variance.
    deviation[deviation < 1e-3 * np.abs(mean) + 1e-6] = 1.0
    return mean.astype(np.float32), deviation.astype(np.float32)


def _pack(view: View, rows: np.ndarray, width: int, device: torch.device) -> Packed:
    states = [view.states.get(view.sequences[row]) for row in rows.tolist()]
    tokens = np.array([len(part) for part in states])
    before = np.cumsum(tokens) - tokens
    first = np.zeros(tokens.sum(), bool)
    first[before] = True
    places = [view.placements[row] for row in rows.tolist()]
    starts = (before * view.parts).tolist()
    arrays = (
        first,
        np.concatenate([place.codons + width * i for i, place in enumerate(places)]),
        np.concatenate([p.outputs + start for p, start in zip(places, starts, strict=True)]),
        np.concatenate([place.shares for place in places]),
    )
    packed = torch.from_numpy(np.concatenate(states)).to(device, non_blocking=True)
    if packed.is_floating_point():
        packed = packed.float()
    direct = all(place.direct for place in places)
    return Packed(packed, *(torch.from_numpy(array).to(device) for array in arrays), direct)
