"""What a run is made of, answered from its resolved settings: methods, arms, variants, suites.

Nothing here knows of Snakemake. Paths are written with its path variables (`<results>`), as text.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from seqfuse.files import MANIFEST, sha256
from seqfuse.plan import parts
from seqfuse.plan.params import omit
from seqfuse.registry.arms import ARMS
from seqfuse.registry.codon_encoders import CodonEncoder
from seqfuse.registry.controls import CONTROLS
from seqfuse.registry.judges import REFERENCES
from seqfuse.registry.layouts import LAYOUTS
from seqfuse.registry.methods import METHODS, OWN_SETTINGS, Method
from seqfuse.settings import datasets as entries
from seqfuse.settings.cli_flags import flags
from seqfuse.settings.configuration import merge
from seqfuse.settings.paths import RESOURCES


class Run:
    """One run: `settings` as `configuration.resolve` gives them, and what follows from them."""

    def __init__(self, settings: Mapping):
        self.settings = settings
        self.results = f"results/{settings['run']}"
        self.seeds: list[int] = settings["seeds"]
        studies = settings["studies"]
        suites, sets = settings["language"]["suites"], settings["codons"]["datasets"]
        self.language_suites: dict[str, list[str]] = suites if "language" in studies else {}
        self.codon_suites: dict[str, list[str]] = {
            name: entries.splits(name, settings["codons"]["split_seeds"])
            for name in (sets if "codons" in studies else [])
        }
        self.codon_sets: list[str] = [n for names in self.codon_suites.values() for n in names]

    def method(self, name: str) -> Method:
        """The catalogue's entry of a method, or of the method that a variant varies."""
        variants = self.settings["language"]["variants"]
        return METHODS[variants[name]["method"] if name in variants else name]

    def suites(self, study):
        """The suites of a study and their datasets; a codon set is a suite of its own, or one with
        its splits, where it is split with several seeds."""
        return self.language_suites if study == "language" else self.codon_suites

    def resplit(self, study: str, suite: str) -> str:
        """A flag, where a suite is the splits of one set."""
        return "--resplit" if study == "codons" and self.codon_suites[suite] != [suite] else ""

    def datasets(self, study):
        """Every dataset of a study, once."""
        return list(dict.fromkeys(name for names in self.suites(study).values() for name in names))

    def tasks(self, study: str) -> set[str]:
        """What a study's datasets ask for: "classification", "regression", or both."""
        found = self.settings["datasets"]
        return {entries.validate(name, found[name])["task"] for name in self.datasets(study)}

    def runs(self, study):
        """The methods or arms of a study."""
        return (
            self.settings["language"]["methods"]
            if study == "language"
            else self.settings["codons"]["arms"]
        )

    def ablated(self, study):
        """What `snakemake ablations` compares: the runs of a study and what varies them."""
        varied = (
            self.settings["language"]["variants"]
            if study == "language"
            else self.settings["codons"]["ablations"]
        )
        return list(dict.fromkeys([*self.runs(study), *varied]))

    def pretrained(self):
        """Whether a method of this run starts from SeqCLIP's pre-training."""
        return bool(self.language_suites) and any(
            self.method(name).pretrained for name in self.runs("language")
        )

    def pretraining_of(self, name, seed: int | None = None):
        """The pre-training that a method or variant starts from: SeqCLIP's, or a variant's own
        where it names another model or other settings of pre-training. Where seeds of fine-tuning
        have one each, that of `seed`, which all but the first are named after."""
        varied = self.settings["language"]["variants"].get(name, {})
        own = {"pretrain", "encoder", "text_encoder", "backbone"}
        found = name if varied.keys() & own else "seqclip"
        alone = seed in (None, self.seeds[0]) or self._contrasting(found)["seed"] is not None
        return found if alone else f"{found}@seed{seed}"

    def pretrainings(self):
        """Every pre-training that a run of this configuration may want."""
        names = self.settings["language"]["variants"]
        starting = ["seqclip", *(name for name in names if self.method(name).pretrained)]
        return {self.pretraining_of(name, seed) for name in starting for seed in self.seeds}

    def contrasting(self, pretraining):
        """The settings of one pre-training."""
        name, _, seed = pretraining.partition("@seed")
        found = self._contrasting(name)
        return found if found["seed"] is not None else found | {"seed": int(seed or self.seeds[0])}

    def _contrasting(self, name) -> dict:
        language = self.settings["language"]
        varied = language["variants"].get(name, {}).get("pretrain", {})
        return merge(omit(language["pretrain"], "dataset"), varied)

    def model_folder(self, name):
        """The checkpoint folder of a model; a pre-training of this run has one, too."""
        if name in self.pretrainings():
            return f"<results>/language/pretrain/{name}/encoder"
        return f"<results>/data/models/{name}"

    def manifest(self, name):
        """What the jobs that read a model depend on: the manifest in its folder."""
        return f"{self.model_folder(name)}/{MANIFEST}"

    def layout(self, name):
        """The module that implements a model's layout, where it is one of ours."""
        known = LAYOUTS.get(self.settings["models"][name]["layout"])
        return [known[0]] if known else []

    def encoder_layout(self, name: str) -> str:
        """The layout of an encoder: of a model, its twin with random weights, or a pre-training."""
        model = self.model_of(name, "encoder") if name in self.pretrainings() else name
        return self.settings["models"][model.removesuffix("@random")]["layout"]

    def cleaning(self, dataset):
        """The cleaning policies of a dataset: its catalogue entry's over the configuration's."""
        return entries.cleaning(self.settings["datasets"][dataset], self.settings["sequences"])

    def said_to_code(self, dataset: str) -> str:
        """A flag, where an entry says that its sequences are coding, whatever the study."""
        entry = self.settings["datasets"][dataset]
        if entry.get("cds"):
            return f"--cds {entry.get('frame', 0)}"
        return "--coding" if entry.get("coding") else ""

    def expected_rows(self, dataset):
        """How many rows of each split a dataset's source counts, as flags; a draw leaves others."""
        drawn = self.cleaning(dataset)["draw"]
        expected = None if drawn else self.settings["datasets"][dataset].get("rows")
        return flags({"expected": [f"{k}={n}" for k, n in expected.items()]} if expected else {})

    def board(self, *place):
        """Where TensorBoard finds a training's log, as a flag, if it is wanted."""
        wanted = self.settings["language"]["tensorboard"]
        return flags(
            {"tensorboard": ("/".join([self.results, "tensorboard", *place]) if wanted else None)}
        )

    def aliases(self, names):
        """The aliases of the labels of some datasets as JSON, or None."""
        given = {name: self.settings["datasets"][name].get("aliases") for name in names}
        found = {name: names_of for name, names_of in given.items() if names_of}
        return json.dumps(found, sort_keys=True) if found else None

    def finetuning(self, suite, name):
        """The settings that one method or variant is fine-tuned with on a suite, and no other's."""
        language, base = self.settings["language"], self.method(name).name
        training = language["training"]
        for changed in (suite, base):
            training = merge(training, language["overrides"].get(changed, {}))
        own = language[base] if base in OWN_SETTINGS else {}
        not_of_training = ("method", "backbone", "encoder", "text_encoder", "pretrain", "suites")
        variant = omit(language["variants"].get(name, {}), *not_of_training)
        # How much a prediction may say is no matter of training.
        prompt = omit(language["prompt"], "max_new_tokens")
        return {**prompt, **training, **own, **variant}

    def rates(self, suite, name) -> list[str]:
        """The learning rates that are tried for a method or variant on a suite, as text; a single
        one is not tried."""
        given = self.finetuning(suite, name)["learning_rate"]
        return list(map(str, given)) if isinstance(given, list) and len(given) > 1 else []

    def given_rate(self, suite, name) -> dict:
        """The learning rate of a method or variant on a suite, or the file of the one chosen."""
        if self.rates(suite, name):
            return {"rate": f"{self.results}/language/{suite}/{name}/rate.json"}
        given = self.finetuning(suite, name)["learning_rate"]
        return {"learning_rate": given[0] if isinstance(given, list) else given}

    @property
    def seed_named(self) -> str:
        """What a fine-tuning's files are named after, beside suite and method: the seed, where each
        has a job of its own."""
        return ".{seed}" if self.settings["jobs"]["per_seed"] else ""

    def of_seeds(self, path: str) -> list[str]:
        """A file of each seed that one job fine-tunes."""
        seeds = ["{seed}"] if self.seed_named else self.seeds
        return [path.replace("{seed}", str(seed)) for seed in seeds]

    def trained_seeds(self, wildcards) -> list[int]:
        """The seeds that a job fine-tunes: the first for a trial, the one that the job's files are
        named after, or all."""
        if hasattr(wildcards, "rate"):
            return self.seeds[:1]
        seed = getattr(wildcards, "seed", None)
        return self.seeds if seed is None else [int(seed)]

    def varies(self, name, suite) -> bool:
        """Whether a suite runs a method or variant; a variant may name its suites."""
        return suite in self.settings["language"]["variants"].get(name, {}).get("suites", [suite])

    def scoring(self, study: str) -> dict:
        """The settings that a study's predictions are scored with."""
        asked = self.settings["language"]["prediction"]["validation_rows"]
        drawn = {"validation_rows": asked} if study == "language" and asked else {}
        return {**self.settings["evaluation"], **drawn}

    def model_of(self, name, kind):
        """The backbone, encoder or text encoder of a method, or the other one that a variant
        names."""
        language, own = self.settings["language"], name.partition("@seed")[0]
        return language["variants"].get(own, {}).get(kind, language[kind])

    def encoders_of(self, name, seeds) -> list[str]:
        """The encoders whose states some seeds of a method or variant read, each once."""
        if self.method(name).pretrained:
            return list(dict.fromkeys(self.pretraining_of(name, seed) for seed in seeds))
        encoder = self.codon_encoder(name)
        if encoder is None:
            return [self.model_of(name, "encoder")]
        # Of one encoder in one job, states of all seeds are those of the first arm's seed.
        seeds = seeds if self.settings["jobs"]["per_seed"] else self.seeds[:1]
        return list(dict.fromkeys(encoder.with_seed(seed).word for seed in seeds))

    def codon_encoder(self, name) -> CodonEncoder | None:
        """The encoder of a method or variant where it reads by codon; what a method that trains the
        fusion on reads is not fused yet."""
        encoder = CodonEncoder.of(self.model_of(name, "encoder"))
        trains = self.method(name).trains_encoder
        return replace(encoder, unfused=True) if encoder and trains else encoder

    def implementation(self, name):
        """The module that implements a method, for the hash of its code."""
        return self.method(name).implementation.split(":")[0]

    def fusion(self, arm):
        """The modules that only an arm is made of: its fusion, and encoders that it trains."""
        return ARMS[arm].modules

    def registered(self, name: str) -> dict:
        """The fields of a method's entry that can change a result; its title cannot."""
        return omit(vars(self.method(name)), "title")

    @property
    def plugins(self) -> list[str]:
        """The modules of the plugins, which tables take titles from."""
        return [Path(path).stem for path in self.settings["plugins"]]

    def control_modules(self, study: str) -> list[str]:
        """The modules that only a study's controls of plugins are made of."""
        places = [control.features for control in CONTROLS[study].values() if control.features]
        return [place.split(":")[0] for place in places]

    def resources(self, folder):
        """The hash of each file of a folder of resources/, so that an edit runs what reads it."""
        return {path.name: sha256(path) for path in sorted((RESOURCES / folder).iterdir())}

    def arm_training(self, arm):
        """The settings that one arm is trained with."""
        codons = self.settings["codons"]
        return merge(codons["training"], codons["overrides"].get(arm, {}))

    def fusions(self):
        """The fusions of this run that read stored embeddings of the set, which are interpreted."""
        return [name for name in self.runs("codons") if ARMS[name].interpreted]

    def single_arms(self):
        """The arms of one modality in this run, which late fusion is made from."""
        made_of = CONTROLS["codons"]["late_mean"].made_of
        return [name for name in made_of if name in self.settings["codons"]["arms"]]

    def judged(self, ablations: bool = False) -> list[tuple[str, str]]:
        """The (suite, method) pairs whose reasoning is judged: what generates, and the controls.

        With `ablations`, also what varies the methods.
        """
        if not self.settings["language"]["prompt"]["reasoning"]:
            return []
        names = self.ablated("language") if ablations else self.runs("language")
        generating = [name for name in names if self.method(name).generates]
        return [
            (suite, name)
            for suite, names in self.language_suites.items()
            if any(entries.has_reasoning(self.settings["datasets"][name]) for name in names)
            for name in [*generating, *REFERENCES]
            if self.varies(name, suite)
        ]

    def probed(self):
        """The (suite, method) pairs that are asked again with altered DNA."""
        return [
            (suite, name)
            for suite in self.language_suites
            if suite not in self.settings["language"]["probe"]["exclude_suites"]
            for name in self.runs("language")
            if self.method(name).sees_dna
        ]

    def variant_sets(self, suite):
        """The datasets of a suite that have variants."""
        return [
            name
            for name in self.language_suites[suite]
            if entries.has_variants(self.settings["datasets"][name])
        ]

    def embedded_in(self, dataset: str) -> list[str]:
        """The parts in which a set's sequences are embedded, or a set with shuffled codons;
        nothing where they are not divided."""
        name = dataset.partition("@")[0]
        return self._parts([name], "sequences_a_part")

    def answered_in(self, suite: str, name: str) -> list[str]:
        """The parts in which a method answers a suite; one that only classifies is not divided."""
        generates = self.method(name).generates
        return self._parts(self.language_suites[suite], "prompts_a_part") if generates else []

    def _parts(self, datasets: list[str], key: str) -> list[str]:
        entries_of = {name: self.settings["datasets"][name] for name in datasets}
        found = parts.count(entries_of, self.settings["jobs"][key], f"jobs.{key}")
        return parts.names(found) if found > 1 else []

    def attended(self):
        """The (suite, method) pairs whose attention to a variant is looked at."""
        return [
            (suite, name)
            for suite in self.language_suites
            if self.settings["language"]["attention"]["rows"] and self.variant_sets(suite)
            for name in self.runs("language")
            if name == "onevocab"
        ]
