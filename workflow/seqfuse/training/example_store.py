"""Tokenised examples on disk, so that memory does not grow with the data."""

import os
import pickle
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np


class Stored(Sequence):
    """Examples of any method, written once and read one by one.

    They are pickled into an unnamed file, to which no other process can write and which vanishes
    with this one. It is read, not mapped, because mapped pages count as the process's memory.
    """

    def __init__(self, folder: Path, examples: Iterable):
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115, closed with this object
        ends = [0]
        for example in examples:
            ends.append(ends[-1] + self._file.write(pickle.dumps(example)))
        self._file.flush()
        self._ends = np.array(ends)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int):
        if not 0 <= index < len(self):
            raise IndexError(index)
        start, end = self._ends[index : index + 2].tolist()
        return pickle.loads(os.pread(self._file.fileno(), end - start, start))
