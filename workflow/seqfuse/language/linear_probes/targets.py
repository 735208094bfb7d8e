"""The targets of linear probes: a record's label and gene, and properties of its variant."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from seqfuse.errors import UserError
from seqfuse.language.probing.variant_attention import changed

TARGETS = ("label", "gene", "reference_base", "alternate_base", "position")
# The number of parts of a sequence that `position` distinguishes.
_PARTS = 4
# The alternate "base" of an indel.
_INSERTED, _DELETED = "insertion", "deletion"


def read(target: str, record: Mapping) -> str | None:
    """A record's class, or None if it has none: without a gene, or without a variant."""
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
    """{target: (rows int[n], class text[n], group int[n])} for the targets that can be probed.

    Rows whose class occurs in fewer than `folds` groups are left out, and so are targets with a
    single class. Groups, which are not split between folds, are clusters; for the target gene,
    which would be a single cluster per class, they are rows of equal DNA.
    """
    dna = [(record["sequence"], record["variant"]) for record in records]
    number = {pair: index for index, pair in enumerate(dict.fromkeys(dna))}
    pairs = np.array([number[pair] for pair in dna])
    targets = {}
    for target in TARGETS:
        classes = [read(target, record) for record in records]
        groups = pairs if target == "gene" else cluster
        held = Counter(name for name, _ in {*zip(classes, groups.tolist(), strict=True)})
        rows = [i for i, name in enumerate(classes) if name and held[name] >= folds]
        if len({classes[i] for i in rows}) > 1:
            targets[target] = (np.array(rows), np.array([classes[i] for i in rows]), groups[rows])
    if "label" not in targets:
        labels = Counter(record["label"] for record in records)
        raise UserError(
            f"{dataset}: fewer than two labels have {folds} independent samples among"
            f" {len(records)} records ({', '.join(f'{n}: {k}' for n, k in labels.most_common(5))});"
            " raise language.probe.rows, or lower language.linear_probe.folds"
        )
    return targets
