"""The proteins of coding sequences, and which rows have homologous ones."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from seqfuse.bio import frames
from seqfuse.bio.clusters import components
from seqfuse.bio.homology import Search


@dataclass(frozen=True)
class ProteinSearch:
    """How sequences are translated, and how homologues among their proteins are found."""

    search: Search
    genetic_code: int


class Proteins:
    """The proteins of rows, collected batch by batch, and which of them are homologous."""

    def __init__(self, coding: ProteinSearch):
        self.coding = coding
        self.rows: list[int] = []
        self.known: dict[str, int] = {}

    def add(self, sequences: pa.Array) -> None:
        """Take the coding sequences of the next rows."""
        for protein in frames.proteins(sequences, self.coding.genetic_code):
            self.rows.append(self.known.setdefault(protein, len(self.known)))

    def clusters(self) -> np.ndarray:
        """Cluster numbers int64[n]; a chain of homologous proteins puts rows in one cluster."""
        pairs = self.coding.search.pairs(list(self.known))
        cluster = components(pairs[:, 0], pairs[:, 1], len(self.known))
        return cluster[np.array(self.rows, np.int64)]
