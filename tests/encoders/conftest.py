"""The golden numbers, and checkpoint folders made of them in the published layouts."""

import gzip
import hashlib
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save_file
from torch import Tensor

GOLDEN = Path(__file__).parent / "golden"
# The published config.json of NT-v2 has no model_type; RNA-FM's is our own.
MODEL_TYPE = {"rnafm": {"model_type": "rna-fm"}, "esm2": {"model_type": "esm"}}


@dataclass(frozen=True)
class Golden:
    """The numbers of one reference: facts (.json), tensors (.safetensors.gz), the folder."""

    name: str
    facts: dict
    tensors: dict[str, Tensor]
    folder: Path

    @property
    def weights(self) -> dict[str, Tensor]:
        """The checkpoint, under the reference's names."""
        start = "weights."
        return {k[len(start) :]: t for k, t in self.tensors.items() if k.startswith(start)}

    def inputs(self, case: str) -> tuple[Tensor, Tensor | None]:
        """ids and mask of a case; RNA-FM's reference finds the pads by itself."""
        ids = self.tensors[f"{case}.input_ids"]
        mask = ids != 1 if self.name == "rnafm" else self.tensors.get(f"{case}.attention_mask")
        return ids, mask

    def logits(self, found: Tensor) -> Tensor:
        """The columns of logits for which there are golden numbers."""
        return found[..., self.tensors["rows"]] if "rows" in self.tensors else found


@pytest.fixture(scope="session", params=["ntv2", "rnafm", "esm2"])
def golden(request, goldens) -> Golden:
    """Each of the three references in turn."""
    return goldens[request.param]


@pytest.fixture(scope="session")
def goldens(tmp_path_factory) -> dict[str, Golden]:
    """The three references, by name."""
    root = tmp_path_factory.mktemp("golden")
    return {name: _read(name, root / name) for name in ("ntv2", "rnafm", "esm2")}


def _read(name: str, folder: Path) -> Golden:
    facts = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    tensors = load(gzip.decompress((GOLDEN / f"{name}.safetensors.gz").read_bytes()))
    _fill_tables(name, tensors)
    folder.mkdir()
    golden = Golden(name, facts, tensors, folder)
    config = facts["config"] | MODEL_TYPE.get(name, {})
    _write_json(folder / "config.json", config)
    _write_tokeniser(name, facts, folder)
    save_file(golden.weights, folder / "model.safetensors")
    return golden


def _fill_tables(name: str, tensors: dict[str, Tensor]) -> None:
    """Give the tables that were shortened their published sizes; the new rows are never read."""
    if name == "ntv2":
        for key in ("esm.embeddings.word_embeddings.weight", "lm_head.decoder.weight"):
            tensors[f"weights.{key}"] = _spread(tensors[f"weights.{key}"], tensors["rows"], 4107)
        bias = tensors["weights.lm_head.bias"]
        tensors["weights.lm_head.bias"] = _spread(bias, tensors["rows"], 4107)
    if name == "rnafm":
        table = tensors["weights.embed_positions.weight"]
        tensors["weights.embed_positions.weight"] = _spread(table, torch.arange(64), 1026)


def _spread(values: Tensor, rows: Tensor, size: int) -> Tensor:
    table = torch.zeros(size, *values.shape[1:])
    table[rows] = values
    return table


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _write_tokeniser(name: str, facts: dict, folder: Path) -> None:
    """The published tokeniser files; vocab.txt of NT-v2 is held to its SHA-256."""
    if name == "ntv2":
        kmers = map("".join, itertools.product("ATCG", repeat=6))
        words = ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>", *kmers, *"ATCGN"]
        text = "\n".join(words)
        assert hashlib.sha256(text.encode()).hexdigest() == facts["vocab_sha256"]
        (folder / "vocab.txt").write_text(text)
        _write_json(folder / "tokenizer_config.json", facts["tokenizer_config"])
        _write_json(folder / "special_tokens_map.json", facts["special_tokens_map"])
    if name == "esm2":
        (folder / "vocab.txt").write_text("\n".join(facts["vocabulary"]))
