"""A language model that is shown DNA: the base class of all methods that answer in text.

A method subclasses `LanguageMethod` and defines how a DNA segment enters: as token ids of a shared
vocabulary, as vectors in place of token embeddings, or not at all. The backbone is the folder of a
causal language model that transformers loads and saves.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqfuse import encoders
from seqfuse.labels import FIELD
from seqfuse.language import prompts
from seqfuse.language.backbones import loading
from seqfuse.language.backbones.chat import Chat
from seqfuse.language.backbones.chunked_cross_entropy import summed_nats
from seqfuse.language.backbones.projection import Projection, embedding_scale
from seqfuse.language.methods.examples import Batch, Example, Slot
from seqfuse.language.prompts import Dna, Prompt
from seqfuse.training.lora import add_lora, merge_lora

# Tokens that an answer without reasoning may have beyond the longest label and its end token.
_SPARE = 8
# The number of texts whose tokens are cached; questions recur, reasoning does not.
_TEXTS = 4096


@dataclass(frozen=True)
class Setup:
    """What a method is built from.

    `states` gives the frozen encoder states of a sequence, if the method reads any; `encoder` is
    the folder of an encoder that the method trains; `pretrained` is that of SeqCLIP's pre-training;
    `labels` are the closed labels of every dataset, which only a classifier needs. `load_backbone`,
    `load_chat` and `load_encoder` read their folders; code that needs only a method's shape
    replaces them.
    """

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
    load_backbone: Callable[[Path], nn.Module] = loading.load_backbone
    load_chat: Callable[[Path], Chat] = loading.load_chat
    load_encoder: Callable[[Path], nn.Module] = encoders.load


class LanguageMethod(nn.Module, ABC):
    """A backbone, its tokeniser, and a way to show it DNA; subclasses must define `segment`."""

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
            loading.checkpoint_blocks(self.backbone)

    @abstractmethod
    def segment(self, sequence: str) -> np.ndarray | int:
        """A DNA segment as token ids, or as the length of a slot that vectors fill."""

    def vectors(self, batch: Batch) -> Tensor:
        """The vectors [sum of slot lengths, width] that fill the slots of a batch, in order."""
        raise TypeError(f"{type(self).__name__} shows DNA as tokens and has no slots")

    def token_embeddings(self, ids: Tensor) -> Tensor:
        """Input embeddings of ids [...] -> [..., width]."""
        return self.backbone.get_input_embeddings()(ids)

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits of hidden states [..., width] -> [..., vocabulary]; minus infinity at every id
        that an answer cannot contain."""
        tables = self.output_tables()
        hidden = self.to_logits.divided(hidden)
        scores = F.linear(hidden, torch.cat(tables) if len(tables) > 1 else tables[0])
        return self.to_logits.capped(scores).index_fill(-1, self._not_text, -torch.inf)

    def text_ids(self) -> list[int]:
        """The ids that an answer can contain: the tokeniser's that the table has rows for."""
        rows = self.backbone.get_input_embeddings().num_embeddings
        return sorted(i for i in self.tokeniser.get_vocab().values() if i < rows)

    @cached_property
    def _not_text(self) -> Tensor:
        """The ids int64[n] of the table that an answer cannot contain."""
        is_text = np.zeros(sum(len(table) for table in self.output_tables()), bool)
        is_text[self.text_ids()] = True
        # Autograd cannot use a tensor that was created in inference mode.
        with torch.inference_mode(False):
            return torch.from_numpy(np.flatnonzero(~is_text)).to(self.device)

    def output_tables(self) -> list[Tensor]:
        """The output table in parts [V_i, width], whose rows together are the vocabulary."""
        return [self.backbone.get_output_embeddings().weight]

    def own_state(self) -> dict[str, Tensor]:
        """The tensors that the method adds to the backbone, saved as adapter.safetensors."""
        return {k: v for k, v in self.state_dict().items() if not k.startswith("backbone.")}

    def saved_settings(self) -> dict:
        """The settings from which the saved model is built again."""
        return dict(self.setup.settings)

    def dna_as_text(self, sequence: str) -> str:
        """DNA as it is written in a prompt to a saved model; "" if DNA does not enter as text."""
        return ""

    def dna_form(self, example: str) -> str:
        """A description of that form, with an example; "" if none is needed."""
        return ""

    def save_backbone(self, folder: Path) -> None:
        """Write backbone and tokeniser as a folder that transformers loads, with LoRA merged.

        Its generation settings make `generate` answer as `answers.decoding` does, whatever those of
        the published model were.
        """
        from transformers import GenerationConfig

        merge_lora(self.backbone)
        self.backbone.generation_config = GenerationConfig(
            do_sample=False,
            eos_token_id=self.end,
            pad_token_id=self.end,
            suppress_tokens=self._not_text.tolist() or None,
        )
        self.backbone.save_pretrained(folder)
        self.tokeniser.save_pretrained(folder)

    def tokens(self, text: str, first: bool = False) -> np.ndarray:
        """The backbone's ids of a text, int64; `first` if nothing precedes it in the prompt.

        Recent texts are cached.
        """
        if (text, first) not in self._tokenised:
            if len(self._tokenised) == _TEXTS:
                self._tokenised.clear()
            self._tokenised[text, first] = np.array(self.chat.ids(text, first), np.int64)
        return self._tokenised[text, first]

    def encode(self, prompt: Prompt, answer: bool) -> Example:
        """A prompt as an `Example`; with `answer`, the gold answer is appended.

        Tokens of the label and the end token have the weight `label_weight`, other tokens of the
        answer 1. Raises `UserError` if a text contains a control token.
        """
        texts = {name: getattr(prompt, name) for name in ("question", "reasoning", "label")}
        prompts.refuse(self.chat.control, f"{prompt.dataset}, record {prompt.id!r}", texts)
        parts: list[np.ndarray] = []
        slots: list[Slot] = []
        for segment, ids, start, _ in self._pieces(prompt):
            if isinstance(ids, int):
                slots.append(Slot(start, ids, segment.sequence))
                ids = np.zeros(ids, np.int64)
            parts.append(ids)
        weights = [np.zeros(sum(map(len, parts)), np.float32)]
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
        """The columns int64[n] of DNA in the example of a prompt, without the markers around each
        sequence."""
        columns = [
            np.arange(start + 1, stop - 1)
            for segment, _, start, stop in self._pieces(prompt)
            if isinstance(segment, Dna)
        ]
        return np.concatenate([np.empty(0, np.int64), *columns])

    def _pieces(self, prompt: Prompt) -> Iterator[tuple[str | Dna, np.ndarray | int, int, int]]:
        """(segment, its ids or slot length, first column, column after the last), in order."""
        start = 0
        for number, segment in enumerate(self.chat.segments(prompt)):
            if isinstance(segment, Dna):
                ids = self.segment(segment.sequence)
            else:
                ids = self.tokens(segment, first=number == 0)
            stop = start + (ids if isinstance(ids, int) else len(ids))
            yield segment, ids, start, stop
            start = stop

    def too_long(self, prompt: Prompt, tokens: int, settings: prompts.Settings) -> str | None:
        """Why a prompt of so many `tokens`, including its answer, is refused; None if it is not."""
        context = self.backbone.config.max_position_embeddings
        limit = min(settings.max_tokens, context)
        if tokens <= limit:
            return None
        remedy = f"raise language.prompt.max_tokens to {tokens} (--max-tokens)"
        if tokens > context:
            remedy = f"the backbone reads at most {context}"
        return (
            f"{prompt.dataset}, record {prompt.id!r}: {tokens} tokens with its answer exceed"
            f" the limit of {limit}; {remedy}, or cut the sequences with"
            " `sequences: {max_length: ..., too_long: window}`"
        )

    def room(self, prompt: Prompt, labels: Sequence[str], most: int) -> int:
        """The most tokens of an answer: `most` with reasoning, else those of the longest of
        `labels` and a few more, because a model may spell a label in other tokens.

        An answer that is still longer is not a label anyway; it lacks its end token.
        """
        if prompt.thinks:
            return most
        longest = max(len(self.tokens(f" {label}")) for label in labels)
        return min(most, len(self.tokens(FIELD)) + longest + 1 + _SPARE)

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return self.backbone.device

    def batch(self, examples: Sequence[Example], left: bool = False) -> Batch:
        """Examples as a padded batch on the model's device."""
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

        The vocabulary projection is computed only at positions that predict an answer token.
        Padding on the right needs no mask under causal attention, and without a mask attention uses
        its fastest kernel.
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
        """Shard the backbone's blocks over all processes, but not the vocabulary's tables and the
        method's own tensors."""
        # The import takes a second, and a single process does not need it.
        from seqfuse.training.distributed.sharding import shard

        body = self.backbone.base_model
        shard(body, body.layers, whole=set(body.get_input_embeddings().parameters()))

    def save(self, folder: Path) -> None:
        """Write the backbone's folder and the method's own tensors."""
        from safetensors.torch import save_file

        self.save_backbone(folder)
        own = {key: value.contiguous() for key, value in self.own_state().items()}
        if own:
            save_file(own, folder / "adapter.safetensors")

    def restore(self, folder: Path) -> None:
        """Load the tensors that `save` wrote beside the backbone; none may be missing or extra."""
        loading.load_exactly(self, folder / "adapter.safetensors", self.own_state().keys())
