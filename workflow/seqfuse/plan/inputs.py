"""The input functions of all stages: the files that a job reads, by the wildcards of its rule.

`wildcards` is any object with the rule's wildcards as attributes.
"""

from seqfuse.plan.artifacts import expand
from seqfuse.plan.by_codon import ByCodon
from seqfuse.plan.run import Run
from seqfuse.registry.arms import ARMS
from seqfuse.registry.codon_encoders import CodonEncoder
from seqfuse.registry.judges import REFERENCES
from seqfuse.registry.layouts import TEXT_LAYOUTS


class Inputs:
    """Input functions of the rules of one run."""

    def __init__(self, run: Run):
        self.run = run
        self.by_codon = ByCodon(run)

    def model_text(self, wildcards) -> list[str]:
        """The records from whose text a scratch language model learns its tokeniser."""
        entry = self.run.settings["models"][wildcards.model]
        if entry["kind"] != "scratch" or entry["layout"] not in TEXT_LAYOUTS:
            return []
        names = self.run.datasets("language")
        if self.run.pretrained():
            names = [*names, self.run.settings["language"]["pretrain"]["dataset"]]
        return expand("<results>/data/{dataset}/records.parquet", dataset=names)

    def records(self, wildcards):
        """The cleaned records of every dataset of a suite."""
        names = self.run.suites(getattr(wildcards, "study", "language"))[wildcards.suite]
        return expand("<results>/sequences/{dataset}/records.parquet", dataset=names)

    def clusters(self, wildcards):
        """The clusters of every dataset of a suite: which scored records are one sample."""
        names = self.run.suites(getattr(wildcards, "study", "language"))[wildcards.suite]
        return expand("<results>/sequences/{dataset}/clusters.parquet", dataset=names)

    def data_cards(self, wildcards):
        """The cards of every dataset of a suite: title, licence, citation."""
        return expand(
            "<results>/data/{dataset}/card.json", dataset=self.run.language_suites[wildcards.suite]
        )

    def embedded_table(self, wildcards):
        """The table with the sequences to embed: the records, or the codon frames."""
        table = "records" if wildcards.view == "sequence" else "frames"
        return f"<results>/sequences/{wildcards.dataset}/{table}.parquet"

    def embedded_columns(self, wildcards):
        """The columns of that table to embed."""
        return "sequence variant" if wildcards.view == "sequence" else wildcards.view

    def embedded_resolution(self, wildcards):
        """Whether a stored state is of a token, or of a codon (RNA, whose tokens are letters)."""
        return "codon" if wildcards.view == "rna" else "native"

    def embedded_parts(self, wildcards):
        """The receipts of the parts of a set's embedding, if it is divided."""
        if hasattr(wildcards, "part"):
            return []
        return expand(
            "<results>/embeddings/{dataset}/parts/{view}.{encoder}.{part}.json",
            dataset=wildcards.dataset,
            view=wildcards.view,
            encoder=wildcards.encoder,
            part=self.run.embedded_in(wildcards.dataset),
        )

    def answered_parts(self, wildcards):
        """The answers of the parts of a prediction, if it is divided."""
        if hasattr(wildcards, "part"):
            return []
        return expand(
            "<results>/language/{suite}/{method}/parts/{part}.jsonl",
            suite=wildcards.suite,
            method=wildcards.method,
            part=self.run.answered_in(wildcards.suite, wildcards.method),
        )

    def language_embeddings(self, wildcards):
        """The receipts of the frozen encoder states that a job's seeds read, one for each dataset,
        encoder after encoder."""
        if not self.run.method(wildcards.method).reads_store:
            return []
        return [
            f"<results>/embeddings/{dataset}/sequence.{encoder}.json"
            for encoder in self._encoders(wildcards)
            for dataset in self.run.language_suites[wildcards.suite]
        ]

    def method_encoder(self, wildcards):
        """The encoders whose states a method reads: one, or one for each seed."""
        if not self.run.method(wildcards.method).reads_store:
            return []
        return list(map(self.run.manifest, self._encoders(wildcards)))

    def trials(self, wildcards):
        """The results of the learning rates that are tried for a method on a suite."""
        return expand(
            "<results>/language/{suite}/{method}/rates/{rate}.json",
            suite=wildcards.suite,
            method=wildcards.method,
            rate=self.run.rates(wildcards.suite, wildcards.method),
        )

    def chosen_rate(self, wildcards):
        """The learning rate chosen from several by trials; a trial itself reads none."""
        if hasattr(wildcards, "rate") or not self.run.rates(wildcards.suite, wildcards.method):
            return []
        return f"<results>/language/{wildcards.suite}/{wildcards.method}/rate.json"

    def checkpoints(self, wildcards):
        """A method's trained model of every seed."""
        return expand(
            "<results>/language/{suite}/{method}/model/seed{seed}/manifest.json",
            suite=wildcards.suite,
            method=wildcards.method,
            seed=list(map(str, self.run.seeds)),
        )

    def language_backbone(self, wildcards):
        """The language model that a method or variant starts from."""
        return self.run.manifest(self.run.model_of(wildcards.method, "backbone"))

    def pretrained_adapter(self, wildcards):
        """SeqCLIP's adapter, for the methods that start from it."""
        if not self.run.method(wildcards.method).pretrained:
            return []
        return expand(
            "<results>/language/pretrain/{pretraining}/adapter.safetensors",
            pretraining=self.run.starts(
                wildcards.method, sorted(self.run.trained_seeds(wildcards))
            ),
        )

    def contrasted_states(self, wildcards):
        """The receipt of the states by codon of the pairs that a pre-training reads."""
        pairs = self.run.settings["language"]["pretrain"]["dataset"]
        encoder = self.run.pretrained_on(wildcards.pretraining)
        return f"<results>/embeddings/{pairs}/sequence.{encoder.word}.json"

    def _encoders(self, wildcards) -> list[str]:
        """The encoders that the seeds of a job read, in the order of seeds."""
        seeds = sorted(self.run.trained_seeds(wildcards))
        return self.run.encoders_of(wildcards.method, seeds)

    def tuned_encoder(self, wildcards):
        """The encoder that a method trains along with itself."""
        if not self.run.method(wildcards.method).trains_encoder:
            return []
        if self.run.codon_encoder(wildcards.method):
            words = self._encoders(wildcards)
            return [self._checkpoint(CodonEncoder.of(word)) for word in words]
        return [self.run.manifest(self.run.model_of(wildcards.method, "encoder"))]

    def codon_states(self, wildcards):
        """The inputs of a set's states by an encoder that reads by codon: the receipts of its
        modalities, the frames, which may be altered, and the checkpoint of an arm."""
        encoder = CodonEncoder.of(wildcards.fused)
        framed = wildcards.dataset + (f"@{encoder.altered}" if encoder.altered else "")
        models = self.run.settings["codons"]["encoders"]
        paths = {
            view: f"<results>/embeddings/{framed}/{view}.{models[view]}.json"
            for view in encoder.modalities
        }
        paths["frames"] = f"<results>/sequences/{framed}/frames.parquet"
        return paths | ({"arm": self._checkpoint(encoder)} if encoder.arm else {})

    def _checkpoint(self, encoder: CodonEncoder) -> str:
        return f"<results>/codons/{encoder.set}/{encoder.arm}/seed{encoder.seed}.safetensors"

    def arm_embeddings(self, wildcards):
        """The receipts of an arm's modalities, by modality."""
        arm = ARMS[wildcards.arm]
        weights = "@random" if arm.random else ""
        return {
            modality: (
                f"<results>/embeddings/{self.arm_set(wildcards)}/"
                f"{modality}.{self.run.settings['codons']['encoders'][modality]}{weights}.json"
            )
            for modality in arm.modalities
            if modality not in arm.trains(self.run.arm_training(arm.name)["tuned"])
        }

    def arm_models(self, wildcards):
        """The encoders that an arm trains, by the flag for their folder."""
        tuned = ARMS[wildcards.arm].trains(self.run.arm_training(wildcards.arm)["tuned"])
        return {
            f"{modality}_model": self.run.manifest(
                self.run.settings["codons"]["encoders"][modality]
            )
            for modality in tuned
        }

    def arm_set(self, wildcards):
        """The set whose frames an arm reads: the dataset, or its copy with shuffled codons."""
        shuffled = ARMS[wildcards.arm].shuffled
        return f"{wildcards.dataset}@{shuffled}" if shuffled else wildcards.dataset

    def fused_embeddings(self, wildcards):
        """The receipts of every modality that a fusion of this run reads."""
        views = dict.fromkeys(view for arm in self.run.fusions() for view in ARMS[arm].modalities)
        return {
            view: f"<results>/embeddings/{wildcards.dataset}/"
            f"{view}.{self.run.settings['codons']['encoders'][view]}.json"
            for view in views
        }

    def judged_predictions(self, wildcards):
        """The predictions to judge; the judge's controls need only the records."""
        if wildcards.method in REFERENCES:
            return []
        return "<results>/language/{suite}/{method}/predictions.parquet"
