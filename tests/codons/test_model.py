"""A whole arm: the same prediction in any batch, its budget, its checkpoint."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from seqfuse.codons import checkpoint
from seqfuse.codons.inputs.batches import collate
from seqfuse.codons.model import CodonModel, Shape, compared_parameters, fit_width
from seqfuse.codons.training_job import knock_outs
from seqfuse.errors import UserError
from seqfuse.registry.arms import ARMS
from seqfuse.training.cost import trained_parameters

CPU = torch.device("cpu")


def built(study, folder, arm, **settings):
    """(job, model in eval mode) with weights that are not what training starts from."""
    job = study.job(arm, folder, **settings)
    model = CodonModel(ARMS[arm], job.shape, job.encoders()).eval()
    model.standardise(job.statistics)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return job, model


@pytest.mark.parametrize("head", ["textcnn", "mean"])
@pytest.mark.parametrize("arm", ARMS)
def test_a_prediction_does_not_depend_on_the_batch(arm, head, study, tmp_path):
    job, model = built(study, tmp_path, arm, head=head)
    rows = np.random.default_rng(0).permutation(len(study.records))[:32]
    # From 2 to 23 codons: most of a short sequence's row is padding.
    together = model(collate(job.dataset, rows, CPU))
    for position, row in enumerate(rows):
        alone = model(collate(job.dataset, np.array([row]), CPU))
        assert torch.allclose(together.prediction[position], alone.prediction[0], atol=1e-6)
        if together.weights is not None:
            assert torch.allclose(together.weights[position], alone.weights[0], atol=1e-6)


@pytest.mark.parametrize("upsampling", ["kernel2", "kernel3", "repeat"])
def test_more_padding_changes_nothing(upsampling, study, tmp_path):
    job, model = built(study, tmp_path, "xattn", upsampling=upsampling)
    batch = collate(job.dataset, np.arange(12), CPU)
    rows, width = batch.mask.shape
    wider = width + 13

    def moved(cells):
        return cells // width * wider + cells % width

    views = {name: p._replace(cells=moved(p.cells)) for name, p in batch.views.items()}
    mask = torch.zeros(rows, wider, dtype=torch.bool)
    mask[:, :width] = batch.mask
    padded = batch._replace(mask=mask, views=views)
    assert torch.allclose(model(batch).prediction, model(padded).prediction, atol=1e-6)


def test_a_knocked_out_view_says_nothing_of_the_sequence(study, tmp_path):
    """With its only view knocked out, sequences of one length have one prediction."""
    job, model = built(study, tmp_path, "rna")
    same = np.flatnonzero(job.dataset.codons == job.dataset.codons[0])
    assert len(same) > 1
    batch = collate(job.dataset, same, CPU)
    assert not torch.allclose(*model(batch).prediction[:2], atol=1e-3)
    known = model(batch, ["rna"]).prediction
    assert torch.allclose(known[0], known[1])


def test_every_set_of_modalities_is_knocked_out_but_all():
    assert list(knock_outs(ARMS["rna"])) == []
    assert list(knock_outs(ARMS["concat"])) == [
        ("dna",), ("rna",), ("protein",), ("dna", "rna"), ("dna", "protein"), ("rna", "protein")
    ]  # fmt: skip


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_comes_near_the_budget(arm, study, tmp_path):
    budget = 6000
    shape = study.job(arm, tmp_path, parameter_budget=budget).shape
    size = compared_parameters(CodonModel(ARMS[arm], shape))
    wider = compared_parameters(CodonModel(ARMS[arm], replace(shape, width=shape.width + 4)))
    assert size <= budget < wider


# Of the papers' encoders: nt-v2-100m, rna-fm-t12, esm2-8m.
PAPERS = {"dna": 512, "rna": 640, "protein": 320}


def of_paper(arm, root, **fixed) -> CodonModel:
    """An arm as the preset `paper` sizes it, without its weights."""
    given = yaml.safe_load((root / "workflow" / "presets" / "paper.yaml").read_text())["codons"]
    settings = given["training"] | given["overrides"].get(arm, {}) | fixed
    views = {view: PAPERS[view] for view in ARMS[arm].modalities}
    sizes = [settings[key] for key in ("width", "channels")]
    shape = Shape(views, 1, *sizes, 0.2, "textcnn", "kernel2", True)
    if settings["parameter_budget"]:
        shape = fit_width(ARMS[arm], shape, settings["parameter_budget"])
    with torch.device("meta"):
        return CodonModel(ARMS[arm], shape)


def test_the_default_budget_holds_every_arm_of_the_papers_encoders(root):
    """Upsampling alone takes 524,800 parameters at the width of the Nucleotide Transformer."""
    sizes = {}
    for arm in ("dna", "rna", "protein", "concat", "mil", "xattn"):
        model = of_paper(arm, root, channels=64, parameter_budget=100_000)
        sizes[arm] = compared_parameters(model)
        assert trained_parameters(model.align) == 524_800 * ("dna" in ARMS[arm].modalities)
    assert min(sizes.values()) > 85_000 and max(sizes.values()) <= 100_000


def test_a_matched_arm_stands_beside_the_papers_own_sizes(root):
    size = {
        arm: compared_parameters(of_paper(arm, root))
        for arm in ("mil", "mil_matched", "rna", "rna_matched")
    }
    assert size["mil"] > 8 * size["rna"]
    assert size["mil_matched"] == pytest.approx(size["rna"], rel=0.02)
    assert size["rna_matched"] == pytest.approx(size["mil"], rel=0.02)


def test_a_budget_that_no_width_meets_is_refused(study, tmp_path):
    shape = study.job("xattn", tmp_path).shape
    with pytest.raises(UserError, match="parameter_budget: 100 is too small for arm 'xattn'"):
        fit_width(ARMS["xattn"], shape, 100)


@pytest.mark.parametrize("arm", ["concat", "mil", "xattn", "onehot"])
def test_a_checkpoint_gives_the_same_predictions(arm, study, tmp_path):
    job = study.job(arm, tmp_path / "state", seeds=(3,), epochs=1)
    job.run(tmp_path / "out")
    model, description = checkpoint.load(tmp_path / "out" / "seed3.safetensors")
    assert (description.arm, description.dataset, description.seed) == (arm, "small", 3)
    rows = job.dataset.rows("test")
    with torch.no_grad():
        scaled = model(collate(job.dataset, rows, CPU)).prediction[:, 0].double().numpy()
    from seqfuse import tables

    said = tables.read(tmp_path / "out" / "predictions.parquet", tables.PREDICTIONS).to_pylist()
    of_id = {row["id"]: row["predicted_value"] for row in said if row["probe"] == "none"}
    wanted = [of_id[job.dataset.ids[row]] for row in rows]
    assert scaled * description.deviation + description.mean == pytest.approx(wanted, abs=1e-6)


def test_a_cut_or_foreign_checkpoint_is_named(study, tmp_path):
    study.job("rna", tmp_path / "state", seeds=(0,), epochs=1).run(tmp_path / "out")
    path = tmp_path / "out" / "seed0.safetensors"
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"cut\.safetensors: truncated or not a safetensors file"):
        checkpoint.load(cut)
    with pytest.raises(UserError, match=r"none\.safetensors: no such file"):
        checkpoint.load(tmp_path / "none.safetensors")
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(UserError, match="not a checkpoint of `seqfuse codons train`"):
        checkpoint.load(tmp_path / "foreign.safetensors")
