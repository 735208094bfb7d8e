"""What a linear probe is asked for: label and gene of a record, and what its variant is."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from seqfuse.errors import UserError
from seqfuse.language.probing.variant_attention import changed

TARGETS = ("label", "gene", "reference_base", "alternate_base", "position")
# The parts of a sequence that `position` tells apart.
_PARTS = 4
# Of a variant that is as long as the reference the base; of others what happened.
_INSERTED, _DELETED = "insertion", "deletion"


def read(target: str, record: Mapping) -> str | None:
    """A record's class, or None where it has none: without a gene, or without a variant."""
    if target == "label":
        return record["label"]
    if target == "gene":
        return record["group"]
    reference, variant = record["sequence"], record["variant"]
    if not variant or variant == reference:
        return None
    place = changed(reference, variant)
    if target == "reference_base":
        return reference[place]
    if target == "position":
        return f"part {1 + _PARTS * place // len(reference)} of {_PARTS}"
    if len(variant) == len(reference):
        return variant[place]
    return _INSERTED if len(variant) > len(reference) else _DELETED


def asked(
    dataset: str, records: Sequence[Mapping], cluster: np.ndarray, folds: int
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """{target: (rows int[n], class text[n], group int[n])} of the targets that can be asked for.

    Rows whose class fewer than `folds` groups hold are left out, and a target of one class is. The
    rows of one cluster stay in one fold; of a gene, which is one cluster, those of one DNA do.
    """
    dna = [(record["sequence"], record["variant"]) for record in records]
    number = {pair: place for place, pair in enumerate(dict.fromkeys(dna))}
    pairs = np.array([number[pair] for pair in dna])
    found = {}
    for target in TARGETS:
        classes = [read(target, record) for record in records]
        groups = pairs if target == "gene" else cluster
        held = Counter(name for name, _ in {*zip(classes, groups.tolist(), strict=True)})
        rows = [i for i, name in enumerate(classes) if name and held[name] >= folds]
        if len({classes[i] for i in rows}) > 1:
            found[target] = (np.array(rows), np.array([classes[i] for i in rows]), groups[rows])
    if "label" not in found:
        labels = Counter(record["label"] for record in records)
        raise UserError(
            f"{dataset}: fewer than two labels have {folds} independent samples among"
            f" {len(records)} records ({', '.join(f'{n}: {k}' for n, k in labels.most_common(5))});"
            " raise language.probe.rows, or lower language.linear_probe.folds"
        )
    return found
