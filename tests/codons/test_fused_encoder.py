"""States by codon for study A: what an arm makes of coding records, and a fusion that trains on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from seqfuse import tables
from seqfuse.bio.frames import frames, variant_id
from seqfuse.cli import main
from seqfuse.codons import checkpoint
from seqfuse.codons.application.codon_states import CodonStates, Sequences
from seqfuse.codons.inputs.batches import collate, with_views
from seqfuse.codons.model import parts
from seqfuse.encoders.store.reader import Store
from seqfuse.files import read_json
from seqfuse.registry.arms import ARMS


@dataclass(frozen=True)
class Coding:
    """Records of study A whose sequences are those of the small set, in pairs of one length."""

    folder: Path
    pairs: list[tuple[str, str]]
    arms: dict[str, Path]
    study: object

    def embed(self, out: str, *more, arm: str | None = None, frames: str = "frames") -> dict:
        """The receipt of `seqfuse codons embed` with these words."""
        receipt = self.folder / f"{out}.json"
        words = ["--records", self.folder / "records.parquet", "--out", receipt]
        words += ["--frames", self.folder / f"{frames}.parquet", "--store", self.folder / "store"]
        words += ["--arm", self.arms[arm]] if arm else []
        for view in ARMS[arm].modalities if arm else ("dna", "rna", "protein"):
            words += [f"--{view}", self.study.receipts[view]]
        assert main(["codons", "embed", *map(str, [*words, *more])]) == 0
        return read_json(receipt)

    def store(self, out: str) -> Store:
        return Store.open(self.folder / f"{out}.json")


@pytest.fixture(scope="module")
def coding(study, tmp_path_factory) -> Coding:
    """A pair from each two neighbours of the set, and three arms, one epoch each."""
    folder = tmp_path_factory.mktemp("coding")
    letters = sorted({frame["dna"] for frame in study.frames}, key=lambda dna: (len(dna), dna))
    pairs = list(zip(letters[0:12:2], letters[1:12:2], strict=True))
    rows = [
        {"id": f"p{i}", "split": "test", "sequence": reference, "variant": variant}
        for i, (reference, variant) in enumerate(pairs)
    ]
    tables.write(folder / "records.parquet", tables.from_rows(rows, tables.CLEAN), tables.CLEAN)
    import pyarrow as pa

    ids = [row["id"] for row in rows] + [variant_id(row["id"]) for row in rows]
    both = [pair[0] for pair in pairs] + [pair[1] for pair in pairs]
    framed = frames(pa.array(ids), pa.array(both))
    tables.write(
        folder / "frames.parquet",
        pa.Table.from_batches([framed]).cast(tables.FRAMES),
        tables.FRAMES,
    )
    arms = {}
    for arm in ("dna", "concat", "xattn"):
        study.job(arm, folder / "state", seeds=(0,), epochs=1).run(folder / arm)
        arms[arm] = folder / arm / "seed0.safetensors"
    return Coding(folder, pairs, arms, study)


def test_fused_encoder_stores_what_the_arm_makes_of_each_sequence(coding):
    coding.embed("concat", arm="concat")
    model, said = checkpoint.load(coding.arms["concat"])
    sequences = Sequences.read(coding.folder / "records.parquet", coding.folder / "frames.parquet")
    stores = {view: Store.open(receipt) for view, receipt in coding.study.receipts.items()}
    outputs = parts(ARMS["concat"], said.shape["upsampling"])
    viewed = with_views(sequences.dataset, stores, outputs, coding.folder)
    for row, letters in enumerate(sequences.letters):
        batch = collate(viewed, np.array([row]), torch.device("cpu"))
        with torch.no_grad():
            expected = model.fuse(model.views(batch), batch.mask).states[0]
        held = coding.store("concat").get(letters)
        assert held.shape == (len(letters) // 3, said.shape["width"])
        assert held == pytest.approx(expected[: len(held)].numpy(), abs=2e-3)
        assert coding.store("concat").spans(letters).tolist() == [
            [start, start + 3] for start in range(0, len(letters), 3)
        ]


def test_fused_encoder_untrained_puts_states_side_by_side_and_repeats_dna(coding):
    coding.embed("untrained")
    letters = max((one for pair in coding.pairs for one in pair), key=len)
    held = coding.store("untrained").get(letters).astype(np.float32)
    dna, rna, protein = (
        Store.open(coding.study.receipts[view]) for view in ("dna", "rna", "protein")
    )
    codons = len(letters) // 3
    # A 6-mer lies over two codons; behind the last one, each letter is a token of its own.
    tokens = dna.get(letters).astype(np.float32)
    whole = codons // 2
    repeated = [*np.repeat(tokens[:whole], 2, axis=0)]
    repeated += [tokens[whole:].mean(0)] * (codons % 2)
    [frame] = [one for one in coding.study.frames if one["dna"] == letters]
    expected = [np.array(repeated), rna.get(frame["rna"]), protein.get(frame["protein"])]
    assert held == pytest.approx(np.concatenate(expected, axis=1), abs=2e-3)


def test_fused_encoder_is_addressed_by_what_it_holds(coding):
    keys = {
        coding.embed("a", arm="concat")["key"],
        coding.embed("b", arm="dna")["key"],
        coding.embed("c")["key"],
        coding.embed("d", "--unfused", arm="concat")["key"],
        coding.embed("e", "--altered", "codons", arm="concat")["key"],
    }
    assert len(keys) == 5
    assert coding.embed("f", arm="concat")["key"] in keys
    states = CodonStates({"dna": Store.open(coding.study.receipts["dna"])}, coding.arms["dna"])
    told = states.description(None, Path())
    assert told["files"].keys() == {"seed0.safetensors"} and told["made_of"].keys() == {"dna"}


def test_fused_encoder_refuses_other_states_than_the_arms(coding, capsys):
    words = ["codons", "embed", "--arm", coding.arms["dna"], "--store", coding.folder / "store"]
    words += ["--records", coding.folder / "records.parquet", "--out", coding.folder / "x.json"]
    words += ["--frames", coding.folder / "frames.parquet"]
    assert main([*map(str, words), "--rna", str(coding.study.receipts["rna"])]) == 2
    assert "arm 'dna' needs --dna" in capsys.readouterr().err
    assert main([*map(str, words), "--dna", str(coding.study.receipts["rna"])]) == 2
    assert "was trained on other dna states" in capsys.readouterr().err


@pytest.mark.parametrize("arm", ["dna", "concat", "xattn"])
def test_fused_encoder_tuned_starts_where_the_frozen_one_does(coding, arm, tmp_path):
    """And what trains is the fusion, the adapter and the backbone, never an encoder."""
    from seqfuse.encoders.models import random_models
    from seqfuse.language.finetuning import checkpoint as finetuned
    from seqfuse.language.methods.linear import Linear
    from seqfuse.language.methods.linear_fused import LinearFused
    from seqfuse.language.methods.method import Setup
    from seqfuse.language.prompts import Dna, Prompt

    (tmp_path / "qwen3").mkdir()
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "head_dim": 8}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 300}
    random_models.write("qwen3", sizes | heads, 0, ["Is it? Answer: yes"], tmp_path / "qwen3")
    coding.embed("fused", arm=arm)
    coding.embed("unfused", "--unfused", arm=arm)
    fused, unfused = coding.store("fused"), coding.store("unfused")
    setup = {"fusion": unfused.description["fusion"]}
    frozen = Linear(Setup(tmp_path / "qwen3", states=fused, encoder_width=fused.width))
    tuned = LinearFused(
        Setup(tmp_path / "qwen3", states=unfused, settings=setup, encoder=coding.arms[arm])
    ).eval()
    tuned.adapter.load_state_dict(frozen.adapter.state_dict())
    tuned.markers.data.copy_(frozen.markers.data)
    prompts = [
        Prompt(str(i), "d", tuple(map(Dna, pair)), "Is it?", False, None, "yes")
        for i, pair in enumerate(coding.pairs[3:])
    ]

    def batch(method):
        return method.batch([method.encode(p, answer=True) for p in prompts])

    def loss(method):
        return method.loss(batch(method))

    with torch.no_grad():
        shown = [method.vectors(batch(method)).numpy() for method in (tuned, frozen)]
    # Half precision before the fusion in one, behind it in the other.
    assert shown[0] == pytest.approx(shown[1], abs=1e-2)
    loss(tuned).backward()
    moved = {name for name, p in tuned.named_parameters() if p.grad is not None and p.grad.any()}
    assert {name for name in moved if name.startswith("fusion.")} and "adapter.weight" in moved
    # Saved and loaded without the arm.
    facts = finetuned.Description(
        "linear_fused", "x", "s", 0, tuned.saved_settings(), {"d": ["yes"]}, unfused.key,
        unfused.width, None, [], "float32",
    )  # fmt: skip
    (tmp_path / "model").mkdir()
    finetuned.save(tmp_path / "model", tuned, facts)
    again = finetuned.load(tmp_path / "model", unfused, "float32")
    assert loss(again).item() == pytest.approx(loss(tuned).item(), rel=1e-5)
