"""SeqCLIP's pre-training: the loss by hand, what is written, interruption, bad input."""

import json
import math
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from seqfuse import encoders, tables
from seqfuse.language.pretraining.contrastive_pretraining import (
    Pair,
    contrastive,
    duplicate_pairs,
    recall,
)


def pairs(*rows) -> list[Pair]:
    found = [dict(zip(("sequence", "text"), row, strict=True)) for row in rows]
    return [Pair(row, None, None, np.ones(1, np.float32)) for row in found]


def test_the_loss_is_the_sum_of_both_directions_of_equation_3():
    genes, texts = np.random.default_rng(0).normal(size=(2, 5, 3))
    genes, texts = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (genes, texts))
    temperature, expected = 0.2, 0.0
    for i in range(5):
        to_texts = [math.exp(genes[i] @ texts[j] / temperature) for j in range(5)]
        to_genes = [math.exp(genes[j] @ texts[i] / temperature) for j in range(5)]
        expected -= math.log(to_texts[i] / sum(to_texts)) + math.log(to_genes[i] / sum(to_genes))
    found = contrastive(
        torch.from_numpy(genes),
        torch.from_numpy(texts),
        torch.tensor(temperature, dtype=torch.float64),
        torch.zeros(5, 5, dtype=torch.bool),
    )
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_the_loss_is_twice_clips():
    """CLIP's is half the sum of both directions, in open_clip's ClipLoss as in this one."""
    from transformers.models.clip.modeling_clip import image_text_contrastive_loss

    torch.manual_seed(0)
    genes, texts = torch.nn.functional.normalize(torch.randn(2, 16, 8), dim=-1)
    clip = image_text_contrastive_loss(texts @ genes.T / 0.07).item()
    found = contrastive(genes, texts, torch.tensor(0.07), torch.zeros(16, 16, dtype=torch.bool))
    assert found.item() / 16 == pytest.approx(2 * clip, rel=1e-5)


def test_pairs_of_one_text_or_one_gene_are_no_negatives():
    batch = pairs(("AC", "one"), ("GT", "one"), ("AC", "two"), ("TT", "three"))
    expected = [
        [False, True, True, False],
        [True, False, False, False],
        [True, False, False, False],
        [False, False, False, False],
    ]
    assert duplicate_pairs(batch).tolist() == expected
    # With two pairs that are twins, no negative is left: the loss is 0.
    vectors = torch.eye(2)
    assert (
        contrastive(vectors, vectors.flip(0), torch.tensor(1.0), duplicate_pairs(batch[:2])).item()
        == 0
    )


def test_recall_by_hand():
    batch = pairs(("AC", "one"), ("GT", "two"), ("CC", "one"))
    genes = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    texts = torch.tensor([[0.0, 1.0], [0.0, -1.0], [1.0, 0.0]])
    # Gene 0 is nearest to text 2, its twin's; gene 1 has its own last; gene 2 has text 0 first.
    found = recall(genes, texts, batch)
    assert found["gene_to_text"] == {"recall@1": 2 / 3, "recall@5": 1.0, "recall@10": 1.0}
    # Text 0 finds gene 2, its twin's; text 1 finds gene 0, not its own; text 2 finds gene 0.
    assert found["text_to_gene"]["recall@1"] == pytest.approx(2 / 3)


def test_what_is_written(project):
    folder = project / "seqclip"
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter.safetensors", "cost.json", "encoder", "log.jsonl", "model.json", "vectors.parquet",
    ]  # fmt: skip
    adapter = load_file(folder / "adapter.safetensors")
    assert {name: list(t.shape) for name, t in adapter.items()} == {
        "weight": [32, 16],
        "bias": [32],
    }
    assert not (project / ".seqclip.state").exists()

    before, after = (
        encoders.load(path).state_dict() for path in (project / "nt", folder / "encoder")
    )
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert "esm.embeddings.word_embeddings.weight" in moved
    # The vocabulary head is behind the states that are used.
    assert not any(name.startswith("lm_head.") for name in moved)

    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in log if "validation_loss" in line] == [3, 6]
    cost = json.loads((folder / "cost.json").read_text())
    (seed,) = cost["seeds"]
    assert seed["examples"] == 24
    head = sum(t.numel() for name, t in before.items() if name.startswith("lm_head."))
    assert seed["total_parameters"] - seed["trained_parameters"] == head > 0


def test_vectors_are_those_of_the_test_pairs(project):
    rows = tables.read(project / "seqclip" / "vectors.parquet", tables.VECTORS).to_pylist()
    genes = tables.read(project / "genes" / "records.parquet", tables.CLEAN).to_pylist()
    test = {row["id"]: row["group"] for row in genes if row["split"] == "test"}
    assert [(row["id"], row["kind"], row["group"]) for row in rows] == [
        (name, kind, group) for kind in ("dna", "text") for name, group in test.items()
    ]
    norms = [np.linalg.norm(row["vector"]) for row in rows]
    assert norms == pytest.approx([1.0] * len(rows), rel=1e-5)


def test_an_interrupted_run_resumes_to_the_same_bytes(
    project, commands, content, interrupt, tmp_path
):
    out = tmp_path / "seqclip"
    interrupt(4)
    said = commands.interrupted(commands.pretraining(out))
    assert "interrupted by SIGINT and saved at step 4 of seed 0" in said
    assert not out.exists()
    commands.pretrain(out)
    assert content(out) == content(project / "seqclip")


def test_shuffled_pairs_leave_a_gene_the_description_of_another(project, commands, tmp_path):
    from seqfuse.language.pretraining import pretraining_job

    rows = [
        {"id": f"g{i}", "split": split, "text": f"text {i}"}
        for i, split in enumerate(["train"] * 5 + ["val"] * 3 + ["test"] * 2)
    ]
    before = [row["text"] for row in rows]
    pretraining_job._shuffle(rows)
    after = [row["text"] for row in rows]
    for own in (slice(0, 5), slice(5, 8)):
        assert sorted(after[own]) == sorted(before[own])
        assert all(a != b for a, b in zip(before[own], after[own], strict=True))
    assert after[8:] == before[8:]
    # Held-out pairs stay pairs; the same genes trained on others' descriptions end elsewhere.
    out = commands.pretrain(tmp_path / "shuffled", "--shuffle-pairs", "true")
    plain, other = (
        tables.read(folder / "vectors.parquet", tables.VECTORS)
        for folder in (project / "seqclip", out)
    )
    assert plain.drop_columns("vector") == other.drop_columns("vector")
    logs = [
        (folder / "log.jsonl").read_text().split("\n")[0] for folder in (project / "seqclip", out)
    ]
    assert json.loads(logs[0])["loss"] != json.loads(logs[1])["loss"]


def test_vectors_of_texts_are_kept_for_the_next_run(
    project, commands, content, monkeypatch, tmp_path
):
    from seqfuse.language.pretraining.pretraining_job import TextEncoder

    (kept,) = (project / "text_vectors").iterdir()
    rows = tables.read(project / "genes" / "records.parquet", tables.CLEAN).to_pylist()
    texts = sorted({row["text"] for row in rows})
    fresh = TextEncoder(project / "bert").embed(texts, project)
    np.testing.assert_array_equal(np.load(kept), np.stack([fresh[text] for text in texts]))
    monkeypatch.setattr(TextEncoder, "embed", lambda *_: pytest.fail("computed again"))
    assert content(commands.pretrain(tmp_path / "again")) == content(project / "seqclip")
    # Another text encoder is another key.
    other = tmp_path / "bert"
    shutil.copytree(project / "bert", other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 1e-5}))
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        commands.pretrain(tmp_path / "other", "--text-encoder", other)


@pytest.mark.parametrize("damage", ["truncated", "empty"])
def test_vectors_that_an_interrupted_disk_damaged_are_set_aside(
    project, commands, content, spoil, tmp_path, capsys, damage
):
    vectors = tmp_path / "vectors"
    shutil.copytree(project / "text_vectors", vectors)
    (kept,) = vectors.iterdir()
    spoil(kept, damage)
    out = commands.pretrain(tmp_path / "out", "--text-vectors", vectors)
    assert f"{kept}: cut or corrupt" in capsys.readouterr().err
    assert content(out) == content(project / "seqclip")
    assert {path.name for path in vectors.iterdir()} == {kept.name, f"{kept.name}.damaged"}


def test_another_seed_starts_from_other_weights(commands, tmp_path):
    # At a rate of almost nothing the order of the steps, which differs too, cannot tell.
    words = ("--learning-rate", 1e-12)
    one, two = (commands.pretrain(tmp_path / seed, "--seed", seed, *words) for seed in "01")
    assert (
        load_file(one / "adapter.safetensors")["weight"]
        .sub(load_file(two / "adapter.safetensors")["weight"])
        .abs()
        .max()
        > 0.01
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": " "}, "record 'g5' has no text; a gene-text pair needs both"),
        ({"sequence": "ACGTXACGT"}, "record 'g5': position 5 of the sequence: 'X'"),
        ({"sequence": "ACGTNN" * 2000}, "record 'g5': the sequence has 12000 letters"),
        ({"text": "kinase " * 800}, "'kinase kinase kinase kinase kinase kinas'... has more than"),
    ],
)
def test_bad_pairs(project, commands, write_records, tmp_path, change, message):
    rows = tables.read(project / "genes" / "records.parquet", tables.CLEAN).to_pylist()
    rows[5] |= change
    path = write_records(tmp_path / "records.parquet", rows)
    found = commands.refused_pretrain(tmp_path / "out", "--pairs", path)
    assert str(path) in found and message in found
    assert not (tmp_path / "out").exists()


def test_a_batch_larger_than_the_training_set(commands, tmp_path):
    found = commands.refused_pretrain(tmp_path / "out", "--batch", 17)
    assert "16 training pairs are fewer than a batch of 17; lower --batch" in found


def test_a_control_token_of_the_text_encoder_is_found_at_start(
    project, commands, write_records, tmp_path
):

    rows = tables.read(project / "genes" / "records.parquet", tables.CLEAN).to_pylist()
    rows[23] |= {"text": "A kinase. [SEP] A ligase."}
    path = write_records(tmp_path / "records.parquet", rows)
    found = commands.refused_pretrain(tmp_path / "out", "--pairs", path)
    assert "the description 'A kinase. [SEP] A ligase.'...: text holds '[SEP]', a control" in found
    assert not (tmp_path / "out").exists()
