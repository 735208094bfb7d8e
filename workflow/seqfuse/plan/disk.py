"""How many bytes a job will write at most, estimated from the size of its inputs.

Rules declare them as `disk_mb`, which a dry run prints and `seqfuse why` adds up. A missing input
is a FileNotFoundError, one that cannot be read is `Unreadable`. This module imports little, because
each job on a cluster reads the Snakefile three times.
"""

import contextlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from seqfuse.files import MANIFEST

_FLOAT = 4
# Bytes per trained weight in a checkpoint to resume from: its value, Adam's two moments, and its
# value at the best validation.
_RESUMED = 4 * _FLOAT
# Weights that a method adds, as a share of its backbone's: a Q-former of two blocks adds 1/20. The
# minimum is for scratch backbones, which are smaller than OneVocab's table.
_ADDED, _ADDED_AT_LEAST = 1 / 10, 300_000
# A TextCNN has kernels of 3, 4 and 5 columns; projections and attention have at most 20 matrices.
_KERNEL_COLUMNS, _MATRICES = 12, 20
# Letters per token; a shorter rest is tokenised letter by letter.
_LETTERS = {"nucleotide-transformer-v2": 6}
_CODON = 3
# RNA-FM's configuration lacks the size of its vocabulary.
_RNA_TOKENS = 25


class Unreadable(Exception):
    """An input is truncated or of another format; the job that reads it reports the error."""


def size(paths: Iterable[str | Path]) -> int:
    """The bytes of files and folders; a manifest counts as its folder."""
    total = 0
    for path in map(Path, paths):
        # The path itself comes first: Snakemake handles the error of a missing input.
        total += path.stat().st_size
        folder = path.parent if path.name == MANIFEST else path
        total += sum(inner.stat().st_size for inner in folder.rglob("*") if inner.is_file())
    return total


def embeddings(
    table: str | Path,
    columns: Sequence[str],
    resolution: str,
    model: str | Path,
    layout: str,
    settings: dict,
) -> int:
    """Bytes of the states and means of a table's distinct sequences, stored already or not.

    `settings` is the section `embeddings` of the configuration.
    """
    path = Path(model) / "config.json"
    logits = settings["output"] == "logits"
    with _reading(path):
        config = _json(path)
        hidden = config.get("hidden_size") or config["embed_dim"]
        width = config.get("vocab_size", _RNA_TOKENS) if logits else hidden
    return _states(table, columns, resolution, layout, width, settings["dtype"])


def mapped(receipts: Iterable[str | Path]) -> int:
    """Bytes of the states of these receipts, which training decodes into a memory map."""
    total = 0
    for path in receipts:
        with _reading(path):
            receipt = _json(path)
            made = _json(Path(receipt["store"]) / receipt["key"] / "key.json")
            facts = [receipt[name] for name in ("table", "columns", "resolution")]
            facts += [made["layout"], receipt["width"], made["stored"]]
        total += _states(*facts)
    return total


def weights(model: str | Path, lora_rank: int = 0) -> tuple[int, int]:
    """The number of weights in a model's folder, and how many are trained, by LoRA or all."""
    shapes = list(_shapes(model))
    whole = sum(map(math.prod, shapes))
    # LoRA of rank r trains r (rows + columns) weights of a matrix.
    return whole, lora_rank * sum(sum(s) for s in shapes if len(s) == 2) if lora_rank else whole


def checkpoints(saved: int, trained: int, seeds: int, trials: int) -> int:
    """Bytes of the checkpoints of a training: for each seed a finished one in float32, and one to
    resume from for each seed and each earlier trial, plus one that is being written."""
    kept = seeds + (trials if trials > 1 else 0) + 1
    return seeds * _FLOAT * saved + kept * _RESUMED * trained


def finetuning(model: str | Path, seeds: int, lora_rank: int) -> int:
    """Bytes of the checkpoints of a method that adds weights to the backbone `model`."""
    whole, trained = weights(model, lora_rank)
    added = max(round(_ADDED * whole), _ADDED_AT_LEAST)
    return checkpoints(whole + added, trained + added, seeds, trials=1)


def head(parameters: int, width: int, channels: int) -> int:
    """The number of weights of a head of study B: its budget, or the most that its widths give."""
    return parameters or width * (_KERNEL_COLUMNS * channels + _MATRICES * width)


def _states(
    table: str | Path,
    columns: Sequence[str],
    resolution: str,
    layout: str,
    width: int,
    dtype: str,
) -> int:
    # Only jobs that write or read embeddings need these.
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with _reading(table):
        rows = pq.read_table(table, columns=list(columns))
    sequences = pc.unique(pa.chunked_array([c for name in columns for c in rows[name].chunks]))
    lengths = pc.utf8_length(sequences.drop_null()).to_numpy()
    letters = _CODON if resolution == "codon" else _LETTERS.get(layout, 1)
    rest = 0 if resolution == "codon" else lengths % letters
    tokens = int((lengths // letters + rest).sum())
    return width * (tokens * {"float16": 2, "float32": 4}[dtype] + len(lengths) * _FLOAT)


def _shapes(model: str | Path) -> Iterable[list[int]]:
    """The shapes of a model's tensors, from the headers of its safetensors files. Without such
    files, one shape of as many float32 weights as the folder's files could hold."""
    folder = Path(model)
    files = sorted(folder.glob("*.safetensors"))
    for path in files:
        with _reading(path), path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            shapes = [tensor["shape"] for name, tensor in header.items() if name != "__metadata__"]
        yield from shapes
    if not files:
        yield [size([folder]) // _FLOAT]


def _json(path: str | Path) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))


@contextlib.contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    """Raise `Unreadable` if the content of a file is not as expected."""
    try:
        yield
    except (ValueError, KeyError) as error:
        raise Unreadable(f"{path}: {error}") from error
