"""What a configuration names: that a shell and a path can carry the name, that a catalogue knows
what is named, and that it is used where it belongs."""

import re
from collections.abc import Iterator, Mapping
from functools import partial

from seqfuse.errors import nearest
from seqfuse.registry import codon_encoders
from seqfuse.registry.arms import ARMS
from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.judges import REFERENCES
from seqfuse.registry.layouts import DECODERS, LAYOUTS, TEXT_LAYOUTS
from seqfuse.registry.methods import METHODS, OWN_SETTINGS, Method
from seqfuse.registry.metrics import MEAN
from seqfuse.settings.datasets import cleaning, splits
from seqfuse.settings.schema import section
from seqfuse.settings.validation import hold, refuse, together
from seqfuse.settings.yaml_files import KeyPath, Places

# Names become folders, words of a command line and wildcards; "+" and "@" are put between them
# (stability+cluster, demo-nt@random).
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Names that results use themselves: the mean over datasets, the folder of models in data/, and the
# encoder that a run pre-trains.
_TAKEN = {
    "datasets": {MEAN: "the mean over a suite", "models": "the folder of models"},
    "models": {"seqclip": "the encoder that is pre-trained"},
}
# Where a dataset of each study is listed.
_LISTED = {
    "language": "in a suite of language.suites",
    "codons": "in codons.datasets",
    "pairs": "as language.pretrain.dataset",
}

# A mistake: the path of the key, and what is said of it.
Mistake = tuple[KeyPath, str]


def check_form(settings: Mapping, places: Places) -> None:
    """Every name that the user gives must be one; `settings` holds no NAME+SPLIT yet."""
    refuse([places.located(*mistake) for mistake in _ill_formed(settings)])


def check_known(settings: Mapping, places: Places) -> None:
    """Every dataset, model, method and arm that is named must exist in its catalogue, and every
    dataset belong to the study that lists it."""
    variants = [
        partial(_check_variant, name, variant, places)
        for name, variant in settings["language"]["variants"].items()
        if variant["method"] in METHODS
    ]
    kinds = (_unknown, _of_another_study, _of_another_layout, _taken, _not_interpreted, _alike)
    kinds += (_of_no_seed, _never_together, _by_codon)
    wrong = [mistake for kind in kinds for mistake in kind(settings)]
    together(variants, [places.located(*mistake) for mistake in wrong])


def _ill_formed(settings: Mapping) -> Iterator[Mistake]:
    language = settings["language"]
    given = {
        ("datasets",): settings["datasets"],
        ("models",): settings["models"],
        ("language", "suites"): language["suites"],
        ("language", "variants"): language["variants"],
        ("run",): [settings["run"]],
    }
    for path, names in given.items():
        key = ".".join(path)
        for name in names:
            if not _NAME.fullmatch(name):
                better = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")
                hint = f"; write {better!r}, for example" if better else ""
                yield (
                    (*path, name),
                    f"{key}: {name!r} cannot be a name; a name is made of A-Z, a-z, 0-9, '.', '_'"
                    f" and '-' and begins with a letter or digit{hint}",
                )
            if name in _TAKEN.get(key, {}):
                said = f"{key}.{name}: results call {_TAKEN[key][name]} so; choose another"
                yield (*path, name), said


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
    for path, kind, name in _named(settings):
        if name not in known[kind]:
            hint = nearest(name, known[kind], listed.get(kind))
            yield path, f"{_key(path)}: there is no {called.get(kind, kind)} {name!r}{hint}"


def _of_another_study(settings: Mapping) -> Iterator[Mistake]:
    for path, study, name in _datasets(settings):
        own = settings["datasets"].get(name, {}).get("study", study)
        if own != study:
            listed = _LISTED[own]
            said = f"dataset {name!r} is of study {own}, not {study}; list it {listed}"
            yield path, f"{_key(path)}: {said}"


def _never_together(settings: Mapping) -> Iterator[Mistake]:
    """Sets of one suite of which one may not stand with the other's repository."""
    entries = settings["datasets"]
    for suite, members in settings["language"]["suites"].items():
        known = [name for name in members if name in entries]
        held = {name: entries[name].get("hub", {}).get("repository") for name in known}
        for index, name in enumerate(known):
            barred = entries[name].get("not_with", ())
            other = next((one for one in known if held[one] in barred), None)
            if other:
                yield (
                    ("language", "suites", suite, index),
                    f"language.suites.{suite}: {name!r} and {other!r} are of two sets whose tasks"
                    " have the same names and other data; give each set a suite of its own",
                )


def _of_another_layout(settings: Mapping) -> Iterator[Mistake]:
    """A language model where an encoder is wanted, or the other way round."""
    models = settings["models"]
    fits = {"backbone": DECODERS, "text_encoder": TEXT_LAYOUTS, "encoder": LAYOUTS}
    for path, kind, name in _named(settings):
        role = "encoder" if path[:2] == ("codons", "encoders") else path[-1]
        layout = models.get(name, {}).get("layout")
        if kind == "model" and layout and layout not in fits[role]:
            said = f"{name!r} is of the layout {layout}; choose a model of"
            yield path, f"{_key(path)}: {said} {', '.join(fits[role])}"


def _taken(settings: Mapping) -> Iterator[Mistake]:
    """Names of suites and variants that methods, controls and models have."""
    controls = {**CONTROLS["language"], **dict.fromkeys(REFERENCES)}
    models = settings["models"]
    taken = {
        "suites": {"method": METHODS},
        # A variant of SeqCLIP pre-trains an encoder, which goes by its name.
        "variants": {"method": METHODS, "control": controls, "model": models},
    }
    for own, kinds in taken.items():
        for name in settings["language"][own]:
            for kind, names in kinds.items():
                if name in names:
                    path = ("language", own, name)
                    yield path, f"{_key(path)}: this is a {kind}'s name; choose another"


def _not_interpreted(settings: Mapping) -> Iterator[Mistake]:
    """The arm to be interpreted must be one of those that are, which the user may have replaced."""
    codons, path = settings["codons"], ("codons", "interpretation", "arm")
    fusions = [name for name in codons["arms"] if name in ARMS and ARMS[name].interpreted]
    arm = codons["interpretation"]["arm"]
    if arm is not None and fusions and arm not in fusions:
        yield path, f"{_key(path)}: {arm!r} is no fusion of codons.arms{nearest(arm, fusions)}"


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
            yield path, f"{_key(path)}: {said}; {remedy}"


def _of_no_seed(settings: Mapping) -> Iterator[Mistake]:
    """A pre-training for each seed of fine-tuning: a job of several seeds would start from one."""
    language, jobs = settings["language"], settings["jobs"]
    given = {("language", "pretrain", "seed"): language["pretrain"]["seed"]}
    for name, variant in language["variants"].items():
        path = ("language", "variants", name, "pretrain", "seed")
        given[path] = variant.get("pretrain", {}).get("seed", 0)
    for path, seed in given.items():
        if seed is None and not jobs["per_seed"]:
            said = "null needs a job for each seed of fine-tuning; set jobs.per_seed to true"
            yield path, f"{_key(path)}: {said}"


def _by_codon(settings: Mapping) -> Iterator[Mistake]:
    """Encoders that read by codon: of arms that are trained, for coding sets and methods that read
    their states."""
    language = settings["language"]
    shown = language["suites"] if "language" in settings["studies"] else {}
    for name in dict.fromkeys([*language["methods"], *language["variants"]]):
        variant = language["variants"].get(name, {})
        method = METHODS.get(variant.get("method", name))
        encoder = variant.get("encoder", language["encoder"])
        path = ("language", "variants", name) if "encoder" in variant else ("language",)
        path, key = (*path, "encoder"), _key((*path, "encoder"))
        if method is None or not (method.reads_store or method.trains_encoder):
            continue
        if not codon_encoders.is_one(encoder):
            if method.trains_fusion:
                said = f"method {method.name!r} trains the fusion of an arm; write fused:SET/ARM"
                yield path, f"{key}: {said}, not {encoder!r}"
            continue
        if said := _no_codons(settings, method, encoder):
            yield path, f"{key}: {said}"
            continue
        for suite in variant.get("suites", shown):
            for dataset in shown.get(suite, ()):
                if not settings["datasets"].get(dataset, {}).get("cds"):
                    said = f"{encoder!r} reads coding sequences, which {dataset!r} of the suite"
                    yield path, f"{key}: {said} {suite!r} is not said to be (`cds: true`)"
                elif said := _other_code(settings, encoder, dataset):
                    yield path, f"{key}: {said}"
            if name in language["methods"] and suite not in language["probe"]["exclude_suites"]:
                said = f"{encoder!r} has no states of DNA that probes alter; write"
                yield path, f"{key}: {said} `language: {{probe: {{exclude_suites: [{suite}]}}}}`"


def _other_code(settings: Mapping, encoder: str, dataset: str) -> str | None:
    """That an arm was trained on proteins by another genetic code than a set's."""
    arm_set = codon_encoders.CodonEncoder.of(encoder).set
    if not arm_set:
        return None
    sets = [settings["datasets"].get(name.partition("+")[0], {}) for name in (arm_set, dataset)]
    theirs, ours = (cleaning(one, settings["sequences"])["genetic_code"] for one in sets)
    if theirs == ours:
        return None
    return f"{encoder!r} is trained by genetic code {theirs}, and {dataset!r} has {ours}"


def _no_codons(settings: Mapping, method: Method, encoder: str) -> str | None:
    """Why a method cannot read an encoder by codon, whatever it is shown."""
    if said := codon_encoders.refusal(encoder):
        return said
    found = codon_encoders.CodonEncoder.of(encoder)
    codons = settings["codons"]
    trained = codons["datasets"] if "codons" in settings["studies"] else []
    sets = [one for name in trained for one in splits(name, codons["split_seeds"])]
    if found.arm and found.set not in sets:
        return f"{encoder!r}: no arm is trained on {found.set!r}{nearest(found.set, sets)}"
    if not method.reads_store or method.pretrained:
        return f"method {method.name!r} trains an encoder of DNA; name one that is no {encoder!r}"
    if method.trains_encoder and not found.arm:
        return f"method {method.name!r} trains the fusion of an arm, and {encoder!r} has none"
    return None


def _key(path: KeyPath) -> str:
    """A key as it is written in messages: an item of a list is named by its list."""
    return ".".join(part for part in path if isinstance(part, str))


def _datasets(settings: Mapping) -> Iterator[tuple[KeyPath, str, str]]:
    """(path, study that it is listed for, name) of every dataset that is named."""
    language = settings["language"]
    for index, name in enumerate(settings["codons"]["datasets"]):
        yield ("codons", "datasets", index), "codons", name
    for suite, members in language["suites"].items():
        for index, name in enumerate(members):
            yield ("language", "suites", suite, index), "language", name
    yield ("language", "pretrain", "dataset"), "pairs", language["pretrain"]["dataset"]


def _named(settings: Mapping) -> Iterator[tuple[KeyPath, str, str]]:
    """(path, kind, name) of everything that a catalogue must know."""
    language, codons = settings["language"], settings["codons"]
    for path, _, name in _datasets(settings):
        yield path, "dataset", name
    for key in ("backbone", "encoder", "text_encoder"):
        if not codon_encoders.is_one(language[key]):
            yield ("language", key), "model", language[key]
    for key, name in codons["encoders"].items():
        yield ("codons", "encoders", key), "model", name
    for name, variant in language["variants"].items():
        path = ("language", "variants", name)
        yield (*path, "method"), "method", variant["method"]
        for key in ("backbone", "encoder", "text_encoder"):
            if key in variant and not codon_encoders.is_one(variant[key]):
                yield (*path, key), "model", variant[key].removesuffix("@random")
        for suite in variant.get("suites", []):
            yield (*path, "suites"), "suite", suite
    for index, name in enumerate(language["methods"]):
        yield ("language", "methods", index), "run", name
    for name in language["overrides"]:
        yield ("language", "overrides"), "tuned", name
    for key in ("arms", "ablations", "overrides"):
        for index, name in enumerate(codons[key]):
            yield ("codons", key, name if key == "overrides" else index), "arm", name


def _check_variant(name: str, variant: Mapping, places: Places) -> None:
    """A variant sets settings of training or of its method."""
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
    hold(variant, schema, _key(path), places, path)
