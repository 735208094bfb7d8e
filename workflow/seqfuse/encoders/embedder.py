"""Sequences and an encoder in, rows of the store out: batches, windows, codons.

On a CPU padding is expensive, so all sequences of a batch have the same token count, and a row has
the same bits whatever else is in its batch. On a GPU batches are padded, and larger.
"""

import ctypes
import itertools
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from seqfuse import encoders, fingerprint
from seqfuse.encoders.models.tokenisers import Tokens
from seqfuse.encoders.store.rows import Row, describe, sequence_hash
from seqfuse.encoders.windows import OVERLAP, places
from seqfuse.errors import UserError
from seqfuse.files import checksums
from seqfuse.settings.sections import Section
from seqfuse.training.device import device, float32_products

# The number of values in a batch's states [B, T, D]. A CPU is fastest while they, and four times as
# many inside a block, stay in its cache: at width 320, 500 tokens run a third faster than 2,000.
_CPU_VALUES = 3 * 2**16
# Tokens of a batch on a GPU: enough to keep it busy.
_GPU_TOKENS = 2**16
# On a CPU, matrix products with fewer rows take another path and round differently; a smaller batch
# is padded, so that a row does not depend on what else was missing in the store.
_FEWEST_TOKENS = 32
_CODON = 3
# glibc returns freed memory and requests it again for every layer, page by page, which takes half
# as much time again. So the process keeps blocks of up to 4 MB, and 64 MB of free memory.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT_BLOCK, _KEPT_FREE = 4 * 2**20, 64 * 2**20
# To be raised when rows change although the other parts of the key do not.
_FORMAT = 1


class Settings(Section, path="embeddings"):
    """Which states, and how they are stored."""


def keep_freed_memory() -> None:
    """Speed up batches if the C library is glibc; other libraries have no such setting."""
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _KEPT_BLOCK)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_FREE)


class _Window(NamedTuple):
    """A part of a sequence that the encoder reads at once, as ids with special tokens.

    The states `kept` are those of the sequence's tokens with the ranges `spans`.
    """

    sequence: str
    ids: Tensor
    kept: slice
    spans: np.ndarray


class Embedder:
    """The encoder of a model folder, with the settings of its states; `rows` embeds.

    `description` holds everything that determines the states, from which the store's key is made;
    `width` is the size of a stored vector. Raises `UserError` for an unknown layer, or codons of a
    protein encoder.
    """

    def __init__(self, folder: str | Path, settings: Settings, resolution: str):
        self._device = device().type
        self._encoder = encoders.load(folder, self._device)
        self._settings, self._resolution = settings, resolution
        self._padded, self._computed = self._device != "cpu", _computed(self._device)
        self._budget = _GPU_TOKENS if self._padded else _CPU_VALUES // self._encoder.width
        tokeniser = self._encoder.tokeniser
        self._before, self._behind = len(tokeniser.prefix), len(tokeniser.suffix)
        if resolution == "codon" and self._encoder.modality == "protein":
            raise UserError(f"{folder}: a protein encoder has no codons; use --resolution native")
        # An empty sequence reveals the output's width, and whether the layer exists.
        ids = torch.tensor(tokeniser.prefix + tokeniser.suffix)
        self.width = self._forward([ids])[0].shape[-1]
        self.description = {
            "format": _FORMAT,
            "layout": self._encoder.layout,
            "files": checksums(folder),
            "layer": settings.layer % (self._encoder.depth + 1),
            "output": settings.output,
            "resolution": resolution,
            "too_long": settings.too_long,
            "window": {"tokens": self._encoder.max_length, "overlap": OVERLAP},
            "computed": _in_words(self._computed, float32_products(self._device)),
            "stored": settings.dtype,
            "width": self.width,
            "code": fingerprint.code("seqfuse.encoders", type(self._encoder).__module__),
        }

    @property
    def module(self):
        """The encoder itself, an `nn.Module`."""
        return self._encoder

    def count(self, sequences: dict[str, str]) -> dict[str, int]:
        """The token count of each sequence, without special tokens. The values of `sequences` say
        where each comes from, for messages.

        Raises `UserError` for a sequence that cannot be embedded: with a character outside the
        alphabet, shorter than a codon at codon resolution, or with more tokens than the encoder
        takes, unless windows are allowed.
        """
        counted = {}
        for sequence, where in sequences.items():
            native = self._tokenise(sequence)
            self._check(sequence, native, where)
            counted[sequence] = len(native.ids)
        most = self._encoder.max_length - self._before - self._behind
        too_long = [sequence for sequence, count in counted.items() if count > most]
        if too_long and self._settings.too_long == "refuse":
            first = too_long[0]
            raise UserError(
                f"{sequences[first]} has {counted[first]} tokens, but {self._encoder.layout} takes"
                f" at most {most} ({len(too_long)} such sequences); set embeddings:"
                " {too_long: window}, or sequences: {max_length: ..., too_long: ...}"
            )
        return counted

    def bytes(self, counted: dict[str, int]) -> int:
        """The size in bytes of the states of sequences with these token counts."""
        codons = self._resolution == "codon"
        stored = sum(len(s) // _CODON if codons else count for s, count in counted.items())
        return stored * self.width * np.dtype(self._settings.dtype).itemsize

    def rows(self, counted: dict[str, int]) -> Iterator[Row]:
        """One row for each sequence, those with the most tokens first; `counted` is from `count`.

        Longest first, the memory that a batch frees is large enough for the next one. Shortest
        first, memory grew with the number of rows, in pieces too small for later batches. Longest
        first also shows at once what does not fit into a GPU's memory.

        Raises `UserError` for a sequence with a state that is not finite.
        """
        order = sorted(counted, key=lambda sequence: (-counted[sequence], sequence))
        windows = (window for sequence in order for window in self._windows(sequence))
        for sequence, parts in itertools.groupby(
            self._embed(windows), lambda part: part[0].sequence
        ):
            kept = [(states[window.kept], window.spans) for window, states in parts]
            states = torch.cat([states for states, _ in kept])
            yield self._row(sequence, states, np.concatenate([spans for _, spans in kept]))

    def _tokenise(self, sequence: str) -> Tokens:
        """The tokens of a sequence without special tokens."""
        tokens = self._encoder.tokeniser.encode(sequence)
        native = slice(self._before, len(tokens.ids) - self._behind)
        return Tokens(tokens.ids[native], tokens.spans[native], tokens.special[native])

    def _check(self, sequence: str, native: Tokens, where: str) -> None:
        """Raise `UserError` unless the encoder can read every letter of a sequence."""
        foreign = native.ids == self._encoder.tokeniser.unknown
        if foreign.any():
            start, end = native.spans[foreign.argmax()]
            raise UserError(
                f"{where}: {sequence[start:end]!r} at letter {start + 1} is not in the alphabet of"
                f" this {self._encoder.modality} encoder ({self._encoder.layout})"
            )
        # Only white space can be between two tokens, before the first or after the last.
        if (native.spans[:, 1] - native.spans[:, 0]).sum() != len(sequence):
            raise UserError(
                f"{where}: its tokens do not cover it; clean it with `seqfuse sequences`"
            )
        if self._resolution == "codon" and len(sequence) < _CODON:
            raise UserError(f"{where}: {sequence!r} is shorter than a codon")

    def _windows(self, sequence: str) -> Iterator[_Window]:
        """The whole sequence as one window, or windows of equal size if it is too long."""
        native = self._tokenise(sequence)
        tokeniser, count = self._encoder.tokeniser, len(native.ids)
        most = self._encoder.max_length - self._before - self._behind
        for start, stop, first, last in places(count, most):
            size = stop - start
            ids = np.empty(self._before + size + self._behind, np.int64)
            ids[: self._before], ids[self._before + size :] = tokeniser.prefix, tokeniser.suffix
            ids[self._before : self._before + size] = native.ids[start:stop]
            kept = slice(self._before + first - start, self._before + last - start)
            yield _Window(sequence, torch.from_numpy(ids), kept, native.spans[first:last])

    def _embed(self, windows: Iterable[_Window]) -> Iterator[tuple[_Window, Tensor]]:
        """Each window, in the given order (longest first), with its states [T, D]."""
        batch: list[_Window] = []
        for window in windows:
            full = batch and (len(batch) + 1) * len(batch[0].ids) > self._budget
            mixed = batch and len(batch[0].ids) != len(window.ids) and not self._padded
            if full or mixed:
                yield from self._states(batch)
                batch = []
            batch.append(window)
        if batch:
            yield from self._states(batch)

    def _states(self, batch: list[_Window]) -> Iterator[tuple[_Window, Tensor]]:
        """The states of a batch, computed in halves if memory does not suffice."""
        try:
            states = self._forward([window.ids for window in batch])
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise UserError(
                    f"{describe(batch[0].sequence)}: too long for this GPU's memory; set"
                    " sequences: {max_length: ...}, or use a GPU with more memory"
                ) from None
            states = None
        if states is not None:
            yield from zip(batch, states, strict=True)
            return
        # The next batches, which are about as long, would not fit either.
        self._budget //= 2
        torch.cuda.empty_cache()
        half = len(batch) // 2
        yield from self._states(batch[:half])
        yield from self._states(batch[half:])

    @torch.inference_mode()
    def _forward(self, ids: list[Tensor]) -> Tensor:
        """States float32 [B, T, D] of sequences of ids, longest first, on the CPU."""
        batch, place = len(ids), self._device
        fill = -(-_FEWEST_TOKENS // len(ids[0])) - batch
        ids = ids + ids[:1] * fill
        mask = pad_sequence([torch.ones_like(row) for row in ids], batch_first=True)
        padded = pad_sequence(ids, batch_first=True, padding_value=self._encoder.tokeniser.pad)
        with torch.autocast(place, self._computed, enabled=self._computed is not torch.float32):
            states = self._encoder(
                padded.to(place), mask.to(place), self._settings.layer, self._settings.output
            )
        return states[:batch].float().cpu()

    def _row(self, sequence: str, states: Tensor, spans: np.ndarray) -> Row:
        if len(states) != len(spans):
            raise UserError(f"{describe(sequence)}: {len(states)} states for {len(spans)} tokens")
        if self._resolution == "codon":
            states, spans = _codons(states, spans)
        dtype = getattr(torch, self._settings.dtype)
        # In float32, where this is ten times faster; a NaN fails the comparison.
        if not states.abs().amax() <= torch.finfo(dtype).max:
            raise UserError(
                f"{describe(sequence)}: a state is not finite in {self._settings.dtype}; set"
                " embeddings: {dtype: float32}, or check the weights"
            )
        stored, pooled = states.to(dtype).numpy(), states.mean(dim=0).numpy()
        return Row(sequence_hash(sequence), len(sequence), stored, spans, pooled)


def _computed(device: str) -> torch.dtype:
    """The dtype of a forward pass; float16, which overflows, only if a GPU has no bfloat16."""
    if device == "cpu":
        return torch.float32
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if native else torch.float16


def _in_words(dtype: torch.dtype, float32: str) -> str:
    """The precision as part of a key: "float32" on a CPU, "bfloat16+tf32" on a current GPU."""
    name = str(dtype).removeprefix("torch.")
    return name if float32 == "ieee" else f"{name}+{float32}"


def _codons(states: Tensor, spans: np.ndarray) -> tuple[Tensor, np.ndarray]:
    """Codon states [C, D] and their ranges [C, 2]: the mean over three letters, each with the state
    of its token.

    The spans tile the sequence; letters after its last whole codon are left out.
    """
    codons = spans[-1, 1] // _CODON
    letters = states.repeat_interleave(torch.from_numpy(np.diff(spans).ravel()), dim=0)
    starts = np.arange(codons, dtype=np.int32)[:, None] * _CODON
    ranges = np.concatenate([starts, starts + _CODON], axis=1)
    return letters[: codons * _CODON].unflatten(0, (codons, _CODON)).mean(dim=1), ranges
