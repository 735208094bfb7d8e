"""What a job puts on disk, in bytes, before it runs: upper bounds from the size of what it reads.

Rules state them as `disk_mb`, which a dry run prints and `seqfuse why` adds up. An input that is
not there yet is a FileNotFoundError, one that cannot be read is `Unreadable`. Light at import,
because each job of a cluster reads the Snakefile three times.
"""

import contextlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from seqfuse.files import MANIFEST

_FLOAT = 4
# What a checkpoint to resume from holds of each trained weight: its value, Adam's two moments, and
# the value that was best in validation.
_RESUMED = 4 * _FLOAT
# What a method adds to its backbone, as a share of it: a Q-former of two blocks is a twentieth. A
# scratch backbone is smaller than OneVocab's table.
_ADDED, _ADDED_AT_LEAST = 1 / 10, 300_000
# A TextCNN has kernels of 3, 4 and 5 columns. Projections and attention are fewer square matrices.
_KERNEL_COLUMNS, _MATRICES = 12, 20
# Letters of a token; what is shorter than that is spelt letter by letter.
_LETTERS = {"nucleotide-transformer-v2": 6}
_CODON = 3
# RNA-FM's configuration does not name the size of its vocabulary.
_RNA_TOKENS = 25


class Unreadable(Exception):
    """An input is cut or foreign, of which the job that reads it will tell."""


def size(paths: Iterable[str | Path]) -> int:
    """The bytes of files and folders; a manifest stands for the folder that it lies in."""
    found = 0
    for path in map(Path, paths):
        # Asked of the path itself first: Snakemake knows what it means that an input is missing.
        found += path.stat().st_size
        folder = path.parent if path.name == MANIFEST else path
        found += sum(inner.stat().st_size for inner in folder.rglob("*") if inner.is_file())
    return found


def embeddings(
    table: str | Path,
    columns: Sequence[str],
    resolution: str,
    model: str | Path,
    layout: str,
    settings: dict,
) -> int:
    """States and means of the distinct sequences of a table, whether the store holds them or not.

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
    """The states that training decodes into a memory map, of what receipts cover."""
    total = 0
    for path in receipts:
        with _reading(path):
            receipt = _json(path)
            made = _json(Path(receipt["store"]) / receipt["key"] / "key.json")
            asked = [receipt[name] for name in ("table", "columns", "resolution")]
            asked += [made["layout"], receipt["width"], made["stored"]]
        total += _states(*asked)
    return total


def weights(model: str | Path, lora_rank: int = 0) -> tuple[int, int]:
    """The weights of a model's folder, and how many of them (or of their LoRA) are trained."""
    shapes = list(_shapes(model))
    whole = sum(map(math.prod, shapes))
    # LoRA of rank r trains r (rows + columns) weights of a matrix.
    return whole, lora_rank * sum(sum(s) for s in shapes if len(s) == 2) if lora_rank else whole


def checkpoints(saved: int, trained: int, seeds: int, trials: int) -> int:
    """Of a model of so many weights: a finished one a seed, in float32, and one to resume from for
    each seed and each trial that came before, with another in the making."""
    kept = seeds + (trials if trials > 1 else 0) + 1
    return seeds * _FLOAT * saved + kept * _RESUMED * trained


def finetuning(model: str | Path, seeds: int, lora_rank: int) -> int:
    """The checkpoints of a method that adds to the backbone `model`."""
    whole, trained = weights(model, lora_rank)
    added = max(round(_ADDED * whole), _ADDED_AT_LEAST)
    return checkpoints(whole + added, trained + added, seeds, trials=1)


def head(parameters: int, width: int, channels: int) -> int:
    """The weights of a head of study B: its budget, or what its widths come to at most."""
    return parameters or width * (_KERNEL_COLUMNS * channels + _MATRICES * width)


def _states(
    table: str | Path,
    columns: Sequence[str],
    resolution: str,
    layout: str,
    width: int,
    dtype: str,
) -> int:
    # Only jobs of embeddings, and of what reads them, need these.
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with _reading(table):
        found = pq.read_table(table, columns=list(columns))
    sequences = pc.unique(pa.chunked_array([c for name in columns for c in found[name].chunks]))
    lengths = pc.utf8_length(sequences.drop_null()).to_numpy()
    letters = _CODON if resolution == "codon" else _LETTERS.get(layout, 1)
    rest = 0 if resolution == "codon" else lengths % letters
    tokens = int((lengths // letters + rest).sum())
    return width * (tokens * {"float16": 2, "float32": 4}[dtype] + len(lengths) * _FLOAT)


def _shapes(model: str | Path) -> Iterable[list[int]]:
    """The shapes of a model's tensors, from the headers of its safetensors files; where there are
    none, one of as many float32 weights as the other files have room for."""
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
    """Let what is wrong with the content of a file be `Unreadable`."""
    try:
        yield
    except (ValueError, KeyError) as error:
        raise Unreadable(f"{path}: {error}") from error
