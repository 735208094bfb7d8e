"""A small made-up run in the layout of results/<run>/, for the tests of figures and report.

`write(folder)` writes every kind of file that they read. Numbers are smooth functions of names, so
that two runs of the tests see the same bytes.
"""

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from seqfuse import tables

METHODS = {"linear": 0.41, "qformer": 0.37, "seqclip": 0.62, "onevocab": 0.78}
CONTROLS = {
    "text_only": 0.26,
    "dna_only": 0.55,
    "majority": 0.25,
    "question_lookup": 0.27,
    "pair_lookup": 0.25,
    "gc": 0.24,
    "kmer": 0.33,
    "reference_only": 0.30,
}
PARAMETERS = {"linear": 83_456, "qformer": 412_000, "seqclip": 90_112, "onevocab": 2_345_678}
PARAMETERS |= {"text_only": 61_000, "dna_only": 9_300, "gc": 0, "kmer": 0}
TASKS = ("demo-motifs", "demo-promoter", "demo-splice")
ARMS = {"dna": 0.52, "rna": 0.60, "protein": 0.48, "concat": 0.63, "mil": 0.66, "xattn": 0.61}
CODON_CONTROLS = {"codon_frequencies": 0.58, "late_mean": 0.65}
SEEDS = (0, 1)


def noise(*words: object) -> float:
    """A number in [-1, 1) that depends on the words alone."""
    digest = hashlib.sha256(" ".join(map(str, words)).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**31 - 1


def write(root: Path) -> Path:
    """Write the whole run below `root` and return it."""
    _evaluation(root)
    _training(root)
    _judge(root)
    _reasoning(root)
    _ablations(root)
    _codon_predictions(root)
    _weights(root)
    _interpretation(root)
    _vectors(root)
    _linear_probes(root)
    _data(root)
    _settings(root)
    return root


def metric_row(study, suite, dataset, subset, method, kind, metric, value, n, **other) -> dict:
    """One row of metrics.parquet, with an interval that shrinks with the number of records."""
    half = 0.9 / n**0.5
    row = {"split": "test", "probe": "none", "seeds": len(SEEDS), "trained_parameters": 0}
    row |= {"study": study, "suite": suite, "dataset": dataset, "subset": subset, "n": n}
    row |= {"clusters": n}
    row |= {"method": method, "kind": kind, "metric": metric, "value": value}
    row["trained_parameters"] = PARAMETERS.get(method, 0)
    row["by_seed"] = [value - 0.01, value + 0.01]
    return row | {"low": value - half, "high": value + 0.8 * half} | other


def inference_columns(gain: float) -> dict:
    """The columns of comparisons.parquet that hold what was tested, of a difference."""
    found = {"low": gain - 0.05, "high": gain + 0.05, "p": 0.01, "p_holm": 0.04}
    found |= {"detectable": 0.08, "p_equivalent": 0.7, "n": 400, "clusters": 60, "seeds": 2}
    alike = "not shown to be equivalent within \N{PLUS-MINUS SIGN}0.05 (p = 0.7)"
    return found | {"equivalence": alike}


def _evaluation(root: Path) -> None:
    everyone = {**dict.fromkeys(METHODS, "method"), **dict.fromkeys(CONTROLS, "control")}
    level = METHODS | CONTROLS
    variants, tasks = [], []
    for method, kind in everyone.items():
        easy = 0.97 if method not in ("majority", "gc", "kmer", "dna_only") else level[method]
        parts = {"sequence_decides": (level[method], 400), "question_decides": (easy, 400)}
        parts["all"] = ((level[method] + easy) / 2, 800)
        for subset, (value, n) in parts.items():
            for metric, shift in (("accuracy", 0), ("macro_f1", -0.02), ("mcc", -0.1)):
                row = ("language", "variants", "demo-variants", subset, method, kind, metric)
                variants.append(metric_row(*row, max(value + shift, 0.0), n))
        mean = []
        for task in TASKS:
            value = max(level[method] - 0.2 + 0.12 * noise(task, method), 0.0)
            mean.append(value)
            row = ("language", "tasks", task, "all", method, kind, "mcc")
            tasks.append(metric_row(*row, value, 300))
        row = ("language", "tasks", "mean", "all", method, kind, "mcc")
        tasks.append(metric_row(*row, float(np.mean(mean)), 900))
    probed, effects = _probes()
    _metrics(root, "language", "variants", variants + probed + _conflicts(), effects)
    _metrics(root, "language", "tasks", tasks)
    _calibration(root)
    _looks(root)
    for dataset, metric in (("demo-expression", "spearman"), ("demo-classes", "accuracy")):
        rows = []
        for method, value in {**ARMS, **CODON_CONTROLS}.items():
            kind = "method" if method in ARMS else "control"
            row = ("codons", dataset, dataset, "all", method, kind, metric)
            shifted = value + 0.05 * noise(dataset, method)
            parameters = 20_000 + 9_000 * len(method) if kind == "method" else 0
            rows.append(metric_row(*row, shifted, 200, trained_parameters=parameters))
        _metrics(root, "codons", dataset, rows)


def _probes() -> tuple[list[dict], list[dict]]:
    """Rows of metrics.parquet and comparisons.parquet of two probes of each method."""
    rows, effects = [], []
    where = ("language", "variants", "demo-variants", "sequence_decides")
    for method, value in METHODS.items():
        for probe, left in (("unaltered", 1.0), ("swap", 0.9), ("scramble", 0.6)):
            other = {"probe": probe}
            rows.append(metric_row(*where, method, "probe", "accuracy", left * value, 100, **other))
            if probe == "unaltered":
                continue
            rows.append(metric_row(*where, method, "probe", "changed", 1 - left, 100, **other))
            loss = (left - 1) * value
            keys = ("study", "suite", "dataset", "split", "subset", "metric", "method", "probe")
            effects.append(
                {key: rows[-2][key] for key in keys}
                | {"against": "unaltered", "difference": loss, "verdict": "worse"}
                | inference_columns(loss)
            )
        for probe, left in (("unaltered", 1.0), ("other", 0.4)):
            row = (*where[:3], "all", method, "probe", "accuracy", left * value, 100)
            rows.append(metric_row(*row, probe=probe))
    for method in ("text_only", "question_lookup", "pair_lookup", "gc"):
        row = (*where, method, "probe", "accuracy", CONTROLS[method], 100)
        rows.append(metric_row(*row, probe="unaltered"))
    return rows, effects


def _conflicts() -> list[dict]:
    """Rows of metrics.parquet of what each method and some controls follow, in both halves."""
    rows, halves = [], {"question_decides": 0.9, "sequence_decides": 0.3, "all": 0.6}
    for method in (*METHODS, "text_only", "dna_only", "question_lookup", "pair_lookup"):
        for (split, n), (subset, most) in itertools.product(
            (("val", 50), ("test", 100)), halves.items()
        ):
            text = most * (0.5 + 0.5 * noise(method, split))
            shares = {"follows_text": text, "follows_dna": most - text}
            shares |= {"follows_neither": 1 - most, "text_over_dna": 2 * text - most}
            where = ("language", "variants", "demo-variants", subset, method, "conflict")
            rows += [
                metric_row(*where, metric, value, n, split=split, probe="conflict")
                for metric, value in shares.items()
            ]
    return rows


def _linear_probes(root: Path) -> None:
    """What linear probes say of 40 records at each place, and the gap in each layer."""
    places = [("encoder", 0), ("slots", 0), ("language model", 1), ("language model", 2)]
    controls = {"none": 0.8, "shuffled": 0.25, "question_only": 0.3, "random_weights": 0.4}
    for method in ("linear", "onevocab"):
        rows, gaps = [], []
        for seed, target, (place, layer), control in itertools.product(
            SEEDS, ("label", "alternate_base"), places, controls
        ):
            if control == "question_only" and place != "language model":
                continue
            for number in range(40):
                right = (
                    noise(method, seed, target, place, layer, number) < 2 * controls[control] - 1
                )
                row = {"id": f"r{number}", "dataset": "demo-variants", "method": method}
                row |= {"seed": seed, "target": target, "place": place, "layer": layer}
                gold = "ACGT"[number % 4]
                said = gold if right else "ACGT"[(number + 1) % 4]
                rows.append(row | {"control": control, "gold": gold, "predicted": said})
        for seed, layer in itertools.product(SEEDS, range(3)):
            row = {"dataset": "demo-variants", "method": method, "seed": seed, "layer": layer}
            row |= {"distance": 3 - layer + 0.2 * noise(method, seed, layer), "n": 40}
            gaps.append(row | {"separable": 1 - 0.1 * layer})
        folder = root / "language" / "variants" / method
        folder.mkdir(parents=True, exist_ok=True)
        write_table(folder / "linear_probes.parquet", rows, tables.LINEAR_PROBES)
        write_table(folder / "gaps.parquet", gaps, tables.GAPS)


def _looks(root: Path) -> None:
    rows = []
    for name, seed, offset in ((n, s, o) for n in "abc" for s in SEEDS for o in range(-4, 5)):
        row = {"id": name, "dataset": "demo-variants", "method": "onevocab", "seed": seed}
        near = 2.0 ** -abs(offset) + 0.05 * noise(name, seed, offset)
        rows.append(row | {"offset": offset, "attention": 1 + near, "effect": 2 * near})
    folder = root / "language" / "variants" / "onevocab"
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / "attention.parquet", rows, tables.LOOKS)


def _calibration(root: Path) -> None:
    for suite, datasets in (("variants", ["demo-variants"]), ("tasks", TASKS)):
        rows = []
        for dataset in datasets:
            for method in (*METHODS, "text_only", "dna_only", "gc"):
                kind = "method" if method in METHODS else "control"
                for place in range(5, 15):
                    row = {"study": "language", "suite": suite, "dataset": dataset, "kind": kind}
                    row |= {"split": "test", "subset": "all", "method": method, "n": 20}
                    row |= {"low": place / 15, "high": (place + 1) / 15}
                    middle = (place + 0.5) / 15
                    seen = middle - 0.1 + 0.08 * noise(dataset, method, place)
                    rows.append(row | {"confidence": middle, "accuracy": seen})
        path = root / "evaluation" / "language" / suite / "calibration.parquet"
        write_table(path, rows, tables.CALIBRATION)


def _metrics(
    root: Path, study: str, suite: str, rows: list[dict], effects: list[dict] | None = None
) -> None:
    folder = root / "evaluation" / study / suite
    folder.mkdir(parents=True)
    write_table(folder / "metrics.parquet", rows, tables.METRICS)
    primary = {"demo-variants": "accuracy", "demo-expression": "spearman"}
    primary |= {"demo-classes": "accuracy"}
    compared = []
    for row in rows:
        if row["kind"] != "method" or row["metric"] != primary.get(row["dataset"], "mcc"):
            continue
        for other in rows:
            same = all(row[k] == other[k] for k in ("dataset", "subset", "metric"))
            if not same or other["kind"] != "control":
                continue
            gain = row["value"] - other["value"]
            none = "not significant after Holm (p = 0.31)"
            verdict = none if abs(gain) < 0.05 else "better" if gain > 0 else "worse"
            keys = ("study", "suite", "dataset", "split", "subset", "metric", "method")
            compared.append(
                {key: row[key] for key in keys}
                | {"against": other["method"], "difference": gain, "verdict": verdict}
                | {"probe": "none"}
                | inference_columns(gain)
            )
    write_table(folder / "comparisons.parquet", compared + (effects or []), tables.COMPARISONS)


def _training(root: Path) -> None:
    runs = [
        ("language", s, m, "model")
        for s in ("variants", "tasks")
        for m in (*METHODS, "text_only", "dna_only")
    ]
    runs += [("codons", d, a, "") for d in ("demo-expression", "demo-classes") for a in ARMS]
    for study, suite, method, inner in runs:
        folder = root / study / suite / method / inner
        folder.mkdir(parents=True)
        kind = "control" if method in CONTROLS else "method"
        cost = {"method": method, "study": study, "suite": suite, "kind": kind}
        parameters = PARAMETERS.get(method, 20_000 + 9_000 * len(method))
        cost["seeds"] = [
            {"seed": seed, "trained_parameters": parameters, "total_parameters": 3_000_000}
            | {"steps": 200, "examples": 3_200, "tokens": 400_000, "flops": 6.0 * parameters * 4e5}
            | {"learning_rate": 1e-3, "seconds": 9.5 + seed, "peak_memory_mb": 700.0}
            for seed in SEEDS
        ]
        (folder / "cost.json").write_text(json.dumps(cost))
        lines = []
        for seed in SEEDS:
            for step in range(10, 201, 10):
                loss = 1.5 * np.exp(-step / 60) + 0.3 + 0.05 * noise(method, suite, seed, step)
                lines.append({"seed": seed, "step": step, "loss": loss})
                if step % 50 == 0:
                    lines.append({"seed": seed, "step": step, "validation_loss": loss + 0.1})
        (folder / "log.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def clusters(records: list[dict]) -> list[dict]:
    """Every record is a sample of its own."""
    return [{"id": record["id"], "cluster": n} for n, record in enumerate(records)]


def _judge(root: Path) -> None:
    levels = {**METHODS, "text_only": 0.5, "retrieval": 0.6, "shuffled": 0.2}
    for method, level in levels.items():
        rows = []
        for record in range(40):
            for dimension in ("word_overlap",):
                score = np.clip(10 * level + 2 * noise(method, record, dimension), 0, 10)
                refused = record == 7
                rows.append(
                    {"id": f"r{record}", "dataset": "demo-variants", "method": method, "seed": 0}
                    | {"judge": "word overlap", "dimension": dimension, "reason": "words in common"}
                    | {"score": None if refused else float(score)}
                    | {"status": "refused" if refused else "ok", "key": f"{method}{record}"}
                )
        folder = root / "judge" / "variants"
        folder.mkdir(parents=True, exist_ok=True)
        write_table(folder / f"{method}.parquet", rows, tables.VERDICTS)


def _reasoning(root: Path) -> None:
    """The judged records with their reference reasoning, and what each method said."""
    decided = ("question_decides", "sequence_decides")
    records = [
        {"id": f"r{n}", "split": "test", "sequence": "ACGT", "question": f"Gene {n}. What disease?"}
        | {"reasoning": f"Site {n} is now T. It leads to ataxia.", "label": "ataxia"}
        | {"subset": decided[n % 2], "group": f"GEN{n % 8}", "variant": "ACTT"}
        for n in range(40)
    ]
    folder = root / "sequences" / "demo-variants"
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / "records.parquet", records, tables.CLEAN)
    write_table(folder / "clusters.parquet", clusters(records), tables.CLUSTERS)
    for method in (*METHODS, "text_only"):
        rows = [
            {"id": f"r{n}", "dataset": "demo-variants", "method": method, "seed": 0}
            | {"probe": "none", "text": f"{method} on {n}: " + "it binds, it costs $5, " * n + fact}
            for n in range(40)
            for fact in [f"GEN{n % 8 + n % 3}, G>{'AT'[n % 2]}" if method == "onevocab" else ""]
        ]
        where = root / "language" / "variants" / method
        write_table(where / "predictions.parquet", rows, tables.PREDICTIONS)


# Variants of OneVocab -> what they set beside the method.
VARIANTS = {
    "onevocab_k3": {"k": 3},
    "onevocab_k1": {"k": 1},
    "onevocab_no_text": {"trainable_parts": ["dna", "backbone"]},
}


def _ablations(root: Path) -> None:
    """What `snakemake ablations` makes of OneVocab and its variants, in a folder of its own."""
    rows, verdicts = [], []
    for place, method in enumerate(("onevocab", *VARIANTS)):
        kind = "method" if method == "onevocab" else "ablation"
        for metric in ("accuracy", "macro_f1", "macro_precision", "macro_recall", "mcc"):
            row = ("language", "variants", "demo-variants", "all", method, kind, metric)
            rows.append(metric_row(*row, 0.8 - 0.1 * place, 800))
        cost = {"method": method, "study": "language", "suite": "variants", "kind": kind}
        cost["seeds"] = [
            {"seed": 0, "tokens": 6_000 * (place + 1), "examples": 100, "seconds": 40.0 + place}
        ]
        write_json(root / "ablations" / "runs" / method / "cost.json", cost)
        verdicts += [
            {"id": f"r{n}", "dataset": "demo-variants", "method": method, "seed": 0, "key": "x"}
            | {"judge": "word overlap", "dimension": dimension, "reason": "", "status": "ok"}
            | {"score": float((n + place) % 10)}
            for n in range(20)
            for dimension in ("word_overlap",)
        ]
    folder = root / "ablations" / "language" / "variants"
    folder.mkdir(parents=True)
    write_table(folder / "metrics.parquet", rows, tables.METRICS)
    write_table(folder / "verdicts.parquet", verdicts, tables.VERDICTS)
    compared = [
        {key: rows[0][key] for key in ("study", "suite", "dataset", "split", "subset", "metric")}
        | {"method": "onevocab", "against": "onevocab_k3", "probe": "none", "verdict": "better"}
        | {"difference": 0.1}
        | inference_columns(0.1)
    ]
    write_table(folder / "comparisons.parquet", compared, tables.COMPARISONS)


def _codon_predictions(root: Path) -> None:
    for dataset in ("demo-expression", "demo-classes"):
        regression = dataset == "demo-expression"
        records = []
        for number in range(120):
            truth = noise(dataset, number)
            label = ("low", "middle", "high")[min(int((truth + 1) * 1.5), 2)]
            records.append(
                {"id": f"c{number}", "split": "test" if number >= 20 else "val"}
                | {"sequence": "ATG" * (2 + number % 7), "value": truth if regression else None}
                | {"label": None if regression else label}
            )
        folder = root / "sequences" / dataset
        folder.mkdir(parents=True, exist_ok=True)
        write_table(folder / "records.parquet", records, tables.CLEAN)
        write_table(folder / "clusters.parquet", clusters(records), tables.CLUSTERS)
        for method, level in {**ARMS, "late_mean": 0.7}.items():
            rows = []
            for record in records:
                for seed in SEEDS:
                    guess = level * noise(dataset, record["id"][1:])
                    guess += (1 - level) * noise(dataset, method, seed, record["id"])
                    label = ("low", "middle", "high")[min(int((guess + 1) * 1.5), 2)]
                    rows.append(
                        {"id": record["id"], "dataset": dataset, "method": method, "seed": seed}
                        | {"probe": "none", "predicted": None if regression else label}
                        | {"predicted_value": guess if regression else None}
                    )
            where = root / "codons" / dataset / method
            if method == "late_mean":
                where = root / "controls" / "codons" / dataset
            where.mkdir(parents=True, exist_ok=True)
            write_table(where / "predictions.parquet", rows, tables.PREDICTIONS)


def _weights(root: Path) -> None:
    for dataset in ("demo-expression", "demo-classes"):
        rows = []
        for number in range(100):
            for seed in SEEDS:
                raw = np.exp([1 + noise(number), 2 + noise(seed, number, 1), noise(number, 2)])
                dna, rna, protein = raw / raw.sum()
                rows.append(
                    {"id": f"c{number}", "seed": seed}
                    | {"dna": dna, "rna": rna, "protein": protein}
                )
        for arm in ("mil", "mil_no_entropy"):
            write_table(root / "codons" / dataset / arm / "weights.parquet", rows, tables.WEIGHTS)


def _interpretation(root: Path) -> None:
    synonyms = {"K": ("AAA", "AAG"), "L": ("CTA", "CTC", "CTG"), "M": ("ATG",)}
    for dataset in ("demo-expression", "demo-classes"):
        folder = root / "codons" / dataset / "interpretation"
        lost, metric = [], "spearman" if dataset == "demo-expression" else "accuracy"
        for method in ("concat", "mil"):
            for without in ("dna", "rna", "protein", "dna+rna", "dna+protein", "rna+protein"):
                for replacement in ("mean", "noise"):
                    value = 0.3 + 0.3 * noise(dataset, method, without, replacement)
                    row = {"dataset": dataset, "method": method, "modalities": without}
                    row |= {"replacement": replacement, "metric": metric, "score": 0.8, "n": 100}
                    row |= {"knocked_out": 0.8 - value, "lost": value, "low": value - 0.1}
                    row |= {"high": value + 0.1}
                    weight = 0.3 if method == "mil" and "+" not in without else None
                    lost += [row | {"seed": seed, "weight": weight} for seed in (*SEEDS, None)]
        write_table(folder / "knockout.parquet", lost, tables.KNOCK_OUTS)
        usage = [
            {"dataset": dataset, "codon": codon, "residue": residue, "count": 10 - place}
            | {"adaptiveness": 1 - place / 10}
            for residue, codons in synonyms.items()
            for place, codon in enumerate(codons)
        ]
        write_table(folder / "codons.parquet", usage, tables.CODON_USAGE)
        _maps(folder, dataset, synonyms)
        vectors = [
            {"dataset": dataset, "method": "concat", "seed": 0, "id": f"c{number}"}
            | {"vector": [noise(dataset, number, axis) for axis in range(6)]}
            for number in range(20, 120)
        ]
        write_table(folder / "fused.parquet", vectors, tables.FUSED)


def _maps(folder: Path, dataset: str, synonyms: dict) -> None:
    """Mutants of three sequences of 16 codons, and attention to each of them."""
    mutants, received = [], []
    for number in range(20, 23):
        for position in range(16):
            place = {"dataset": dataset, "seed": 0, "id": f"c{number}", "codons": 16}
            place |= {"position": position}
            residue = "MKL"[(position + number) % 3]
            reference, *others = synonyms[residue]
            for codon in others:
                for label in ("low", "high") if dataset == "demo-classes" else (None,):
                    mutants.append(
                        place
                        | {"method": "concat", "residue": residue, "reference": reference}
                        | {"codon": codon, "label": label}
                        | {"change": noise(dataset, number, position, codon, label)}
                    )
            for query in ("dna", "rna", "protein"):
                for key in ("dna", "rna", "protein"):
                    value = 2 ** noise(dataset, number, position, query, key)
                    pair = {"query": query, "key": key, "received": value}
                    received.append(place | {"method": "xattn"} | pair)
    write_table(folder / "mutagenesis.parquet", mutants, tables.MUTANTS)
    write_table(folder / "attention.parquet", received, tables.ATTENTION)


def _vectors(root: Path) -> None:
    generator = np.random.default_rng(0)
    rows = []
    for number in range(50):
        family = number % 4
        base = np.eye(16)[family] * 3 + generator.normal(size=16) * 0.5
        for kind in ("dna", "text"):
            vector = base + generator.normal(size=16) * 0.3 + (kind == "text") * np.eye(16)[9]
            rows.append(
                {"id": f"g{number}", "kind": kind, "group": f"family {family}"}
                | {"vector": vector.tolist()}
            )
    folder = root / "language" / "pretrain" / "seqclip"
    folder.mkdir(parents=True)
    write_table(folder / "vectors.parquet", rows, tables.VECTORS)
    genes = {"rows": 12, "share": 0.04, "genes": 2, "of": 9, "first": ["A1"]}
    seen = {"test": {"rows": 300, "genes": genes, "dna": {"rows": 5, "share": 0.017}}}
    leakage = {"of": "SeqCLIP's pre-training", "method": "90 nt", "pairs": 50}
    leakage["datasets"] = {"demo-variants": seen}
    write_json(folder.parent / "leakage.json", leakage)
    long = {"limit": 2048, "policy": "truncate", "pairs": 3}
    model = {"seed": 0, "pairs": {"train": 50}, "too_long": {"genes": long, "texts": long}}
    write_json(folder / "model.json", model)
    card = {"title": "Genes", "licence": "MIT", "study": "pairs", "rows": {"train": 50}}
    write_json(root / "data" / "genes" / "card.json", card)
    for place, method in enumerate(METHODS):
        apart = [
            row | {"vector": [x + place * (row["kind"] == "text") for x in row["vector"]]}
            for row in rows[:40]
        ]
        path = root / "language" / "variants" / method / "inputs.parquet"
        write_table(path, apart, tables.VECTORS)


def _data(root: Path) -> None:
    for dataset in ("demo-variants", *TASKS, "demo-expression", "demo-classes"):
        codons = dataset in ("demo-expression", "demo-classes")
        card = {"name": dataset, "title": dataset.replace("-", " "), "source": "synthetic"}
        card |= {"licence": "MIT", "citation": "Made up", "task": "classification"}
        card |= {"files": [{"path": "a.csv", "sha256": "ab" * 32, "held_to": "sha256", "rows": 9}]}
        card |= {"rows": {"train": 600, "test": 300}, "study": "codons" if codons else "language"}
        write_json(root / "data" / dataset / "card.json", card)
        audit = {"rows": {"read": 905, "kept": 900, "rejected": 5}, "classes": 2, "warnings": []}
        audit |= {"rejected": {"duplicate": 5}, "splits": {"train": 600, "val": 0, "test": 300}}
        audit["duplicates"] = {"dna": {"seen_in_train": {"test": {"rows": 3, "share": 0.01}}}}
        audit["near_duplicates"] = {"in_train": {"test": {"compared": 300, "near": 4}}}
        audit["lookups"] = {"test": {"majority": {"accuracy": 0.5}, "dna": {"accuracy": 0.5}}}
        audit["coding"] = None
        if dataset == "demo-classes":
            shares = {"share_start": 0.016, "share_internal_stop": 0.62}
            audit["coding"] = {"is_coding": False, **shares}
            audit["warnings"] = ["not coding sequences: 1.6 % start with ATG"]
        write_json(root / "sequences" / dataset / "audit.json", audit)


def _settings(root: Path) -> None:
    models = {"demo-nt": {"kind": "scratch"}, "demo-qwen3": {"kind": "scratch"}}
    models |= {"bert": {"kind": "hub"}, "rnafm": {"kind": "hub"}, "unused": {"kind": "scratch"}}
    language = {"methods": [*METHODS, "text_only", "dna_only"], "backbone": "demo-qwen3"}
    language |= {"encoder": "demo-nt", "text_encoder": "bert", "pretrain": {"seed": 0}}
    language["onevocab"] = {
        "k": 6,
        "alphabet": "ACGT",
        "trainable_parts": ["dna", "text", "backbone"],
    }
    language["variants"] = {n: {"method": "onevocab"} | v for n, v in VARIANTS.items()}
    codons = {"arms": list(ARMS), "encoders": {"dna": "demo-nt", "rna": "rnafm"}}
    settings = {"run": "made-up", "preset": "demo", "seeds": list(SEEDS), "models": models}
    settings |= {"studies": ["language", "codons"], "language": language, "codons": codons}
    settings["datasets"] = {"demo-variants": {"source": "synthetic"}}
    settings["evaluation"] = {"confidence": 0.95, "margin": 0.05}
    write_json(root / "report" / "settings.json", settings)


def write_json(path: Path, value: object) -> None:
    """Write JSON, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def write_table(path: Path, rows: list[dict], schema: pa.Schema) -> None:
    """Write rows as a table of `schema`."""
    tables.write(path, tables.from_rows(rows, schema), schema)
