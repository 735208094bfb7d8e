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
    """The ids of a label after `Answer:`, including the end token."""
    return np.append(method.tokens(f" {label}"), method.end)


class Generation:
    """A batch of prompts being answered."""

    @torch.inference_mode()
    def __init__(self, method: LanguageMethod, examples: Sequence[Example]):
        self.method = method
        self.prompts = [example.prompt for example in examples]
        batch = method.batch(examples, left=True)
        self.mask = batch.mask
        self.cache = Cache(layer_class_to_replicate=GrowingLayer)
        # The last prompt token is not in the cache yet; the next step feeds it.
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
        """Generate greedily until every row has its end token, at most `most` tokens; `heard` is
        called after each."""
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
        """The number of generated tokens of every row, including its end token."""
        width = self.generated.shape[1]
        return [min(len(row) + 1, width) for row in self.rows]

    @property
    def cut(self) -> list[bool]:
        """For every row, whether it reached the length limit before its end token."""
        return (self.generated != self.method.end).all(1).tolist()

    def texts(self) -> list[str]:
        """The generated text of every row, without its end token."""
        return self.method.tokeniser.batch_decode(self.rows, skip_special_tokens=False)

    @torch.inference_mode()
    def label_scores(self, labels: Sequence[list[str]]) -> list[dict[str, float]]:
        """Summed log-likelihood (nats) of each row's labels, including the end token; after `run`.

        A row's context is its prompt, its own reasoning up to `</think>` (which is added if it is
        missing) and `Answer:`. All labels of a row are scored side by side in one pass.
        """
        kept, trees = zip(*map(self._tree, self.prompts, self.rows, labels), strict=True)
        width, cached = max(len(tree.ids) for tree in trees), self.cache.get_seq_length()
        ids = np.zeros((len(trees), width), np.int64)
        positions = np.zeros((len(trees), width), np.int64)
        seen = np.zeros((len(trees), width, cached + width), bool)
        # A padding token sees itself, because a softmax over nothing would be NaN.
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
        """The position of every token in the cache, int64 [B, T]: prompt, then generated tokens."""
        steps = torch.arange(self.generated.shape[1], device=self.position.device)
        positions = torch.cat([self.positions, self.position + 1 + steps], dim=1)
        return positions[:, : self.cache.get_seq_length()]

    def _tree(self, prompt: Prompt, ids: list[int], labels: list[str]) -> tuple[int, "LabelTree"]:
        """How many of the generated `ids` in the cache belong to a row's context, and the tree of
        the tokens that follow them."""
        method = self.method
        lead = method.tokens(FIELD)
        if prompt.thinks:
            closed, gap = self._closed(ids)
            lead = method.tokens(gap + FIELD if closed else CLOSE + FIELD)
            ids = closed or ids
        else:
            ids = []
        # The last generated token was never fed, so the cache does not hold it.
        kept = min(len(ids), self.generated.shape[1] - 1)
        lead = np.concatenate([np.array(ids[kept:], np.int64), lead])
        tails = [label_tokens(method, label) for label in labels]
        return kept, LabelTree(lead, tails)

    def _closed(self, ids: list[int]) -> tuple[list[int], str]:
        """The ids up to the last `</think>`, which may be several tokens, and the rest of the gap
        before the answer; no ids if the reasoning is not closed."""
        mark, gap = CLOSE.strip(), CLOSE.rpartition(CLOSE.strip())[2]
        decode = partial(self.method.tokeniser.decode, skip_special_tokens=False)
        marks = decode(ids).count(mark)
        if not marks:
            return [], gap
        length = bisect_left(range(len(ids)), marks, key=lambda n: decode(ids[:n]).count(mark))
        after = decode(ids[:length]).rpartition(mark)[2]
        # The token that ends the mark may contain line breaks after it.
        return ids[:length], gap.removeprefix(after) if gap.startswith(after) else gap

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
    """Keys and values of one layer [B, heads, T, width] in buffers with spare room, so that a step
    writes only the new states and copies no old ones."""

    def update(self, key_states: Tensor, value_states: Tensor, *args, **kwargs) -> tuple:
        """Append the states of new tokens; returns all keys and values so far."""
        # Attention computes in this precision anyway.
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
    """A buffer of `length` with the first `used` tokens of another."""
    shape = (*buffer.shape[:2], length, buffer.shape[3])
    larger = buffer.new_empty(shape)
    larger[:, :, :used] = buffer[:, :, :used]
    return larger


class LabelTree:
    """A lead that all labels share, followed by every label's tokens, which do not see each other.

    `ids`, `depths` int64[N]; `seen` bool[N, N] is True where a token (row) sees another (column).
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
        # Every tail begins after the same token, which is projected only once.
        distinct, row = np.unique(np.concatenate(before), return_inverse=True)
        logits = method.logits(hidden[distinct]).float()
        targets = np.concatenate(self.tails)
        nats = logits[row, targets] - logits.logsumexp(-1)[row]
        return [float(part.sum()) for part in nats.split([len(tail) for tail in self.tails])]
