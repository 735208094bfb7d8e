"""The states of coding sequences by codon: those that a trained arm fuses, or the encoders' own.

Study A shows them to a language model (`language.encoder: fused:...`). They go into the store like
an encoder's states, with a key made from all that determines them: the arm's checkpoint, the key of
each encoder's states and, if codons were shuffled, the shuffled frames.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from seqfuse import fingerprint, tables
from seqfuse.bio import record_batches
from seqfuse.bio.frames import variant_id
from seqfuse.codons import checkpoint
from seqfuse.codons.inputs.batches import by_length, collate, with_views
from seqfuse.codons.inputs.dataset import Dataset
from seqfuse.codons.model import CodonModel, Shape, parts
from seqfuse.encoders.store.reader import Store
from seqfuse.encoders.store.rows import CODONS, Row, sequence_hash
from seqfuse.errors import UserError
from seqfuse.files import sha256
from seqfuse.registry.arms import ARMS, Arm
from seqfuse.training.device import device, float32_products
from seqfuse.training.precision import products

# To be raised when rows change although the other parts of the key do not.
_FORMAT = 1
_CODON, _BATCH = 3, 64
_COLUMNS = ("id", "sequence", "variant")
_SIDE_BY_SIDE = "seqfuse.codons.fusions.side_by_side:SideBySide"


@dataclass(frozen=True)
class Sequences:
    """The distinct sequences of coding records, with their frames, which may be altered."""

    letters: list[str]
    dataset: Dataset

    @classmethod
    def read(cls, records: Path, frames: Path) -> "Sequences":
        """References and variants of a table of cleaned records, in their order.

        Raises `UserError` if one has no codon in `frames`."""
        framed = {row["id"]: row for row in tables.read(frames, tables.FRAMES).to_pylist()}
        ids: dict[str, str] = {}
        for batch in record_batches.read(records, tables.CLEAN):
            for name, reference, variant in zip(
                *(batch[column].to_pylist() for column in _COLUMNS), strict=True
            ):
                ids.setdefault(reference, name)
                if variant is not None:
                    ids.setdefault(variant, variant_id(name))
        for name in ids.values():
            if name not in framed or not framed[name]["codons"]:
                raise UserError(
                    f"{frames}: no codon for {name} of {records}; is the set coding (`cds: true`"
                    " in its entry)?"
                )
        rows = [framed[name] for name in ids.values()]
        dataset = Dataset(
            str(records),
            list(ids.values()),
            np.full(len(rows), "new", dtype=object),
            np.array([row["codons"] for row in rows], np.int64),
            np.zeros(len(rows)),
            (),
            {view: [row[view] for row in rows] for view in ("dna", "rna", "protein")},
        )
        return cls(list(ids), dataset)


@dataclass(frozen=True)
class CodonStates:
    """Codon states made from the states in `stores`: fused by the arm of a checkpoint, or without
    an arm, the modalities side by side. `unfused` gives the input of the arm's fusion instead.
    `live` states were made just now, by encoders already verified against training."""

    stores: Mapping[str, Store]
    arm: Path | None = None
    unfused: bool = False
    live: bool = False

    @cached_property
    def _loaded(self) -> tuple[CodonModel, Arm, Shape, str]:
        if self.arm is None:
            arm = Arm("untrained", "", tuple(self.stores), _SIDE_BY_SIDE)
            widths = {view: store.width for view, store in self.stores.items()}
            shape = Shape(widths, 1, 4, 1, 0.0, "mean", "repeat", standardise=False)
            return CodonModel(arm, shape).eval(), arm, shape, "float32"
        model, described = checkpoint.load(self.arm)
        arm, shape = ARMS[described.arm], Shape(**described.shape)
        for view in arm.modalities:
            made = self.stores[view].description
            if not self.live and made != described.encoders[view]["made"]:
                raise UserError(
                    f"{self.arm}: was trained on other {view} states than those of"
                    f" {self.stores[view].folder}; embed the records like its training set"
                )
        return model, arm, shape, described.precision

    @cached_property
    def width(self) -> int:
        """The length of a state vector."""
        _, arm, shape, _ = self._loaded
        side_by_side = self.unfused or self.arm is None
        return sum(shape.widths[v] for v in arm.modalities) if side_by_side else shape.width

    def description(self, altered: str | None, frames: Path) -> dict:
        """Everything that determines the states, from which the store's key is made."""
        _, arm, shape, precision = self._loaded
        stored = {store.description["stored"] for store in self.stores.values()}
        # A list, because JSON sorts the keys of a mapping, and states are in the arm's order.
        views = [[view, shape.widths[view]] for view in arm.modalities]
        fusion = {"arm": arm.name, "views": views, "width": shape.width}
        place = device().type
        return {
            "format": _FORMAT,
            "layout": CODONS,
            "files": {self.arm.name: sha256(self.arm)} if self.arm else {},
            "made_of": {view: store.key for view, store in self.stores.items()},
            "altered": altered and {"how": altered, "frames": sha256(frames)},
            "fusion": fusion if self.unfused else None,
            "layer": "fusion" if self.arm and not self.unfused else "encoders",
            "output": "hidden",
            "resolution": "codon",
            "computed": f"{precision}+{float32_products(place)}",
            "stored": "float32" if "float32" in stored else "float16",
            "width": self.width,
            "code": fingerprint.code("seqfuse.codons.application.codon_states", *arm.modules),
        }

    @torch.no_grad()
    def rows(self, sequences: Sequences, missing: np.ndarray, memory: Path) -> Iterator[Row]:
        """The store's rows for the sequences with the numbers `missing`; `memory` is a folder for
        decoded states."""
        model, arm, shape, precision = self._loaded
        place = device()
        model = model.to(place)
        outputs = parts(arm, shape.upsampling)
        stores = {view: self.stores[view] for view in arm.modalities}
        dataset = with_views(sequences.dataset, stores, outputs, memory, arm.aligned)
        stored = self.description(None, memory)["stored"]
        for part in by_length(dataset, missing, _BATCH):
            batch = collate(dataset, part, place)
            with products(place, precision):
                views = model.views(batch)
                if self.unfused:
                    states = torch.cat([views[view] for view in arm.modalities], dim=-1)
                else:
                    states = model.fuse(views, batch.mask).states
            for row, padded in zip(part.tolist(), states.float().cpu().numpy(), strict=True):
                yield self._row(sequences, row, padded, stored)

    def _row(self, sequences: Sequences, row: int, padded: np.ndarray, stored: str) -> Row:
        letters, codons = sequences.letters[row], int(sequences.dataset.codons[row])
        states = padded[:codons]
        if not np.isfinite(states.astype(stored)).all():
            raise UserError(
                f"{sequences.dataset.name}: {sequences.dataset.ids[row]}: a state is not finite in"
                f" {stored}; set embeddings: {{dtype: float32}}"
            )
        starts = np.arange(codons, dtype=np.int32)[:, None] * _CODON
        spans = np.concatenate([starts, starts + _CODON], axis=1)
        return Row(
            sequence_hash(letters),
            len(letters),
            np.ascontiguousarray(states.astype(stored)),
            spans,
            states.mean(0),
        )
