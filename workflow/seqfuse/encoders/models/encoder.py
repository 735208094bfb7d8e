"""The interface of every encoder: tokenise, forward, save."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from seqfuse.encoders.models.tokenisers import Tokeniser, Tokens
from seqfuse.errors import UserError
from seqfuse.files import atomic, write_json


class Encoder(nn.Module, ABC):
    """A bidirectional transformer over biological sequences, under its checkpoint's tensor names.

    A subclass sets the class attributes and builds its modules from the published config.json.
    `width` is the size of a hidden state, `depth` the number of blocks, `max_length` the maximum
    number of tokens, special tokens included. `tied` maps a tensor's second name in the checkpoint
    to its first; `ignored` are tensors of the checkpoint that the model does not need.
    """

    layout: str
    modality: str
    tied: dict[str, str] = {}
    ignored: frozenset[str] = frozenset()

    def __init__(
        self,
        config: dict,
        tokeniser: Tokeniser,
        width: int,
        depth: int,
        heads: int,
        max_length: int,
    ):
        super().__init__()
        if width % (2 * heads):
            # Rotary positions rotate pairs, so a head's width must be even.
            raise UserError(
                f"config.json: a width of {width} does not fit {heads} attention heads; "
                f"make it a multiple of {2 * heads}"
            )
        self.config = config
        self.tokeniser = tokeniser
        self.width = width
        self.depth = depth
        self.max_length = max_length

    @classmethod
    @abstractmethod
    def recognises(cls, config: dict) -> bool:
        """Whether a published config.json belongs to this encoder."""

    @classmethod
    @abstractmethod
    def read_tokeniser(cls, folder: Path) -> Tokeniser:
        """The tokeniser from the published files in `folder`."""

    def prepare(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of a published checkpoint under this module's names."""
        return tensors

    @abstractmethod
    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Hidden states [B, T, D] before the first block."""

    @abstractmethod
    def blocks(self) -> Sequence[nn.Module]:
        """The transformer blocks: (hidden, keys) -> hidden."""

    @abstractmethod
    def normalise(self, hidden: Tensor) -> Tensor:
        """The layer norm after the last block."""

    @abstractmethod
    def predict(self, hidden: Tensor) -> Tensor:
        """The language-model head: [B, T, D] -> logits [B, T, V]."""

    def tokenise(self, sequence: str) -> Tokens:
        """Tokenise a sequence in the encoder's own alphabet.

        Raises `UserError` for a character outside the alphabet and for more than `max_length`
        tokens; `tokeniser.encode` refuses neither.
        """
        tokens = self.tokenise_any_length(sequence)
        if len(tokens.ids) > self.max_length:
            raise UserError(
                f"the sequence has {len(sequence)} letters and {len(tokens.ids)} tokens; "
                f"{self.layout} takes at most {self.max_length} tokens"
            )
        return tokens

    def tokenise_any_length(self, sequence: str) -> Tokens:
        """Like `tokenise`, for a caller that cuts long sequences itself."""
        tokens = self.tokeniser.encode(sequence)
        foreign = (tokens.ids == self.tokeniser.unknown) & ~tokens.special
        if foreign.any():
            start, end = tokens.spans[foreign.argmax()]
            raise UserError(
                f"position {start + 1} of the sequence: {sequence[start:end]!r} is not in the "
                f"alphabet of this {self.modality} encoder ({self.layout})"
            )
        return tokens

    def decode(self, ids: Tensor) -> str:
        """The sequence of one row of ids, which must have no pads."""
        return self.tokeniser.decode(ids.tolist())

    def forward(
        self, ids: Tensor, mask: Tensor | None = None, layer: int = -1, output: str = "hidden"
    ) -> Tensor:
        """Hidden states [B, T, D] of a layer, or logits [B, T, V], for ids [B, T].

        `mask` [B, T] is nonzero at tokens and zero at pads; None attends everywhere. `layer` 0 is
        the embedding, -1 or `depth` the last block followed by the final layer norm; the blocks
        above `layer` do not run. Values at pads are meaningless. Raises `UserError` for an unknown
        layer or output.
        """
        chosen = self._layer(layer, output)
        # Attention without a mask is faster, and most batches have one length.
        if mask is None or mask.all():
            mask, keys = torch.ones_like(ids, dtype=torch.bool), None
        else:
            mask = mask.bool()
            keys = mask[:, None, None, :]
        hidden = self.embed(ids, mask)
        for block in self.blocks()[:chosen]:
            hidden = block(hidden, keys)
        if chosen == self.depth:
            hidden = self.normalise(hidden)
        return self.predict(hidden) if output == "logits" else hidden

    def save(self, folder: str | Path) -> None:
        """Write config.json, the tokeniser's files and model.safetensors into `folder`."""
        from safetensors.torch import save

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "config.json", self.config)
        self.tokeniser.save(folder)
        tensors = {
            name: tensor.detach().cpu().contiguous()
            for name, tensor in self.state_dict().items()
            if name not in self.tied
        }
        with atomic(folder / "model.safetensors") as temporary:
            # `save_file` would hide a disk's error behind one of its own.
            temporary.write_bytes(save(tensors, metadata={"format": "pt"}))

    def _layer(self, layer: int, output: str) -> int:
        """The number of blocks to run for a layer counted from either end."""
        if output not in ("hidden", "logits"):
            raise UserError(f"output {output!r}: give hidden or logits")
        if not -self.depth - 1 <= layer <= self.depth:
            raise UserError(f"layer {layer}: {self.layout} has layers 0 to {self.depth}, or -1")
        chosen = layer % (self.depth + 1)
        if output == "logits" and chosen != self.depth:
            raise UserError(f"layer {layer} with output logits: logits need the last layer, -1")
        return chosen
