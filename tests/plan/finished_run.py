"""A finished run of study B in miniature: two arms and a control on one set, scored."""

from pathlib import Path

import numpy as np

from seqfuse import tables
from seqfuse.cli import main
from seqfuse.files import write_json
from seqfuse.sequences import clusters
from seqfuse.settings import configuration

NAME = "demo-classes"
ARMS = ("dna", "concat")


def write(path: Path, rows: list[dict], schema) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    tables.write(path, tables.from_rows(rows, schema), schema)
    return str(path)


def finish(
    results: Path, data: int = 0, arms: tuple = ARMS, right: float = 0.6, rows: int = 80, **more
) -> Path:
    """Write the run into `results`; `data` seeds its sequences, `right` is the share of rows that
    an arm knows, `more` are settings."""
    random = np.random.default_rng(data)
    settings = configuration.resolve({
        "preset": "demo", "run": results.name, "studies": ["codons"], "seeds": [0, 1],
        "codons": {"datasets": [NAME], "arms": list(arms)}, **more,
    })  # fmt: skip
    write_json(results / "report" / "settings.json", settings)
    records = [
        {"id": f"r{i}", "split": "test" if i % 2 else "train", "label": "abc"[i % 3]}
        | {"sequence": "".join(random.choice(list("ACGT"), 30)), "question": "secret"}
        for i in range(rows)
    ]
    sequences = results / "sequences" / NAME
    given = write(sequences / "records.parquet", records, tables.CLEAN)
    clusters.write(sequences / "records.parquet", sequences / "clusters.parquet")
    words = ["--study", "codons", "--suite", NAME, "--datasets", NAME, "--records", given]
    words += ["--clusters", str(sequences / "clusters.parquet"), "--predictions"]
    costs = []
    for method in (*arms, "majority"):
        folder = results / ("controls/codons" if method == "majority" else "codons") / NAME
        folder = folder if method == "majority" else folder / method
        share = 0.6 if method == "majority" else right
        said = [
            {"id": row["id"], "dataset": NAME, "method": method, "seed": seed, "probe": "none"}
            | {"predicted": row["label"] if random.random() < share else "a"}
            for seed in ((0,) if method == "majority" else (0, 1))
            for row in records
            if row["split"] == "test"
        ]
        words.append(write(folder / "predictions.parquet", said, tables.PREDICTIONS))
        if method != "majority":
            cost = {"study": "codons", "suite": NAME, "method": method, "kind": "method"}
            cost["seeds"] = [{"seed": seed, "trained_parameters": 10} for seed in (0, 1)]
            write_json(folder / "cost.json", cost)
            costs.append(str(folder / "cost.json"))
    scored = results / "evaluation" / "codons" / NAME
    assert main(["evaluation", *words, "--costs", *costs, "--out", str(scored)]) == 0
    return results
