"""Collect what the study scored into docs/study/, from which `make docs` prints its tables.

    python -m bench.study.collect            # results/study -> docs/study/*.csv

Reads every evaluation of the run, those of `snakemake ablations` too, and what each training cost.
Writes scores.csv (accuracy of test and val with that of each seed, its subsets and probes; of all
rows also whether the label of highest likelihood is right, and answers that are no label),
comparisons.csv (on test; of probes with the same rows unaltered), cost.csv, and pairs.csv, which
has what no suite's evaluation compares: a method with its twin that starts from nothing, and its
answers on KEGG as it is with those where the names are removed, on the same test records. A suite
or method that has not been scored yet is in none of them.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import seqfuse
from seqfuse.files import read_json

ROOT = Path(__file__).resolve().parents[2]
SCORED = ["suite", "dataset", "split", "subset", "method", "probe", "metric"]
METRICS = ["accuracy", "likelihood_accuracy", "invalid_rate"]
COMPARED = ["suite", "dataset", "subset", "method", "against", "probe"]
COST = ["suite", "method", "seed"]
PAIRED = ["suite", "method", "against_suite", "against", "subset"]
TWIN = "_scratch"
NAMED, ANONYMOUS = "kegg", "kegg_anonymous"


def evaluations(run: Path, name: str) -> pd.DataFrame:
    """The tables `name` of all suites; a method of both the study and its ablations stands once."""
    places = ("evaluation/language", "ablations/language")
    tables = [pd.read_parquet(path) for place in places for path in run.glob(f"{place}/*/{name}")]
    if not tables:
        raise SystemExit(f"{run}: no {name} in {' or '.join(places)}; nothing has been scored")
    return pd.concat(tables)


def scores(run: Path) -> pd.DataFrame:
    columns = ["value", "low", "high", "n", "clusters", "seeds", "trained_parameters", "kind"]
    rows = evaluations(run, "metrics.parquet").drop_duplicates(SCORED)
    rows = rows.query("metric == 'accuracy' or (metric in @METRICS and subset == 'all')")
    seeds = rows["by_seed"].map(lambda values: " ".join(f"{value:.6g}" for value in values))
    return rows[SCORED + columns].assign(by_seed=seeds).sort_values(SCORED)


def comparisons(run: Path) -> pd.DataFrame:
    columns = ["difference", "low", "high", "p_holm", "detectable", "n", "clusters", "verdict"]
    compared = evaluations(run, "comparisons.parquet")
    compared = compared.query("metric == 'accuracy' and split == 'test'")
    compared = compared.drop_duplicates(COMPARED)
    return compared[COMPARED + columns].sort_values(COMPARED)


def costs(run: Path) -> pd.DataFrame:
    columns = ["learning_rate", "steps", "examples", "tokens", "seconds", "peak_memory_mb"]
    rows = []
    for path in run.glob("language/*/*/model/seed*/cost.json"):
        facts = read_json(path)
        owner = {"suite": facts["suite"], "method": facts["method"]}
        rows += [seed | owner for seed in facts["seeds"]]
    return pd.DataFrame(rows)[COST + columns].sort_values(COST)


def pairs(run: Path) -> pd.DataFrame:
    """Paired differences in accuracy on test, of all rows and of each subset; single tests."""
    answered = {
        (path.parents[1].name, path.parent.name): path
        for path in run.glob("language/*/*/predictions.parquet")
    }
    wanted = [((suite, method), (suite, method + TWIN)) for suite, method in answered]
    wanted += [
        ((NAMED, method), (ANONYMOUS, method)) for suite, method in answered if suite == NAMED
    ]
    rows = []
    for one, other in wanted:
        if other in answered:
            names = dict(zip(PAIRED, (*one, *other), strict=False))
            found = _paired(run, answered[one], answered[other])
            rows += [names | difference for difference in found]
    columns = ["difference", "low", "high", "p", "detectable", "n", "clusters", "verdict"]
    return pd.DataFrame(rows, columns=PAIRED + columns).sort_values(PAIRED)


def _paired(run: Path, one: Path, other: Path) -> Iterator[dict]:
    answers = pd.read_parquet(one).merge(pd.read_parquet(other), on=["id", "seed"])
    (dataset,) = answers["dataset_x"].unique()
    place = run / "sequences" / dataset
    gold = pd.read_parquet(place / "records.parquet").query("split == 'test'")
    clusters = pd.read_parquet(place / "clusters.parquet", columns=["id", "cluster"])
    gold = gold.merge(clusters, on="id", validate="1:1")
    parts = sorted(gold["subset"].unique())
    for subset in ("all", *(parts if len(parts) > 1 else ())):
        rows = gold if subset == "all" else gold[gold["subset"] == subset]
        told = [_by_seed(answers, name, rows["id"]) for name in ("predicted_x", "predicted_y")]
        difference = seqfuse.compare(rows["label"], *told, groups=rows["cluster"])
        verdict = difference["verdict"].replace(" after Holm", "")  # of one test, p is not adjusted
        yield difference | {"subset": subset, "n": len(rows), "verdict": verdict}


def _by_seed(answers: pd.DataFrame, column: str, ids: pd.Series) -> np.ndarray:
    """Answers by seed and record; no label is an empty text, which is none either."""
    table = answers.pivot(index="seed", columns="id", values=column)
    return table[ids].fillna("").to_numpy(str)


def collect(run: Path, out: Path) -> None:
    """Write the tables of a run into the folder `out`; a table without rows is removed there."""
    tables = {"scores": scores(run), "comparisons": comparisons(run), "cost": costs(run)}
    tables["pairs"] = pairs(run)
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        path = out / f"{name}.csv"
        if len(table):
            table.to_csv(path, index=False, float_format="%.6g")
        else:
            path.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", type=Path, default=ROOT / "results" / "study")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "study")
    args = parser.parse_args()
    collect(args.run, args.out)


if __name__ == "__main__":
    main()
