"""Whether the question alone decides a record's label, judged over the whole file."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqfuse import tables
from seqfuse.bio import record_batches
from seqfuse.bio.normalise import keys


def ambiguous_questions(records: Path) -> np.ndarray:
    """The keys of the questions that have more than one label in the file."""
    pairs = []
    schema = pa.schema([tables.RECORDS.field(name) for name in ("question", "label")])
    for batch in record_batches.read(records, schema):
        batch = batch.filter(batch["label"].is_valid())
        pairs.append(np.stack([keys(batch["question"]), keys(batch["question"], batch["label"])]))
    distinct = np.unique(np.concatenate(pairs, axis=1), axis=1)[0]
    questions, labels = np.unique(distinct, return_counts=True)
    return questions[labels > 1]


def subset(batch: pa.RecordBatch, ambiguous: np.ndarray) -> pa.Array:
    """Whether the question alone decides the label; null without a question or a label."""
    decided = ~np.isin(keys(batch["question"]), ambiguous)
    asked = pc.and_(batch["question"].is_valid(), batch["label"].is_valid())
    return pc.if_else(
        asked, pc.if_else(pa.array(decided), "question_decides", "sequence_decides"), None
    )
