"""Whether everything that a configuration names exists, and is used where it belongs."""

from collections.abc import Iterator, Mapping
from functools import partial

from seqfuse.errors import nearest
from seqfuse.registry.arms import ARMS
from seqfuse.registry.layouts import DECODERS, LAYOUTS, TEXT_LAYOUTS
from seqfuse.registry.methods import METHODS, OWN_SETTINGS
from seqfuse.settings.names import by_codon, form, named
from seqfuse.settings.names.named import Mistake, key
from seqfuse.settings.schema import section
from seqfuse.settings.validation import hold, together
from seqfuse.settings.yaml_files import Places

# Where a dataset of each study is listed.
_LISTED = {
    "language": "in a suite of language.suites",
    "codons": "in codons.datasets",
    "pairs": "as language.pretrain.dataset",
}


def check(settings: Mapping, places: Places) -> None:
    """Every dataset, model, method and arm that is named must exist in its catalogue, and every
    dataset must belong to the study that lists it.

    Raises `UserError` with a line for each mistake.
    """
    variants = [
        partial(_check_variant, name, variant, places)
        for name, variant in settings["language"]["variants"].items()
        if variant["method"] in METHODS
    ]
    kinds = (_unknown, _of_another_study, _of_another_layout, form.taken, _not_interpreted, _alike)
    kinds += (_without_own_job, _never_together, by_codon.misplaced)
    wrong = [mistake for kind in kinds for mistake in kind(settings)]
    together(variants, [places.located(*mistake) for mistake in wrong])


def _unknown(settings: Mapping) -> Iterator[Mistake]:
    language = settings["language"]
    known = {
        "dataset": settings["datasets"],
        "model": settings["models"],
        "method": METHODS,
        "run": {**METHODS, **language["variants"]},
        "suite": language["suites"],
        "tuned": {**METHODS, **language["suites"]},
        "arm": ARMS,
    }
    called = {"run": "method", "tuned": "method or suite"}
    listed = {"dataset": "resources/datasets.yaml", "model": "resources/models.yaml"}
    for path, kind, name in named.everything(settings):
        if name not in known[kind]:
            hint = nearest(name, known[kind], listed.get(kind))
            yield path, f"{key(path)}: there is no {called.get(kind, kind)} {name!r}{hint}"


def _of_another_study(settings: Mapping) -> Iterator[Mistake]:
    for path, study, name in named.datasets(settings):
        own = settings["datasets"].get(name, {}).get("study", study)
        if own != study:
            listed = _LISTED[own]
            said = f"dataset {name!r} is of study {own}, not {study}; list it {listed}"
            yield path, f"{key(path)}: {said}"


def _never_together(settings: Mapping) -> Iterator[Mistake]:
    """Sets of one suite whose entries exclude each other (`not_with`)."""
    entries = settings["datasets"]
    for suite, members in settings["language"]["suites"].items():
        known = [name for name in members if name in entries]
        repositories = {name: entries[name].get("hub", {}).get("repository") for name in known}
        for index, name in enumerate(known):
            barred = entries[name].get("not_with", ())
            other = next((one for one in known if repositories[one] in barred), None)
            if other:
                yield (
                    ("language", "suites", suite, index),
                    f"language.suites.{suite}: {name!r} and {other!r} are from collections whose"
                    " tasks have the same names but different data; give each collection its own"
                    " suite",
                )


def _of_another_layout(settings: Mapping) -> Iterator[Mistake]:
    """A language model where an encoder is wanted, or the other way round."""
    models = settings["models"]
    fits = {"backbone": DECODERS, "text_encoder": TEXT_LAYOUTS, "encoder": LAYOUTS}
    for path, kind, name in named.everything(settings):
        role = "encoder" if path[:2] == ("codons", "encoders") else path[-1]
        layout = models.get(name, {}).get("layout")
        if kind == "model" and layout and layout not in fits[role]:
            said = f"{name!r} has the layout {layout}; choose a model with one of"
            yield path, f"{key(path)}: {said} {', '.join(fits[role])}"


def _not_interpreted(settings: Mapping) -> Iterator[Mistake]:
    """The arm to interpret must be among the arms, which the user may have replaced."""
    codons, path = settings["codons"], ("codons", "interpretation", "arm")
    fusions = [name for name in codons["arms"] if name in ARMS and ARMS[name].interpreted]
    arm = codons["interpretation"]["arm"]
    if arm is not None and fusions and arm not in fusions:
        yield path, f"{key(path)}: {arm!r} is not a fusion in codons.arms{nearest(arm, fusions)}"


def _alike(settings: Mapping) -> Iterator[Mistake]:
    """OneVocab with DNA rows that start alike and stay so: its DNA could not matter."""
    language = settings["language"]
    used = {("language", "onevocab"): {}} if "onevocab" in language["methods"] else {}
    for name, variant in language["variants"].items():
        if variant["method"] == "onevocab":
            used["language", "variants", name] = variant
    for path, changed in used.items():
        own = {**language["onevocab"], **changed}
        if own["initialisation"] == "mean" and "dna" not in own["trainable_parts"]:
            said = "the DNA rows all start as one vector and are not trained, so DNA cannot matter"
            remedy = "write `initialisation: random`, or train `dna`"
            yield path, f"{key(path)}: {said}; {remedy}"


def _without_own_job(settings: Mapping) -> Iterator[Mistake]:
    """A pre-training for each seed of fine-tuning, without a job for each: a job of several seeds
    would start them all from one pre-training."""
    language, jobs = settings["language"], settings["jobs"]
    seeds = {("language", "pretrain", "seed"): language["pretrain"]["seed"]}
    for name, variant in language["variants"].items():
        path = ("language", "variants", name, "pretrain", "seed")
        seeds[path] = variant.get("pretrain", {}).get("seed", 0)
    for path, seed in seeds.items():
        if seed is None and not jobs["per_seed"]:
            said = "null needs a job for each seed of fine-tuning; set jobs.per_seed to true"
            yield path, f"{key(path)}: {said}"


def _check_variant(name: str, variant: Mapping, places: Places) -> None:
    """A variant may set only settings of training or of its method."""
    sections = ["training"] + [variant["method"]] * (variant["method"] in OWN_SETTINGS)
    known = {"method": {}, "backbone": {"type": "string"}, "encoder": {"type": "string"}}
    known["suites"] = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    for part in sections:
        known |= section(f"language/{part}")
    if METHODS[variant["method"]].pretrained:
        pretrain = {k: v for k, v in section("language/pretrain").items() if k != "dataset"}
        known["text_encoder"] = {"type": "string"}
        known["pretrain"] = {"type": "object", "additionalProperties": False}
        known["pretrain"]["properties"] = pretrain
    schema = {"additionalProperties": False, "properties": known}
    path = ("language", "variants", name)
    hold(variant, schema, key(path), places, path)
