"""Tokenised examples on disk, so that memory does not grow with the data."""

import os
import pickle
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np


class Stored(Sequence):
    """Examples of any method, written once and read one by one.

    The file is pickled and has no name: nobody else can write to it, and it goes with the process.
    It is read, not mapped, because mapped pages would count as this process's memory.
    """

    def __init__(self, folder: Path, examples: Iterable):
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115, it goes with this object
        ends = [0]
        for example in examples:
            ends.append(ends[-1] + self._file.write(pickle.dumps(example)))
        self._file.flush()
        self._ends = np.array(ends)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, place: int):
        if not 0 <= place < len(self):
            raise IndexError(place)
        start, end = self._ends[place : place + 2].tolist()
        return pickle.loads(os.pread(self._file.fileno(), end - start, start))
