"""Tokenisers of the three encoders: ids, and for each token its range of the sequence.

`encode` gives the same ids as the reference tokenisers on any string, foreign characters included,
and does not alter it: U for T and upper case are left to the sequences stage. Vocabularies come
from the published files (vocab.txt, tokenizer_config.json); RNA-FM's alphabet is fixed.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqfuse.errors import UserError
from seqfuse.files import atomic, read_json, write_json


@dataclass(frozen=True)
class Tokens:
    """A tokenised sequence of T tokens, including the special tokens at its ends.

    `ids` is int64[T]. `spans` is int32[T, 2]: token t stands for sequence[spans[t, 0]:spans[t, 1]];
    an added token has (0, 0). `special` is bool[T]: True for an added token.
    """

    ids: np.ndarray
    spans: np.ndarray
    special: np.ndarray


class Tokeniser(ABC):
    """A vocabulary, the tokens added at both ends of a sequence, and the way a sequence is cut.

    `vocabulary` lists the tokens by id; `prefix` and `suffix` are the ids added at the two ends.
    """

    def __init__(self, vocabulary: list[str], prefix: list[str], suffix: list[str]):
        self.vocabulary = vocabulary
        self.index = {token: position for position, token in enumerate(vocabulary)}
        self.prefix = [self.index[token] for token in prefix]
        self.suffix = [self.index[token] for token in suffix]
        self.pad = self.index["<pad>"]
        self.unknown = self.index["<unk>"]

    def encode(self, sequence: str) -> Tokens:
        """Tokenise a sequence of any length; characters outside the alphabet become <unk>."""
        ids, spans = self._cut(sequence)
        before, count = len(self.prefix), len(ids)
        size = before + count + len(self.suffix)
        native = slice(before, before + count)
        tokens = Tokens(
            np.empty(size, np.int64), np.zeros((size, 2), np.int32), np.ones(size, dtype=bool)
        )
        tokens.ids[:before], tokens.ids[before + count :] = self.prefix, self.suffix
        tokens.ids[native], tokens.spans[native], tokens.special[native] = ids, spans, False
        return tokens

    def decode(self, ids: np.ndarray) -> str:
        """The sequence of ids from `encode`, without the special tokens at its ends."""
        behind = len(ids) - len(self.suffix)
        return "".join(self.vocabulary[i] for i in ids[len(self.prefix) : behind])

    def save(self, folder: Path) -> None:  # noqa: B027
        """Write the published tokeniser files into `folder`, if there are any."""

    @abstractmethod
    def _cut(self, sequence: str) -> tuple[np.ndarray, np.ndarray]:
        """Ids and spans of a sequence, without the special tokens at its ends."""


class RnaFmTokeniser(Tokeniser):
    """RNA-FM: one token per character; what is not in its alphabet (T, lower case) is <unk>."""

    _ALPHABET = (
        "<cls> <pad> <eos> <unk> A C G U R Y K M S W B D H V N -"
        " <null_1> <null_2> <null_3> <null_4> <mask>"
    )

    def __init__(self):
        super().__init__(self._ALPHABET.split(), prefix=["<cls>"], suffix=["<eos>"])
        self._table = np.full(128, self.unknown, dtype=np.int64)
        for token, position in self.index.items():
            if len(token) == 1:
                self._table[ord(token)] = position

    def _cut(self, sequence: str) -> tuple[np.ndarray, np.ndarray]:
        # "replace" writes "?" for each non-ASCII character, which becomes one <unk>.
        characters = np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)
        borders = np.arange(len(characters) + 1, dtype=np.int32)
        spans = np.empty((len(characters), 2), dtype=np.int32)
        spans[:, 0], spans[:, 1] = borders[:-1], borders[1:]
        return self._table[characters], spans


class EsmTokeniser(Tokeniser):
    """The tokeniser of the ESM family on the hub, which NT-v2 and ESM-2 share.

    It scans from the left. White space only separates; a literal special token counts as that
    token; otherwise the longest token of the vocabulary that fits is taken; a maximal run of
    anything else is one <unk>. So an N or a tail is read base by base, and 6-mers start again
    after it.
    """

    FILES = ("tokenizer_config.json", "special_tokens_map.json")

    def __init__(self, vocabulary: list[str], settings: dict[str, dict]):
        """`settings` maps the name of each published file in `FILES` to its content."""
        # The published class adds <eos> unless its settings have null, as those of NT-v2 do.
        eos = settings.get("tokenizer_config.json", {}).get("eos_token", "<eos>")
        super().__init__(vocabulary, prefix=["<cls>"], suffix=["<eos>"] if eos else [])
        self.settings = settings
        known = _pattern(vocabulary)
        self._scan = re.compile(rf"(?P<known>{known})|\s+|(?P<foreign>(?:(?!{known})\S)+)")

    @classmethod
    def read(cls, folder: Path) -> "EsmTokeniser":
        """The tokeniser of a checkpoint folder; raises `UserError` without a vocab.txt."""
        path = folder / "vocab.txt"
        if not path.is_file():
            raise UserError(f"{path}: no such file; download the model's tokeniser files too")
        vocabulary = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        published = [name for name in cls.FILES if (folder / name).is_file()]
        return cls(vocabulary, {name: read_json(folder / name) for name in published})

    def check_size(self, size: int) -> None:
        """Raise `UserError` unless the vocabulary has the size that config.json states."""
        if size != len(self.vocabulary):
            raise UserError(
                f"config.json says vocab_size {size}, but vocab.txt has {len(self.vocabulary)}"
                " tokens"
            )

    @property
    def max_length(self) -> int | None:
        """The maximum number of tokens by the published files, special tokens included."""
        return self.settings.get("tokenizer_config.json", {}).get("model_max_length")

    def save(self, folder: Path) -> None:
        with atomic(folder / "vocab.txt") as temporary:
            temporary.write_text("\n".join(self.vocabulary), encoding="utf-8")
        for name, content in self.settings.items():
            write_json(folder / name, content)

    def _cut(self, sequence: str) -> tuple[np.ndarray, np.ndarray]:
        matches = [match for match in self._scan.finditer(sequence) if match.lastgroup]
        ids = [self.index.get(match.group(), self.unknown) for match in matches]
        spans = np.array([match.span() for match in matches], dtype=np.int32)
        return np.array(ids, dtype=np.int64), spans.reshape(-1, 2)


def _pattern(vocabulary: list[str]) -> str:
    """A regular expression that matches the longest token first: literals, then k-mers by k.

    A character class for each k makes it fast, but is exact only if the vocabulary holds every
    k-mer of its letters; raises `UserError` otherwise.
    """
    literals = [re.escape(token) for token in vocabulary if token.startswith("<")]
    plain = [token for token in vocabulary if not token.startswith("<")]
    parts = literals
    for k in sorted({len(token) for token in plain}, reverse=True):
        kmers = {token for token in plain if len(token) == k}
        letters = sorted(set("".join(kmers)))
        if len(kmers) != len(letters) ** k:
            raise UserError(f"vocab.txt: incomplete, {len(kmers)} of {len(letters)}^{k} {k}-mers")
        parts.append(f"[{re.escape(''.join(letters))}]{{{k}}}")
    return "|".join(parts)
