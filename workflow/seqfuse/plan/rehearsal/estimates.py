"""What one job takes: memory, work, time, disk. From coefficients, a workload and a card."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

from seqfuse.plan.rehearsal import coefficients, workload
from seqfuse.plan.rehearsal.cards import Card
from seqfuse.plan.rehearsal.coefficients import Coefficients
from seqfuse.plan.rehearsal.workload import Prompted, Workload
from seqfuse.plan.run import Run
from seqfuse.registry.arms import ARMS

_FLOAT = 4
# AdamW keeps two moments of every trained parameter.
_MOMENTS = 2
# What a process takes before it has a model, and what more with a GPU.
_PROCESS, _DRIVER = 1.0e9, 2.5e9
# Tokens of a batch that is answered, by kind of device, and prompts (language/answers/decoding.py);
# those of sequences that are embedded at once (encoders/embedder.py); steps between two validations
# of a pre-training read about as much as one step.
_ANSWERED, _PROMPTS, _EMBEDDED = {"cpu": 16384, "cuda": 65536}, 256, {"cpu": 500, "cuda": 65536}
# Where an answer is no reasoning, it is a label: as many tokens at most.
_LABEL_ROOM = 24
# A token of an answer takes at least so long, whatever it moves (s).
_STEP_SECONDS = {"cpu": 0.0, "cuda": 0.03}
# How many tokens go through a model at once, where the configuration leaves that open.
_CHUNKS = (32768, 16384, 8192, 4096, 2048, 1024)
_CPU_CHUNK, FEWEST_TOKENS = 16384, _CHUNKS[-1]
# A codon has so many synonymous ones besides itself, on average over the code.
_SYNONYMOUS = 2.4
# FLOP of a trained parameter and token: forward and backward.
_TRAINED_FLOP = 6


@dataclass(frozen=True)
class Estimate:
    """What a job takes: bytes of the weights, of gradients, of the optimiser and of what is alive
    beside them at the peak; of the host's memory and of disk; tokens, FLOP and seconds; and what to
    change where it does not fit."""

    weights: float = 0
    gradients: float = 0
    optimiser: float = 0
    activations: float = 0
    host: float = 0
    disk: float = 0
    tokens: float = 0
    flops: float = 0
    seconds: float = 0
    gpus: int = 1
    remedy: str = ""
    notes: Mapping[str, object] = field(default_factory=dict)

    @property
    def memory(self) -> float:
        """Bytes at the peak, where the model computes."""
        return self.weights + self.gradients + self.optimiser + self.activations

    @property
    def gpu_hours(self) -> float:
        """Hours of all its GPUs."""
        return self.seconds * self.gpus / 3600

    def fits(self, card: Card) -> bool:
        """Whether the card has room for it; of a CPU, the machine has."""
        return card.room is None or self.memory <= card.room

    def needed(self, card: Card) -> float:
        """Bytes of the node's memory."""
        return self.host + (self.memory if card.room is None else 0)


class Estimates:
    """The estimates of one run's jobs on one card."""

    def __init__(self, run: Run, card: Card, known: Coefficients | None = None):
        self.run, self.card = run, card
        self.known = known or Coefficients()
        self.kind = "cpu" if card.room is None else "cuda"
        self._rules: dict[str, Callable[[SimpleNamespace], Estimate]] = {
            "language_pretrain": self.pretrain,
            "language_trial": self.finetune,
            "language_finetune": self.finetune,
            "language_predict": self.predict,
            "language_probe": self.probe,
            "language_attention": self.attention,
            "embeddings": self.embeddings,
            "codons_train": self.arm,
            "codons_train_weighed": self.arm,
            "codons_interpret": self.interpret,
        }

    def of(self, rule: str, wildcards: SimpleNamespace) -> Estimate | None:
        """The estimate of a job; None of a rule that computes with no model."""
        return self._rules[rule](wildcards) if rule in self._rules else None

    # --- study A ----------------------------------------------------------------------------------

    def finetune(self, wildcards) -> Estimate:
        """One method on one suite with the job's seeds."""
        suite, name = wildcards.suite, wildcards.method
        given = self.run.finetuning(suite, name)
        fitted = self.fitted(suite, name)
        found = self._finetuning(suite, name, fitted["gradient_checkpointing"])
        memory = self._step(suite, name, found, fitted["chunk_tokens"])
        steps, work = self._steps(suite, given), self._suite(suite, name)
        longest = max(p.learnt.most for _, p in work)
        rows = sum(w.rows.get("train", 0) for w, _ in work)
        validated = min(given["validation_rows"], sum(w.rows.get("val", 0) for w, _ in work))
        share = sum(
            w.rows.get("train", 0) / max(1, rows) * self._flops(found, p.learnt, p) for w, p in work
        )
        tokens = sum(w.rows.get("train", 0) / max(1, rows) * p.learnt.mean for w, p in work)
        examples, validations = steps * given["batch"], max(1, steps // given["validate_every"])
        seeds = len(self.run.trained_seeds(wildcards))
        # Reading is a third of learning.
        flops = seeds * share * (examples + validations * validated / 3)
        parameters, trained = found["resident"]["parameters"], found["resident"]["trained"]
        gpu = self.run.settings["gpu"]
        gpus = gpu["count"] * gpu["nodes"]
        saved = _FLOAT * (parameters if self.run.method(name).generates else trained)
        copies = 2 * saved + 3 * _FLOAT * trained
        return Estimate(
            **memory,
            host=self._host(copies),
            disk=seeds * saved + (_MOMENTS + 2) * _FLOAT * trained,
            tokens=seeds * tokens * examples,
            flops=flops,
            seconds=self.card.seconds(flops, self.card.training, given["precision"]) / gpus,
            gpus=gpus,
            remedy=self._remedy(given, fitted),
            notes=fitted | {"steps": steps, "examples": examples, "longest": longest},
        )

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
        longest = max(p.learnt.most for _, p in self._suite(suite, name))
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
        longest = max((p for _, p in self._suite(suite, name)), key=lambda p: p.learnt.most)
        rows = max(1, min(chunk // max(1, int(longest.learnt.most)), given["batch"]))
        batch = {
            "fixed": 1,
            "tokens": rows * longest.learnt.most,
            "states": rows * longest.states.most,
            "answers": rows * longest.answer.most,
        }
        peak = sum(found["peak"].get(key, 0) * value for key, value in batch.items())
        trained = _FLOAT * found["resident"]["trained"]
        processes = gpu["count"] * gpu["nodes"]
        share = 1 / processes if given["fsdp"] and processes > 1 else 1
        logits = self.card.logits if self.run.method(name).generates else 0
        return {
            "weights": found["resident"]["bytes"] * share,
            "gradients": trained * share,
            "optimiser": _MOMENTS * trained * share,
            "activations": self._alive(peak - trained) + logits,
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

    def _suite(self, suite: str, name: str) -> list[tuple[Workload, Prompted]]:
        works = [workload.of_dataset(self.run, d) for d in self.run.language_suites[suite]]
        return [(work, workload.of_method(self.run, suite, name, work)) for work in works]

    @staticmethod
    def _flops(found: Mapping, length, prompted: Prompted, answers: float | None = None) -> float:
        """FLOP of one row of a mean length."""
        flops, learnt = found["flops"], prompted.answer.mean if answers is None else answers
        return (
            flops["tokens"] * length.mean
            + flops["squares"] * length.mean**2
            + flops["states"] * prompted.states.mean
            + flops["answers"] * learnt
        )

    def predict(self, wildcards) -> Estimate:
        """Validation and test rows, asked of every seed."""
        most = self.run.settings["language"]["prediction"]["validation_rows"]
        asked = [
            (min(w.rows.get("val", 0), most or math.inf) + w.rows.get("test", 0), p)
            for w, p in self._suite(wildcards.suite, wildcards.method)
        ]
        return self._answers(wildcards, asked)

    def probe(self, wildcards) -> Estimate:
        """A sample of test rows under every probe, with the encoder that reads them anew."""
        settings = self.run.settings["language"]["probe"]
        times = 1 + len(settings["probes"])
        asked = [
            (times * min(settings["rows"], w.rows.get("test", 0)), p)
            for w, p in self._suite(wildcards.suite, wildcards.method)
        ]
        found = self._answers(wildcards, asked)
        if not self.run.method(wildcards.method).reads_store:
            return found
        tokens = sum(rows * p.states.mean for rows, p in asked)
        return self._with_encoder(found, wildcards.method, tokens)

    def _with_encoder(self, found: Estimate, method: str, tokens: float) -> Estimate:
        name = self.run.model_of(method, "encoder")
        read = self._reading(name, tokens, 1000)
        return replace(
            found,
            weights=found.weights + read.weights,
            flops=found.flops + read.flops,
            seconds=found.seconds + read.seconds,
        )

    def _answers(
        self,
        wildcards,
        asked: list[tuple[float, Prompted]],
        writes: bool = True,
        beside: float = 0,
    ) -> Estimate:
        """So many prompts of each kind, of every seed: read at once, answered token by token, or
        by the likelihood of their labels alone; `beside` are bytes that this takes, too.

        As many are answered at once as the card has room for: batches are halved until they fit.
        """
        suite, name = wildcards.suite, wildcards.method
        language, seeds = self.run.settings["language"], len(self.run.seeds)
        wanted = language["prediction"]["precision"]
        given = self.run.finetuning(suite, name)
        precision = given["precision"] if wanted == "training" else wanted
        request = coefficients.of_method(self.run, suite, name, "predict", precision=precision)
        found = self.known.of(request)
        resident, rows = found["resident"], sum(count for count, _ in asked)
        longest = max(p.prompt.most for _, p in asked)
        reasons = writes and any(p.answer.most > _LABEL_ROOM for _, p in asked)
        room = language["prompt"]["max_new_tokens"] if reasons else _LABEL_ROOM
        flops = sum(
            count * self._flops(found, p.prompt, p, answers=0)
            + count * p.answer.mean * found["flops"]["tokens"] * writes
            for count, p in asked
        )
        seconds = self.card.seconds(flops, self.card.reading, precision)
        states = max(p.states.most for _, p in asked)

        def alive(prompts: float) -> float:
            batch = {"fixed": 1, "tokens": prompts * longest, "squares": prompts * longest**2}
            batch["states"] = prompts * states
            peak = sum(found["peak"].get(key, 0) * value for key, value in batch.items())
            # Caches grow by being copied.
            return max(0.0, peak) + 2 * resident["cached"] * room * prompts + beside

        at_once = min(rows, _PROMPTS, max(1, _ANSWERED[self.kind] // (longest + room)))
        while (
            self.card.room and at_once > 1 and resident["bytes"] + alive(at_once) > self.card.room
        ):
            at_once = max(1, at_once // 2)
        cached = resident["cached"] * (longest + room) * at_once
        if writes and self.run.method(name).generates:
            batches = math.ceil(rows / max(1, at_once))
            moved = resident["bytes"] + cached
            step = moved / (1e12 * self.card.bandwidth * self.card.writing)
            # A batch goes on until its last row has ended.
            longest_answer = max(p.answer.most for _, p in asked)
            seconds += batches * longest_answer * max(step, _STEP_SECONDS[self.kind])
        return Estimate(
            weights=resident["bytes"],
            activations=alive(at_once),
            host=self._host(_FLOAT * resident["parameters"]),
            tokens=seeds * sum(count * (p.prompt.mean + p.answer.mean) for count, p in asked),
            flops=seeds * flops,
            seconds=seeds * seconds,
            remedy="language.prediction.precision: bfloat16, a shorter"
            " language.prompt.max_new_tokens, or a card with more memory",
            notes={"prompts": rows, "at_once": at_once},
        )

    def attention(self, wildcards) -> Estimate:
        """Attention of a few rows, and every substitution around their variants."""
        settings = self.run.settings["language"]["attention"]
        mutants = 2 + 3 * (2 * settings["window"] + 1)
        works = self._suite(wildcards.suite, wildcards.method)
        asked = [(mutants * min(settings["rows"], w.rows.get("test", 0)), p) for w, p in works]
        backbone = coefficients.model(self.run, self.run.model_of(wildcards.method, "backbone"))
        heads = backbone["shape"].get("num_attention_heads", 16)
        longest = max(p.prompt.most for _, p in works)
        # Weights of one block's heads, in float32 and once more for their softmax.
        return self._answers(wildcards, asked, writes=False, beside=8.0 * heads * longest**2)

    def pretrain(self, wildcards) -> Estimate:
        """SeqCLIP's contrast: genes are read, and learnt from chunk by chunk, beside a tower of
        text that is only read."""
        given, name = self.run.contrasting(wildcards.pretraining), wildcards.pretraining
        encoder = self.run.model_of(name, "encoder")
        pairs = self.run.settings["language"]["pretrain"]["dataset"]
        work, precision = workload.of_dataset(self.run, pairs), given["precision"]
        learns = "contrast" if given["train_encoder"] else "embed"
        found = self.known.of(coefficients.of_encoder(self.run, encoder, learns, precision))
        read = self.known.of(coefficients.of_encoder(self.run, encoder, "embed", precision))
        tower = self.known.of(
            coefficients.of_text(self.run, self.run.model_of(name, "text_encoder"), precision)
        )
        genes = work.nucleotides.map(lambda nt: work.sequences * (nt // 6 + nt % 6))
        tokens = given["steps"] * given["batch"] * genes.mean
        texts = given["steps"] * given["batch"] * min(512, work.question.mean + work.answer.mean)
        flops = tokens * (_row(found, genes.mean) + _row(read, genes.mean))
        flops += texts * _row(tower, 256)
        at_once = min(given["chunk_tokens"], given["batch"] * genes.most)
        trained = _FLOAT * found["resident"]["trained"]
        peak = found["peak"]["fixed"] + found["peak"]["tokens"] * max(at_once, genes.most)
        return Estimate(
            weights=found["resident"]["bytes"] + tower["resident"]["bytes"],
            gradients=trained,
            optimiser=_MOMENTS * trained,
            activations=self._alive(peak - trained),
            host=self._host(_FLOAT * (2 * found["resident"]["parameters"]) + 3 * trained),
            disk=_FLOAT * found["resident"]["parameters"] + 4 * trained,
            tokens=tokens + texts,
            flops=flops,
            seconds=self.card.seconds(flops, self.card.training, precision),
            remedy="language.pretrain.chunk_tokens",
        )

    # --- encoders, study B ------------------------------------------------------------------------

    def embeddings(self, wildcards) -> Estimate:
        """What the store does not hold yet is not known before: all of a set's sequences."""
        dataset, encoder = wildcards.dataset, wildcards.encoder
        work = workload.of_dataset(self.run, dataset)
        letters = {"rna": 1, "protein": 3, "dna": 6, "sequence": 6}[wildcards.view]
        sequences = work.sequences if wildcards.view == "sequence" else 1
        rows = sum(work.rows.values()) * sequences
        found = self._reading(
            encoder, rows * work.nucleotides.mean / letters, work.nucleotides.mean / letters
        )
        request = coefficients.of_encoder(self.run, encoder, "embed", self._precision)
        width = self.known.of(request)["resident"]["width"]
        stored = {"float16": 2, "float32": 4}[self.run.settings["embeddings"]["dtype"]]
        states = rows * work.nucleotides.mean / (3 if wildcards.view == "rna" else letters)
        return replace(found, disk=states * width * stored)

    @property
    def _precision(self) -> str:
        return "float32" if self.kind == "cpu" else "bfloat16"

    def _reading(self, encoder: str, tokens: float, length: float) -> Estimate:
        request = coefficients.of_encoder(self.run, encoder, "embed", self._precision)
        found = self.known.of(request)
        flops = tokens * _row(found, length)
        at_once = min(tokens, max(_EMBEDDED[self.kind], length))
        return Estimate(
            weights=found["resident"]["bytes"],
            activations=max(0.0, found["peak"]["fixed"] + found["peak"]["tokens"] * at_once),
            host=self._host(_FLOAT * found["resident"]["parameters"]),
            tokens=tokens,
            flops=flops,
            seconds=self.card.seconds(flops, self.card.embedding, self._precision),
            remedy="a smaller encoder",
        )

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
        batch = given["batch"] * codons.most * _FLOAT
        found = Estimate(
            weights=_FLOAT * parameters,
            gradients=_FLOAT * parameters,
            optimiser=_MOMENTS * _FLOAT * parameters,
            activations=batch * (2 * width + 12 * given["width"] * max(1, len(arm.modalities))),
            host=self._host(sum(work.rows.values()) * codons.mean * width * 2),
            disk=fits * 4 * _FLOAT * parameters,
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
            trained = _FLOAT * learnt["resident"]["trained"] * (1 if whole else 0.01)
            tokens = work.nucleotides.map(lambda nt, per=letters[view]: nt / per)
            flops = found.tokens * 3 / letters[view] * _row(learnt, tokens.mean)
            at_once = given["batch"] * tokens.most
            seconds = self.card.seconds(flops, self.card.training, given["precision"])
            found = replace(
                found,
                weights=found.weights + learnt["resident"]["bytes"],
                gradients=found.gradients + trained,
                optimiser=found.optimiser + _MOMENTS * trained,
                activations=found.activations + learnt["peak"]["tokens"] * at_once,
                flops=found.flops + flops,
                seconds=found.seconds + seconds,
            )
        return found

    def _width(self, view: str) -> float:
        encoder = self.run.settings["codons"]["encoders"].get(view)
        if encoder is None:
            return 64  # one-hot codons
        request = coefficients.of_encoder(self.run, encoder, "embed", self._precision)
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
            self._reading(encoder, mutants * nucleotides / letters, nucleotides / letters)
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

    # --- all --------------------------------------------------------------------------------------

    def _alive(self, traced: float) -> float:
        """Bytes that the card's kernels keep alive, of those that a CPU's do."""
        return max(0.0, traced) * self.card.kept

    def _host(self, held: float) -> float:
        """Bytes of a process that holds so many beside the model."""
        return _PROCESS + (held + _DRIVER if self.kind == "cuda" else min(held, 8e9))


def _row(found: Mapping, length: float) -> float:
    """FLOP of a token of an encoder in a sequence of so many."""
    return found["flops"]["tokens"] + found["flops"]["squares"] * length
