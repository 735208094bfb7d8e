"""SeqCLIP's frozen text encoder: one vector per description, cached for the next run."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from seqfuse.encoders.models.formats import hold_format
from seqfuse.errors import UserError
from seqfuse.files import atomic, canonical_json, checksums, digest
from seqfuse.language.backbones.loading import hold_memory
from seqfuse.language.prompts import control_tokens, refuse
from seqfuse.training.batches import chunks
from seqfuse.training.device import device
from seqfuse.training.distributed import processes
from seqfuse.training.interruption.preemption import set_aside
from seqfuse.training.provenance import surroundings

# The most tokens that go through the text encoder at once, including padding.
_TOKENS = 2**15


class TextEncoder:
    """A frozen text encoder in transformers' layout, a BERT or a language model.

    A text's vector is the last state of its first token ([CLS] in BERT), or the mean over its
    tokens.
    """

    def __init__(self, folder: Path, pooling: str = "first", precision: str = "float32"):
        from transformers import AutoConfig, AutoTokenizer

        hold_format(folder)
        if not (folder / "config.json").is_file():
            raise UserError(f"{folder}: not a text-encoder checkpoint: config.json is missing")
        self._folder, self._pooling, self._precision = folder, pooling, precision
        self.tokeniser = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if self.tokeniser.pad_token is None:
            # Any token will do, because it is masked.
            self.tokeniser.pad_token = self.tokeniser.eos_token
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        self.longest: int = config.max_position_embeddings

    def lengths(self, texts: Sequence[str], source: Path) -> np.ndarray:
        """The number of tokens of each text, int[n]; `UserError` if one has a control token."""
        control = control_tokens(self.tokeniser)
        for text in texts:
            refuse(control, f"{source}: the description {text[:40]!r}...", {"text": text})
        ids = self.tokeniser(list(texts), truncation=False, verbose=False)["input_ids"]
        return np.array([len(row) for row in ids], np.int64)

    @torch.inference_mode()
    def embed(self, texts: Iterable[str]) -> dict[str, np.ndarray]:
        """The vector float32[E] of every distinct text; texts that are too long are truncated."""
        model, distinct = self._model(), sorted(set(texts))
        cut = {"truncation": True, "max_length": self.longest}
        lengths = [len(ids) for ids in self.tokeniser(distinct, **cut)["input_ids"]]
        half = self._precision == "bfloat16"
        vectors = {}
        for part in chunks(lengths, _TOKENS):
            chosen = [distinct[i] for i in part]
            tokens = self.tokeniser(
                chosen, **cut, padding=True, padding_side="right", return_tensors="pt"
            ).to(model.device)
            with torch.autocast(model.device.type, torch.bfloat16, enabled=half):
                states = model(**tokens).last_hidden_state.float()
            pooled = self._pooled(states, tokens["attention_mask"])
            vectors |= dict(zip(chosen, pooled, strict=True))
        return vectors

    def kept(self, texts: Iterable[str], folder: Path) -> dict[str, np.ndarray]:
        """Like `embed`, but memory-mapped from the file in `folder` for this encoder and these
        texts, which the first run writes."""
        distinct = sorted(set(texts))
        made_from = [checksums(self._folder), self._pooling, self._precision, distinct]
        path = folder / f"{digest(canonical_json([*made_from, surroundings()]))}.npy"
        with processes.leader_first():
            if (vectors := _mapped(path)) is None:
                computed = self.embed(distinct)
                with atomic(path) as temporary:
                    np.save(temporary, np.stack([computed[text] for text in distinct]))
                vectors = _mapped(path)
        return dict(zip(distinct, vectors, strict=True))

    def _pooled(self, states: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
        if self._pooling == "first":
            return states[:, 0].cpu().numpy()
        weights = mask / mask.sum(1, keepdim=True)
        return (states * weights[..., None]).sum(1).cpu().numpy()

    def _model(self) -> torch.nn.Module:
        from transformers import AutoModel
        from transformers.utils import logging

        hold_memory(self._folder)
        logging.disable_progress_bar()
        model, report = AutoModel.from_pretrained(
            self._folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
        # The pooler follows the state that is used, so it may be missing.
        missing = [name for name in report["missing_keys"] if not name.startswith("pooler.")]
        if missing or report["mismatched_keys"]:
            first = sorted(map(str, [*missing, *report["mismatched_keys"]]))[0]
            raise UserError(f"{self._folder}: tensor {first} is missing or has another shape")
        return model.eval().to(device())


def _mapped(path: Path) -> np.ndarray | None:
    """The memory-mapped array of a file; None if there is no file, or it is damaged."""
    try:
        return np.load(path, mmap_mode="r")
    except FileNotFoundError:
        return None
    except (ValueError, EOFError) as error:
        set_aside(path, error, "the descriptions are embedded again")
        return None
