"""Describe a trained arm for its users: what it was trained on, how it scores, how to use it.

Reads the folder that `seqfuse codons train` wrote, and the records, frames and clusters that it was
trained and tested on. Writes into the folder: README.md, a model card; arm.json, with the ranges of
the training rows, their codons, and the arm's test score with its interval; and
training_codons.safetensors, the codon usage of the training rows, from which `seqfuse codons
predict` recognises a sequence that is unlike all of them.

    seqfuse codons card --trained results/demo/codons/demo-expression/mil \\
        --records results/demo/sequences/demo-expression/records.parquet \\
        --frames results/demo/sequences/demo-expression/frames.parquet \\
        --clusters results/demo/sequences/demo-expression/clusters.parquet
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seqfuse.files import atomic, canonical_json, digest, read_json

if TYPE_CHECKING:
    from seqfuse.codons.application.training_facts import Facts
    from seqfuse.codons.description import Description

_COST = ("learning_rate", "best_epoch", "epochs", "steps", "trained_parameters")
_USE = """
This folder and the encoders below suffice; neither the run nor the store of embeddings is needed:

    seqfuse codons predict --model . --input new.fa --out predictions.csv
    seqfuse codons design --model . --input cds.fa --out mutants.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trained", required=True, type=Path, metavar="DIR", help="train's --out")
    parser.add_argument("--records", required=True, type=Path, help="cleaned records")
    parser.add_argument("--frames", required=True, type=Path, help="codon frames")
    parser.add_argument("--clusters", required=True, type=Path, help="which records are one sample")


def run(args: argparse.Namespace) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    from seqfuse import tables
    from seqfuse.bio import clusters
    from seqfuse.codons import description as descriptions
    from seqfuse.codons import prediction_rows
    from seqfuse.codons.application import training_facts
    from seqfuse.codons.inputs import dataset

    seeds = descriptions.of_seeds(args.trained)
    description = descriptions.read(seeds[0])
    data = dataset.read(description.dataset, args.records, args.frames)
    ids = [data.ids[row] for row in data.rows("test")]
    columns = ["id", "seed", "probe", "predicted_value", "loglik"]
    predicted = tables.read(args.trained / "predictions.parquet", tables.PREDICTIONS, columns)
    predicted = predicted.filter(pc.equal(predicted["probe"], "none"))
    values = prediction_rows.values_of(predicted.to_pylist(), ids, data.labels)
    cluster = clusters.read(args.clusters, pa.array(ids, pa.string()))
    facts = training_facts.write(args.trained, data, values, cluster)
    cost = read_json(args.trained / "cost.json")["seeds"][0]
    with atomic(args.trained / "README.md") as temporary:
        temporary.write_text(text(description, facts, cost), encoding="utf-8")


def text(description: "Description", facts: "Facts", cost: Mapping) -> str:
    """The card of an arm; `cost` is the entry of its first seed in cost.json."""
    from seqfuse.registry.arms import ARMS

    sections = {
        "Use": _USE,
        "Encoders": "\n" + "\n".join(_encoders(description)),
        "Data": "\n" + "\n".join(_data(description, facts)),
        "Score": "\n" + _score(facts),
        "Configuration": "\n" + "\n".join(_table(description.shape)),
        "Training": "\n" + "\n".join(_table({name: cost[name] for name in _COST})),
        "Licence": "\nBound by the licences of its data and of its encoders.",
    }
    head = "---\nlicense: other\ntags: [rna, codon]\n---\n\n"
    head += f"# {ARMS[description.arm].title} on {description.dataset}\n"
    parts = (f"\n## {heading}\n{body.rstrip()}\n" for heading, body in sections.items())
    return head + "".join(parts)


def _encoders(description: "Description") -> Iterator[str]:
    if not description.encoders:
        yield "None: the arm reads the codons themselves."
        return
    yield "| modality | encoder | commit | weights | layer | too long |\n|---|---|---|---|---|---|"
    for view, encoder in description.encoders.items():
        made = encoder["made"]
        name = encoder.get("repository", encoder["name"])
        name += ", random weights (a copy is in `encoders/`)" if encoder.get("scratch") else ""
        name += ", trained with the arm" if "layer" not in made else ""
        weights = digest(canonical_json(made["files"]))[:12]
        facts = [made.get("layer", "last"), made.get("too_long", "refuse")]
        cells = [view, name, encoder.get("revision", "none")[:12], weights, *facts]
        yield "| " + " | ".join(map(str, cells)) + " |"
    yield (
        "\nAn encoder with trained weights is searched for where it was at training time and in the"
        " hub's cache; `--dna-encoder`, `--rna-encoder` and `--protein-encoder` name other folders."
        " The checksums of its files must match."
    )


def _data(description: "Description", facts: "Facts") -> Iterator[str]:
    low, high = facts.codons
    yield f"Trained on {facts.rows} sequences of {low} to {high} codons of `{description.dataset}`,"
    if facts.values:
        yield f"with values from {facts.values[0]:g} to {facts.values[1]:g};"
    else:
        labels = ", ".join(f"{label} ({count})" for label, count in facts.labels.items())
        yield f"of the classes {labels};"
    yield "chosen on val; test was used for neither."


def _score(facts: "Facts") -> str:
    from seqfuse.codons.application.training_facts import CONFIDENCE

    return (
        f"{facts.score_in_words}: the mean over seeds, with its {CONFIDENCE:.0%} interval. It means"
        " little without the controls beside it in the report of the run."
    )


def _table(values: Mapping) -> Iterator[str]:
    yield "| setting | value |\n|---|---|"
    for key, value in values.items():
        yield f"| `{key}` | `{canonical_json(value)}` |"
