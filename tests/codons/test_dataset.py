"""What an arm reads: one-hot codons, batches, moments, the scale of the targets."""

import numpy as np
import pytest
import torch

from seqfuse.codons.inputs.batches import by_length, collate, moments, shuffled
from seqfuse.codons.inputs.dataset import OneHot, read
from seqfuse.codons.training import Scale, task_loss


@pytest.fixture
def dataset(study, tmp_path):
    return study.job("concat", tmp_path).dataset


def test_codons_are_numbered_in_alphabetical_order():
    assert OneHot.indices("AAAAACTTTAANGG").tolist() == [0, 1, 63, 64]
    assert OneHot().get("AAATTT").shape == (2, 65)
    assert OneHot().get("AAATTT").argmax(1).tolist() == [0, 63]


def test_an_epoch_holds_every_row_once(dataset):
    rows = dataset.rows("train")
    batches = shuffled(dataset, rows, 5, np.random.default_rng(0))
    assert sorted(np.concatenate(batches)) == rows.tolist()
    assert max(map(len, batches)) == 5
    again = shuffled(dataset, rows, 5, np.random.default_rng(1))
    assert [b.tolist() for b in batches] != [b.tolist() for b in again]
    ordered = np.concatenate(list(by_length(dataset, rows, 5)))
    assert sorted(ordered) == rows.tolist() and (np.diff(dataset.codons[ordered]) <= 0).all()


def test_a_batch_holds_its_rows(study, dataset):
    rows = np.array([7, 0, 20])
    batch = collate(dataset, rows, torch.device("cpu"))
    assert batch.mask.sum(1).tolist() == dataset.codons[rows].tolist()
    assert batch.target.tolist() == [study.records[row]["value"] for row in rows]
    assert batch.views["protein"].first.sum() == 3
    assert len(batch.views["protein"].tokens) == dataset.codons[rows].sum()


def test_moments_are_those_of_all_training_tokens(dataset):
    view, rows = dataset.views["rna"], dataset.rows("train")
    tokens = np.concatenate([view.states.get(view.sequences[row]) for row in rows])
    mean, deviation = moments(view.stored(rows))
    assert mean == pytest.approx(tokens.astype(np.float64).mean(0), abs=1e-6)
    assert deviation == pytest.approx(tokens.astype(np.float64).std(0), abs=1e-6)


def test_targets_are_scaled_on_the_training_split_alone(study, dataset):
    train = [record["value"] for record in study.records if record["split"] == "train"]
    scale = Scale.of(dataset)
    assert (scale.mean, scale.deviation) == pytest.approx((np.mean(train), np.std(train)))


def test_the_loss_of_values_is_in_units_of_their_deviation():
    prediction, target = torch.tensor([[0.0], [1.0]]), torch.tensor([3.0, 7.0])
    # (3 - 5) / 2 = -1 and (7 - 5) / 2 = 1: errors 1 and 0.
    assert task_loss(prediction, target, (), Scale(5.0, 2.0)).item() == pytest.approx(0.5)


def test_the_loss_of_classes_is_cross_entropy():
    prediction = torch.log(torch.tensor([[0.5, 0.5], [0.2, 0.8]]))
    wanted = -(np.log(0.5) + np.log(0.8)) / 2
    found = task_loss(prediction, torch.tensor([0, 1]), ("a", "b"), Scale())
    assert found.item() == pytest.approx(wanted)


def test_own_data_a_start_codon_is_methionine_at_the_start_alone(study, tmp_path):
    """As NCBI's table 11 has GTG: valine elsewhere, which is no disagreement."""
    frames = [dict(frame) for frame in study.frames]
    first = max(frames, key=lambda frame: frame["codons"])
    for frame, residue in ((first, "M"), (min(frames, key=lambda f: f["codons"]), "V")):
        frame["dna"] = "GTG" + frame["dna"][3:]
        frame["rna"] = frame["dna"].replace("T", "U")
        frame["protein"] = residue + frame["protein"][1:]
    made = study.write(tmp_path, frames=frames)
    found = read("small", made.folder / "records.parquet", made.folder / "frames.parquet")
    assert first["protein"] in found.frames["protein"]
