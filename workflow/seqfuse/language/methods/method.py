"""A language model that is shown DNA: what all methods that answer in text have in common.

A method subclasses `LanguageMethod` and says how a DNA segment enters: as token ids of a shared
vocabulary, as vectors that take the place of token embeddings, or not at all. The backbone is the
folder of a causal language model that transformers loads and saves.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqfuse import encoders
from seqfuse.labels import FIELD
from seqfuse.language import prompts
from seqfuse.language.backbones.chat import Chat
from seqfuse.language.backbones.chunked_cross_entropy import summed_nats
from seqfuse.language.backbones.loading import (
    checkpoint_blocks,
    load_backbone,
    load_chat,
    load_exactly,
)
from seqfuse.language.backbones.projection import Projection, embedding_scale
from seqfuse.language.prompts import Dna, Prompt
from seqfuse.training.lora import add_lora, merge_lora

LABEL = "label"
# Tokens that an answer without reasoning may take beyond the longest label and its end.
_SPARE = 8
# Texts whose tokens are remembered: questions come again, reasoning does not.
_TEXTS = 4096


class Slot(NamedTuple):
    """Where vectors of a DNA sequence stand in an example: columns start .. start + length - 1."""

    start: int
    length: int
    sequence: str


@dataclass(frozen=True)
class Example:
    """A prompt as tokens: ids int64[T] (0 in slots), weights float32[T] of the loss at each token
    (0 where nothing is learnt), and the slots that vectors fill."""

    prompt: Prompt
    ids: np.ndarray
    weights: np.ndarray
    slots: tuple[Slot, ...]
    question: np.ndarray

    @property
    def length(self) -> int:
        """Tokens, slots included."""
        return len(self.ids)

    @property
    def answer_tokens(self) -> int:
        """Tokens of the answer, its end token included; 0 without one."""
        return int(np.count_nonzero(self.weights))


@dataclass
class Batch:
    """Examples side by side: ids [B, T], mask [B, T] (False at padding), weights [B, T], and the
    rows and columns int64[N] of the tokens that have a weight."""

    examples: Sequence[Example]
    ids: Tensor
    mask: Tensor
    weights: Tensor
    weighed: tuple[Tensor, Tensor]
    starts: list[int]

    @classmethod
    def of(cls, examples: Sequence[Example], device: torch.device, left: bool = False) -> "Batch":
        """Pad to the longest: on the right for training, on the left for generation."""
        longest = max(example.length for example in examples)
        ids = np.zeros((len(examples), longest), np.int64)
        weights = np.zeros(ids.shape, np.float32)
        mask = np.zeros(ids.shape, bool)
        starts = [longest - example.length if left else 0 for example in examples]
        for row, (start, example) in enumerate(zip(starts, examples, strict=True)):
            here = slice(start, start + example.length)
            ids[row, here], weights[row, here], mask[row, here] = example.ids, example.weights, True
        arrays = (ids, mask, weights, *weights.nonzero())
        ids, mask, weights, *weighed = (torch.from_numpy(array).to(device) for array in arrays)
        return cls(examples, ids, mask, weights, tuple(weighed), starts)

    @property
    def positions(self) -> Tensor:
        """The position of every token in its own example, int64 [B, T]."""
        return (self.mask.long().cumsum(1) - 1).clamp(min=0)

    def slots(self) -> list[tuple[int, Slot]]:
        """(row, slot) of every DNA sequence, its columns those of the batch."""
        return [
            (row, slot._replace(start=slot.start + self.starts[row]))
            for row, example in enumerate(self.examples)
            for slot in example.slots
        ]


@dataclass(frozen=True)
class Setup:
    """What a method is built from. `states` gives encoder states of a sequence, if it reads any;
    `encoder` is the folder of an encoder that the method trains; `labels` are the closed labels of
    every dataset, which only a classifier needs. `load_backbone`, `load_chat` and
    `load_encoder` read their folders; what asks for the shape of a method alone gives others."""

    backbone: Path
    lora_rank: int = 0
    label_weight: float = 1.0
    gradient_checkpointing: bool = False
    settings: dict = field(default_factory=dict)
    states: object = None
    encoder_width: int = 0
    pretrained: Path | None = None
    encoder: Path | None = None
    labels: dict[str, list[str]] = field(default_factory=dict)
    load_backbone: Callable[[Path], nn.Module] = load_backbone
    load_chat: Callable[[Path], Chat] = load_chat
    load_encoder: Callable[[Path], nn.Module] = encoders.load


class LanguageMethod(nn.Module, ABC):
    """A backbone, its tokeniser, and a way to show DNA; subclasses override the marked hooks."""

    def __init__(self, setup: Setup):
        super().__init__()
        self.setup = setup
        self.chat = setup.load_chat(setup.backbone)
        self.tokeniser, self.end = self.chat.tokeniser, self.chat.end
        self.backbone = setup.load_backbone(setup.backbone)
        self.width = self.backbone.config.hidden_size
        self.to_logits = Projection.of(self.backbone.config)
        self.scale = embedding_scale(self.backbone.get_input_embeddings())
        self._tokenised: dict[tuple[str, bool], np.ndarray] = {}
        if setup.lora_rank:
            add_lora(self.backbone, setup.lora_rank)
        if setup.gradient_checkpointing:
            checkpoint_blocks(self.backbone)

    # --- hooks ------------------------------------------------------------------------------------

    @abstractmethod
    def segment(self, sequence: str) -> np.ndarray | int:
        """What a DNA segment becomes: token ids, or the length of a slot that vectors fill."""

    def vectors(self, batch: Batch) -> Tensor:
        """The vectors [sum of slot lengths, width] that fill a batch's slots, in their order."""
        raise TypeError(f"{type(self).__name__} turns DNA into tokens and fills no slot")

    def token_embeddings(self, ids: Tensor) -> Tensor:
        """The rows of the embedding table for ids [...], as they enter -> [..., width]."""
        return self.backbone.get_input_embeddings()(ids)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of what an answer may hold from hidden states [..., width] -> [..., vocabulary];
        minus infinity at every id that is no text."""
        tables = self.output_tables()
        hidden = self.to_logits.divided(hidden)
        scores = F.linear(hidden, torch.cat(tables) if len(tables) > 1 else tables[0])
        return self.to_logits.capped(scores).index_fill(-1, self._unspeakable, -torch.inf)

    def text_ids(self) -> list[int]:
        """The ids that an answer may hold: the tokeniser's that the table has a row for. A table
        often has more rows, which no text reaches."""
        rows = self.backbone.get_input_embeddings().num_embeddings
        return sorted(i for i in self.tokeniser.get_vocab().values() if i < rows)

    @cached_property
    def _unspeakable(self) -> Tensor:
        """The ids int64[n] of the table that are no text."""
        spoken = np.zeros(sum(len(table) for table in self.output_tables()), bool)
        spoken[self.text_ids()] = True
        # A tensor that is made in inference mode is of no use to a gradient.
        with torch.inference_mode(False):
            return torch.from_numpy(np.flatnonzero(~spoken)).to(self.device)

    def output_tables(self) -> list[Tensor]:
        """The rows [V_i, width] that hidden states are compared with: the parts of one table."""
        return [self.backbone.get_output_embeddings().weight]

    def own_state(self) -> dict[str, Tensor]:
        """What the method adds to the backbone, saved beside it as adapter.safetensors."""
        return {k: v for k, v in self.state_dict().items() if not k.startswith("backbone.")}

    def saved_settings(self) -> dict:
        """The settings that a saved model is built from."""
        return dict(self.setup.settings)

    def dna_as_text(self, sequence: str) -> str:
        """DNA in the text of a prompt to a saved model; empty where no text shows it."""
        return ""

    def dna_form(self, example: str) -> str:
        """The form of DNA in such a text, in words; empty where there is none to learn."""
        return ""

    def save_backbone(self, folder: Path) -> None:
        """Write backbone and tokeniser as a folder that transformers loads; LoRA is merged in.

        `generate` answers as `answers.decoding` does, whatever the published model was set to.
        """
        from transformers import GenerationConfig

        merge_lora(self.backbone)
        self.backbone.generation_config = GenerationConfig(
            do_sample=False,
            eos_token_id=self.end,
            pad_token_id=self.end,
            suppress_tokens=self._unspeakable.tolist() or None,
        )
        self.backbone.save_pretrained(folder)
        self.tokeniser.save_pretrained(folder)

    # --- text and DNA to tokens -------------------------------------------------------------------

    def tokens(self, text: str, first: bool = False) -> np.ndarray:
        """The backbone's own ids of a text, int64, which is the `first` of a prompt or stands
        within; what was asked for lately is remembered."""
        if (text, first) not in self._tokenised:
            if len(self._tokenised) == _TEXTS:
                self._tokenised.clear()
            self._tokenised[text, first] = np.array(self.chat.ids(text, first), np.int64)
        return self._tokenised[text, first]

    def encode(self, prompt: Prompt, answer: bool) -> Example:
        """A prompt as an `Example`; with `answer`, what should be said is appended and weighed.

        The end token is supervised. The label and the end token weigh `label_weight` each, every
        other token of the answer 1. A text that holds a control token is a `UserError`.
        """
        texts = {name: getattr(prompt, name) for name in ("question", "reasoning", "label")}
        prompts.refuse(self.chat.control, f"{prompt.dataset}, record {prompt.id!r}", texts)
        parts: list[np.ndarray] = []
        slots: list[Slot] = []
        length = 0
        for segment in self.chat.segments(prompt):
            if isinstance(segment, Dna):
                ids = self.segment(segment.sequence)
                if isinstance(ids, int):
                    slots.append(Slot(length, ids, segment.sequence))
                    ids = np.zeros(ids, np.int64)
            else:
                ids = self.tokens(segment, first=not parts)
            parts.append(ids)
            length += len(ids)
        weights = [np.zeros(length, np.float32)]
        if answer:
            before, label = map(self.tokens, prompt.answer)
            label = np.append(label, self.end)
            parts += [before, label]
            weights.append(np.ones(len(before), np.float32))
            weights.append(np.full(len(label), self.setup.label_weight, np.float32))
        question = self.tokens(prompt.question)
        return Example(
            prompt, np.concatenate(parts), np.concatenate(weights), tuple(slots), question
        )

    def dna_columns(self, prompt: Prompt) -> np.ndarray:
        """The columns int64[n] that hold DNA in the example of a prompt, in the order of its
        sequences; the marker on either side of a sequence is left out."""
        columns, start = [], 0
        for segment in self.chat.segments(prompt):
            if isinstance(segment, Dna):
                ids = self.segment(segment.sequence)
                length = ids if isinstance(ids, int) else len(ids)
                columns.append(np.arange(start + 1, start + length - 1))
            else:
                length = len(self.tokens(segment, first=not start))
            start += length
        return np.concatenate([np.empty(0, np.int64), *columns])

    def too_long(self, prompt: Prompt, tokens: int, settings: prompts.Settings) -> str | None:
        """Why a prompt that takes so many tokens, its answer included, is refused, if it is."""
        context = self.backbone.config.max_position_embeddings
        limit = min(settings.max_tokens, context)
        if tokens <= limit:
            return None
        remedy = f"raise language.prompt.max_tokens to {tokens} (--max-tokens)"
        if tokens > context:
            remedy = f"the backbone reads no more than {context}"
        return (
            f"{prompt.dataset}, record {prompt.id!r}: {tokens} tokens, with its answer, are over"
            f" the limit of {limit}; {remedy}, or cut the sequences with"
            " `sequences: {max_length: ..., too_long: window}`"
        )

    def room(self, prompt: Prompt, labels: Sequence[str], most: int) -> int:
        """The tokens that an answer may take: `most` of them with reasoning; without, those of the
        longest of `labels`, and some in which a label may be spelt otherwise than by its tokeniser.

        An answer that goes on behind them is no label, and does not end with the end token.
        """
        if prompt.thinks:
            return most
        longest = max(len(self.tokens(f" {label}")) for label in labels)
        return min(most, len(self.tokens(FIELD)) + longest + 1 + _SPARE)

    # --- forward ----------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.backbone.device

    def batch(self, examples: Sequence[Example], left: bool = False) -> Batch:
        """Examples as one padded batch on the model's device."""
        return Batch.of(examples, self.device, left)

    def embed(self, batch: Batch) -> Tensor:
        """Input embeddings [B, T, width]: token embeddings, with vectors in the slots."""
        embedded = self.token_embeddings(batch.ids)
        slots = batch.slots()
        if not slots:
            return embedded
        rows = np.concatenate([np.full(slot.length, row) for row, slot in slots])
        columns = np.concatenate([np.arange(s.start, s.start + s.length) for _, s in slots])
        index = tuple(torch.from_numpy(i).to(self.device) for i in (rows, columns))
        return embedded.index_put(index, self.vectors(batch).to(embedded.dtype))

    def loss(self, batch: Batch) -> Tensor:
        """The weighted sum of nats over the answer tokens of a batch.

        The vocabulary projection is computed at the positions that predict an answer token alone.
        Padding on the right needs no mask, because causal attention never looks that way, and
        without one attention takes its fastest kernel.
        """
        hidden = self.backbone.base_model(
            inputs_embeds=self.embed(batch), attention_mask=None, use_cache=False
        ).last_hidden_state
        rows, columns = batch.weighed
        return summed_nats(
            self.to_logits.divided(hidden[rows, columns - 1]),
            self.output_tables(),
            batch.ids[rows, columns],
            batch.weights[rows, columns],
            self.to_logits.cap,
        )

    def shard(self) -> None:
        """Spread the backbone's blocks, their gradients and their optimiser state over all
        processes; the vocabulary's tables and what a method adds stay whole in each."""
        # A second of imports, which one process does not pay for.
        from seqfuse.training.distributed.sharding import shard

        body = self.backbone.base_model
        shard(body, body.layers, whole=set(body.get_input_embeddings().parameters()))

    def save(self, folder: Path) -> None:
        """Write the backbone's folder and what the method adds to it."""
        from safetensors.torch import save_file

        self.save_backbone(folder)
        own = {key: value.contiguous() for key, value in self.own_state().items()}
        if own:
            save_file(own, folder / "adapter.safetensors")

    def restore(self, folder: Path) -> None:
        """Load what `save` wrote beside the backbone; every tensor must be accounted for."""
        load_exactly(self, folder / "adapter.safetensors", self.own_state().keys())
