"""What study A's answers take: predictions, probes and attention."""

import math
from dataclasses import replace

from seqfuse.plan.rehearsal import coefficients
from seqfuse.plan.rehearsal.estimate import FLOAT, Estimate, Estimator, prompt_flop
from seqfuse.plan.rehearsal.workload import Prompted

# Tokens of a batch that is answered, by kind of device, and prompts (language/answers/decoding.py).
_ANSWERED, _PROMPTS = {"cpu": 16384, "cuda": 65536}, 256
# Where an answer is no reasoning, it is a label: as many tokens at most.
_LABEL_ROOM = 24
# A token of an answer takes at least so long, whatever it moves (s).
_STEP_SECONDS = {"cpu": 0.0, "cuda": 0.03}


class Answering(Estimator):
    """Estimates of `language_predict`, `language_probe` and `language_attention`."""

    def predict(self, wildcards) -> Estimate:
        """Validation and test rows, asked of every seed."""
        most = self.run.settings["language"]["prediction"]["validation_rows"]
        asked = [
            (min(w.rows.get("val", 0), most or math.inf) + w.rows.get("test", 0), p)
            for w, p in self.suite(wildcards.suite, wildcards.method)
        ]
        return self._answers(wildcards, asked)

    def probe(self, wildcards) -> Estimate:
        """A sample of test rows under every probe, and the conflicts of val and of test, with the
        encoder that reads them anew."""
        settings = self.run.settings["language"]["probe"]
        times = 1 + len(settings["probes"])
        asked = [
            (
                times * min(settings["rows"], w.rows.get("test", 0))
                + sum(min(settings["conflict_rows"], w.rows.get(s, 0)) for s in ("val", "test")),
                p,
            )
            for w, p in self.suite(wildcards.suite, wildcards.method)
        ]
        found = self._answers(wildcards, asked)
        if not self.run.method(wildcards.method).reads_store:
            return found
        tokens = sum(rows * p.states.mean for rows, p in asked)
        return self._with_encoder(found, wildcards.method, tokens)

    def _with_encoder(self, found: Estimate, method: str, tokens: float) -> Estimate:
        name = self.run.model_of(method, "encoder")
        read = self.reading(name, tokens, 1000)
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
            count * prompt_flop(found, p.prompt, p, answers=0)
            + count * p.answer.mean * found["flops"]["tokens"] * writes
            for count, p in asked
        )
        seconds = self.card.seconds(flops, self.card.reading, precision)
        states = max(p.states.most for _, p in asked)

        def alive(prompts: float) -> float:
            batch = {"fixed": 1, "tokens": prompts * longest, "squares": prompts * longest**2}
            batch["states"] = prompts * states
            peak = sum(found["peak"].get(key, 0) * value for key, value in batch.items())
            more = cached_beyond(self.kind, longest, room if writes else 0)
            return max(0.0, peak + resident["cached"] * more * prompts) + beside

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
            host=self.host(
                FLOAT * resident["parameters"],
                resident["bytes"],
                resident["bytes"] + alive(at_once),
            ),
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
        works = self.suite(wildcards.suite, wildcards.method)
        asked = [(mutants * min(settings["rows"], w.rows.get("test", 0)), p) for w, p in works]
        backbone = coefficients.model(self.run, self.run.model_of(wildcards.method, "backbone"))
        heads = backbone["shape"].get("num_attention_heads", 16)
        longest = max(p.prompt.most for _, p in works)
        # Weights of one block's heads, in float32 and once more for their softmax.
        return self._answers(wildcards, asked, writes=False, beside=8.0 * heads * longest**2)


def cached_beyond(kind: str, prompt: float, said: float) -> float:
    """Tokens of a row's cache beyond those that reading its prompt has allocated, at the end of an
    answer of `said` tokens.

    A cache has room for twice what it holds when it must grow, as after the prompt
    (language/answers/decoding.py). A GPU's memory is taken with the room, the host's as it is
    filled.
    """
    allocated = 2 * prompt
    if kind == "cpu":
        return prompt + said - allocated
    room = allocated
    while room < prompt + said:
        room = 2 * (room + 1)
    return room - allocated
