"""How much there is to compute: rows and lengths of a dataset, and tokens of a method's prompts.

Lengths are counted in the cleaned records if they exist, otherwise taken from the catalogue.
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seqfuse.errors import UserError
from seqfuse.plan.run import Run
from seqfuse.settings import datasets as entries

# Letters per token of Qwen3's tokeniser: on KEGG's questions, on its reasoning, and on random DNA.
_QUESTION, _ANSWER, _DNA = 3.2, 4.5, 2.0
# Tokens of the chat format and of the label.
_FORMAT, _LABEL = 16, 12


@dataclass(frozen=True)
class Length:
    """A length on average, and of the longest row."""

    mean: float
    most: float

    def map(self, function) -> "Length":
        """The same in another unit."""
        return Length(function(self.mean), function(self.most))


@dataclass(frozen=True)
class Workload:
    """Rows of each split, the number of sequences of a row (reference and variant), nucleotides of
    each, and tokens of question and answer. `known` if counted in cleaned records, not declared."""

    rows: Mapping[str, int]
    sequences: int
    nucleotides: Length
    question: Length
    answer: Length
    known: bool


def of_dataset(run: Run, name: str) -> Workload:
    """The workload of a dataset, or of its copy with shuffled codons (NAME@WAY), which is as large.
    A `UserError` if its size is unknown."""
    name = name.partition("@")[0]
    path = Path(run.results, "sequences", name, "records.parquet")
    if path.is_file():
        return _counted(path, path.stat().st_mtime_ns)
    return _declared(run, name)


@functools.lru_cache(maxsize=64)
def _counted(path: Path, changed: int) -> Workload:
    # Needed only if there are records.
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    columns = ["split", "sequence", "variant", "question", "reasoning", "label"]
    try:
        table = pq.read_table(path, columns=columns)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not cleaned records ({error})") from error

    def length(*columns: str) -> Length:
        lengths = [pc.fill_null(pc.utf8_length(table[name]), 0) for name in columns]
        total = functools.reduce(pc.add, lengths)
        return Length(pc.mean(total).as_py(), pc.max(total).as_py())

    counts = table["split"].value_counts().to_pylist()
    return Workload(
        {entry["values"]: entry["counts"] for entry in counts},
        2 if table["variant"].null_count < len(table) else 1,
        length("sequence"),
        length("question").map(lambda letters: letters / _QUESTION),
        length("reasoning", "label").map(lambda letters: letters / _ANSWER + _LABEL),
        known=True,
    )


def _declared(run: Run, name: str) -> Workload:
    entry = run.settings["datasets"][name]
    size, cleaning = entry.get("size", {}), run.cleaning(name)
    rows = size.get("rows") or entry.get("rows")
    longest = size.get("sequence") or cleaning["max_length"]
    if not rows or not longest:
        raise UserError(
            f"dataset {name!r}: its records do not exist yet, and its entry does not declare its"
            " size; fetch it first (`seqfuse fetch`, then `snakemake --until sequences`), or add"
            " `size: {rows: {train: ...}, sequence: ...}` to its entry"
        )
    mean, cut = size.get("mean", {}), cleaning["max_length"] or math.inf
    drawn = dict(word.split("=") for word in cleaning["draw"])
    rows = {"train": 0, "test": 0} | dict(rows) if "val" in rows else _with_val(rows)

    def length(key: str, most: float) -> Length:
        return Length(min(mean.get(key, most), most), most)

    return Workload(
        {split: min(count, int(drawn.get(split, count))) for split, count in rows.items()},
        2 if entries.has_variants(entry) else 1,
        length("sequence", min(longest, cut)),
        length("question", size.get("question", 64)),
        length("answer", size.get("answer", 0) + _LABEL),
        known=False,
    )


def _with_val(rows: Mapping[str, int]) -> dict[str, int]:
    """The rows of a set without val, of whose train a tenth becomes val."""
    val = round(rows.get("train", 0) / 10)
    return {"train": rows.get("train", 0) - val, "val": val, "test": rows.get("test", 0)}


@dataclass(frozen=True)
class Prompted:
    """One row as a method sees it: tokens of the prompt, of prompt and answer (`learnt`), of the
    answer alone, and the number of encoder states."""

    prompt: Length
    learnt: Length
    answer: Length
    states: Length


def of_method(run: Run, suite: str, name: str, work: Workload) -> Prompted:
    """The tokens of a row of a dataset as a method shows it."""
    method, given = run.method(name).name, run.finetuning(suite, name)
    by_codon = run.method(name).reads_store and run.codon_encoder(name)
    # One state per codon, or one per 6-mer and per letter after the last 6-mer.
    read = (lambda nt: nt / 3) if by_codon else (lambda nt: nt // 6 + nt % 6)
    states = work.nucleotides.map(lambda nt: work.sequences * read(nt))
    per_sequence = {
        "qformer": lambda nt: given.get("latents", 0) + 2,
        "onevocab": lambda nt: nt / given.get("k", 6) + 2,
        "plain_text": lambda nt: nt / _DNA,
        "text_only": lambda nt: 0,
    }.get(method, lambda nt: nt / (3 if by_codon else 6) + 2)
    dna = work.nucleotides.map(lambda nt: work.sequences * per_sequence(nt))
    reasons = given["reasoning"] and work.answer.most > 2 * _LABEL
    answer = work.answer if reasons else Length(_LABEL, _LABEL)
    if method == "dna_only":
        return Prompted(states, states, Length(0, 0), states)
    prompt = Length(
        dna.mean + work.question.mean + _FORMAT, dna.most + work.question.most + _FORMAT
    )
    limit = given["max_tokens"]
    learnt = Length(prompt.mean + answer.mean, min(limit, prompt.most + answer.most))
    return Prompted(prompt, learnt, answer, states)
