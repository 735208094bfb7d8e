"""What study A's trainings take: pre-training of an encoder and fine-tuning of every method."""

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

# How many tokens go through a model at once, where the configuration leaves that open.
_CHUNKS = (32768, 16384, 8192, 4096, 2048, 1024)
_CPU_CHUNK, FEWEST_TOKENS = 16384, _CHUNKS[-1]


class Learning(Estimator):
    """Estimates of `language_pretrain`, `language_trial` and `language_finetune`."""

    def pretrain(self, wildcards) -> Estimate:
        """SeqCLIP's contrast: genes are read, and learnt from chunk by chunk, beside a tower of
        text that is only read."""
        given, name = self.run.contrasting(wildcards.pretraining), wildcards.pretraining
        encoder = self.run.model_of(name, "encoder")
        pairs = self.run.settings["language"]["pretrain"]["dataset"]
        work, precision = workload.of_dataset(self.run, pairs), given["precision"]
        words = min(512, work.question.mean + work.answer.mean)
        if self.run.pretrained_on(name):
            # An adapter of stored states takes next to nothing; each description is read once.
            tower = self.run.model_of(name, "text_encoder")
            return self.reading(tower, sum(work.rows.values()) * words, words)
        learns = "contrast" if given["train_encoder"] else "embed"
        found = self.known.of(coefficients.of_encoder(self.run, encoder, learns, precision))
        read = self.known.of(coefficients.of_encoder(self.run, encoder, "embed", precision))
        tower = self.known.of(
            coefficients.of_text(self.run, self.run.model_of(name, "text_encoder"), precision)
        )
        genes = work.nucleotides.map(lambda nt: work.sequences * (nt // 6 + nt % 6))
        tokens = given["steps"] * given["batch"] * genes.mean
        texts = given["steps"] * given["batch"] * words
        flops = tokens * (row_flop(found, genes.mean) + row_flop(read, genes.mean))
        flops += texts * row_flop(tower, 256)
        at_once = min(given["chunk_tokens"], given["batch"] * genes.most)
        trained = FLOAT * found["resident"]["trained"]
        peak = found["peak"]["fixed"] + found["peak"]["tokens"] * max(at_once, genes.most)
        memory = {
            "weights": found["resident"]["bytes"] + tower["resident"]["bytes"],
            "gradients": trained,
            "optimiser": MOMENTS * trained,
            "activations": self.alive(peak - trained),
        }
        held = FLOAT * 2 * found["resident"]["parameters"] + 3 * trained
        resting = memory["weights"] + memory["optimiser"]
        return Estimate(
            **memory,
            host=self.host(held, resting, sum(memory.values())),
            disk=FLOAT * found["resident"]["parameters"] + 4 * trained,
            tokens=tokens + texts,
            flops=flops,
            seconds=self.card.seconds(flops, self.card.training, precision),
            remedy="language.pretrain.chunk_tokens",
        )

    def finetune(self, wildcards) -> Estimate:
        """One method on one suite with the job's seeds."""
        suite, name = wildcards.suite, wildcards.method
        given = self.run.finetuning(suite, name)
        fitted = self.fitted(suite, name)
        found = self._finetuning(suite, name, fitted["gradient_checkpointing"])
        memory = self._step(suite, name, found, fitted["chunk_tokens"])
        steps, work = self._steps(suite, given), self.suite(suite, name)
        longest = max(p.learnt.most for _, p in work)
        rows = sum(w.rows.get("train", 0) for w, _ in work)
        validated = min(given["validation_rows"], sum(w.rows.get("val", 0) for w, _ in work))
        share = sum(
            w.rows.get("train", 0) / max(1, rows) * prompt_flop(found, p.learnt, p) for w, p in work
        )
        tokens = sum(w.rows.get("train", 0) / max(1, rows) * p.learnt.mean for w, p in work)
        examples, validations = steps * given["batch"], max(1, steps // given["validate_every"])
        seeds = len(self._waiting(wildcards))
        # Reading is a third of learning.
        flops = seeds * share * (examples + validations * validated / 3)
        parameters, trained = found["resident"]["parameters"], found["resident"]["trained"]
        gpu = self.run.settings["gpu"]
        gpus = gpu["count"] * gpu["nodes"]
        saved = FLOAT * (parameters if self.run.method(name).generates else trained)
        best = FLOAT * trained
        if self.kind == "cuda":
            host = self.host(2 * saved + 3 * best)
        else:  # the best weights stand beside a step, and the saved ones beside those
            resting = memory["weights"] + memory["optimiser"]
            host = best + self.host(saved, resting, sum(memory.values()))
        return Estimate(
            **memory,
            host=host,
            disk=seeds * saved + (MOMENTS + 2) * FLOAT * trained,
            tokens=seeds * tokens * examples,
            flops=flops,
            seconds=self.card.seconds(flops, self.card.training, given["precision"]) / gpus,
            gpus=gpus,
            remedy=self._remedy(given, fitted),
            notes=fitted | {"steps": steps, "examples": examples, "longest": longest},
        )

    def _waiting(self, wildcards) -> list[int]:
        """The seeds that a job trains; of several learning rates, the trial of the chosen one has
        trained the first seed already."""
        seeds = self.run.trained_seeds(wildcards)
        tried = self.run.rates(wildcards.suite, wildcards.method)
        if not tried or hasattr(wildcards, "rate"):
            return seeds
        return [seed for seed in seeds if seed != self.run.seeds[0]]

    def fitted(self, suite: str, name: str) -> dict:
        """Whether a fine-tuning recomputes activations, and how many tokens go through its model at
        once: as the configuration says, and where it leaves that open, what the card has room for.

        Without recomputation where at least the longest row fits, because that is a third less
        work.
        """
        given = self.run.finetuning(suite, name)
        checkpointing, tokens = given["gradient_checkpointing"], given["chunk_tokens"]
        open_ = [False, True] if checkpointing is None else [checkpointing]
        sizes = _CHUNKS if tokens is None else (tokens,)
        if self.card.room is None or len(open_) * len(sizes) == 1:
            return {
                "gradient_checkpointing": bool(checkpointing),
                "chunk_tokens": tokens or _CPU_CHUNK,
            }
        longest = max(p.learnt.most for _, p in self.suite(suite, name))
        for recomputes in open_:
            found = self._finetuning(suite, name, recomputes)
            for size in sizes:
                if size >= longest:
                    step = sum(self._step(suite, name, found, size).values())
                    if step <= self.card.room:
                        return {"gradient_checkpointing": recomputes, "chunk_tokens": size}
        return {"gradient_checkpointing": open_[-1], "chunk_tokens": sizes[-1]}

    def _finetuning(self, suite: str, name: str, checkpointing: bool) -> dict:
        generates = self.run.method(name).generates
        request = coefficients.of_method(
            self.run, suite, name, "finetune", checkpointing=checkpointing and generates
        )
        return self.known.of(request)

    def _step(self, suite: str, name: str, found: Mapping, chunk: int) -> dict[str, float]:
        """Bytes of a step, by what they are; its largest chunk is as many rows of the longest as
        go into `chunk` tokens, and one at least."""
        given, gpu = self.run.finetuning(suite, name), self.run.settings["gpu"]
        longest = max((p for _, p in self.suite(suite, name)), key=lambda p: p.learnt.most)
        rows = max(1, min(chunk // max(1, int(longest.learnt.most)), given["batch"]))
        batch = {
            "fixed": 1,
            "tokens": rows * longest.learnt.most,
            "states": rows * longest.states.most,
            "answers": rows * longest.answer.most,
        }
        peak = sum(found["peak"].get(key, 0) * value for key, value in batch.items())
        trained = FLOAT * found["resident"]["trained"]
        processes = gpu["count"] * gpu["nodes"]
        share = 1 / processes if given["fsdp"] and processes > 1 else 1
        logits = self.card.logits if self.run.method(name).generates else 0
        return {
            "weights": found["resident"]["bytes"] * share,
            "gradients": trained * share,
            "optimiser": MOMENTS * trained * share,
            "activations": self.alive(peak - trained) + logits,
        }

    def _remedy(self, given: Mapping, fitted: Mapping) -> str:
        """The key to change where a fine-tuning does not fit."""
        if not fitted["gradient_checkpointing"]:
            return "language.training.gradient_checkpointing: true"
        if fitted["chunk_tokens"] > _CHUNKS[-1]:
            return "language.training.chunk_tokens: null"
        if not given["lora_rank"] and not given["fsdp"]:
            return "language.training.fsdp: true with gpu.count: 2, or lora_rank: 8"
        return "sequences.max_length with too_long: window, gpu.count, or a smaller backbone"

    def _steps(self, suite: str, given: Mapping) -> int:
        if given["epochs"] is None:
            return given["steps"]
        rows = sum(
            workload.of_dataset(self.run, name).rows.get("train", 0)
            for name in self.run.language_suites[suite]
        )
        return max(1, round(given["epochs"] * rows / given["batch"]))
