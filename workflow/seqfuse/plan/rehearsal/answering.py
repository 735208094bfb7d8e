"""Estimates for study A's answers: predictions, probes and attention."""

import math
from dataclasses import replace

from seqfuse.plan.rehearsal import coefficients
from seqfuse.plan.rehearsal.estimate import FLOAT, Estimate, Estimator, prompt_flop
from seqfuse.plan.rehearsal.workload import Prompted

# Tokens of a batch of prompts by kind of device, and most prompts (language/answers/decoding.py).
_ANSWERED, _PROMPTS = {"cpu": 16384, "cuda": 65536}, 256
# Most tokens of an answer without reasoning, which is a label.
_LABEL_ROOM = 24
# Least seconds per generated token, however few bytes it moves.
_STEP_SECONDS = {"cpu": 0.0, "cuda": 0.03}


class Answering(Estimator):
    """Estimates of `language_predict`, `language_probe` and `language_attention`."""

    def predict(self, wildcards) -> Estimate:
        """Validation and test rows, answered by every seed."""
        most = self.run.settings["language"]["prediction"]["validation_rows"]
        prompts = [
            (min(w.rows.get("val", 0), most or math.inf) + w.rows.get("test", 0), p)
            for w, p in self.suite(wildcards.suite, wildcards.method)
        ]
        return self._answers(wildcards, prompts)

    def probe(self, wildcards) -> Estimate:
        """A sample of test rows under every probe, and the conflicts of val and test; the encoder
        reads all of them again."""
        settings = self.run.settings["language"]["probe"]
        times = 1 + len(settings["probes"])
        prompts = [
            (
                times * min(settings["rows"], w.rows.get("test", 0))
                + sum(min(settings["conflict_rows"], w.rows.get(s, 0)) for s in ("val", "test")),
                p,
            )
            for w, p in self.suite(wildcards.suite, wildcards.method)
        ]
        answers = self._answers(wildcards, prompts)
        if not self.run.method(wildcards.method).reads_store:
            return answers
        tokens = sum(rows * p.states.mean for rows, p in prompts)
        return self._with_encoder(answers, wildcards.method, tokens)

    def _with_encoder(self, answers: Estimate, method: str, tokens: float) -> Estimate:
        name = self.run.model_of(method, "encoder")
        encoder = self.reading(name, tokens, 1000)
        return replace(
            answers,
            weights=answers.weights + encoder.weights,
            flops=answers.flops + encoder.flops,
            seconds=answers.seconds + encoder.seconds,
        )

    def _answers(
        self,
        wildcards,
        prompts: list[tuple[float, Prompted]],
        writes: bool = True,
        beside: float = 0,
    ) -> Estimate:
        """The answers of every seed to so many prompts of each kind.

        Prompts are read at once. Answers are generated token by token if the method `writes`,
        otherwise only the likelihood of each label is computed. `beside` adds bytes that the job
        needs as well. Batches are halved until they fit the card.
        """
        suite, name = wildcards.suite, wildcards.method
        language, seeds = self.run.settings["language"], len(self.run.seeds)
        precision = language["prediction"]["precision"]
        if precision == "training":
            precision = self.run.finetuning(suite, name)["precision"]
        request = coefficients.of_method(self.run, suite, name, "predict", precision=precision)
        traced = self.known.of(request)
        resident, rows = traced["resident"], sum(count for count, _ in prompts)
        longest = max(p.prompt.most for _, p in prompts)
        reasons = writes and any(p.answer.most > _LABEL_ROOM for _, p in prompts)
        room = language["prompt"]["max_new_tokens"] if reasons else _LABEL_ROOM
        flops = sum(
            count * prompt_flop(traced, p.prompt, p, answers=0)
            + count * p.answer.mean * traced["flops"]["tokens"] * writes
            for count, p in prompts
        )
        seconds = self.card.seconds(flops, self.card.reading, precision)
        states = max(p.states.most for _, p in prompts)

        def alive(count: float) -> float:
            batch = {"fixed": 1, "tokens": count * longest, "squares": count * longest**2}
            batch["states"] = count * states
            peak = sum(traced["peak"].get(key, 0) * value for key, value in batch.items())
            more = cached_beyond(self.kind, longest, room if writes else 0)
            return max(0.0, peak + resident["cached"] * more * count) + beside

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
            # A batch goes on until its longest answer has ended.
            longest_answer = max(p.answer.most for _, p in prompts)
            seconds += batches * longest_answer * max(step, _STEP_SECONDS[self.kind])
        return Estimate(
            weights=resident["bytes"],
            activations=alive(at_once),
            host=self.host(
                FLOAT * resident["parameters"],
                resident["bytes"],
                resident["bytes"] + alive(at_once),
            ),
            tokens=seeds * sum(count * (p.prompt.mean + p.answer.mean) for count, p in prompts),
            flops=seeds * flops,
            seconds=seeds * seconds,
            remedy="language.prediction.precision: bfloat16, a shorter"
            " language.prompt.max_new_tokens, or a card with more memory",
            notes={"prompts": rows, "at_once": at_once},
        )

    def attention(self, wildcards) -> Estimate:
        """The attention of a few rows, and every substitution around their variants."""
        settings = self.run.settings["language"]["attention"]
        mutants = 2 + 3 * (2 * settings["window"] + 1)
        works = self.suite(wildcards.suite, wildcards.method)
        prompts = [(mutants * min(settings["rows"], w.rows.get("test", 0)), p) for w, p in works]
        backbone = coefficients.model(self.run, self.run.model_of(wildcards.method, "backbone"))
        heads = backbone["shape"].get("num_attention_heads", 16)
        longest = max(p.prompt.most for _, p in works)
        # The attention weights of one block in float32, twice because of the softmax.
        return self._answers(wildcards, prompts, writes=False, beside=8.0 * heads * longest**2)


def cached_beyond(kind: str, prompt: float, answer: float) -> float:
    """Tokens in a row's key-value cache at the end of its answer, beyond those that were allocated
    when the prompt was read.

    A cache that must grow, as after the prompt, is allocated at twice its content
    (language/answers/generation.py). On a GPU this takes memory at once, on the host as it fills.
    """
    allocated = 2 * prompt
    if kind == "cpu":
        return prompt + answer - allocated
    room = allocated
    while room < prompt + answer:
        room = 2 * (room + 1)
    return room - allocated
