"""The tables that stages hand to each other: one declared Arrow schema each.

A stage writes with `write` and reads with `read`; both hold the table to its schema, so that a
column that is missing, misnamed or of another type stops at the border between two stages.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from seqfuse.errors import UserError
from seqfuse.files import atomic


def _schema(required: dict[str, pa.DataType], optional: dict[str, pa.DataType]) -> pa.Schema:
    fields = [pa.field(name, kind, nullable=False) for name, kind in required.items()]
    fields += [pa.field(name, kind) for name, kind in optional.items()]
    return pa.schema(fields)


_TEXT, _NUMBER, _COUNT = pa.string(), pa.float64(), pa.int64()

# One row per record of any study. `value` is a regression target, `label` a class or an answer,
# `text` the description of a gene-text pair, `group` what a group-disjoint split keeps together,
# `transl_table` the genetic code (NCBI's number) that the file gives a coding sequence.
# `file` and `line` say where the record was read (of a table the row, from 1), as its catalogue
# entry names the file; null for generated records.
RECORDS = _schema(
    {"id": _TEXT, "split": _TEXT, "sequence": _TEXT},
    {
        "variant": _TEXT,
        "question": _TEXT,
        "label": _TEXT,
        "value": _NUMBER,
        "reasoning": _TEXT,
        "text": _TEXT,
        "group": _TEXT,
        "transl_table": _COUNT,
        "file": _TEXT,
        "line": _COUNT,
    },
)
# A cleaned record, without its file, line and genetic code. `subset` says
# whether the record's exact question has one label in the whole set ("question_decides") or several
# ("sequence_decides"); null without a question or a label.
CLEAN = pa.schema(
    [
        *(field for field in RECORDS if field.name not in ("transl_table", "file", "line")),
        pa.field("subset", _TEXT),
    ]
)
# Which scored records are one sample: those of one `cluster` share a group, a sequence or
# near-duplicate sequences. `seen` says what train has that resembles a record of val or test
# (registry/subsets.py); null for records of train, and if near-duplicates were not searched for.
CLUSTERS = _schema({"id": _TEXT, "cluster": _COUNT}, {"seen": _TEXT})
# A row that was read and not kept; kept + rejected = read. `file` and `line` as in `RECORDS` (for
# generated records, the table of records and the row); `row` is the row in the table of records.
REJECTS = _schema({"file": _TEXT, "line": _COUNT, "row": _COUNT, "id": _TEXT, "reason": _TEXT}, {})
# The three views of a coding record, codon by codon: `dna` and `rna` hold 3 * codons nucleotides,
# `protein` one residue per codon (X for an internal stop or an N); `tail` counts the nucleotides
# after the last whole codon. A record with a variant has a second row (`bio.frames.variant_id`).
FRAMES = _schema(
    {
        "id": _TEXT,
        "dna": _TEXT,
        "rna": _TEXT,
        "protein": _TEXT,
        "codons": _COUNT,
        "tail": _COUNT,
        "start": pa.bool_(),
        "stop": pa.bool_(),
        "internal_stops": _COUNT,
    },
    {},
)
# What a model or a control predicts for one record. `predicted` is null if the answer is not a
# label. `loglik` is the summed log-likelihood (nats) of each closed label, end token included,
# `loglik_per_token` that sum over the label's tokens; `mode` says what they are conditioned on: the
# model's "own" reasoning, or an "empty" one. `cut` says that the answer reached its limit of
# tokens before it ended; it is null if nothing is generated. Gold labels are not here: the
# evaluation joins them by `id`.
PREDICTIONS = _schema(
    {"id": _TEXT, "dataset": _TEXT, "method": _TEXT, "seed": _COUNT, "probe": _TEXT},
    {
        "predicted": _TEXT,
        "predicted_value": _NUMBER,
        "text": _TEXT,
        "loglik": pa.map_(_TEXT, _NUMBER),
        "loglik_per_token": pa.map_(_TEXT, _NUMBER),
        "mode": _TEXT,
        "prompt_hash": _TEXT,
        "prompt_tokens": _COUNT,
        "answer_tokens": _COUNT,
        "cut": pa.bool_(),
    },
)
# What a model answers to the question of record `id` with the DNA of record `dna_of`.
CONFLICTS = pa.schema([*PREDICTIONS, pa.field("dna_of", _TEXT, nullable=False)])
# One number of the report: `metric` of `method` on the rows of `split` and `subset`, the mean over
# `seeds` seeds, with its interval over `n` records in `clusters` clusters. `low` and `high` are NaN
# if there is no interval. `by_seed` holds the score of each seed, in their order.
METRICS = _schema(
    {
        "study": _TEXT,
        "suite": _TEXT,
        "dataset": _TEXT,
        "split": _TEXT,
        "subset": _TEXT,
        "method": _TEXT,
        "kind": _TEXT,
        "probe": _TEXT,
        "metric": _TEXT,
        "value": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "n": _COUNT,
        "clusters": _COUNT,
        "seeds": _COUNT,
        "trained_parameters": _COUNT,
    },
    {"by_seed": pa.list_(_NUMBER)},
)
# A paired difference between two methods on the same rows; or, with a `probe`, between a method on
# altered input and the same method on the unaltered input of the same rows (`against` "unaltered").
# `low` and `high` are simultaneous over the family of comparisons, and exclude zero if `p_holm` is
# below the level; `verdict` says so in words. `detectable` is the smallest difference that would be
# found with a power of 80 %, infinite if none would; `p_equivalent`, adjusted too, is the p value
# of equivalence within the margin. `seeds` is the smallest number of seeds of what was trained.
# Numbers are NaN if there is no interval.
COMPARISONS = _schema(
    {
        "study": _TEXT,
        "suite": _TEXT,
        "dataset": _TEXT,
        "split": _TEXT,
        "subset": _TEXT,
        "metric": _TEXT,
        "method": _TEXT,
        "against": _TEXT,
        "difference": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "p": _NUMBER,
        "p_holm": _NUMBER,
        "detectable": _NUMBER,
        "p_equivalent": _NUMBER,
        "n": _COUNT,
        "clusters": _COUNT,
        "seeds": _COUNT,
        "verdict": _TEXT,
        "equivalence": _TEXT,
    },
    {"probe": _TEXT},
)
# The reliability diagram: of the `n` answers (rows times seeds) whose likeliest label has a share
# in (`low`, `high`] of all labels' likelihood, the mean share (`confidence`) and the `accuracy`.
CALIBRATION = _schema(
    {
        "study": _TEXT,
        "suite": _TEXT,
        "dataset": _TEXT,
        "split": _TEXT,
        "subset": _TEXT,
        "method": _TEXT,
        "kind": _TEXT,
        "low": _NUMBER,
        "high": _NUMBER,
        "confidence": _NUMBER,
        "accuracy": _NUMBER,
        "n": _COUNT,
    },
    {},
)
# One verdict of one judge on one dimension of one answer; `key` is the hash it is stored under,
# `prompt` that of the judge's prompt; tokens are the server's count, if there is a server.
VERDICTS = _schema(
    {
        "id": _TEXT,
        "dataset": _TEXT,
        "method": _TEXT,
        "seed": _COUNT,
        "judge": _TEXT,
        "dimension": _TEXT,
        "status": _TEXT,
        "key": _TEXT,
    },
    {
        "score": _NUMBER,
        "reason": _TEXT,
        "prompt": _TEXT,
        "prompt_tokens": _COUNT,
        "answer_tokens": _COUNT,
    },
)
# The weight that a fusion gives each modality of one record; the three sum to 1.
WEIGHTS = _schema(
    {"id": _TEXT, "seed": _COUNT, "dna": _NUMBER, "rna": _NUMBER, "protein": _NUMBER}, {}
)
# How far a fusion's test score falls when the states of some modalities ("dna+rna") are replaced by
# their training mean or by noise: `lost` = `score` - `knocked_out`, with a paired interval, NaN
# if there is none. A row without a seed is the mean over seeds. `weight` is a modality's mean
# weight, if the fusion weighs.
KNOCK_OUTS = _schema(
    {
        "dataset": _TEXT,
        "method": _TEXT,
        "modalities": _TEXT,
        "replacement": _TEXT,
        "metric": _TEXT,
        "score": _NUMBER,
        "knocked_out": _NUMBER,
        "lost": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "n": _COUNT,
    },
    {"seed": _COUNT, "weight": _NUMBER},
)
# One synonymous mutant of one sequence: at `position` (from 0) of its `codons` codons, `codon`
# replaces `reference`. `change` is that of the predicted value, or of the log probability of
# `label`.
MUTANTS = _schema(
    {
        "dataset": _TEXT,
        "method": _TEXT,
        "seed": _COUNT,
        "id": _TEXT,
        "position": _COUNT,
        "codons": _COUNT,
        "residue": _TEXT,
        "reference": _TEXT,
        "codon": _TEXT,
        "change": _NUMBER,
    },
    {"label": _TEXT},
)
# How often the training sequences use a codon, and its relative adaptiveness: its count over that
# of the most used codon of its residue.
CODON_USAGE = _schema(
    {
        "dataset": _TEXT,
        "codon": _TEXT,
        "residue": _TEXT,
        "count": _COUNT,
        "adaptiveness": _NUMBER,
    },
    {},
)
# Attention of the codons of modality `query`, on average, to codon `position` of modality `key`,
# relative to equal attention to every codon of every modality.
ATTENTION = _schema(
    {
        "dataset": _TEXT,
        "method": _TEXT,
        "seed": _COUNT,
        "id": _TEXT,
        "query": _TEXT,
        "key": _TEXT,
        "position": _COUNT,
        "codons": _COUNT,
        "received": _NUMBER,
    },
    {},
)
# The mean over codons of a test sequence's fused states.
FUSED = _schema(
    {
        "dataset": _TEXT,
        "method": _TEXT,
        "seed": _COUNT,
        "id": _TEXT,
        "vector": pa.list_(pa.float32()),
    },
    {},
)
# A nucleotide at `offset` from the variant (0 at its first difference): the attention of answer
# tokens to its token, relative to the average token of the variant sequence, and the mean fall of
# the log likelihood of the model's own answer (nats) when another nucleotide replaces it.
LOOKS = _schema(
    {
        "id": _TEXT,
        "dataset": _TEXT,
        "method": _TEXT,
        "seed": _COUNT,
        "offset": _COUNT,
        "attention": _NUMBER,
        "effect": _NUMBER,
    },
    {},
)
# What a linear probe predicts as the `target` of a record from the states at a `place` of a method
# ("encoder", "slots", or a `layer` of the "language model"), under a `control`; `gold` is the true
# value.
LINEAR_PROBES = _schema(
    {
        "id": _TEXT,
        "dataset": _TEXT,
        "method": _TEXT,
        "seed": _COUNT,
        "target": _TEXT,
        "place": _TEXT,
        "layer": _COUNT,
        "control": _TEXT,
        "gold": _TEXT,
        "predicted": _TEXT,
    },
    {},
)
# How far `n` records' DNA and text lie apart in a layer (0: the input): the `distance` of their
# centroids over the spread, and the accuracy of a linear separator.
GAPS = _schema(
    {
        "dataset": _TEXT,
        "method": _TEXT,
        "seed": _COUNT,
        "layer": _COUNT,
        "distance": _NUMBER,
        "separable": _NUMBER,
        "n": _COUNT,
    },
    {},
)
# Embeddings to draw: a vector for each gene ("dna") or description ("text"); a pair shares its
# `id`.
VECTORS = _schema(
    {"id": _TEXT, "kind": _TEXT, "vector": pa.list_(pa.float32())},
    {"group": _TEXT},
)


def from_rows(rows: list[dict], schema: pa.Schema) -> pa.Table:
    """A table of `schema` from a list of dictionaries; absent optional columns become null."""
    return pa.Table.from_pylist(rows, schema=schema)


def write(path: str | Path, table: pa.Table, schema: pa.Schema) -> None:
    """Write `table` as Parquet, atomically, after holding it to `schema` (nulls included)."""
    table = table.select(schema.names).cast(schema)
    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read(path: str | Path, schema: pa.Schema, columns: list[str] | None = None) -> pa.Table:
    """Read a table of `schema`; raises `UserError` if the file is missing, damaged or of another
    kind."""
    try:
        stored = pq.read_schema(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (pa.ArrowInvalid, OSError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not a readable Parquet file ({reason})") from None
    missing = [name for name in schema.names if name not in stored.names]
    if missing:
        raise UserError(
            f"{path}: column {missing[0]!r} is missing; found {', '.join(stored.names) or 'none'}"
        )
    return pq.read_table(path, columns=columns or schema.names).cast(
        pa.schema([schema.field(name) for name in columns or schema.names])
    )
