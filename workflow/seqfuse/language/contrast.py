"""SeqCLIP (arXiv 2602.12286): a DNA encoder and an adapter, pulled towards descriptions of genes.

Ours, where the paper is silent: a gene is the mean of its adapter outputs over all tokens but the
special ones; a description is the [CLS] state of a frozen text encoder, computed once, behind a
linear projection to the adapter's width, which is dropped after pre-training; pairs of a batch that
share their sequence or their description are no negatives of each other.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqfuse import encoders, fingerprint, processes, tables
from seqfuse.encoders.encoder import Encoder
from seqfuse.encoders.tokenisers import Tokens
from seqfuse.errors import UserError
from seqfuse.files import (
    atomic,
    atomic_directory,
    canonical_json,
    digest,
    read_json,
    sha256,
    write_json,
)
from seqfuse.language.batches import others, padded
from seqfuse.language.origin import checksums, device, surroundings
from seqfuse.language.pretrain import Settings
from seqfuse.language.training import Progress, Trainer, Training
from seqfuse.language.tuning import cost, write_log

# The temperature never falls below it, as in CLIP (arXiv 2103.00020), nor rises above 1.
_COLDEST = 0.01
# Descriptions embedded at once.
_TEXTS = 64
# Most validation pairs: all of them are each other's negatives, in one batch.
_VALIDATION = 512
_RANKS = (1, 5, 10)


@dataclass(frozen=True)
class Pair:
    """A gene and its description: tokens of the one, the frozen vector float32[E] of the other.

    `weights` counts as one answer token, so that the trainer's mean is one over pairs.
    """

    row: dict
    tokens: Tokens
    vector: np.ndarray
    weights: np.ndarray

    @property
    def length(self) -> int:
        """Tokens of the gene."""
        return len(self.tokens.ids)


class Contrast(nn.Module):
    """Both towers and the temperature, with the interface of a method of the trainer."""

    def __init__(self, encoder: Encoder, text_width: int, width: int, temperature: float):
        super().__init__()
        self.encoder = encoder.requires_grad_(True)
        self.adapter = nn.Linear(encoder.width, width)
        self.text = nn.Linear(text_width, width)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)))
        # The language-model head of the encoder enters no hidden state.
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad_(not name.startswith("lm_head."))

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.adapter.weight.device

    @property
    def temperature(self) -> Tensor:
        """The learned temperature, clamped."""
        return self.log_temperature.exp().clamp(_COLDEST, 1.0)

    def batch(self, examples: Sequence[Pair]) -> Sequence[Pair]:
        """Pairs as they are."""
        return examples

    def genes(self, pairs: Sequence[Pair]) -> Tensor:
        """Vectors of the genes [B, width], of length 1."""
        found = padded([pair.tokens for pair in pairs], self.encoder.tokeniser.pad)
        ids, mask, kept = (torch.from_numpy(array).to(self.device) for array in found)
        states, kept = self.adapter(self.encoder(ids, mask)), kept.float()
        return F.normalize((states * kept[..., None]).sum(1) / kept.sum(1)[:, None], dim=-1)

    def texts(self, pairs: Sequence[Pair]) -> Tensor:
        """Vectors of the descriptions [B, width], of length 1."""
        vectors = torch.from_numpy(np.stack([pair.vector for pair in pairs])).to(self.device)
        return F.normalize(self.text(vectors), dim=-1)

    def loss(self, batch: Sequence[Pair]) -> Tensor:
        """The sum over pairs of both directions' nats; its mean is equation 3 of the paper, the sum
        of the two directions and not their half."""
        return contrastive(self.genes(batch), self.texts(batch), self.temperature, twins(batch))

    def flops(self, tokens: int, supervised: int) -> int:
        """An estimate of one training pass: 6 a weight of the blocks and a token."""
        body = sum(p.numel() for block in self.encoder.blocks() for p in block.parameters())
        return 6 * (body + self.adapter.weight.numel()) * tokens


class ContrastTrainer(Trainer):
    """A batch is one whole, because every pair is a negative of the others.

    Where it is cut into chunks or over processes, genes and descriptions are embedded without a
    gradient, the loss and its gradient at these vectors are computed of all, and every chunk is
    embedded once more to carry its gradient on (cached gradients, arXiv 2101.06983): the same
    gradient, in the memory of a chunk.
    """

    def _accumulate(self, examples: Sequence[Pair], weight: float) -> float:
        parts = self._shares(examples)
        if len(parts) == 1 and processes.count() == 1:
            return super()._accumulate(examples, weight)
        method = self.method
        vectors = [side.requires_grad_() for side in self._vectors(examples)]
        loss = contrastive(*vectors, method.temperature, twins(examples)) / weight
        loss.backward()
        for part, counts in parts:
            pairs = [examples[i] for i in part]
            with self._precision():
                sides = method.genes(pairs), method.texts(pairs)
            sides_and_slopes = zip(sides, vectors, strict=True)
            carried = sum((side * whole.grad[part]).sum() for side, whole in sides_and_slopes)
            (carried * (counts * processes.count())).backward()
        # Every process has computed the whole.
        return loss.item() / processes.count()

    @torch.no_grad()
    def measure(self, examples: Sequence[Pair]) -> dict:
        """The loss of all pairs as one batch, and how often the right one is among the nearest."""
        self.method.eval()
        genes, texts = self._vectors(examples)
        nats = contrastive(genes, texts, self.method.temperature, twins(examples)).item()
        return {"validation_loss": nats / len(examples), **recall(genes, texts, examples)}

    @torch.no_grad()
    def _vectors(self, examples: Sequence[Pair]) -> tuple[Tensor, Tensor]:
        """Genes and descriptions [B, width] of all processes, in the order of `examples`."""
        method, found = self.method, []
        for part, counts in self._shares(examples):
            if counts:
                pairs = [examples[i] for i in part]
                with self._precision():
                    sides = method.genes(pairs), method.texts(pairs)
                found.append((part, *(side.float().cpu() for side in sides)))
        everyone = [part for own in processes.gathered(found) for part in own]
        order = torch.from_numpy(np.argsort(np.concatenate([part for part, _, _ in everyone])))
        genes, texts = (torch.cat([part[side] for part in everyone])[order] for side in (1, 2))
        return genes.to(method.device), texts.to(method.device)


def contrastive(genes: Tensor, texts: Tensor, temperature: Tensor, twins: Tensor) -> Tensor:
    """Summed cross-entropy of genes to texts and of texts to genes, all [B, width] of length 1.

    `twins` bool[B, B] is True off the diagonal where a pair is no negative of another.
    """
    scores = (genes @ texts.T / temperature).masked_fill(twins.to(genes.device), -torch.inf)
    own = torch.arange(len(scores), device=scores.device)
    return F.cross_entropy(scores, own, reduction="sum") + F.cross_entropy(
        scores.T, own, reduction="sum"
    )


def twins(pairs: Sequence[Pair]) -> Tensor:
    """Where two different pairs share their sequence or their description, bool[B, B]."""
    same = [
        [a is not b and (a.row["sequence"] == b.row["sequence"] or a.row["text"] == b.row["text"])
         for b in pairs] for a in pairs
    ]  # fmt: skip
    return torch.tensor(same)


def recall(genes: Tensor, texts: Tensor, pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """Recall at 1, 5 and 10 of each direction; a twin's counterpart counts as found too."""
    right = twins(pairs).to(genes.device) | torch.eye(len(pairs), dtype=torch.bool).to(genes.device)
    scores = genes @ texts.T
    found = {}
    for name, ranked in (("gene_to_text", scores), ("text_to_gene", scores.T)):
        order = ranked.argsort(dim=1, descending=True, stable=True)
        hits = right.gather(1, order)
        found[name] = {
            f"recall@{rank}": hits[:, :rank].any(1).double().mean().item() for rank in _RANKS
        }
    return found


class TextEncoder:
    """A frozen text encoder of the hub's layout; a text is its first token's last state."""

    def __init__(self, folder: Path):
        from transformers import AutoModel, AutoTokenizer

        if not (folder / "config.json").is_file():
            raise UserError(f"{folder}: no config.json, so this is no folder of a text encoder")
        self.tokeniser = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model, report = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
        # The pooler comes behind the state that is used.
        missing = [name for name in report["missing_keys"] if not name.startswith("pooler.")]
        if missing or report["mismatched_keys"]:
            found = sorted(map(str, [*missing, *report["mismatched_keys"]]))[0]
            raise UserError(f"{folder}: tensor {found} is missing or has another shape")
        self.model.eval().to(device())
        self.longest = self.model.config.max_position_embeddings

    @torch.inference_mode()
    def embed(self, texts: Sequence[str], source: Path) -> dict[str, np.ndarray]:
        """The vector float32[E] of every distinct text."""
        distinct = sorted(set(texts), key=lambda text: (len(text), text))
        found = {}
        for start in range(0, len(distinct), _TEXTS):
            part = distinct[start : start + _TEXTS]
            tokens = self.tokeniser(part, padding=True, return_tensors="pt").to(device())
            if tokens["input_ids"].shape[1] > self.longest:
                raise UserError(
                    f"{source}: the description {part[-1][:40]!r}... has more than the"
                    f" {self.longest} tokens that the text encoder reads; shorten it"
                )
            states = self.model(**tokens).last_hidden_state[:, 0].float().cpu().numpy()
            found |= dict(zip(part, states, strict=True))
        return found


@dataclass(frozen=True)
class Job:
    """One pre-training; `run` writes its folder."""

    pairs: Path
    encoder: Path
    text_encoder: Path
    backbone: Path
    settings: Settings
    seed: int
    text_vectors: Path
    tensorboard: Path | None

    def run(self, out: Path) -> None:
        """Train from the checkpoint as far as there is one, and write everything."""
        splits = self._read()
        torch.manual_seed(self.seed)
        method = Contrast(
            self._loaded,
            len(splits["train"][0].vector),
            self._width,
            self.settings.temperature,
        ).to(device())
        state = out.parent / f".{out.name}.state"
        trainer = ContrastTrainer(
            method, self._training, self.seed, state, self._fingerprint, self.tensorboard
        )
        progress = trainer.run(splits["train"], splits["val"][:_VALIDATION])
        if processes.leads():
            self._publish(out, method, progress, splits["test"] or splits["val"])
            trainer.path.unlink()
            state.rmdir()
        processes.wait()

    def _publish(
        self, out: Path, method: Contrast, progress: Progress, held_out: Sequence[Pair]
    ) -> None:
        trained = sum(p.numel() for p in method.parameters() if p.requires_grad)
        total = sum(p.numel() for p in method.parameters())
        with atomic_directory(out) as folder:
            self._write(folder, method, held_out)
            write_log(folder / "log.jsonl", progress.log)
            owner = {"method": "seqclip", "study": "language", "suite": "pretrain"}
            costs = [cost(self.seed, (trained, total), self.settings.learning_rate, progress)]
            write_json(folder / "cost.json", {**owner, "kind": "pretraining", "seeds": costs})

    @cached_property
    def _width(self) -> int:
        """Width of the adapter's output: that of the language model that will read it."""
        path = self.backbone / "config.json"
        if not path.is_file():
            raise UserError(f"{path}: no such file; --backbone is the folder of a language model")
        return read_json(path)["hidden_size"]

    @cached_property
    def _loaded(self) -> Encoder:
        return encoders.load(self.encoder)

    @cached_property
    def _training(self) -> Training:
        settings = self.settings
        return Training(
            steps=settings.steps,
            batch=settings.batch,
            learning_rate=settings.learning_rate,
            weight_decay=0.01,
            schedule="cosine",
            warmup=0.1,
            clip=1.0,
            lora_rank=0,
            precision=settings.precision,
            recompute=False,
            shard=False,
            shuffle_dna=False,
            label_weight=1.0,
            validate_every=settings.validate_every,
            validation_rows=_VALIDATION,
            chunk_tokens=settings.chunk_tokens,
            checkpoint_minutes=10.0,
        )

    @cached_property
    def _fingerprint(self) -> str:
        return digest(
            canonical_json(
                [
                    sha256(self.pairs),
                    checksums(self.encoder),
                    checksums(self.text_encoder),
                    asdict(self.settings),
                    self._width,
                    surroundings(),
                    fingerprint.code("seqfuse.language.contrast"),
                ]
            )
        )

    def _read(self) -> dict[str, list[Pair]]:
        rows = tables.read(self.pairs, tables.CLEAN).to_pylist()
        for row in rows:
            if not (row["text"] or "").strip():
                raise UserError(
                    f"{self.pairs}: record {row['id']!r} has no text; a gene-text pair needs both"
                )
        vectors = self._text_vectors([row["text"] for row in rows])
        if self.settings.shuffle_pairs:
            _shuffle(rows)
        one = np.ones(1, np.float32)
        splits: dict[str, list[Pair]] = {"train": [], "val": [], "test": []}
        for row in rows:
            pair = Pair(row, self._tokenise(row), vectors[row["text"]], one)
            splits[row["split"]].append(pair)
        if len(splits["train"]) < self.settings.batch:
            raise UserError(
                f"{self.pairs}: {len(splits['train'])} training pairs are fewer than a batch of"
                f" {self.settings.batch}; lower --batch"
            )
        if not splits["test"] and not splits["val"]:
            raise UserError(f"{self.pairs}: no val or test pairs to hold out")
        return splits

    def _text_vectors(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """The vector float32[E] of every distinct text, mapped from the file that keeps those of
        this encoder and these texts; the first run computes it."""
        distinct = sorted(set(texts))
        made_from = [checksums(self.text_encoder), distinct, surroundings()]
        path = self.text_vectors / f"{digest(canonical_json(made_from))}.npy"
        with processes.leader_first():
            if not path.is_file():
                found = TextEncoder(self.text_encoder).embed(distinct, self.pairs)
                with atomic(path) as temporary:
                    np.save(temporary, np.stack([found[text] for text in distinct]))
        return dict(zip(distinct, np.load(path, mmap_mode="r"), strict=True))

    def _tokenise(self, row: dict) -> Tokens:
        try:
            return self._loaded.tokenise(row["sequence"])
        except UserError as error:
            raise UserError(f"{self.pairs}: record {row['id']!r}: {error}") from None

    @torch.inference_mode()
    def _write(self, folder: Path, method: Contrast, held_out: Sequence[Pair]) -> None:
        from safetensors.torch import save_file

        method.encoder.save(folder / "encoder")
        adapter = {k: v.detach().cpu() for k, v in method.adapter.state_dict().items()}
        save_file(adapter, folder / "adapter.safetensors")
        genes, texts = method.genes(held_out), method.texts(held_out)
        rows = [
            {"id": pair.row["id"], "kind": kind, "vector": vector, "group": pair.row["group"]}
            for kind, vectors in (("dna", genes), ("text", texts))
            for pair, vector in zip(held_out, vectors.tolist(), strict=True)
        ]
        tables.write(
            folder / "vectors.parquet", tables.from_rows(rows, tables.VECTORS), tables.VECTORS
        )
        write_json(
            folder / "model.json",
            {
                "name": "seqclip",
                "kind": "pretrained",
                "layout": method.encoder.layout,
                "scratch": _scratch(self.encoder),
                "width": self._width,
                "temperature": method.temperature.item(),
                "held_out_pairs": len(held_out),
                "retrieval": recall(genes, texts, held_out),
            },
        )


def _shuffle(rows: Sequence[dict]) -> None:
    """Give each gene of train and val the description of another gene of its split."""
    for split in ("train", "val"):
        own = [row for row in rows if row["split"] == split]
        texts = [own[giver]["text"] for giver in others(len(own))]
        for row, text in zip(own, texts, strict=True):
            row["text"] = text


def _scratch(folder: Path) -> bool:
    """Whether an encoder began as one of random weights; unknown folders are taken as trained."""
    path = folder / "model.json"
    return path.is_file() and bool(read_json(path).get("scratch"))
