"""Encoders that read by codon: of arms that are trained, for coding sets, and for methods that read
their states."""

from collections.abc import Iterator, Mapping

from seqfuse.errors import nearest
from seqfuse.registry import codon_encoders
from seqfuse.registry.methods import METHODS, Method
from seqfuse.settings.datasets import cleaning, splits
from seqfuse.settings.names.named import Mistake, key


def misplaced(settings: Mapping) -> Iterator[Mistake]:
    """Encoders that a method or a dataset cannot use, or that do not exist."""
    language = settings["language"]
    shown = language["suites"] if "language" in settings["studies"] else {}
    for name in dict.fromkeys([*language["methods"], *language["variants"]]):
        variant = language["variants"].get(name, {})
        method = METHODS.get(variant.get("method", name))
        encoder = variant.get("encoder", language["encoder"])
        path = ("language", "variants", name) if "encoder" in variant else ("language",)
        path, where = (*path, "encoder"), key((*path, "encoder"))
        if method is None or not (method.reads_store or method.trains_encoder):
            continue
        if not codon_encoders.is_one(encoder):
            if method.trains_fusion:
                said = f"method {method.name!r} trains the fusion of an arm; write fused:SET/ARM"
                yield path, f"{where}: {said}, not {encoder!r}"
            continue
        if said := _unusable(settings, method, encoder) or (
            method.pretrained and _uncontrasted(settings, variant, encoder)
        ):
            yield path, f"{where}: {said}"
            continue
        for suite in variant.get("suites", shown):
            for dataset in shown.get(suite, ()):
                if not settings["datasets"].get(dataset, {}).get("cds"):
                    said = f"{encoder!r} reads coding sequences, but the entry of {dataset!r}"
                    yield path, f"{where}: {said} in suite {suite!r} does not say `cds: true`"
                elif said := _other_code(settings, encoder, dataset):
                    yield path, f"{where}: {said}"
            if name in language["methods"] and suite not in language["probe"]["exclude_suites"]:
                said = f"{encoder!r} has no states for the altered DNA of probes; write"
                yield path, f"{where}: {said} `language: {{probe: {{exclude_suites: [{suite}]}}}}`"


def _uncontrasted(settings: Mapping, variant: Mapping, encoder: str) -> str | None:
    """Why no pre-training can read an encoder's states: of its pairs, or of what it trains."""
    given = {**settings["language"]["pretrain"], **variant.get("pretrain", {})}
    pairs = given["dataset"]
    if not settings["datasets"].get(pairs, {}).get("cds"):
        return (
            f"{encoder!r} reads coding sequences, but the entry of {pairs!r}"
            " (language.pretrain.dataset) does not say `cds: true`"
        )
    if given["train_encoder"]:
        return (
            f"{encoder!r} stays as it is in pre-training; write pretrain: {{train_encoder: false}}"
        )
    source = codon_encoders.CodonEncoder.of(encoder)
    if source.arm and settings["jobs"]["per_seed"] and given["seed"] is not None:
        return (
            f"each seed reads {encoder!r} of its own seed (jobs.per_seed), and so does its"
            " pre-training; write pretrain: {seed: null}"
        )
    if source.altered:
        return f"{encoder!r}: pre-training reads genes as they are; name the encoder without @"
    return _other_code(settings, encoder, pairs)


def _other_code(settings: Mapping, encoder: str, dataset: str) -> str | None:
    """The message if an arm was trained with another genetic code than a dataset's."""
    arm_set = codon_encoders.CodonEncoder.of(encoder).set
    if not arm_set:
        return None
    sets = [settings["datasets"].get(name.partition("+")[0], {}) for name in (arm_set, dataset)]
    theirs, ours = (cleaning(one, settings["sequences"])["genetic_code"] for one in sets)
    if theirs == ours:
        return None
    return f"{encoder!r} is trained with genetic code {theirs}, but {dataset!r} has {ours}"


def _unusable(settings: Mapping, method: Method, encoder: str) -> str | None:
    """Why a method cannot read an encoder, whatever the dataset."""
    if said := codon_encoders.refusal(encoder):
        return said
    source = codon_encoders.CodonEncoder.of(encoder)
    codons = settings["codons"]
    trained = codons["datasets"] if "codons" in settings["studies"] else []
    sets = [one for name in trained for one in splits(name, codons["split_seeds"])]
    if source.arm and source.set not in sets:
        return f"{encoder!r}: no arm is trained on {source.set!r}{nearest(source.set, sets)}"
    if not method.reads_store:
        return f"method {method.name!r} trains a DNA encoder; name one, not {encoder!r}"
    if method.trains_encoder and not source.arm:
        return f"method {method.name!r} trains the fusion of an arm, but {encoder!r} has none"
    return None
