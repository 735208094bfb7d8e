"""Gene-text pairs for pre-training: which are kept, and how genes that are too long are cut."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from seqfuse import tables
from seqfuse.encoders import windows
from seqfuse.encoders.models.encoder import Encoder
from seqfuse.encoders.models.tokenisers import Tokens
from seqfuse.errors import UserError
from seqfuse.language.pretraining.contrastive_pretraining import Pair, pieces
from seqfuse.language.pretraining.stored_means import StoredMeans
from seqfuse.language.pretraining.text_tower import TextEncoder
from seqfuse.progress import say
from seqfuse.settings.sections import Section
from seqfuse.training.batches import derangement

_SPLITS = ("train", "val", "test")
_SEQUENCES = ("sequence", "variant")
_ONE = np.ones(1, np.float32)


class Settings(Section, path="language/pretrain"):
    """The settings of SeqCLIP's pre-training; its pairs come from a file, not from `dataset`."""


@dataclass(frozen=True)
class GeneTextPairs:
    """The pairs of a table of cleaned records.

    The settings `too_long` and `text_too_long` say what happens to genes and descriptions with more
    tokens than their encoder takes; the field `too_long` counts both.
    """

    path: Path
    encoder: Encoder | StoredMeans
    tower: TextEncoder
    settings: Settings
    too_long: dict[str, dict] = field(default_factory=dict)

    def splits(self, text_vectors: Path) -> dict[str, list[Pair]]:
        """The pairs of train, val and test; `text_vectors` caches the descriptions' vectors."""
        rows = self._rows
        vectors = self.tower.kept([row["text"] for row, _ in rows], text_vectors)
        if self.settings.shuffle_pairs:
            shuffle([row for row, _ in rows])
        splits: dict[str, list[Pair]] = {name: [] for name in _SPLITS}
        for row, sequences in rows:
            pair = Pair(row, pieces([self._cut(s) for s in sequences]), vectors[row["text"]], _ONE)
            splits[row["split"]].append(pair)
        if len(splits["train"]) < self.settings.batch:
            raise UserError(
                f"{self.path}: {len(splits['train'])} training pairs are fewer than a batch of"
                f" {self.settings.batch}; lower --batch"
            )
        if not splits["test"] and not splits["val"]:
            raise UserError(f"{self.path}: no val or test pairs to hold out")
        return splits

    @cached_property
    def _rows(self) -> list[tuple[dict, list[Tokens]]]:
        """The rows that are kept, each with the tokens of its sequences."""
        rows = tables.read(self.path, tables.CLEAN).to_pylist()
        for row in rows:
            if not (row["text"] or "").strip():
                raise UserError(
                    f"{self.path}: record {row['id']!r} has no text; a gene-text pair needs both"
                )
        tokenised = [[*self._tokenised(row)] for row in rows]
        longest = [max(len(tokens.ids) for tokens in of_row) for of_row in tokenised]
        texts = self.tower.lengths([row["text"] for row in rows], self.path)
        names = [row["id"] for row in rows]
        settings, dropped = self.settings, set()
        if (limit := self.encoder.max_length) is not None:
            dropped = self._count("genes", "too_long", settings.too_long, names, longest, limit)
        limit = self.tower.longest
        dropped |= self._count(
            "texts", "text_too_long", settings.text_too_long, names, texts, limit
        )
        return [
            (row, sequences)
            for row, sequences in zip(rows, tokenised, strict=True)
            if row["id"] not in dropped
        ]

    def _tokenised(self, row: dict) -> Iterator[Tokens]:
        for name in _SEQUENCES:
            if row[name] is None:
                continue
            try:
                yield self.encoder.tokenise_any_length(row[name])
            except UserError as error:
                raise UserError(f"{self.path}: record {row['id']!r}: {error}") from None

    def _count(
        self,
        kind: str,
        key: str,
        policy: str,
        names: Sequence[str],
        lengths: Sequence[int],
        limit: int,
    ) -> set[str]:
        """Count and report genes or texts over the limit of their encoder; the ids of records to
        drop, or `UserError` if the policy is to refuse them."""
        over = [name for name, length in zip(names, lengths, strict=True) if length > limit]
        self.too_long[kind] = {"limit": limit, "policy": policy, "pairs": len(over)}
        if not over:
            return set()
        what = f"{len(over)} of {len(names)} {kind} have more than {limit} tokens"
        if policy == "refuse":
            raise UserError(
                f"{self.path}: {what}, the limit of their encoder (the first: record {over[0]!r};"
                f" the longest: {max(lengths)} tokens); set language.pretrain.{key}"
            )
        say(f"{self.path}: {what} ({key}: {policy})")
        return set(over) if policy == "drop" else set()

    def _cut(self, tokens: Tokens) -> list[Tokens]:
        """A sequence as windows, or truncated, as the settings say."""
        if self.encoder.max_length is None:
            return [tokens]
        if self.settings.too_long != "window":
            return [self._truncated(tokens)]
        return [*windows.cut(tokens, self.encoder.tokeniser, self.encoder.max_length)]

    def _truncated(self, tokens: Tokens) -> Tokens:
        """The first tokens of a sequence, as many as the encoder takes, and its special suffix."""
        suffix, most = len(self.encoder.tokeniser.suffix), self.encoder.max_length
        if len(tokens.ids) <= most:
            return tokens
        rows = np.r_[: most - suffix, len(tokens.ids) - suffix : len(tokens.ids)]
        return Tokens(tokens.ids[rows], tokens.spans[rows], tokens.special[rows])


def shuffle(rows: Sequence[dict]) -> None:
    """Give each gene of train and val the description of another gene of its split."""
    for split in ("train", "val"):
        own = [row for row in rows if row["split"] == split]
        texts = [own[donor]["text"] for donor in derangement(len(own))]
        for row, text in zip(own, texts, strict=True):
            row["text"] = text
