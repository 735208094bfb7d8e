"""What encoders and study B take: embeddings, arms and their interpretation."""

from collections.abc import Mapping
from dataclasses import replace

from seqfuse.plan.rehearsal import coefficients, workload
from seqfuse.plan.rehearsal.estimate import FLOAT, MOMENTS, Estimate, Estimator, row_flop
from seqfuse.plan.rehearsal.workload import Workload
from seqfuse.registry.arms import ARMS

# A codon has so many synonymous ones besides itself, on average over the code.
_SYNONYMOUS = 2.4
# FLOP of a trained parameter and token: forward and backward.
_TRAINED_FLOP = 6


class Reading(Estimator):
    """Estimates of `embeddings`, `codons_train` and `codons_interpret`."""

    def embeddings(self, wildcards) -> Estimate:
        """What the store does not hold yet is not known before: all of a set's sequences."""
        dataset, encoder = wildcards.dataset, wildcards.encoder
        work = workload.of_dataset(self.run, dataset)
        letters = {"rna": 1, "protein": 3, "dna": 6, "sequence": 6}[wildcards.view]
        rows = sum(work.rows.values()) * work.sequences
        found = self.reading(
            encoder, rows * work.nucleotides.mean / letters, work.nucleotides.mean / letters
        )
        request = coefficients.of_encoder(self.run, encoder, "embed", self.precision)
        width = self.known.of(request)["resident"]["width"]
        stored = {"float16": 2, "float32": 4}[self.run.settings["embeddings"]["dtype"]]
        states = rows * work.nucleotides.mean / (3 if wildcards.view == "rna" else letters)
        return replace(found, disk=states * width * stored)

    def arm(self, wildcards) -> Estimate:
        """One arm, its trials and every seed; frozen states come from the store."""
        given, arm = self.run.arm_training(wildcards.arm), ARMS[wildcards.arm]
        work = workload.of_dataset(self.run, wildcards.dataset)
        codons = work.nucleotides.map(lambda nt: nt / 3)
        parameters = given["parameter_budget"] or 8 * given["width"] * given["channels"] * 3
        fits = (
            len(self.run.seeds)
            - 1
            + len(given["learning_rate"]) * max(1, len(given["entropy"]) if arm.entropy else 1)
        )
        tokens = fits * given["epochs"] * work.rows.get("train", 0) * codons.mean
        width = sum(self._width(view) for view in arm.modalities)
        flops = tokens * _TRAINED_FLOP * (parameters + width * given["width"])
        batch = given["batch"] * codons.most * FLOAT
        found = Estimate(
            weights=FLOAT * parameters,
            gradients=FLOAT * parameters,
            optimiser=MOMENTS * FLOAT * parameters,
            activations=batch * (2 * width + 12 * given["width"] * max(1, len(arm.modalities))),
            host=self.host(sum(work.rows.values()) * codons.mean * width * 2),
            disk=fits * 4 * FLOAT * parameters,
            tokens=tokens,
            flops=flops,
            seconds=self.card.seconds(flops, self.card.reading, given["precision"]),
            remedy="codons.training.batch",
        )
        return self._tuned(found, wildcards, given, work) if arm.tuning else found

    def _tuned(self, found: Estimate, wildcards, given: Mapping, work: Workload) -> Estimate:
        """With the encoders that an arm trains."""
        letters = {"rna": 1, "protein": 3, "dna": 6}
        for view in given["tuned"]:
            encoder = self.run.settings["codons"]["encoders"][view]
            learnt = self.known.of(
                coefficients.of_encoder(self.run, encoder, "contrast", given["precision"])
            )
            whole = ARMS[wildcards.arm].tuning != "lora"
            trained = FLOAT * learnt["resident"]["trained"] * (1 if whole else 0.01)
            tokens = work.nucleotides.map(lambda nt, per=letters[view]: nt / per)
            flops = found.tokens * 3 / letters[view] * row_flop(learnt, tokens.mean)
            at_once = given["batch"] * tokens.most
            seconds = self.card.seconds(flops, self.card.training, given["precision"])
            found = replace(
                found,
                weights=found.weights + learnt["resident"]["bytes"],
                gradients=found.gradients + trained,
                optimiser=found.optimiser + MOMENTS * trained,
                activations=found.activations + learnt["peak"]["tokens"] * at_once,
                flops=found.flops + flops,
                seconds=found.seconds + seconds,
            )
        return found

    def _width(self, view: str) -> float:
        encoder = self.run.settings["codons"]["encoders"].get(view)
        if encoder is None:
            return 64  # one-hot codons
        request = coefficients.of_encoder(self.run, encoder, "embed", self.precision)
        return self.known.of(request)["resident"]["width"]

    def interpret(self, wildcards) -> Estimate:
        """Every synonymous codon at every place of a few sequences, read by both encoders of
        nucleotides."""
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
