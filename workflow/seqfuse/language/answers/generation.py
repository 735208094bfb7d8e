"""A batch of prompts being answered: greedy generation, and the likelihood of every label.

Prompts are padded on the left. The key-value cache of the prompt is computed once: generation
extends it, and the labels are scored on it, all in one pass, in which each label sees only the
prompt, the model's own reasoning and its own tokens.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

from seqfuse.labels import CLOSE, FIELD
from seqfuse.language.backbones.masks import layer_masks
from seqfuse.language.methods.examples import Example
from seqfuse.language.methods.method import LanguageMethod
from seqfuse.language.prompts import Prompt


def label_tokens(method: LanguageMethod, label: str) -> np.ndarray:
    """The ids of a label behind `Answer:`, the end token among them."""
    return np.append(method.tokens(f" {label}"), method.end)


class Generation:
    """A batch of prompts being answered. `counts` are generated tokens, the end token included."""

    @torch.inference_mode()
    def __init__(self, method: LanguageMethod, examples: Sequence[Example]):
        self.method = method
        self.prompts = [example.prompt for example in examples]
        batch = method.batch(examples, left=True)
        self.mask = batch.mask
        self.cache = Cache(layer_class_to_replicate=GrowingLayer)
        # The last prompt token is kept out of the cache: a step feeds it, whatever comes next.
        self.positions = batch.positions
        self.last, self.position = batch.ids[:, -1:], batch.positions[:, -1:]
        embedded = method.embed(batch)[:, :-1]
        if embedded.shape[1]:
            method.backbone.base_model(
                inputs_embeds=embedded,
                attention_mask=self.mask[:, :-1],
                position_ids=batch.positions[:, :-1],
                past_key_values=self.cache,
                use_cache=True,
            )
        self.generated = torch.empty(len(examples), 0, dtype=torch.long, device=method.device)

    @torch.inference_mode()
    def run(self, most: int, heard: Callable[[], None] = lambda: None) -> "Generation":
        """Generate greedily until every row has said its end token, or `most` tokens; `heard` is
        called behind each."""
        token, mask, position = self.last, self.mask, self.position
        finished = torch.zeros(len(self.prompts), dtype=torch.bool, device=self.method.device)
        for _ in range(most):
            hidden = self._step(self.method.token_embeddings(token), mask, position)
            token = self.method.logits(hidden[:, -1]).argmax(-1, keepdim=True)
            token[finished] = self.method.end
            self.generated = torch.cat([self.generated, token], dim=1)
            finished |= token[:, 0] == self.method.end
            heard()
            if bool(finished.all()):
                break
            mask, position = torch.nn.functional.pad(mask, (0, 1), value=True), position + 1
        return self

    @property
    def rows(self) -> list[list[int]]:
        """The generated ids of every row, up to and without its end token."""
        return [self._until_end(row) for row in self.generated.tolist()]

    @property
    def counts(self) -> list[int]:
        """Generated tokens of every row, its end token included."""
        width = self.generated.shape[1]
        return [min(len(row) + 1, width) for row in self.rows]

    @property
    def cut(self) -> list[bool]:
        """Whether every row ran out of tokens before its end token."""
        return (self.generated != self.method.end).all(1).tolist()

    def texts(self) -> list[str]:
        """The generated text of every row, without its end token."""
        return self.method.tokeniser.batch_decode(self.rows, skip_special_tokens=False)

    @torch.inference_mode()
    def label_scores(self, labels: Sequence[list[str]]) -> list[dict[str, float]]:
        """Summed log-likelihood (nats) of each row's labels, end token included; after `run`.

        A row's context is its prompt, its own reasoning up to `</think>` (an unclosed one is
        closed) and `Answer:`. All labels of a row follow it side by side in one pass.
        """
        found = map(self._tree, self.prompts, self.rows, labels)
        kept, trees = zip(*found, strict=True)
        width, cached = max(len(tree.ids) for tree in trees), self.cache.get_seq_length()
        ids = np.zeros((len(trees), width), np.int64)
        positions = np.zeros((len(trees), width), np.int64)
        seen = np.zeros((len(trees), width, cached + width), bool)
        # A padding node sees itself, because a softmax over nothing is not a number.
        seen[:, np.arange(width), cached + np.arange(width)] = True
        prompt = self.mask.shape[1]
        for row, tree in enumerate(trees):
            here = slice(0, len(tree.ids))
            ids[row, here] = tree.ids
            positions[row, here] = tree.depths + self.position[row].item() + kept[row] + 1
            seen[row, :, :prompt] = self.mask[row].cpu().numpy()
            seen[row, :, prompt : prompt + kept[row]] = True
            seen[row, here, cached : cached + len(tree.ids)] = tree.seen
        ids, positions, seen = (
            torch.from_numpy(array).to(self.method.device) for array in (ids, positions, seen)
        )
        keys = torch.cat([self._cached_positions(), positions], dim=1)
        masks = layer_masks(self.method.backbone.config, seen, positions, keys)
        hidden = self._step(self.method.token_embeddings(ids), masks, positions)
        return [
            dict(zip(names, tree.scores(self.method, hidden[row]), strict=True))
            for row, (tree, names) in enumerate(zip(trees, labels, strict=True))
        ]

    def _cached_positions(self) -> Tensor:
        """The position of every token in the cache, int64 [B, T]: prompt, then what was said."""
        said = (
            self.position + 1 + torch.arange(self.generated.shape[1], device=self.position.device)
        )
        return torch.cat([self.positions, said], dim=1)[:, : self.cache.get_seq_length()]

    def _tree(self, prompt: Prompt, said: list[int], labels: list[str]) -> tuple[int, "LabelTree"]:
        """How many generated tokens of the cache a row's context keeps, and what follows them."""
        method = self.method
        lead = method.tokens(FIELD)
        if prompt.thinks:
            closed, gap = self._closed(said)
            lead = method.tokens(gap + FIELD if closed else CLOSE + FIELD)
            said = closed or said
        else:
            said = []
        # The last generated token was never fed, so the cache does not hold it.
        kept = min(len(said), self.generated.shape[1] - 1)
        lead = np.concatenate([np.array(said[kept:], np.int64), lead])
        tails = [label_tokens(method, label) for label in labels]
        return kept, LabelTree(lead, tails)

    def _closed(self, said: list[int]) -> tuple[list[int], str]:
        """What was said up to and with its last `</think>`, which may be several tokens, and what
        is missing of the gap before the answer; nothing of an unclosed reasoning."""
        mark, gap = CLOSE.strip(), CLOSE.rpartition(CLOSE.strip())[2]
        decode = partial(self.method.tokeniser.decode, skip_special_tokens=False)
        marks = decode(said).count(mark)
        if not marks:
            return [], gap
        length = bisect_left(range(len(said)), marks, key=lambda n: decode(said[:n]).count(mark))
        behind = decode(said[:length]).rpartition(mark)[2]
        # The token that ends the mark may hold line breaks behind it.
        return said[:length], gap.removeprefix(behind) if gap.startswith(behind) else gap

    def _step(
        self, embedded: Tensor, mask: Tensor | dict[str, Tensor], positions: Tensor
    ) -> Tensor:
        return self.method.backbone.base_model(
            inputs_embeds=embedded,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
        ).last_hidden_state

    def _until_end(self, row: list[int]) -> list[int]:
        return row[: row.index(self.method.end)] if self.method.end in row else row


class GrowingLayer(DynamicLayer):
    """Keys and values of one layer [B, heads, T, width] in buffers with room behind them, so that a
    step writes what is new and copies nothing of what is there."""

    def update(self, key_states: Tensor, value_states: Tensor, *args, **kwargs) -> tuple:
        """Append the states of new tokens; all keys and values so far."""
        # Products are taken in this precision anyway.
        device = key_states.device.type
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
            key_states, value_states = key_states.to(dtype), value_states.to(dtype)
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._buffers = (key_states[:, :, :0], value_states[:, :, :0])
        start = self.get_seq_length()
        end = start + key_states.shape[2]
        if end > self._buffers[0].shape[2]:
            self._buffers = tuple(_with_room(b, start, 2 * end) for b in self._buffers)
        for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, start:end] = new
        self.keys, self.values = (buffer[:, :, :end] for buffer in self._buffers)
        return self.keys, self.values


def _with_room(buffer: Tensor, used: int, length: int) -> Tensor:
    """The first `used` tokens of a buffer in one of `length`."""
    shape = (*buffer.shape[:2], length, buffer.shape[3])
    larger = buffer.new_empty(shape)
    larger[:, :, :used] = buffer[:, :, :used]
    return larger


class LabelTree:
    """A lead that all labels share, and behind it every label's tokens, each blind to the others.

    `ids`, `depths` int64[N]; `seen` bool[N, N] is True where a token (row) may look at another.
    """

    def __init__(self, lead: np.ndarray, tails: list[np.ndarray]):
        self.lead, self.tails = len(lead), tails
        self.ids = np.concatenate([lead, *tails])
        branch = np.repeat(np.arange(len(tails) + 1), [len(lead), *map(len, tails)])
        self.depths = np.concatenate(
            [np.arange(len(lead)), *(len(lead) + np.arange(len(tail)) for tail in tails)]
        )
        related = (branch[:, None] == branch) | (branch == 0)
        self.seen = related & (self.depths <= self.depths[:, None])

    def scores(self, method: LanguageMethod, hidden: Tensor) -> list[float]:
        """Summed log-likelihood of each tail from the hidden states [N or more, width]."""
        starts = self.lead + np.cumsum([0, *map(len, self.tails)])
        # A token is predicted from the one before it; the first of a tail from the lead's last.
        before = [
            np.concatenate([[self.lead - 1], np.arange(start, start + len(tail) - 1)])
            for start, tail in zip(starts, self.tails, strict=False)
        ]
        # Every tail begins behind one and the same token, which is projected once.
        asked, place = np.unique(np.concatenate(before), return_inverse=True)
        logits = method.logits(hidden[asked]).float()
        targets = np.concatenate(self.tails)
        nats = logits[place, targets] - logits.logsumexp(-1)[place]
        return [float(part.sum()) for part in nats.split([len(tail) for tail in self.tails])]
