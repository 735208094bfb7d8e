"""What figures are made from, read into data frames: one reader per kind of file.

`read(kind, paths)` is all that the command needs. Files come in the layout of `results/<run>/`,
where the folder of a file says what it belongs to if its rows do not: records lie in a folder named
after the dataset, weights in one named after the arm, a training log lies beside its `cost.json`.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from seqfuse import files, tables
from seqfuse.errors import UserError

Paths = Sequence[Path]


def read(kind: str, paths: Paths) -> pd.DataFrame:
    """All files of one kind as one frame; raises a `UserError` that names a wrong or cut file."""
    return READERS[kind](paths)


def _tables(schema: pa.Schema) -> Callable[[Paths], pd.DataFrame]:
    return lambda paths: pa.concat_tables([tables.read(path, schema) for path in paths]).to_pandas()


def _predictions(paths: Paths) -> pd.DataFrame:
    """Predictions without their texts and likelihoods, which no figure draws."""
    columns = ["id", "dataset", "method", "seed", "probe", "predicted", "predicted_value"]
    parts = [tables.read(path, tables.PREDICTIONS, columns) for path in paths]
    return pa.concat_tables(parts).to_pandas()


def _records(paths: Paths) -> pd.DataFrame:
    """Gold values and lengths (nt) of clean records, with the dataset that their folder names."""
    parts = []
    for path in paths:
        columns = ["id", "split", "label", "value", "sequence"]
        part = tables.read(path, tables.CLEAN, columns).to_pandas()
        part["length"] = part.pop("sequence").str.len()
        parts.append(part.assign(dataset=path.parent.name))
    return pd.concat(parts, ignore_index=True)


def _clusters(paths: Paths) -> pd.DataFrame:
    """Which records are one sample, with the dataset that their folder names."""
    parts = []
    for path in paths:
        part = tables.read(path, tables.CLUSTERS, ["id", "cluster"]).to_pandas()
        parts.append(part.assign(dataset=path.parent.name))
    return pd.concat(parts, ignore_index=True)


def _references(paths: Paths) -> pd.DataFrame:
    """Clean test records that have a reference reasoning, with their dataset."""
    columns = ["id", "split", "question", "label", "reasoning", "subset"]
    columns += ["group", "sequence", "variant"]
    parts = []
    for path in paths:
        part = tables.read(path, tables.CLEAN, columns).to_pandas()
        part = part[(part["split"] == "test") & part["reasoning"].notna()]
        parts.append(part.assign(dataset=path.parent.name))
    return pd.concat(parts, ignore_index=True)


def _answers(paths: Paths) -> pd.DataFrame:
    """What methods said, unaltered DNA alone."""
    columns = ["id", "dataset", "method", "seed", "probe", "text"]
    rows = pa.concat_tables(tables.read(path, tables.PREDICTIONS, columns) for path in paths)
    return rows.filter(pc.equal(rows["probe"], "none")).drop_columns("probe").to_pandas()


def _vectors(paths: Paths) -> pd.DataFrame:
    """Vectors of DNA and text, with the suite and the method that their folders name."""
    parts = []
    for path in paths:
        part = tables.read(path, tables.VECTORS).to_pandas()
        parts.append(part.assign(suite=path.parent.parent.name, method=path.parent.name))
    return pd.concat(parts, ignore_index=True)


def _settings(paths: Paths) -> pd.DataFrame:
    """The resolved configuration of a run, one column per section."""
    return pd.DataFrame([files.read_json(path) for path in paths])


def _weights(paths: Paths) -> pd.DataFrame:
    """Weights of modalities, with the dataset and the arm that their folders name."""
    parts = []
    for path in paths:
        part = tables.read(path, tables.WEIGHTS).to_pandas()
        owner = {"dataset": path.parent.parent.name, "method": path.parent.name}
        parts.append(part.assign(**owner))
    return pd.concat(parts, ignore_index=True)


def _costs(paths: Paths) -> pd.DataFrame:
    """One row per method, suite and seed: what training it took, and in which folder it lies."""
    rows = []
    for path in paths:
        cost = files.read_json(path)
        try:
            owner = {key: cost[key] for key in ("method", "study", "suite", "kind")}
            rows += [{**owner, **seed, "folder": str(path.parent)} for seed in cost["seeds"]]
        except (KeyError, TypeError) as error:
            raise UserError(f"{path}: not a cost.json that training writes ({error!r})") from None
    return pd.DataFrame(rows)


def _logs(paths: Paths) -> pd.DataFrame:
    """Training logs, one row per logged step, with the folder that they lie in."""
    rows = []
    for path in paths:
        for number, line in enumerate(_text(path).splitlines(), start=1):
            try:
                rows.append({**json.loads(line), "folder": str(path.parent)})
            except json.JSONDecodeError as error:
                raise UserError(f"{path}: line {number} is not valid JSON ({error})") from None
    return pd.DataFrame(rows)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None


READERS: dict[str, Callable[[Paths], pd.DataFrame]] = {
    "metrics": _tables(tables.METRICS),
    "comparisons": _tables(tables.COMPARISONS),
    "calibration": _tables(tables.CALIBRATION),
    "looks": _tables(tables.LOOKS),
    "linear_probes": _tables(tables.LINEAR_PROBES),
    "gaps": _tables(tables.GAPS),
    "verdicts": _tables(tables.VERDICTS),
    "predictions": _predictions,
    "controls": _predictions,
    "records": _records,
    "clusters": _clusters,
    "costs": _costs,
    "logs": _logs,
    "weights": _weights,
    "knockouts": _tables(tables.KNOCK_OUTS),
    "mutagenesis": _tables(tables.MUTANTS),
    "usage": _tables(tables.CODON_USAGE),
    "attention": _tables(tables.ATTENTION),
    "fused": _tables(tables.FUSED),
    "vectors": _vectors,
    "answers": _answers,
    "references": _references,
    "settings": _settings,
}
