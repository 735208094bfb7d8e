"""A question to a model: the body of a chat completion, and the key of its verdict.

The key is the hash of the whole body, so that anything that can change an answer (model, prompt,
texts, the answer's length and schema) makes it another question.
"""

from dataclasses import dataclass
from functools import cached_property

from seqfuse.files import canonical_json, digest

# The schema of a verdict; the reason comes first, so that the score follows from it.
SCHEMA = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "score": {"type": "integer", "enum": list(range(11))},
    },
    "required": ["reason", "score"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Question:
    """One question to a model; `repeat` distinguishes questions that are otherwise equal.

    `answer_tokens` is the most tokens that an answer may have, including hidden reasoning.
    """

    model: str
    dimension: str
    prompt: str
    material: str
    answer_tokens: int
    repeat: int = 1

    @cached_property
    def body(self) -> dict:
        """The body of the request, which does not reveal the method."""
        return {
            "model": self.model,
            "max_completion_tokens": self.answer_tokens,
            "messages": [
                {"role": "system", "content": self.prompt},
                {"role": "user", "content": self.material},
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA},
            },
        }

    @cached_property
    def key(self) -> str:
        """The hash of the body and of the repeat."""
        again = [self.repeat] if self.repeat > 1 else []
        return digest(canonical_json([self.body, *again]))

    @property
    def about(self) -> dict:
        """What the store keeps with the verdict."""
        return {
            "key": self.key,
            "model": self.model,
            "dimension": self.dimension,
            "prompt": digest(self.prompt),
        }
