"""Arms that train their encoders: the states they start from, what they train, what they keep."""

import numpy as np
import pytest
import torch
from safetensors import safe_open

from seqfuse import encoders, tables
from seqfuse.codons import checkpoint
from seqfuse.codons.inputs import trainable_encoder
from seqfuse.codons.inputs.batches import collate
from seqfuse.codons.inputs.trainable_encoder import Live
from seqfuse.codons.model import CodonModel
from seqfuse.codons.train import MODALITIES
from seqfuse.errors import UserError
from seqfuse.files import read_json

CPU = torch.device("cpu")


def saved(folder, seed=0) -> dict[str, torch.Tensor]:
    with safe_open(folder / f"seed{seed}.safetensors", "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def parameters(folder) -> dict[str, torch.Tensor]:
    return dict(encoders.load(folder).named_parameters())


@pytest.mark.parametrize("tuning", ["lora", "full"])
@pytest.mark.parametrize("view", MODALITIES)
def test_training_starts_from_the_published_states(view, tuning, study, tmp_path):
    """Sequences of 2 to 23 codons in one batch, against the encoder on each alone."""
    job = study.job("concat_lora", tmp_path)
    rows = np.array([40, 0, 17, 3])
    (encoder,) = trainable_encoder.load({view: study.models[view]}, tuning, 4).values()
    found = Live(encoder.eval())(collate(job.dataset, rows, CPU).views[view])
    published, wanted = encoders.load(study.models[view]), []
    for row in rows:
        tokens = published.tokenise(job.dataset.frames[view][row])
        wanted.append(published(torch.from_numpy(tokens.ids)[None])[0, ~tokens.special])
    assert torch.allclose(found, torch.cat(wanted), atol=1e-5)


@pytest.mark.parametrize("arm", ["concat_lora", "concat_full"])
def test_every_trained_parameter_has_a_gradient(arm, study, tmp_path):
    job = study.job(arm, tmp_path)
    model = CodonModel(job.arm, job.shape, job.encoders())
    for name, parameter in model.named_parameters():
        # LoRA begins with B = 0, from which A has no gradient.
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    model(collate(job.dataset, np.arange(44), CPU)).prediction.sum().backward()
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    idle = [name for name, p in trained.items() if p.grad is None or not p.grad.any()]
    # Softmax ignores what it adds to every key alike; rare letters are in no sequence, which
    # leaves rows of an embedding, not all of it.
    assert [name for name in idle if ".key.bias" not in name and "k_proj.bias" not in name] == []
    assert {name.split(".")[1] for name in trained if name.startswith("encode.")} == {*MODALITIES}


def test_lora_trains_low_rank_updates_alone(study, tmp_path):
    out = tmp_path / "out"
    study.job("concat_lora", tmp_path / "state", seeds=(0,), lora_rank=3).run(out)
    inside = {name: t for name, t in saved(out).items() if name.startswith("encode.")}
    assert inside and all(".lora_A." in name or ".lora_B." in name for name in inside)
    assert all(3 in tensor.shape for tensor in inside.values())
    assert any(tensor.any() for name, tensor in inside.items() if ".lora_B." in name)
    (cost,) = read_json(out / "cost.json")["seeds"]
    frozen = sum(p.numel() for folder in study.models.values() for p in parameters(folder).values())
    assert cost["total_parameters"] == cost["trained_parameters"] + frozen
    assert cost["trained_parameters"] == sum(
        t.numel() for name, t in saved(out).items() if not name.startswith("scale.")
    )


def test_full_training_changes_what_hidden_states_depend_on(study, tmp_path):
    out = tmp_path / "out"
    study.job("concat_full", tmp_path / "state", seeds=(0,)).run(out)
    for view, folder in study.models.items():
        prefix = f"encode.{view}.encoder."
        inside = {n.removeprefix(prefix): t for n, t in saved(out).items() if n.startswith(prefix)}
        before = {n: p for n, p in parameters(folder).items() if not n.startswith("lm_head.")}
        assert inside.keys() == before.keys()
        matrices = [name for name, tensor in before.items() if tensor.ndim == 2]
        assert all((inside[name] != before[name]).any() for name in matrices)


def test_only_the_chosen_encoders_are_trained(study, tmp_path):
    """RNA alone is; the others come from the store, and each weight has its own column."""
    job = study.job("mil_lora", tmp_path / "state", seeds=(0,), tuned=("rna",))
    assert (list(job.models), list(job.receipts)) == (["rna"], ["dna", "protein"])
    assert list(job.dataset.views) == ["dna", "rna", "protein"]
    job.run(tmp_path / "out")
    inside = [name for name in saved(tmp_path / "out") if name.startswith("encode.")]
    assert inside and all(name.startswith("encode.rna.") for name in inside)


def test_bfloat16_is_float32_to_its_precision(study, tmp_path):
    """Two epochs of both; bfloat16 has 8 bits, about 0.4 %."""
    said = {}
    for precision in ("float32", "bfloat16"):
        out = tmp_path / f"{precision}.out"
        job = study.job("concat_lora", tmp_path / precision, seeds=(0,), precision=precision)
        job.run(out)
        rows = tables.read(out / "predictions.parquet", tables.PREDICTIONS).to_pylist()
        said[precision] = np.array([row["predicted_value"] for row in rows])
    difference = np.abs(said["float32"] - said["bfloat16"])
    assert 0 < difference.max() < 0.1 * np.ptp(said["float32"]) + 0.02


@pytest.mark.parametrize("arm", ["mil_lora", "concat_full"])
def test_a_checkpoint_and_its_encoders_give_the_same_predictions(arm, study, tmp_path):
    job = study.job(arm, tmp_path / "state", seeds=(3,))
    job.run(tmp_path / "out")
    path = tmp_path / "out" / "seed3.safetensors"
    with pytest.raises(UserError, match=f"arm '{arm}' needs the folder of its dna encoder"):
        checkpoint.load(path)
    model, description = checkpoint.load(path, study.models)
    rows = job.dataset.rows("test")
    with torch.no_grad():
        scaled = model(collate(job.dataset, rows, CPU)).prediction[:, 0].double().numpy()
    said = tables.read(tmp_path / "out" / "predictions.parquet", tables.PREDICTIONS).to_pylist()
    of_id = {row["id"]: row["predicted_value"] for row in said if row["probe"] == "none"}
    wanted = [of_id[job.dataset.ids[row]] for row in rows]
    assert scaled * description.deviation + description.mean == pytest.approx(wanted, abs=1e-5)
