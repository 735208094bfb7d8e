"""One job of contrastive pre-training: its pairs and their vectors, what it writes, its cost."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from seqfuse import encoders, fingerprint, tables
from seqfuse.encoders.encoder import Encoder
from seqfuse.encoders.tokenisers import Tokens
from seqfuse.errors import UserError
from seqfuse.files import (
    atomic,
    atomic_directory,
    canonical_json,
    checksums,
    digest,
    read_json,
    sha256,
    write_json,
    write_manifest,
)
from seqfuse.language.pretraining.contrastive_pretraining import (
    Contrast,
    ContrastTrainer,
    Pair,
    recall,
)
from seqfuse.language.prompts import control_tokens, refuse
from seqfuse.settings.sections import Section
from seqfuse.training import processes
from seqfuse.training.batches import derangement
from seqfuse.training.cost import write_log
from seqfuse.training.device import device
from seqfuse.training.preemption import locked, set_aside
from seqfuse.training.provenance import surroundings
from seqfuse.training.resume_checkpoint import discard
from seqfuse.training.trainer import Progress, Training, step_cost

# Descriptions embedded at once.
_TEXTS = 64
# Most validation pairs: all of them are each other's negatives, in one batch.
_VALIDATION = 512


class Settings(Section, path="language/pretrain"):
    """What SeqCLIP is trained with; the job reads its pairs from a file, not from `dataset`."""


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
        control = control_tokens(self.tokeniser)
        for text in distinct:
            refuse(control, f"{source}: the description {text[:40]!r}...", {"text": text})
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
    state: Path
    tensorboard: Path | None

    def run(self, out: Path) -> None:
        """Train from the checkpoint as far as there is one, and write everything."""
        with processes.led(locked(self.state / ".lock")):
            self._run(out)

    def _run(self, out: Path) -> None:
        splits = self._read()
        torch.manual_seed(self.seed)
        method = Contrast(
            self._loaded,
            len(splits["train"][0].vector),
            self._width,
            self.settings.temperature,
        ).to(device())
        trainer = ContrastTrainer(
            method, self._training, self.seed, self.state, self._fingerprint, self.tensorboard
        )
        progress = trainer.run(splits["train"], splits["val"][:_VALIDATION])
        if processes.leads():
            self._publish(out, method, progress, splits["test"] or splits["val"])
            discard(self.state)
        processes.wait()

    def _publish(
        self, out: Path, method: Contrast, progress: Progress, held_out: Sequence[Pair]
    ) -> None:
        with atomic_directory(out) as folder:
            self._write(folder, method, held_out)
            write_log(folder / "log.jsonl", progress.log)
            owner = {"method": "seqclip", "study": "language", "suite": "pretrain"}
            costs = [step_cost(self.seed, method, self.settings.learning_rate, progress)]
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
            max_grad_norm=1.0,
            precision=settings.precision,
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
                    fingerprint.code("seqfuse.language.pretraining.pretraining_job"),
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
            if (vectors := _mapped(path)) is None:
                found = TextEncoder(self.text_encoder).embed(distinct, self.pairs)
                with atomic(path) as temporary:
                    np.save(temporary, np.stack([found[text] for text in distinct]))
                vectors = _mapped(path)
        return dict(zip(distinct, vectors, strict=True))

    def _tokenise(self, row: dict) -> Tokens:
        try:
            return self._loaded.tokenise(row["sequence"])
        except UserError as error:
            raise UserError(f"{self.pairs}: record {row['id']!r}: {error}") from None

    @torch.inference_mode()
    def _write(self, folder: Path, method: Contrast, held_out: Sequence[Pair]) -> None:
        from safetensors.torch import save_file

        method.encoder.save(folder / "encoder")
        write_manifest(folder / "encoder")
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


def _mapped(path: Path) -> np.ndarray | None:
    """The array of a file, not yet read from disk; None if there is none, or none that is whole."""
    try:
        return np.load(path, mmap_mode="r")
    except FileNotFoundError:
        return None
    except (ValueError, EOFError) as error:
        set_aside(path, error, "the descriptions are embedded again")
        return None


def _shuffle(rows: Sequence[dict]) -> None:
    """Give each gene of train and val the description of another gene of its split."""
    for split in ("train", "val"):
        own = [row for row in rows if row["split"] == split]
        texts = [own[giver]["text"] for giver in derangement(len(own))]
        for row, text in zip(own, texts, strict=True):
            row["text"] = text


def _scratch(folder: Path) -> bool:
    """Whether an encoder began as one of random weights; unknown folders are taken as trained."""
    path = folder / "model.json"
    return path.is_file() and bool(read_json(path).get("scratch"))
