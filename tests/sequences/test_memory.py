"""A file ten times as large takes at most 1.2 times the memory, from reading to the audit."""

import json
import subprocess
import sys

import numpy as np
import pytest

PEAK = """
import resource, sys
from seqfuse.cli import main
assert main(sys.argv[1:]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
ROWS, LENGTH = 600, 3000  # 2 MB, and 18 MB


def peak(*arguments: str) -> int:
    """The peak memory (KiB) of one command in a process of its own."""
    command = [sys.executable, "-c", PEAK, *arguments]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.fixture(scope="module")
def peaks(tmp_path_factory) -> dict[str, list[int]]:
    folder = tmp_path_factory.mktemp("memory")
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", np.uint8)
    found = {"data": [], "sequences": []}
    for rows in (ROWS, 10 * ROWS):
        source, out = folder / f"{rows}.csv", folder / str(rows)
        with source.open("w") as handle:
            handle.write("sequence,value,split\n")
            for i in range(rows):
                text = letters[rng.integers(0, 4, LENGTH)].tobytes().decode()
                handle.write(f"{text},{i % 7},{('train', 'train', 'val', 'test')[i % 4]}\n")
        entry = {"source": "files", "study": "codons", "files": [{"path": str(source)}]}
        records = str(out / "records.parquet")
        found["data"].append(
            peak("data", "records", "--name", "x", "--entry", json.dumps(entry),
                 "--out", records, "--card", str(out / "card.json"))
        )  # fmt: skip
        found["sequences"].append(
            peak("sequences", "--records", records, "--study", "codons", "--out", str(out / "s"))
        )
    return found


@pytest.mark.parametrize("stage", ["data", "sequences"])
def test_memory_is_flat(peaks, stage):
    small, large = peaks[stage]
    assert large <= 1.2 * small
