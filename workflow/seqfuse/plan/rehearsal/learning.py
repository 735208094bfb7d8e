"""Estimates for study A's training: pre-training of an encoder, fine-tuning of every method."""

from collections.abc import Mapping

from seqfuse.plan.rehearsal import coefficients, workload
from seqfuse.plan.rehearsal.estimate import (
    FLOAT,
    MOMENTS,
    Estimate,
    Estimator,
    prompt_flop,
    row_flop,
)

# Tokens that go through a model at once, from which to choose if the configuration does not.
_CHUNKS = (32768, 16384, 8192, 4096, 2048, 1024)
_CPU_CHUNK, FEWEST_TOKENS = 16384, _CHUNKS[-1]


class Learning(Estimator):
    """Estimates of `language_pretrain`, `language_trial` and `language_finetune`."""

    def pretrain(self, wildcards) -> Estimate:
        """SeqCLIP's contrastive pre-training: every gene is read once for the loss and once for
        the gradient, chunk by chunk; the text encoder is frozen."""
        settings, name = self.run.contrasting(wildcards.pretraining), wildcards.pretraining
        encoder = self.run.model_of(name, "encoder")
        pairs = self.run.settings["language"]["pretrain"]["dataset"]
        work, precision = workload.of_dataset(self.run, pairs), settings["precision"]
        words = min(512, work.question.mean + work.answer.mean)
        if self.run.pretrained_on(name):
            # An adapter of stored states takes next to nothing; each description is read once.
            tower = self.run.model_of(name, "text_encoder")
            return self.reading(tower, sum(work.rows.values()) * words, words)
        job = "contrast" if settings["train_encoder"] else "embed"
        trained_encoder = self.known.of(coefficients.of_encoder(self.run, encoder, job, precision))
        read = self.known.of(coefficients.of_encoder(self.run, encoder, "embed", precision))
        tower = self.known.of(
            coefficients.of_text(self.run, self.run.model_of(name, "text_encoder"), precision)
        )
        genes = work.nucleotides.map(lambda nt: work.sequences * (nt // 6 + nt % 6))
        examples = settings["steps"] * settings["batch"]
        tokens, texts = examples * genes.mean, examples * words
        flops = tokens * (row_flop(trained_encoder, genes.mean) + row_flop(read, genes.mean))
        flops += texts * row_flop(tower, 256)
        at_once = max(genes.most, min(settings["chunk_tokens"], settings["batch"] * genes.most))
        resident, alive = trained_encoder["resident"], trained_encoder["peak"]
        trained = FLOAT * resident["trained"]
        peak = alive["fixed"] + alive["tokens"] * at_once
        memory = {
            "weights": resident["bytes"] + tower["resident"]["bytes"],
            "gradients": trained,
            "optimiser": MOMENTS * trained,
            "activations": self.alive(peak - trained),
        }
        held = FLOAT * 2 * resident["parameters"] + 3 * trained
        resting = memory["weights"] + memory["optimiser"]
        return Estimate(
            **memory,
            host=self.host(held, resting, sum(memory.values())),
            disk=FLOAT * resident["parameters"] + 4 * trained,
            tokens=tokens + texts,
            flops=flops,
            seconds=self.card.seconds(flops, self.card.training, precision),
            remedy="language.pretrain.chunk_tokens",
        )

    def finetune(self, wildcards) -> Estimate:
        """The fine-tuning of one method on one suite, with the seeds of the job."""
        suite, name = wildcards.suite, wildcards.method
        settings = self.run.finetuning(suite, name)
        fitted = self.fitted(suite, name)
        traced = self._finetuning(suite, name, fitted["gradient_checkpointing"])
        memory = self._step(suite, name, traced, fitted["chunk_tokens"])
        steps, work = self._steps(suite, settings), self.suite(suite, name)
        longest = max(p.learnt.most for _, p in work)
        rows = sum(w.rows.get("train", 0) for w, _ in work)
        validated = min(settings["validation_rows"], sum(w.rows.get("val", 0) for w, _ in work))
        shares = [(w.rows.get("train", 0) / max(1, rows), p) for w, p in work]
        flops_a_row = sum(share * prompt_flop(traced, p.learnt, p) for share, p in shares)
        tokens = sum(share * p.learnt.mean for share, p in shares)
        examples = steps * settings["batch"]
        validations = max(1, steps // settings["validate_every"])
        seeds = len(self._waiting(wildcards))
        # A forward pass is a third of a training step.
        flops = seeds * flops_a_row * (examples + validations * validated / 3)
        parameters, trained = traced["resident"]["parameters"], traced["resident"]["trained"]
        gpu = self.run.settings["gpu"]
        gpus = gpu["count"] * gpu["nodes"]
        saved = FLOAT * (parameters if self.run.method(name).generates else trained)
        best = FLOAT * trained
        if self.kind == "cuda":
            host = self.host(2 * saved + 3 * best)
        else:  # besides a step, the host holds the best weights, and those being saved
            resting = memory["weights"] + memory["optimiser"]
            host = best + self.host(saved, resting, sum(memory.values()))
        return Estimate(
            **memory,
            host=host,
            disk=seeds * saved + (MOMENTS + 2) * FLOAT * trained,
            tokens=seeds * tokens * examples,
            flops=flops,
            seconds=self.card.seconds(flops, self.card.training, settings["precision"]) / gpus,
            gpus=gpus,
            remedy=self._remedy(settings, fitted),
            notes=fitted | {"steps": steps, "examples": examples, "longest": longest},
        )

    def _waiting(self, wildcards) -> list[int]:
        """The seeds that a job still trains: if learning rates were tried, the trial of the chosen
        one has trained the first seed."""
        seeds = self.run.trained_seeds(wildcards)
        trials = self.run.rates(wildcards.suite, wildcards.method)
        if not trials or hasattr(wildcards, "rate"):
            return seeds
        return [seed for seed in seeds if seed != self.run.seeds[0]]

    def fitted(self, suite: str, name: str) -> dict:
        """Whether a fine-tuning uses gradient checkpointing, and how many tokens go through its
        model at once: as the configuration says, or else what fits the card.

        Gradient checkpointing is left off if at least the longest row fits without it, because
        that saves a third of the work.
        """
        settings = self.run.finetuning(suite, name)
        checkpointing, tokens = settings["gradient_checkpointing"], settings["chunk_tokens"]
        choices = [False, True] if checkpointing is None else [checkpointing]
        sizes = _CHUNKS if tokens is None else (tokens,)
        if self.card.room is None or len(choices) * len(sizes) == 1:
            return {
                "gradient_checkpointing": bool(checkpointing),
                "chunk_tokens": tokens or _CPU_CHUNK,
            }
        longest = max(p.learnt.most for _, p in self.suite(suite, name))
        for recomputes in choices:
            traced = self._finetuning(suite, name, recomputes)
            for size in sizes:
                if size >= longest:
                    step = sum(self._step(suite, name, traced, size).values())
                    if step <= self.card.room:
                        return {"gradient_checkpointing": recomputes, "chunk_tokens": size}
        return {"gradient_checkpointing": choices[-1], "chunk_tokens": sizes[-1]}

    def _finetuning(self, suite: str, name: str, checkpointing: bool) -> dict:
        generates = self.run.method(name).generates
        request = coefficients.of_method(
            self.run, suite, name, "finetune", checkpointing=checkpointing and generates
        )
        return self.known.of(request)

    def _step(self, suite: str, name: str, traced: Mapping, chunk: int) -> dict[str, float]:
        """Bytes of a training step by kind. Its largest chunk has as many rows of the greatest
        length as fit into `chunk` tokens, at least one."""
        settings, gpu = self.run.finetuning(suite, name), self.run.settings["gpu"]
        longest = max((p for _, p in self.suite(suite, name)), key=lambda p: p.learnt.most)
        rows = max(1, min(chunk // max(1, int(longest.learnt.most)), settings["batch"]))
        batch = {
            "fixed": 1,
            "tokens": rows * longest.learnt.most,
            "states": rows * longest.states.most,
            "answers": rows * longest.answer.most,
        }
        peak = sum(traced["peak"].get(key, 0) * value for key, value in batch.items())
        trained = FLOAT * traced["resident"]["trained"]
        processes = gpu["count"] * gpu["nodes"]
        share = 1 / processes if settings["fsdp"] and processes > 1 else 1
        logits = self.card.logits if self.run.method(name).generates else 0
        return {
            "weights": traced["resident"]["bytes"] * share,
            "gradients": trained * share,
            "optimiser": MOMENTS * trained * share,
            "activations": self.alive(peak - trained) + logits,
        }

    def _remedy(self, settings: Mapping, fitted: Mapping) -> str:
        """The key to change if a fine-tuning does not fit."""
        if not fitted["gradient_checkpointing"]:
            return "language.training.gradient_checkpointing: true"
        if fitted["chunk_tokens"] > _CHUNKS[-1]:
            return "language.training.chunk_tokens: null"
        if not settings["lora_rank"] and not settings["fsdp"]:
            return "language.training.fsdp: true with gpu.count: 2, or lora_rank: 8"
        return "sequences.max_length with too_long: window, gpu.count, or a smaller backbone"

    def _steps(self, suite: str, settings: Mapping) -> int:
        if settings["epochs"] is None:
            return settings["steps"]
        rows = sum(
            workload.of_dataset(self.run, name).rows.get("train", 0)
            for name in self.run.language_suites[suite]
        )
        return max(1, round(settings["epochs"] * rows / settings["batch"]))
