"""Every name that a configuration uses, with the path of the key that uses it."""

from collections.abc import Iterator, Mapping

from seqfuse.registry import codon_encoders
from seqfuse.settings.yaml_files import KeyPath

# A mistake: the path of the key, and the message about it.
Mistake = tuple[KeyPath, str]


def key(path: KeyPath) -> str:
    """A key as messages write it: an item of a list is named by its list."""
    return ".".join(part for part in path if isinstance(part, str))


def datasets(settings: Mapping) -> Iterator[tuple[KeyPath, str, str]]:
    """(path, study that lists it, name) of every dataset that is named."""
    language = settings["language"]
    for index, name in enumerate(settings["codons"]["datasets"]):
        yield ("codons", "datasets", index), "codons", name
    for suite, members in language["suites"].items():
        for index, name in enumerate(members):
            yield ("language", "suites", suite, index), "language", name
    yield ("language", "pretrain", "dataset"), "pairs", language["pretrain"]["dataset"]


def everything(settings: Mapping) -> Iterator[tuple[KeyPath, str, str]]:
    """(path, kind, name) of everything that a catalogue must know."""
    language, codons = settings["language"], settings["codons"]
    for path, _, name in datasets(settings):
        yield path, "dataset", name
    for part in ("backbone", "encoder", "text_encoder"):
        if not codon_encoders.is_one(language[part]):
            yield ("language", part), "model", language[part]
    for modality, name in codons["encoders"].items():
        yield ("codons", "encoders", modality), "model", name
    for name, variant in language["variants"].items():
        path = ("language", "variants", name)
        yield (*path, "method"), "method", variant["method"]
        for part in ("backbone", "encoder", "text_encoder"):
            if part in variant and not codon_encoders.is_one(variant[part]):
                yield (*path, part), "model", variant[part].removesuffix("@random")
        for suite in variant.get("suites", []):
            yield (*path, "suites"), "suite", suite
    for index, name in enumerate(language["methods"]):
        yield ("language", "methods", index), "run", name
    for name in language["overrides"]:
        yield ("language", "overrides"), "tuned", name
    for part in ("arms", "ablations", "overrides"):
        for index, name in enumerate(codons[part]):
            yield ("codons", part, name if part == "overrides" else index), "arm", name
