"""What a model is asked: the body of a chat completion, and the key that its verdict is kept under.

The key is the hash of the whole body, so that whatever can change an answer (model, prompt, texts,
the answer's length and form) makes another question of it.
"""

from dataclasses import dataclass
from functools import cached_property

from seqfuse.files import canonical_json, digest

# The verdict, reason first so that the score follows from it.
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
    """One thing to ask a model; `repeat` tells questions apart that are the same otherwise.

    `answer_tokens` is the most that an answer may hold, hidden reasoning included.
    """

    model: str
    dimension: str
    prompt: str
    material: str
    answer_tokens: int
    repeat: int = 1

    @cached_property
    def body(self) -> dict:
        """The body of the request; it does not hold the method's name."""
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
        """The hash of what is asked; a repeat is a question of its own."""
        again = [self.repeat] if self.repeat > 1 else []
        return digest(canonical_json([self.body, *again]))

    @property
    def about(self) -> dict:
        """What the store keeps beside the verdict."""
        return {
            "key": self.key,
            "model": self.model,
            "dimension": self.dimension,
            "prompt": digest(self.prompt),
        }
