"""What a run is made of, answered from its resolved settings: methods, arms, variants, suites.

Nothing here imports Snakemake. Paths are text with its path variables, such as `<results>`.
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
from seqfuse.registry.layouts import LAYOUTS
from seqfuse.registry.methods import METHODS, OWN_SETTINGS, Method
from seqfuse.settings import datasets as entries
from seqfuse.settings.cli_flags import flags
from seqfuse.settings.configuration import merge
from seqfuse.settings.paths import RESOURCES


class Run:
    """One run: `settings` as `configuration.resolve` returns them, and what follows from them."""

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
        """The registry's entry of a method, or of the method that a variant is made from."""
        variants = self.settings["language"]["variants"]
        return METHODS[variants[name]["method"] if name in variants else name]

    def suites(self, study):
        """The suites of a study and their datasets: a codon set is a suite of its own splits."""
        return self.language_suites if study == "language" else self.codon_suites

    def resplit(self, study: str, suite: str) -> str:
        """A flag, if a suite is made of the splits of one set."""
        return "--resplit" if study == "codons" and self.codon_suites[suite] != [suite] else ""

    def datasets(self, study):
        """The datasets of a study, each once."""
        return list(dict.fromkeys(name for names in self.suites(study).values() for name in names))

    def tasks(self, study: str) -> set[str]:
        """The tasks of a study's datasets: "classification", "regression", or both."""
        catalogue = self.settings["datasets"]
        return {entries.validate(name, catalogue[name])["task"] for name in self.datasets(study)}

    def runs(self, study):
        """The methods or arms of a study."""
        key = "methods" if study == "language" else "arms"
        return self.settings[study][key]

    def ablated(self, study):
        """What `snakemake ablations` compares: methods and variants, or arms and ablations."""
        key = "variants" if study == "language" else "ablations"
        return list(dict.fromkeys([*self.runs(study), *self.settings[study][key]]))

    def pretrained(self):
        """Whether a method of this run starts from SeqCLIP's pre-training."""
        return bool(self.language_suites) and any(
            self.method(name).pretrained for name in self.runs("language")
        )

    def pretraining_of(self, name, seed: int | None = None):
        """The pre-training that a method or variant starts from: SeqCLIP's, or the variant's own
        if it names another model or other settings of pre-training. If each fine-tuning seed has
        its own pre-training, that of `seed`; all but the first are named after their seed."""
        variant = self.settings["language"]["variants"].get(name, {})
        own_keys = {"pretrain", "encoder", "text_encoder", "backbone"}
        pretraining = name if variant.keys() & own_keys else "seqclip"
        is_shared = self._contrasting(pretraining)["seed"] is not None
        if is_shared or seed in (None, self.seeds[0]):
            return pretraining
        return f"{pretraining}@seed{seed}"

    def pretrainings(self):
        """Every pre-training that this configuration may need."""
        names = self.settings["language"]["variants"]
        starting = ["seqclip", *(name for name in names if self.method(name).pretrained)]
        return {self.pretraining_of(name, seed) for name in starting for seed in self.seeds}

    def contrasting(self, pretraining):
        """The settings of one pre-training."""
        name, _, seed = pretraining.partition("@seed")
        own = self._contrasting(name)
        return own if own["seed"] is not None else own | {"seed": int(seed or self.seeds[0])}

    def pretrained_on(self, pretraining: str) -> CodonEncoder | None:
        """The encoder by codon whose states a pre-training reads; None if it reads DNA."""
        name, _, seed = pretraining.partition("@seed")
        encoder = CodonEncoder.of(self.model_of(name, "encoder"))
        return encoder and encoder.with_seed(int(seed or self.seeds[0]))

    def _contrasting(self, name) -> dict:
        language = self.settings["language"]
        of_variant = language["variants"].get(name, {}).get("pretrain", {})
        return merge(omit(language["pretrain"], "dataset"), of_variant)

    def model_folder(self, name):
        """The checkpoint folder of a model, or of the encoder of a pre-training of this run."""
        if name in self.pretrainings():
            return f"<results>/language/pretrain/{name}/encoder"
        return f"<results>/data/models/{name}"

    def manifest(self, name):
        """The manifest in a model's folder, on which the jobs that read the model depend."""
        return f"{self.model_folder(name)}/{MANIFEST}"

    def layout(self, name):
        """The module that implements a model's layout, if it is one of ours."""
        implementation = LAYOUTS.get(self.settings["models"][name]["layout"])
        return [implementation[0]] if implementation else []

    def encoder_layout(self, name: str) -> str:
        """The layout of an encoder: a model, its copy with random weights, or a pre-training."""
        model = self.model_of(name, "encoder") if name in self.pretrainings() else name
        return self.settings["models"][model.removesuffix("@random")]["layout"]

    def cleaning(self, dataset):
        """The cleaning policies of a dataset: those of its entry override the configuration's."""
        return entries.cleaning(self.settings["datasets"][dataset], self.settings["sequences"])

    def said_to_code(self, dataset: str) -> str:
        """A flag, if an entry says that its sequences are coding, whatever the study."""
        entry = self.settings["datasets"][dataset]
        if entry.get("cds"):
            return f"--cds {entry.get('frame', 0)}"
        return "--coding" if entry.get("coding") else ""

    def expected_rows(self, dataset):
        """The rows that a dataset's source declares for each split, as flags; none of a draw."""
        drawn = self.cleaning(dataset)["draw"]
        expected = None if drawn else self.settings["datasets"][dataset].get("rows")
        return flags({"expected": [f"{k}={n}" for k, n in expected.items()]} if expected else {})

    def board(self, *place):
        """The folder of a training's TensorBoard log as a flag, if the settings ask for one."""
        folder = "/".join([self.results, "tensorboard", *place])
        return flags({"tensorboard": folder if self.settings["language"]["tensorboard"] else None})

    def aliases(self, names):
        """The aliases of the labels of some datasets as JSON, or None."""
        declared = {name: self.settings["datasets"][name].get("aliases") for name in names}
        aliases = {name: of_dataset for name, of_dataset in declared.items() if of_dataset}
        return json.dumps(aliases, sort_keys=True) if aliases else None

    def finetuning(self, suite, name):
        """The settings that one method or variant is fine-tuned with on a suite."""
        language, base = self.settings["language"], self.method(name).name
        training = language["training"]
        for changed in (suite, base):
            training = merge(training, language["overrides"].get(changed, {}))
        own = language[base] if base in OWN_SETTINGS else {}
        not_of_training = ("method", "backbone", "encoder", "text_encoder", "pretrain", "suites")
        variant = omit(language["variants"].get(name, {}), *not_of_training)
        # The length of predictions does not affect training.
        prompt = omit(language["prompt"], "max_new_tokens")
        return {**prompt, **training, **own, **variant}

    def rates(self, suite, name) -> list[str]:
        """The learning rates, if there are several, that are tried for a method on a suite."""
        rates = self.finetuning(suite, name)["learning_rate"]
        return list(map(str, rates)) if isinstance(rates, list) and len(rates) > 1 else []

    def given_rate(self, suite, name) -> dict:
        """The learning rate of a method or variant on a suite, or the file with the chosen one."""
        if self.rates(suite, name):
            return {"rate": f"{self.results}/language/{suite}/{name}/rate.json"}
        rate = self.finetuning(suite, name)["learning_rate"]
        return {"learning_rate": rate[0] if isinstance(rate, list) else rate}

    @property
    def seed_named(self) -> str:
        """How the file names of a fine-tuning hold the seed, if each seed has its own job."""
        return ".{seed}" if self.settings["jobs"]["per_seed"] else ""

    def of_seeds(self, path: str) -> list[str]:
        """One file for each seed that one job fine-tunes."""
        seeds = ["{seed}"] if self.seed_named else self.seeds
        return [path.replace("{seed}", str(seed)) for seed in seeds]

    def trained_seeds(self, wildcards) -> list[int]:
        """The seeds that a job fine-tunes: the first for a trial, the one of its files, or all."""
        if hasattr(wildcards, "rate"):
            return self.seeds[:1]
        seed = getattr(wildcards, "seed", None)
        return self.seeds if seed is None else [int(seed)]

    def varies(self, name, suite) -> bool:
        """Whether a method or variant runs on a suite; a variant may name its suites."""
        return suite in self.settings["language"]["variants"].get(name, {}).get("suites", [suite])

    def scoring(self, study: str) -> dict:
        """The settings that a study's predictions are scored with."""
        rows = self.settings["language"]["prediction"]["validation_rows"]
        drawn = {"validation_rows": rows} if study == "language" and rows else {}
        return {**self.settings["evaluation"], **drawn}

    def model_of(self, name, kind):
        """The backbone, encoder or text encoder of a method or variant."""
        language, own = self.settings["language"], name.partition("@seed")[0]
        return language["variants"].get(own, {}).get(kind, language[kind])

    def encoders_of(self, name, seeds) -> list[str]:
        """The encoders whose states these seeds of a method or variant read, each once."""
        encoder = self.codon_encoder(name)
        if encoder is None:
            starts = self.method(name).pretrained
            return self.starts(name, seeds) if starts else [self.model_of(name, "encoder")]
        # If one job trains all seeds, all of them read the states of the arm's first seed.
        seeds = seeds if self.settings["jobs"]["per_seed"] else self.seeds[:1]
        return list(dict.fromkeys(encoder.with_seed(seed).word for seed in seeds))

    def starts(self, name, seeds) -> list[str]:
        """The pre-trainings that these seeds of a method or variant start from, each once."""
        return list(dict.fromkeys(self.pretraining_of(name, seed) for seed in seeds))

    def codon_encoder(self, name) -> CodonEncoder | None:
        """The encoder of a method that reads by codon, unfused if it trains the fusion, or None."""
        encoder = CodonEncoder.of(self.model_of(name, "encoder"))
        trains = self.method(name).trains_encoder
        return replace(encoder, unfused=True) if encoder and trains else encoder

    def implementation(self, name):
        """The module that implements a method, to hash its code."""
        return self.method(name).implementation.split(":")[0]

    def fusion(self, arm):
        """The modules of an arm's own: its fusion, and the encoders that it trains."""
        return ARMS[arm].modules

    def registered(self, name: str) -> dict:
        """The fields of a method's entry that can change a result; its title cannot."""
        return omit(vars(self.method(name)), "title")

    @property
    def plugins(self) -> list[str]:
        """The modules of the plugins, from which tables take titles."""
        return [Path(path).stem for path in self.settings["plugins"]]

    def control_modules(self, study: str) -> list[str]:
        """The modules that implement a study's controls from plugins."""
        places = [control.features for control in CONTROLS[study].values() if control.features]
        return [place.split(":")[0] for place in places]

    def resources(self, folder):
        """The hash of each file in a folder of resources/, so that an edit re-runs its readers."""
        return {path.name: sha256(path) for path in sorted((RESOURCES / folder).iterdir())}

    def arm_training(self, arm):
        """The settings that one arm is trained with."""
        codons = self.settings["codons"]
        return merge(codons["training"], codons["overrides"].get(arm, {}))

    def fusions(self):
        """The fusions of this run that are interpreted: those that read stored embeddings."""
        return [name for name in self.runs("codons") if ARMS[name].interpreted]

    def single_arms(self):
        """The arms of this run with one modality, whose predictions late fusion averages."""
        made_of = CONTROLS["codons"]["late_mean"].made_of
        return [name for name in made_of if name in self.settings["codons"]["arms"]]

    def variant_sets(self, suite):
        """The datasets of a suite that have variants."""
        return [
            name
            for name in self.language_suites[suite]
            if entries.has_variants(self.settings["datasets"][name])
        ]

    def embedded_in(self, dataset: str) -> list[str]:
        """The parts into which the embedding of a set is divided; empty if it is not."""
        name = dataset.partition("@")[0]
        return self._parts([name], "sequences_a_part")

    def answered_in(self, suite: str, name: str) -> list[str]:
        """The parts into which a method's answers to a suite are divided; empty if they are not."""
        generates = self.method(name).generates
        return self._parts(self.language_suites[suite], "prompts_a_part") if generates else []

    def _parts(self, datasets: list[str], key: str) -> list[str]:
        entries_of = {name: self.settings["datasets"][name] for name in datasets}
        count = parts.count(entries_of, self.settings["jobs"][key], f"jobs.{key}")
        return parts.names(count) if count > 1 else []
