"""Collect what the study scored into docs/study/, from which `make docs` prints its tables.

    python -m bench.study.collect            # results/study -> docs/study/*.csv

Reads every evaluation of the run, those of `snakemake ablations` too, and what each training cost.
Writes scores.csv (accuracy of test and val with that of each seed, its subsets and probes; of all
rows also whether the label of highest likelihood is right, and answers that are no label),
comparisons.csv (on test) and cost.csv. A suite or method that has not been scored yet is in none
of them.
"""

import argparse
from pathlib import Path

import pandas as pd

from seqfuse.files import read_json

ROOT = Path(__file__).resolve().parents[2]
SCORED = ["suite", "dataset", "split", "subset", "method", "probe", "metric"]
METRICS = ["accuracy", "likelihood_accuracy", "invalid_rate"]
COMPARED = ["suite", "dataset", "subset", "method", "against"]
COST = ["suite", "method", "seed"]


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
    compared = compared.query("metric == 'accuracy' and split == 'test' and probe == 'none'")
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


def collect(run: Path, out: Path) -> None:
    """Write the three tables of a run into the folder `out`."""
    tables = {"scores": scores(run), "comparisons": comparisons(run), "cost": costs(run)}
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(out / f"{name}.csv", index=False, float_format="%.6g")


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
