"""Attention around a variant and mutagenesis: against plain loops, and what the command writes."""

import numpy as np
import pytest
import torch

from seqfuse import tables
from seqfuse.cli import main
from seqfuse.language.probing.variant_attention import answered, attention, changed, mutagenesis


@pytest.mark.parametrize(
    ("variant", "place"),
    [("ACGTTCGA", 4), ("TCGTACGA", 0), ("ACGTCGA", 4), ("ACGTAACGA", 5), ("ACGTACG", 6)],
)
def test_the_variant_is_where_the_sequences_first_differ(variant, place):
    # A substitution inside and at the start, a deletion, an insertion, a lost end.
    assert changed("ACGTACGA", variant) == place


@pytest.fixture
def method(build):
    return build("onevocab", settings={"k": 3}).eval()


def test_attention_is_that_of_the_layers_at_the_tokens_of_the_variant(method, prompt):
    sequence, variant = "ACGTACGTAC", "ACGTTCGTAC"
    said = method.tokens(" the site is lost").tolist()
    example = answered(method, prompt(sequence, variant), said)
    found = attention(method, example, variant)
    # The second block between <dna> and </dna>: three 3-mers and the letter C.
    vocabulary = method.vocabulary
    starts, stops = (np.flatnonzero(example.ids == i) for i in (vocabulary.start, vocabulary.stop))
    columns = list(range(starts[1] + 1, stops[1]))
    assert [vocabulary.words[example.ids[c] - vocabulary.offset] for c in columns] == [
        "ACG", "TTC", "GTA", "C",
    ]  # fmt: skip
    method.backbone.set_attn_implementation("eager")
    with torch.inference_mode():
        layers = method.backbone.base_model(
            inputs_embeds=method.embed(method.batch([example])), output_attentions=True
        ).attentions
    asking = range(len(example.ids) - len(said) - 2, len(example.ids) - 1)
    paid = np.zeros(4)
    for layer in layers:
        for head in layer[0]:
            for query in asking:
                paid += head[query, columns].numpy()
    expected = np.repeat(paid / paid.mean(), [3, 3, 3, 1])
    assert found == pytest.approx(expected, rel=1e-5)


def test_attention_leaves_the_model_as_it_was(method, prompt):
    before = method.backbone.config._attn_implementation
    attention(method, answered(method, prompt("ACG", "ACT"), [5]), "ACT")
    assert method.backbone.config._attn_implementation == before != "eager"


def test_mutagenesis_is_the_mean_loss_of_the_three_others(method, prompt, monkeypatch):
    # The loss is among all rows of the table.
    rows = sum(map(len, method.output_tables()))
    monkeypatch.setattr(method, "text_ids", lambda: range(rows))
    said = method.tokens(" the site is lost").tolist()
    asked = prompt("ACGTACGTAC", "ACGTTCGTAC")

    def loss(variant):
        example = answered(method, prompt("ACGTACGTAC", variant), said)
        with torch.inference_mode():
            return float(method.loss(method.batch([example])))

    found = mutagenesis(method, asked, said, [4, 9])
    plain = loss("ACGTTCGTAC")
    inside = [loss(f"ACGT{letter}CGTAC") - plain for letter in "ACG"]
    tail = [loss(f"ACGTTCGTA{letter}") - plain for letter in "AGT"]
    assert found == pytest.approx([np.mean(inside), np.mean(tail)], abs=1e-4)
    assert abs(found).min() > 1e-3


def run(model, records, out, *extra) -> int:
    words = ["language", "attention", "--model", str(model), "--datasets", "mice"]
    words += ["--records", str(records), "--rows", "2", "--window", "15", "--out", str(out)]
    return main([*words, "--max-new-tokens", "4", *extra])


def test_the_command_writes_the_window_of_each_test_record(project, commands, tmp_path):
    model = commands.finetune("onevocab", tmp_path / "model")
    out, records = tmp_path / "attention.parquet", project / "mice" / "records.parquet"
    assert run(model, records, out) == 0
    rows = tables.read(out, tables.LOOKS).to_pylist()
    # The variant is at 12 of 30 nucleotides: the window ends at the first one, and at 27. A record
    # whose allele is the reference's own letter has no difference; its last nucleotide is taken.
    gold = {row["id"]: row for row in tables.read(records, tables.CLEAN).to_pylist()}
    offsets: dict = {}
    for row in rows:
        offsets.setdefault((row["id"], row["seed"]), []).append(row["offset"])
    assert len(offsets) == 4 and {seed for _, seed in offsets} == {0, 3}
    for (name, _), found in offsets.items():
        assert gold[name]["split"] == "test"
        differs = gold[name]["sequence"] != gold[name]["variant"]
        assert found == (list(range(-12, 16)) if differs else list(range(-15, 1)))
    assert run(model, records, tmp_path / "again.parquet") == 0
    assert (tmp_path / "again.parquet").read_bytes() == out.read_bytes()


def test_a_method_without_dna_tokens_is_refused(project, commands, tmp_path, capsys):
    model = commands.finetune("text_only", tmp_path / "model")
    capsys.readouterr()
    out = tmp_path / "attention.parquet"
    assert run(model, project / "mice" / "records.parquet", out) == 2
    error = capsys.readouterr().err.strip()
    assert "has no DNA tokens" in error and "\n" not in error and not out.exists()
