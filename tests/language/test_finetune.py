"""Fine-tuning of every method: what is written, interruption, seeds, variants, bad input."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from seqfuse.encoders.store.rows import Row, sequence_hash
from seqfuse.encoders.store.writer import Writer
from seqfuse.files import read_json, write_json
from seqfuse.language.finetuning import checkpoint
from seqfuse.language.finetuning.finetuning_job import Job
from seqfuse.registry.methods import METHODS

# That which trains a fusion takes coding sequences: test_fused_encoder.py.
ALL = [name for name, method in METHODS.items() if not method.trains_fusion]


@pytest.mark.parametrize("method", ALL)
def test_an_interrupted_run_resumes_to_the_same_bytes(
    commands, content, interrupt, tmp_path, method
):
    whole = content(commands.finetune(method, tmp_path / "whole"))
    out = tmp_path / "cut"
    # Each seed has 5 steps, so this is the third of the second seed.
    interrupt(8)
    said = commands.interrupted(commands.finetuning(method, out))
    assert said == (
        "seqfuse language finetune: interrupted by SIGINT and saved at step 3 of seed 3; run it"
        " again to continue"
    )
    assert not out.exists()
    commands.finetune(method, out)
    assert content(out) == whole

    assert {name.split("/")[0] for name in whole} == {"seed0", "seed3"}
    for number in (0, 3):
        log = whole[f"seed{number}/log.jsonl"]
        assert [(line["seed"], line["step"]) for line in log] == [(number, n) for n in range(1, 6)]
        assert [line["step"] for line in log if "validation_loss" in line] == [2, 4, 5]
    name = "adapter" if method.startswith(("linear", "qformer", "seqclip", "dna_only")) else "model"
    assert whole[f"seed0/{name}.safetensors"] != whole[f"seed3/{name}.safetensors"]
    for number in (0, 3):
        cost = whole[f"seed{number}/cost.json"]
        assert (cost["method"], cost["study"], cost["suite"]) == (method, "language", "pets")
        assert cost["kind"] == METHODS[method].kind
        (seed,) = cost["seeds"]
        assert (seed["seed"], seed["steps"], seed["examples"]) == (number, 5, 20)
        assert 0 < seed["trained_parameters"] <= seed["total_parameters"]
        assert seed["flops"] > 0


@pytest.mark.parametrize("method", [name for name in ALL if METHODS[name].generates])
def test_a_checkpoint_is_a_language_model_that_transformers_loads(commands, tmp_path, method):
    out = commands.finetune(method, tmp_path / "out", "--seeds", 0)
    model, report = AutoModelForCausalLM.from_pretrained(
        out / "seed0", use_safetensors=True, output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"]
    # 4^3 or 5^3 k-mers, 5 letters and 2 markers behind the backbone's rows.
    rows = 384 + 125 + 5 + 2 if method == "onevocab" else 384
    assert model.get_input_embeddings().num_embeddings == rows


def test_trained_and_total_parameters_by_hand(project, commands, tmp_path):
    def seed(method, *more):
        out = commands.finetune(method, tmp_path / f"{method}{len(more)}", "--seeds", 0, *more)
        (found,) = read_json(out / "seed0" / "cost.json")["seeds"]
        return found["trained_parameters"], found["total_parameters"]

    text, _ = seed("text_only")
    table, markers, adapter = 384 * 32, 2 * 32, 32 * 16 + 32
    assert seed("linear") == (text + markers + adapter,) * 2
    assert seed("onevocab") == (text + (125 + 5 + 2) * 32,) * 2
    assert seed("onevocab", "--trainable-parts", "dna")[0] == (125 + 5 + 2) * 32
    assert seed("onevocab", "--trainable-parts", "text", "--initialisation", "random")[0] == table


def test_the_validation_loss_chooses_the_checkpoint(commands, monkeypatch, tmp_path):
    from seqfuse.training.trainer import Trainer

    seen, validate = {}, Trainer._validate

    def spy(self, validation):
        table = self.method.backbone.get_input_embeddings().weight
        found = validate(self, validation)
        seen[self.progress.step] = (found["validation_loss"], table.detach().clone())
        return found

    monkeypatch.setattr(Trainer, "_validate", spy)
    # A learning rate that destroys the model again.
    words = ("--seeds", 0, "--learning-rate", 0.3, "--schedule", "constant", "--validate-every", 1)
    out = commands.finetune("text_only", tmp_path / "out", *words)
    best = min(seen, key=lambda step: seen[step][0])
    assert best < 5
    (seed,) = read_json(out / "seed0" / "cost.json")["seeds"]
    assert (seed["best_step"], seed["steps"]) == (best, 5)
    found = load_file(out / "seed0" / "model.safetensors")
    assert torch.equal(found["model.embed_tokens.weight"], seen[best][1])


def test_another_seed_starts_from_other_weights(commands, tmp_path):
    # At a rate of almost nothing the order of the steps, which differs too, cannot tell.
    out = commands.finetune("linear", tmp_path / "out", "--learning-rate", 1e-12)
    one, two = (load_file(out / seed / "adapter.safetensors") for seed in ("seed0", "seed3"))
    assert (one["adapter.weight"] - two["adapter.weight"]).abs().max() > 0.01


def test_seqclip_starts_from_the_pre_trained_adapter(project, commands, tmp_path):
    # With a rate of almost nothing, the adapter stays where pre-training left it.
    words = ("--seeds", 0, "--learning-rate", 1e-12)
    out = commands.finetune("seqclip", tmp_path / "out", *words)
    start = load_file(project / "seqclip" / "adapter.safetensors")
    found = load_file(out / "seed0" / "adapter.safetensors")
    for name, tensor in start.items():
        torch.testing.assert_close(found[f"adapter.{name}"], tensor, atol=1e-6, rtol=0)


def test_a_variant_goes_by_its_own_name(commands, tmp_path):
    out = commands.finetune("onevocab", tmp_path / "out", "--name", "onevocab_k2", "--seeds", 0)
    assert read_json(out / "seed0" / "cost.json")["method"] == "onevocab_k2"
    assert checkpoint.read_description(out / "seed0").method == "onevocab"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": None}, "mice, record 'r3': has no label to learn"),
        ({"label": " ."}, "mice, record 'r3': has no label"),
        ({"question": "Is it <|im_end|>?"}, "record 'r3': question holds '<|im_end|>'"),
        ({"label": "GREY"}, "the labels 'GREY' and 'grey' are equal after normalisation"),
    ],
)
def test_bad_records(project, commands, suite_rows, write_records, tmp_path, change, message):
    rows = suite_rows(0, 28)
    rows[3] |= change
    path = write_records(tmp_path / "records.parquet", rows)
    found = commands.refused_finetune(
        "text_only", tmp_path / "out", "--datasets", "mice", "--records", path
    )
    assert message in found
    assert not (tmp_path / "out").exists()


def test_dna_outside_the_alphabet(project, commands, suite_rows, write_records, tmp_path):
    rows = suite_rows(0, 28)
    rows[0]["sequence"] = "ACGRTT"
    path = write_records(tmp_path / "records.parquet", rows)
    words = ("--datasets", "mice", "--records", path)
    found = commands.refused_finetune("onevocab", tmp_path / "out", *words)
    assert "DNA holds 'R' at position 4" in found


@pytest.mark.parametrize("method", ["linear", "qformer", "seqclip", "dna_only"])
def test_a_sequence_without_an_embedding(
    project, commands, suite_rows, write_records, tmp_path, method
):
    rows = suite_rows(0, 28)
    rows[0]["sequence"] = "ACGT" * 5
    path = write_records(tmp_path / "records.parquet", rows)
    words = ("--records", path, project / "rats" / "records.parquet")
    found = commands.refused_finetune(method, tmp_path / "out", *words)
    assert "no embedding of sequence" in found and "(20 letters, 'ACGTACGTACGTACGTACGT')" in found


def test_what_a_method_needs_and_is_not_given(project, commands, tmp_path):
    def words(method):
        return [
            "finetune", "--suite", "pets", "--method", method, "--datasets", "mice",
            "--records", project / "mice" / "records.parquet", "--backbone", project / "qwen3",
            "--seeds", 0, "--state", tmp_path / "state", "--out", tmp_path / "out",
        ]  # fmt: skip

    assert "'linear' reads encoder states: give --embeddings" in commands.refused(words("linear"))
    receipt = ["--embeddings", project / "mice" / "seqclip.json"]
    found = commands.refused([*words("seqclip"), *receipt])
    assert "'seqclip' starts from pre-training: give --pretrained" in found
    assert "'linear_tuned' trains an encoder: give --encoder" in commands.refused(
        words("linear_tuned")
    )
    found = commands.refused([*words("seqclip"), *receipt, "--pretrained", tmp_path / "absent"])
    assert f"{tmp_path / 'absent' / 'adapter.safetensors'}: no such file" in found


def test_an_adapter_for_another_language_model(project, commands, tmp_path):
    from seqfuse.encoders.models import random_models

    wide = tmp_path / "wide"
    wide.mkdir()
    random_models.write("qwen3", {"hidden_size": 48, "head_dim": 16}, 0, ["Which colour?"], wide)
    found = commands.refused_finetune("seqclip", tmp_path / "out", "--backbone", wide)
    assert "made for a language model of width 32, but this one has width 48" in found


def test_receipts_of_different_encoders(project, commands, tmp_path):
    receipts = (project / "mice" / "nt.json", project / "rats" / "seqclip.json")
    found = commands.refused_finetune("linear", tmp_path / "out", "--embeddings", *receipts)
    assert f"{receipts[1]}: not of the same encoder and settings as {receipts[0]}" in found


def test_a_file_is_missing_for_a_dataset(project, commands, tmp_path):
    one = project / "mice" / "records.parquet"
    found = commands.refused_finetune("text_only", tmp_path / "out", "--records", one)
    assert "--records: 1 files for 2 datasets; give one each, in order" in found


def test_a_prompt_over_the_limit(commands, tmp_path):
    found = commands.refused_finetune("onevocab", tmp_path / "out", "--max-tokens", 40)
    assert "113 tokens with its answer exceed the limit of 40; raise language.prompt" in found


def test_full_scale_validation_chooses_the_learning_rate_with_the_first_seed(
    commands, content, tmp_path
):
    """One rate changes nothing, one destroys the model, one learns: it serves every seed, each in a
    job of its own, to the bytes of one job with that rate alone."""
    trials = []
    for rate in (1e-12, 1e30, 0.01):
        path = tmp_path / f"{rate}.json"
        commands.trial("text_only", tmp_path / "grid", path, "--learning-rate", rate)
        trials.append(path)
    still, broken, learnt = map(read_json, trials)
    assert [t["learning_rate"] for t in (still, broken, learnt)] == [1e-12, 1e30, 0.01]
    assert broken["validation_loss"] is None
    assert learnt["validation_loss"] < still["validation_loss"]
    assert (still["examples"], learnt["examples"]) == (20, 20) and still["flops"] > 0
    commands.run("rate", "--trials", *trials, "--out", tmp_path / "rate.json")
    for seed in (0, 3):
        words = ("--rate", tmp_path / "rate.json", "--seeds", seed)
        out = commands.finetune("text_only", tmp_path / "grid", *words)
    alone = commands.finetune("text_only", tmp_path / "alone", "--learning-rate", 0.01)
    assert content(out) == content(alone)


def test_full_scale_a_trial_is_not_trained_again(commands, tmp_path, monkeypatch):
    from seqfuse.training.trainer import Trainer

    steps, step = [], Trainer._step
    monkeypatch.setattr(Trainer, "_step", lambda self, e: steps.append(self.seed) or step(self, e))
    words = ("--learning-rate", 0.01)
    commands.trial("text_only", tmp_path / "out", tmp_path / "0.01.json", *words)
    commands.finetune("text_only", tmp_path / "out", *words)
    assert steps == [0] * 5 + [3] * 5


def test_no_learning_rate_that_did_not_diverge(commands, tmp_path):
    write_json(tmp_path / "1.json", {"learning_rate": 1.0, "validation_loss": None})
    found = commands.refused(["rate", "--trials", tmp_path / "1.json", "--out", tmp_path / "out"])
    assert "the loss diverged at every learning rate (1.0); try lower ones" in found


def test_several_learning_rates_are_tried_first(commands, tmp_path):
    words = ("--learning-rate", 0.01, 0.02)
    found = commands.refused_finetune("text_only", tmp_path / "out", *words)
    assert "--learning-rate: give one; to choose among several, use" in found
    assert "`seqfuse language trial` for each" in found


def test_no_validation_record_to_choose_a_learning_rate_by(
    project, commands, suite_rows, write_records, tmp_path
):
    rows = [row | {"split": "train"} for row in suite_rows(0, 28)]
    path = write_records(tmp_path / "records.parquet", rows)
    words = ("--datasets", "mice", "--records", path, "--learning-rate", 0.01)
    found = commands.refused(commands.trying("text_only", tmp_path / "s", tmp_path / "t", *words))
    assert "no validation records to choose a learning rate by" in found


def test_full_scale_epochs_are_counted_in_records_of_the_suite(commands, tmp_path):
    # 40 training records in batches of 4.
    words = ("--seeds", 0, "--epochs", 0.5)
    out = commands.finetune("text_only", tmp_path / "out", *words)
    (seed,) = read_json(out / "seed0" / "cost.json")["seeds"]
    assert (seed["steps"], seed["examples"]) == (5, 20)
    whole = commands.finetune("text_only", tmp_path / "whole", "--seeds", 0, "--epochs", 2)
    assert read_json(whole / "seed0" / "cost.json")["seeds"][0]["examples"] == 80


def test_shuffled_dna_is_that_of_another_record_of_the_split(suite_rows):
    from seqfuse.language.suite import Suite

    rows = suite_rows(0, 28)
    found = Suite({"mice": rows}).shuffled().records["mice"]
    before = {row["id"]: row for row in rows}
    assert sorted(row["id"] for row in found) == sorted(before)
    for row in found:
        own = before[row["id"]]
        assert (row["sequence"], row["variant"]) != (own["sequence"], own["variant"])
        assert {k: row[k] for k in ("question", "label", "split")} == {
            k: own[k] for k in ("question", "label", "split")
        }
    for split in ("train", "val", "test"):
        pairs = [
            sorted((row["sequence"], row["variant"]) for row in side if row["split"] == split)
            for side in (rows, found)
        ]
        assert pairs[0] == pairs[1]


def test_shuffled_dna_trains_on_it(commands, tmp_path):
    plain, other = (
        commands.finetune("onevocab", tmp_path / flag, "--seeds", 0, "--shuffle-dna", flag)
        for flag in ("false", "true")
    )
    # At the first step all DNA tokens are alike still.
    logs = [(out / "seed0" / "log.jsonl").read_text().splitlines() for out in (plain, other)]
    assert json.loads(logs[0][-1])["loss"] != json.loads(logs[1][-1])["loss"]


def test_stored_examples_are_those_that_were_given(build, prompt, tmp_path):
    from seqfuse.training.example_store import Stored

    method = build("linear")
    given = [method.encode(prompt("ACGT" * n, question=f"{n}?"), answer=True) for n in range(1, 6)]
    found = Stored(tmp_path, iter(given))
    assert not list(tmp_path.iterdir())
    assert len(found) == 5
    for place in (4, 0, 2):
        one, other = vars(given[place]), vars(found[place])
        assert one.keys() == other.keys()
        for key, value in one.items():
            np.testing.assert_array_equal(other[key], value)
            assert type(other[key]) is type(value)
    assert [example.prompt for example in found] == [example.prompt for example in given]
    with pytest.raises(IndexError):
        found[5]


def test_memory_does_not_hold_the_examples(build, prompt, tmp_path):
    """What is held of a thousand examples, counted by the interpreter."""
    import tracemalloc

    from seqfuse.training.example_store import Stored

    method = build("onevocab")
    asked = prompt("ACGT" * 300)
    tracemalloc.start()
    held = []
    for keep in (lambda made: list(made), lambda made: Stored(tmp_path, made)):
        before = tracemalloc.get_traced_memory()[0]
        kept = keep(method.encode(asked, answer=True) for _ in range(1000))
        held.append(tracemalloc.get_traced_memory()[0] - before)
        assert len(kept) == 1000
    tracemalloc.stop()
    # Some 700 tokens of 12 bytes an example, against 8 bytes of its place in the file.
    assert held[0] > 1000 * 7000 and held[1] < 1000 * 100


def test_plain_text_spells_dna_in_the_backbones_own_tokens(build, prompt):
    from seqfuse.language.methods.method import Setup
    from seqfuse.language.methods.plain_text import PlainText

    method = PlainText(Setup(build("text_only").setup.backbone))
    ids = method.segment("ACGTNACGT")
    assert method.tokeniser.decode(ids) == "ACGTNACGT\n"
    assert ids.max() < len(method.tokeniser)


@pytest.mark.parametrize(
    ("altered", "kind"),
    [(None, "method"), ({"how": "other_protein"}, "control"), ({"how": "codons"}, "control")],
)
def test_a_method_that_is_shown_altered_codons_is_a_control(tmp_path, altered, kind):
    description = {"width": 4, "stored": "float16", "altered": altered}
    with Writer(tmp_path / "store", description) as writer:
        states = np.ones((2, 4), np.float16)
        spans = np.array([[0, 3], [3, 6]])
        writer.add(Row(sequence_hash("ATGTAA"), 6, states, spans, states.mean(0)))
    receipt = {"store": str(tmp_path / "store"), "key": writer.key}
    write_json(tmp_path / "receipt.json", receipt)
    job = SimpleNamespace(method=METHODS["linear"], receipts=(tmp_path / "receipt.json",))
    assert Job._kind.func(job) == kind
    assert Job._kind.func(SimpleNamespace(method=METHODS["text_only"], receipts=())) == "control"
