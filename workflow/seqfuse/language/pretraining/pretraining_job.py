"""A contrastive pre-training job: its pairs and their vectors, its outputs and its cost."""

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch

from seqfuse import encoders, fingerprint, tables
from seqfuse.encoders.models.encoder import Encoder
from seqfuse.errors import UserError
from seqfuse.files import (
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
from seqfuse.language.pretraining.gene_text_pairs import GeneTextPairs, Settings
from seqfuse.language.pretraining.stored_means import StoredMeans
from seqfuse.language.pretraining.text_tower import TextEncoder
from seqfuse.training.cost import write_log
from seqfuse.training.device import device
from seqfuse.training.distributed import processes
from seqfuse.training.interruption.preemption import locked
from seqfuse.training.interruption.resume_checkpoint import discard
from seqfuse.training.interruption.run_progress import Progress, step_cost
from seqfuse.training.provenance import surroundings
from seqfuse.training.trainer import Training

# The most validation pairs, which form one batch of negatives.
_VALIDATION = 512


@dataclass(frozen=True)
class Job:
    """One pre-training; `run` writes its folder.

    Either `encoder`, the folder of a DNA encoder, is trained with the adapter, or `states` is the
    receipt of a codon encoder's states of all genes.
    """

    pairs: Path
    encoder: Path | None
    states: Path | None
    text_encoder: Path
    backbone: Path
    settings: Settings
    text_vectors: Path
    state: Path
    tensorboard: Path | None

    def run(self, out: Path) -> None:
        """Train, resuming from the checkpoint if there is one, and write the folder."""
        with processes.led(locked(self.state / ".lock")):
            self._run(out)

    def _run(self, out: Path) -> None:
        settings = self.settings
        pairs = GeneTextPairs(self.pairs, self._loaded, self._tower, settings)
        splits = pairs.splits(self.text_vectors)
        torch.manual_seed(settings.seed)
        text_width = len(splits["train"][0].vector)
        self._check_width(text_width)
        method = Contrast(
            self._loaded,
            text_width,
            self._width,
            settings.temperature,
            train_encoder=settings.train_encoder,
            project_text=settings.project_text,
            directions=settings.directions,
        ).to(device())
        trainer = ContrastTrainer(
            method, self._training, settings.seed, self.state, self._fingerprint, self.tensorboard
        )
        progress = trainer.run(splits["train"], splits["val"][:_VALIDATION])
        if processes.leads():
            facts = {
                "seed": settings.seed,
                "pairs": {name: len(of_split) for name, of_split in splits.items()},
                "too_long": pairs.too_long,
            }
            self._publish(out, trainer, progress, splits["test"] or splits["val"], facts)
            discard(self.state)
        processes.wait()

    def _publish(
        self,
        out: Path,
        trainer: ContrastTrainer,
        progress: Progress,
        held_out: Sequence[Pair],
        facts: dict,
    ) -> None:
        method, settings = trainer.method, self.settings
        with atomic_directory(out) as folder:
            self._write(folder, trainer, held_out, facts)
            write_log(folder / "log.jsonl", progress.log)
            owner = {"method": "seqclip", "study": "language", "suite": "pretrain"}
            costs = [step_cost(settings.seed, method, settings.learning_rate, progress)]
            write_json(folder / "cost.json", {**owner, "kind": "pretraining", "seeds": costs})

    def _check_width(self, text_width: int) -> None:
        """Without a projection, genes and texts must have the same width."""
        if not self.settings.project_text and text_width != self._width:
            raise UserError(
                f"{self.text_encoder}: its vectors have width {text_width}, those of"
                f" {self.backbone} {self._width}; set language.pretrain.project_text: true, or use"
                " the language model itself as text encoder"
            )

    @cached_property
    def _width(self) -> int:
        """The width of the adapter's output: that of the language model that will read it."""
        path = self.backbone / "config.json"
        if not path.is_file():
            raise UserError(f"{path}: no such file; --backbone is the folder of a language model")
        return read_json(path)["hidden_size"]

    @cached_property
    def _loaded(self) -> Encoder | StoredMeans:
        if self.encoder:
            return encoders.load(self.encoder)
        genes = tables.read(self.pairs, tables.CLEAN, ["sequence", "variant"])
        columns = (column.drop_null().to_pylist() for column in genes.columns)
        return StoredMeans(self.states, itertools.chain(*columns))

    @cached_property
    def _tower(self) -> TextEncoder:
        settings = self.settings
        return TextEncoder(self.text_encoder, settings.text_pooling, settings.precision)

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
                    checksums(self.encoder) if self.encoder else self._loaded.key,
                    checksums(self.text_encoder),
                    asdict(self.settings),
                    self._width,
                    surroundings(),
                    fingerprint.code("seqfuse.language.pretraining.pretraining_job"),
                ]
            )
        )

    def _write(
        self, folder: Path, trainer: ContrastTrainer, held_out: Sequence[Pair], facts: dict
    ) -> None:
        from safetensors.torch import save_file

        method: Contrast = trainer.method
        if self.encoder:
            method.encoder.save(folder / "encoder")
            write_manifest(folder / "encoder")
        adapter = {k: v.detach().cpu() for k, v in method.adapter.state_dict().items()}
        save_file(adapter, folder / "adapter.safetensors")
        genes, texts = trainer.embed(held_out)
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
                "width": self._width,
                "temperature": method.temperature.item(),
                "held_out_pairs": len(held_out),
                "retrieval": recall(genes, texts, held_out),
                **({"scratch": _scratch(self.encoder)} if self.encoder else {}),
                **facts,
            },
        )


def _scratch(folder: Path) -> bool:
    """Whether an encoder had random weights at the start; unknown folders count as trained."""
    path = folder / "model.json"
    return path.is_file() and bool(read_json(path).get("scratch"))
