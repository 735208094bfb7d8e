"""Estimates for encoders and study B: embeddings, arms and their interpretation."""

from collections.abc import Mapping
from dataclasses import replace

from seqfuse.plan.rehearsal import coefficients, workload
from seqfuse.plan.rehearsal.estimate import FLOAT, MOMENTS, Estimate, Estimator, row_flop
from seqfuse.plan.rehearsal.workload import Workload
from seqfuse.registry.arms import ARMS

# Synonymous codons that a codon has besides itself, on average over the genetic code.
_SYNONYMOUS = 2.4
# FLOP per trained parameter and token, forward and backward.
_TRAINED_FLOP = 6


class Reading(Estimator):
    """Estimates of `embeddings`, `codons_train` and `codons_interpret`."""

    def embeddings(self, wildcards) -> Estimate:
        """All sequences of a set, because which of them are stored already is not known."""
        dataset, encoder = wildcards.dataset, wildcards.encoder
        work = workload.of_dataset(self.run, dataset)
        letters = {"rna": 1, "protein": 3, "dna": 6, "sequence": 6}[wildcards.view]
        rows = sum(work.rows.values()) * work.sequences
        estimate = self.reading(
            encoder, rows * work.nucleotides.mean / letters, work.nucleotides.mean / letters
        )
        request = coefficients.of_encoder(self.run, encoder, "embed", self.precision)
        width = self.known.of(request)["resident"]["width"]
        stored = {"float16": 2, "float32": 4}[self.run.settings["embeddings"]["dtype"]]
        states = rows * work.nucleotides.mean / (3 if wildcards.view == "rna" else letters)
        return replace(estimate, disk=states * width * stored)

    def arm(self, wildcards) -> Estimate:
        """One arm with its trials and seeds; frozen states come from the store."""
        settings, arm = self.run.arm_training(wildcards.arm), ARMS[wildcards.arm]
        work = workload.of_dataset(self.run, wildcards.dataset)
        codons = work.nucleotides.map(lambda nt: nt / 3)
        width = settings["width"]
        parameters = settings["parameter_budget"] or 8 * width * settings["channels"] * 3
        entropies = max(1, len(settings["entropy"])) if arm.entropy else 1
        trainings = len(self.run.seeds) - 1 + len(settings["learning_rate"]) * entropies
        tokens = trainings * settings["epochs"] * work.rows.get("train", 0) * codons.mean
        read = sum(self._width(view) for view in arm.modalities)
        flops = tokens * _TRAINED_FLOP * (parameters + read * width)
        batch = settings["batch"] * codons.most * FLOAT
        estimate = Estimate(
            weights=FLOAT * parameters,
            gradients=FLOAT * parameters,
            optimiser=MOMENTS * FLOAT * parameters,
            activations=batch * (2 * read + 12 * width * max(1, len(arm.modalities))),
            host=self.host(sum(work.rows.values()) * codons.mean * read * 2),
            disk=trainings * 4 * FLOAT * parameters,
            tokens=tokens,
            flops=flops,
            seconds=self.card.seconds(flops, self.card.reading, settings["precision"]),
            remedy="codons.training.batch",
        )
        return self._tuned(estimate, wildcards, settings, work) if arm.tuning else estimate

    def _tuned(self, estimate: Estimate, wildcards, settings: Mapping, work: Workload) -> Estimate:
        """The same with the encoders that the arm trains."""
        letters = {"rna": 1, "protein": 3, "dna": 6}
        for view in settings["tuned"]:
            encoder = self.run.settings["codons"]["encoders"][view]
            traced = self.known.of(
                coefficients.of_encoder(self.run, encoder, "contrast", settings["precision"])
            )
            whole = ARMS[wildcards.arm].tuning != "lora"
            trained = FLOAT * traced["resident"]["trained"] * (1 if whole else 0.01)
            tokens = work.nucleotides.map(lambda nt, per=letters[view]: nt / per)
            flops = estimate.tokens * 3 / letters[view] * row_flop(traced, tokens.mean)
            at_once = settings["batch"] * tokens.most
            seconds = self.card.seconds(flops, self.card.training, settings["precision"])
            estimate = replace(
                estimate,
                weights=estimate.weights + traced["resident"]["bytes"],
                gradients=estimate.gradients + trained,
                optimiser=estimate.optimiser + MOMENTS * trained,
                activations=estimate.activations + traced["peak"]["tokens"] * at_once,
                flops=estimate.flops + flops,
                seconds=estimate.seconds + seconds,
            )
        return estimate

    def _width(self, view: str) -> float:
        encoder = self.run.settings["codons"]["encoders"].get(view)
        if encoder is None:
            return 64  # one-hot codons
        request = coefficients.of_encoder(self.run, encoder, "embed", self.precision)
        return self.known.of(request)["resident"]["width"]

    def interpret(self, wildcards) -> Estimate:
        """Every synonymous codon at every position of a few sequences, read by the encoders of DNA
        and mRNA."""
        settings = self.run.settings["codons"]
        work = workload.of_dataset(self.run, wildcards.dataset)
        rows = min(settings["interpretation"]["sequences"], work.rows.get("test", 0))
        nucleotides = work.nucleotides.mean
        mutants = rows * (1 + nucleotides / 3 * _SYNONYMOUS)
        parts = [
            self.reading(encoder, mutants * nucleotides / letters, nucleotides / letters)
            for encoder, letters in (
                (settings["encoders"]["dna"], 6),
                (settings["encoders"]["rna"], 1),
            )
        ]
        total = {
            name: sum(getattr(part, name) for part in parts)
            for name in ("weights", "tokens", "flops", "seconds")
        }
        return Estimate(
            **total,
            activations=max(part.activations for part in parts),
            host=max(part.host for part in parts),
            remedy="codons.interpretation.sequences",
        )
