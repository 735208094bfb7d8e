"""DNA only: the control that classifies encoder states, without a question or language model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqfuse.language.backbones.loading import load_exactly
from seqfuse.language.methods.method import Setup
from seqfuse.language.prompts import Prompt
from seqfuse.training.batches import chunks

# Records that are classified at once.
_RECORDS = 256


@dataclass(frozen=True)
class Record:
    """The DNA of a prompt and the index of its label (-1: none)."""

    prompt: Prompt
    sequences: tuple[str, ...]
    target: int
    length: int
    weights: np.ndarray


class DnaOnly(nn.Module):
    """Reference and variant, each pooled by attention over its frozen states, then an MLP
    (BioReason's baseline). If a record has no variant, zeros take its place.

    a_t = softmax_t(v tanh(W h_t)), pooled = sum_t a_t h_t, with layer-normalised h_t. The last
    layer has one output per dataset and label; a record's softmax is over the labels of its own
    dataset.
    """

    def __init__(self, setup: Setup):
        super().__init__()
        self.setup = setup
        width = setup.encoder_width
        places = [(dataset, label) for dataset, names in setup.labels.items() for label in names]
        self.places = {place: index for index, place in enumerate(places)}
        self.norm = nn.LayerNorm(width)
        self.attention = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
        self.head = nn.Sequential(
            nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, len(places))
        )

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return self.norm.weight.device

    def encode(self, prompt: Prompt, answer: bool) -> Record:
        """The DNA of a prompt; with `answer`, its label too."""
        sequences = tuple(segment.sequence for segment in prompt.dna)
        target = self.places[prompt.dataset, prompt.label] if answer else -1
        length = sum(len(self.setup.states.get(sequence)) for sequence in sequences)
        return Record(prompt, sequences, target, length, np.ones(1, np.float32))

    def batch(self, examples: Sequence[Record]) -> Sequence[Record]:
        """Records as they are: `forward` pads their states."""
        return examples

    def forward(self, records: Sequence[Record]) -> Tensor:
        """Log-probabilities [B, labels]; minus infinity at the labels of other datasets."""
        arrays = [self.setup.states.get(name) for record in records for name in record.sequences]
        lengths = torch.tensor([len(states) for states in arrays])
        padded = nn.utils.rnn.pad_sequence(
            [torch.from_numpy(states) for states in arrays], batch_first=True
        )
        seen = (torch.arange(padded.shape[1]) < lengths[:, None]).to(self.device)
        states = self.norm(padded.to(self.device, torch.float32))
        scores = self.attention(states)[..., 0].masked_fill(~seen, -torch.inf)
        pooled = (scores.softmax(-1)[..., None] * states).sum(1)
        rows = [row for row, record in enumerate(records) for _ in record.sequences]
        columns = [column for record in records for column in range(len(record.sequences))]
        pairs = pooled.new_zeros(len(records), 2, pooled.shape[-1])
        pairs = pairs.index_put((torch.tensor(rows), torch.tensor(columns)), pooled)
        own = torch.tensor(
            [[dataset == r.prompt.dataset for dataset, _ in self.places] for r in records],
            device=self.device,
        )
        return self.head(pairs.flatten(1)).masked_fill(~own, -torch.inf).log_softmax(-1)

    def loss(self, batch: Sequence[Record]) -> Tensor:
        """The sum of nats over the labels of a batch."""
        targets = torch.tensor([record.target for record in batch], device=self.device)
        return F.nll_loss(self(batch), targets, reduction="sum")

    @torch.inference_mode()
    def classify(
        self, prompts: Sequence[Prompt], done: Callable[[int], None] = lambda count: None
    ) -> list[tuple[dict[str, float], int]]:
        """For each prompt, in order: the log-probability (nats) of each label of its dataset, and
        the number of DNA tokens that were read."""
        records = [self.encode(prompt, answer=False) for prompt in prompts]
        classified: list[tuple[dict[str, float], int] | None] = [None] * len(records)
        lengths = [record.length for record in records]
        for part in chunks(lengths, _RECORDS * max(lengths), _RECORDS):
            nats = self([records[i] for i in part]).tolist()
            for i, values in zip(part, nats, strict=True):
                places = zip(self.places, values, strict=True)
                own = {name: v for (dataset, name), v in places if dataset == prompts[i].dataset}
                classified[i] = (own, lengths[i])
            done(len(part))
        return classified

    def saved_settings(self) -> dict:
        """None; the description holds labels and width."""
        return {}

    def save(self, folder: Path) -> None:
        """Write adapter.safetensors."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        tensors = {k: v.detach().cpu().contiguous() for k, v in self.state_dict().items()}
        save_file(tensors, folder / "adapter.safetensors")

    def restore(self, folder: Path) -> None:
        """Load the tensors that `save` wrote; none may be missing or extra."""
        load_exactly(self, folder / "adapter.safetensors", self.state_dict().keys())
