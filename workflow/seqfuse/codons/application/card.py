"""The card of a trained arm: README.md, with its use, its data and what it is worth."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from seqfuse.codons.application.training_facts import CONFIDENCE, Facts
from seqfuse.codons.checkpoint import Description
from seqfuse.files import canonical_json, digest
from seqfuse.registry.arms import ARMS

_USE = """
The folder is all it takes, with the encoders below; neither the run nor the store of embeddings:

    seqfuse codons predict --model . --input new.fa --out predictions.csv
    seqfuse codons design --model . --input cds.fa --out mutants.csv
"""


def write(
    folder: Path, description: Description, facts: Facts, cost: Mapping, configuration: Mapping
) -> None:
    """Write the card of the arm in `folder`; `cost` is an entry of cost.json."""
    arm = ARMS[description.arm]
    sections = {
        "Use": _USE,
        "Encoders": "\n" + "\n".join(_encoders(description)),
        "Data": "\n" + "\n".join(_data(description, facts)),
        "Score": "\n" + _score(facts),
        "Configuration": "\n" + "\n".join(_table(configuration)),
        "Training": "\n" + "\n".join(_table(_of_cost(cost))),
        "Licence": "\nBound by the licences of its data and of its encoders.",
    }
    text = "---\nlicense: other\ntags: [rna, codon]\n---\n\n"
    text += f"# {arm.title} on {description.dataset}\n"
    text += "".join(f"\n## {heading}\n{body.rstrip()}\n" for heading, body in sections.items())
    (folder / "README.md").write_text(text, encoding="utf-8")


def _encoders(description: Description) -> Iterator[str]:
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
        "\nAn encoder with trained weights is looked for where it lay in training, or taken from"
        " `--dna-encoder`, `--rna-encoder` and `--protein-encoder`; it is held to the checksums of"
        " its files."
    )


def _data(description: Description, facts: Facts) -> Iterator[str]:
    low, high = facts.codons
    yield f"Trained on {facts.rows} sequences of {low} to {high} codons of `{description.dataset}`,"
    if facts.values:
        yield f"with values from {facts.values[0]:g} to {facts.values[1]:g};"
    else:
        labels = ", ".join(f"{label} ({count})" for label, count in facts.labels.items())
        yield f"of the classes {labels};"
    yield "chosen by val; test was not read for either."


def _score(facts: Facts) -> str:
    return (
        f"{facts.score_in_words}: the mean over seeds, with its {CONFIDENCE:.0%} interval. It means"
        " little without the controls, which stand beside it in the report of the run."
    )


def _of_cost(cost: Mapping) -> dict:
    names = ("best_epoch", "epochs", "steps", "trained_parameters", "total_parameters")
    return {name: cost[name] for name in names}


def _table(values: Mapping) -> Iterator[str]:
    yield "| setting | value |\n|---|---|"
    for key, value in values.items():
        yield f"| `{key}` | `{canonical_json(value)}` |"
