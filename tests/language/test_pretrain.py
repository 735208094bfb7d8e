"""SeqCLIP's pre-training: the loss by hand, what is written, interruption, bad input."""

import json
import math
import shutil
from dataclasses import replace

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
    from seqfuse.language.pretraining import gene_text_pairs

    rows = [
        {"id": f"g{i}", "split": split, "text": f"text {i}"}
        for i, split in enumerate(["train"] * 5 + ["val"] * 3 + ["test"] * 2)
    ]
    before = [row["text"] for row in rows]
    gene_text_pairs.shuffle(rows)
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
    from seqfuse.language.pretraining.text_tower import TextEncoder

    (kept,) = (project / "text_vectors").iterdir()
    rows = tables.read(project / "genes" / "records.parquet", tables.CLEAN).to_pylist()
    texts = sorted({row["text"] for row in rows})
    fresh = TextEncoder(project / "bert").embed(texts)
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
    assert f"{kept}: truncated or corrupt" in capsys.readouterr().err
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
        (
            {"sequence": "ACGTNN" * 2000},
            "1 of 24 genes have more than 2048 tokens, the limit of their encoder (the first:"
            " record 'g5'; the longest: 12001 tokens); set language.pretrain.too_long",
        ),
        (
            {"text": "kinase " * 800},
            "1 of 24 texts have more than 512 tokens, the limit of their encoder (the first:"
            " record 'g5'; the longest: 802 tokens); set language.pretrain.text_too_long",
        ),
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


# --- at full scale --------------------------------------------------------------------------------


@pytest.fixture
def contrast(project, tmp_path):
    """A trainer of both towers on pairs of the project, in chunks of two or three genes."""
    from seqfuse.language.pretraining import contrastive_pretraining as pretraining
    from seqfuse.training.trainer import Training

    def make(sequences=None, chunk_tokens=24, precision="float32", **towers):
        torch.manual_seed(0)
        method = pretraining.Contrast(encoders.load(project / "nt"), 5, 32, 0.07, **towers)
        rng = np.random.default_rng(0)
        sequences = sequences or ["".join(rng.choice(list("ACGT"), 24 + i)) for i in range(9)]
        made = [
            Pair(
                {"id": f"g{i}", "sequence": dna, "text": f"t{i}"},
                pretraining.pieces([[method.encoder.tokenise(dna)]]),
                rng.normal(size=5).astype(np.float32),
                np.ones(1, np.float32),
            )
            for i, dna in enumerate(sequences)
        ]
        settings = replace(
            Training(batch=4, steps=3, learning_rate=1e-3),
            chunk_tokens=chunk_tokens,
            precision=precision,
        )
        return pretraining.ContrastTrainer(method, settings, 0, tmp_path / "state", "f"), made

    return make


def test_full_scale_vectors_are_written_chunk_by_chunk_in_the_runs_precision(contrast, monkeypatch):
    """All held-out pairs at once took 83 to 338 GB, and float32 of what was trained in bfloat16."""
    trainer, held_out = contrast()
    whole = trainer.method.genes(held_out), trainer.method.texts(held_out)
    seen = []
    forward = trainer.method.encoder.forward

    def watched(ids, mask):
        found = forward(ids, mask)
        seen.append((ids.numel(), found.requires_grad, torch.is_autocast_enabled("cpu")))
        return found

    monkeypatch.setattr(trainer.method.encoder, "forward", watched)
    for ours, theirs in zip(trainer.embed(held_out), whole, strict=True):
        assert (ours.dtype, ours.requires_grad) == (torch.float32, False)
        torch.testing.assert_close(ours, theirs.detach(), atol=1e-6, rtol=1e-5)
    assert len(seen) > 3 and {tuple(each[1:]) for each in seen} == {(False, False)}
    assert max(size for size, *_ in seen) <= 24
    seen.clear()
    trainer, held_out = contrast(precision="bfloat16")
    monkeypatch.setattr(trainer.method.encoder, "forward", watched)
    rounded = trainer.embed(held_out)[0]
    assert seen and all(autocast for *_, autocast in seen)
    assert 0 < (rounded - whole[0]).abs().max() < 0.02


def test_full_scale_the_contrast_is_not_computed_in_bfloat16():
    """At a temperature of 0.01 the rounding of a cosine would move a score by a third of a nat."""
    torch.manual_seed(0)
    genes, texts = torch.nn.functional.normalize(torch.randn(2, 16, 64), dim=-1)
    twins, cold = torch.zeros(16, 16, dtype=torch.bool), torch.tensor(0.01)
    expected = contrastive(genes, texts, cold, twins)
    with torch.autocast("cpu", torch.bfloat16):
        assert contrastive(genes, texts, cold, twins) == expected
        # One tower may come in the products' type and the other as it was summed.
        rounded = contrastive(genes, texts.bfloat16().float(), cold, twins)
        assert contrastive(genes, texts.bfloat16(), cold, twins) == rounded


def test_full_scale_a_step_in_one_chunk_is_that_of_several_in_bfloat16(contrast):
    """Genes and texts come out of autocast in types of their own."""
    losses = []
    for chunk_tokens in (24, 10**6):
        trainer, pairs = contrast(chunk_tokens=chunk_tokens, precision="bfloat16")
        losses.append([trainer._step(pairs)["loss"] for _ in range(2)])
    assert losses[0] == pytest.approx(losses[1], rel=0.01)


@pytest.mark.parametrize(("start", "bound"), [(0.011, 0.01), (0.95, 1.0)])
def test_full_scale_the_temperature_comes_back_from_its_bound(contrast, start, bound):
    """Clamped in the forward pass it had no gradient beyond the bound, and stayed there."""
    trainer, made = contrast(chunk_tokens=1000)
    method = trainer.method
    with torch.no_grad():
        # As after a step that went too far.
        method.log_temperature.fill_(math.log(bound) + (1 if bound == 1 else -1))
    method.clamp_temperature()
    assert method.temperature.item() == pytest.approx(bound, rel=1e-6)
    method.loss(made).backward()
    assert method.log_temperature.grad.abs() > 0
    with torch.no_grad():
        method.log_temperature.fill_(math.log(start))
    trainer.training = replace(trainer.training, learning_rate=10.0)
    trainer._step(made)
    # Adam's first step is as large as the rate: it would have ended far beyond a bound.
    assert method.temperature.item() in (pytest.approx(0.01), pytest.approx(1.0))


def test_full_scale_a_reference_and_its_variant_count_as_much_as_each_other(contrast):
    from seqfuse.language.pretraining.contrastive_pretraining import pieces

    trainer, made = contrast()
    method, row = trainer.method, made[0].row
    sequences = ["ACGTACGGTCAAGT" * 3, "ACGT"]
    states = [
        method.adapter(method.encoder(torch.from_numpy(tokens.ids)[None]))[0, ~tokens.special]
        for tokens in map(method.encoder.tokenise, sequences)
    ]
    expected = (states[0].mean(0) + states[1].mean(0)) / 2
    both = pieces([[method.encoder.tokenise(dna)] for dna in sequences])
    alone, beside = (
        method.genes([Pair(row, both, made[0].vector, made[0].weights), *more])[0]
        for more in ([], made[1:3])
    )
    torch.testing.assert_close(alone, expected / expected.norm(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(beside, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("policy", ["window", "truncate", "drop"])
def test_full_scale_genes_that_are_too_long_follow_a_policy_and_are_counted(
    project, policy, capsys, write_records, tmp_path
):
    from seqfuse.language.pretraining.gene_text_pairs import GeneTextPairs, Settings
    from seqfuse.language.pretraining.text_tower import TextEncoder

    rows = tables.read(project / "genes" / "records.parquet", tables.CLEAN).to_pylist()
    encoder = encoders.load(project / "nt")
    rows[2] |= {"sequence": "ACGTTG" * 2300}  # 2,300 tokens and <cls>; the encoder takes 2,048
    rows[3] |= {"text": "kinase " * 800}
    path = write_records(tmp_path / "records.parquet", rows)
    settings = Settings(
        batch=4, too_long=policy, text_too_long="drop" if policy == "drop" else "truncate"
    )
    pairs = GeneTextPairs(path, encoder, TextEncoder(project / "bert"), settings)
    train = {pair.row["id"]: pair for pair in pairs.splits(tmp_path)["train"]}
    assert pairs.too_long == {
        "genes": {"limit": 2048, "policy": policy, "pairs": 1},
        "texts": {"limit": 512, "policy": settings.text_too_long, "pairs": 1},
    }
    said = capsys.readouterr().err
    assert f"1 of 24 genes have more than 2048 tokens (too_long: {policy})" in said
    assert "1 of 24 texts have more than 512 tokens" in said
    assert ({"g2", "g3"} & train.keys()) == (set() if policy == "drop" else {"g2", "g3"})
    if policy == "drop":
        return
    found = train["g2"].pieces
    kept = [piece.tokens.spans[~piece.tokens.special] for piece in found]
    assert all(len(piece.tokens.ids) <= 2048 for piece in found)
    weights = [piece.weight * len(spans) for piece, spans in zip(found, kept, strict=True)]
    assert sum(weights) == pytest.approx(1)
    spans = np.concatenate(kept)
    stop = 13_800 if policy == "window" else 12_282
    # Each token once, in order: the whole gene in windows, or its first 2,047 tokens.
    assert [len(found), spans[0, 0], spans[-1, 1]] == [1 + (policy == "window"), 0, stop]
    assert (spans[1:, 0] == spans[:-1, 1]).all()


def test_full_scale_what_was_too_long_stands_in_model_json(commands, project, tmp_path):
    out = commands.pretrain(tmp_path / "out", "--seed", 3, "--steps", 1)
    facts = json.loads((out / "model.json").read_text())
    assert facts["seed"] == 3 and facts["pairs"] == {"train": 16, "val": 4, "test": 4}
    assert facts["too_long"] == {
        "genes": {"limit": 2048, "policy": "refuse", "pairs": 0},
        "texts": {"limit": 512, "policy": "refuse", "pairs": 0},
    }


def test_full_scale_as_released(commands, project, contrast, tmp_path):
    """Text tower: the language model itself, its tokens' mean, no projection; mean of both
    directions; the DNA encoder stays as it is."""
    words = ("--text-encoder", project / "qwen3", "--text-pooling", "mean", "--steps", 2)
    words += ("--project-text", "false", "--directions", "mean", "--train-encoder", "false")
    out = commands.pretrain(tmp_path / "released", *words)
    before, after = (encoders.load(path).state_dict() for path in (project / "nt", out / "encoder"))
    assert all(torch.equal(before[name], after[name]) for name in before)
    (seed,) = json.loads((out / "cost.json").read_text())["seeds"]
    assert seed["trained_parameters"] == 16 * 32 + 32 + 1  # adapter and temperature
    trainer, made = contrast()
    half, _ = contrast(directions="mean")
    assert half.method.loss(made).item() == pytest.approx(trainer.method.loss(made).item() / 2)
    refused = commands.refused_pretrain(tmp_path / "out", "--project-text", "false")
    assert "its vectors have width 16" in refused and "project_text: true" in refused


def test_full_scale_the_mean_over_tokens_leaves_padding_out(project):
    from transformers import AutoModel, AutoTokenizer

    from seqfuse.language.pretraining.text_tower import TextEncoder

    texts = ["A kinase.", "A ligase of the family of ligases, which is long."]
    found = TextEncoder(project / "qwen3", pooling="mean").embed(texts)
    tokeniser = AutoTokenizer.from_pretrained(project / "qwen3")
    reference = AutoModel.from_pretrained(project / "qwen3").eval()
    for text in texts:
        with torch.no_grad():
            states = reference(**tokeniser(text, return_tensors="pt")).last_hidden_state[0]
        np.testing.assert_allclose(found[text], states.mean(0).numpy(), atol=1e-5)


@pytest.mark.parametrize("preset", ["paper", "published"])
def test_full_scale_the_papers_presets_pretrain_in_bfloat16_and_stop_for_no_length(preset):
    """Float32 took 49 to 202 hours; a gene over 12,282 nt or 512 tokens of text stopped it."""
    from seqfuse.settings import configuration

    found = configuration.resolve({"preset": preset})["language"]["pretrain"]
    asked = ("precision", "too_long", "text_too_long", "directions", "train_encoder")
    assert [found[key] for key in asked] == ["bfloat16", "truncate", "truncate", "sum", True]
    # 20 passes over 1,159 pairs, and no more.
    assert found["steps"] * found["batch"] / 1159 == pytest.approx(20, abs=0.2)
