"""Probes of every method: which rows, what they are shown, the live encoder, and bad input."""

import shutil

import pytest

from seqfuse import tables
from seqfuse.files import read_json, write_json
from seqfuse.language.probing.probe_job import sample
from seqfuse.registry.methods import METHODS

PROBES = ["swap", "revert", "scramble", "blank", "reverse_complement", "shift", "other"]
SEEING = [name for name, method in METHODS.items() if method.sees_dna and not method.trains_fusion]


def read(path):
    return tables.read(path, tables.PREDICTIONS).to_pylist()


@pytest.mark.parametrize("method", SEEING)
def test_every_probe_of_the_sampled_test_records_of_every_seed(project, commands, tmp_path, method):
    model = commands.finetune(method, tmp_path / "model")
    found = read(commands.probe(model, tmp_path / "probes.parquet", "--rows", 3))
    assert [
        (row["seed"], row["dataset"], row["probe"]) for row in found[::3]
    ] == [(seed, name, probe) for seed in (0, 3) for name in ("mice", "rats")
          for probe in ("none", *PROBES)]  # fmt: skip
    # The same three records under each probe, all of them test records.
    for start in range(0, len(found), 24):
        ids = [row["id"] for row in found[start : start + 3]]
        assert [row["id"] for row in found[start : start + 24]] == ids * 8
        name = found[start]["dataset"]
        records = tables.read(project / name / "records.parquet", tables.CLEAN).to_pylist()
        assert set(ids) <= {r["id"] for r in records if r["split"] == "test"}
    # Unaltered, the live encoder says what the store says.
    predictions = read(commands.predict(method, model, tmp_path / "predictions.parquet"))
    place = {(row["id"], row["dataset"], row["seed"]): row for row in predictions}
    for row in found:
        if row["probe"] == "none":
            whole = place[row["id"], row["dataset"], row["seed"]]
            for column in ("predicted", "text", "prompt_hash", "prompt_tokens", "mode"):
                assert row[column] == whole[column], column
            assert dict(row["loglik"]) == pytest.approx(dict(whole["loglik"]), rel=1e-3)
    # Nothing is asked twice, but where the variant is the reference swap and revert change nothing.
    for name in ("mice", "rats"):
        for record in tables.read(project / name / "records.parquet", tables.CLEAN).to_pylist():
            asked = [r for r in found if (r["id"], r["dataset"]) == (record["id"], name)]
            same = record["sequence"] == record["variant"]
            assert not asked or len({r["prompt_hash"] for r in asked}) == (6 if same else 8)
    altered = {probe: [r["loglik"] for r in found if r["probe"] == probe] for probe in PROBES}
    assert all(altered[probe] != altered["swap"] for probe in PROBES[1:])


def test_swap_is_what_the_swapped_records_are_answered(project, commands, tmp_path, write_records):
    model = commands.finetune("onevocab", tmp_path / "model")
    out = commands.probe(model, tmp_path / "probes.parquet", "--probes", "swap")
    swapped = tmp_path / "swapped"
    shutil.copytree(project, swapped, ignore=shutil.ignore_patterns("store", "seqclip", "nt"))
    for name in ("mice", "rats"):
        path = swapped / name / "records.parquet"
        rows = tables.read(path, tables.CLEAN).to_pylist()
        for row in rows:
            row["sequence"], row["variant"] = row["variant"], row["sequence"]
        write_records(path, rows)
    again = commands.at(swapped).predict("onevocab", model, tmp_path / "again.parquet")
    expected = {(r["id"], r["dataset"], r["seed"]): r for r in read(again)}
    found = [row for row in read(out) if row["probe"] == "swap"]
    assert len(found) == 2 * 2 * 4
    for row in found:
        same = expected[row["id"], row["dataset"], row["seed"]]
        assert row["prompt_hash"] == same["prompt_hash"]
        assert row["text"] == same["text"]


def test_one_sequence_has_no_swap_and_no_revert(project, commands, tmp_path, write_records):
    single = tmp_path / "single"
    shutil.copytree(project, single)
    for name in ("mice", "rats"):
        path = single / name / "records.parquet"
        rows = tables.read(path, tables.CLEAN).to_pylist()
        write_records(path, [row | {"variant": None} for row in rows])
    model = commands.finetune("linear", tmp_path / "model")
    found = read(commands.at(single).probe(model, tmp_path / "probes.parquet"))
    assert {row["probe"] for row in found} == {"none", *PROBES} - {"swap", "revert"}


def records(*subsets):
    return [
        {"id": f"r{i}", "split": "test" if subset else "train", "subset": subset or None}
        for i, subset in enumerate(subsets)
    ]


def test_sample_takes_what_the_sequence_decides_first():
    q, s = "question_decides", "sequence_decides"
    found = records(q, s, None, q, s, s, q)
    assert [r["id"] for r in sample("set", found, 3)] == ["r1", "r4", "r5"]
    five = [r["id"] for r in sample("set", found, 5)]
    assert {"r1", "r4", "r5"} < set(five)
    assert five == sorted(five)
    assert [r["id"] for r in sample("set", found, 99)] == ["r0", "r1", "r3", "r4", "r5", "r6"]
    two = [[r["id"] for r in sample(name, found, 2)] for name in "abcdefgh"]
    assert len(set(map(tuple, two))) > 1


def test_text_only_has_nothing_to_probe(commands, tmp_path):
    model = commands.finetune("text_only", tmp_path / "model")
    assert "is shown no DNA" in commands.refused_probe(model, tmp_path / "p.parquet")


def test_the_encoder_is_found_where_it_lay_and_held_to_what_it_was(project, commands, tmp_path):
    model = commands.finetune("linear", tmp_path / "model")
    out = tmp_path / "probes.parquet"
    with_encoder = read(commands.probe(model, out, "--encoder", project / "nt"))
    assert read(commands.probe(model, out)) == with_encoder
    wrong = project / "seqclip" / "encoder"
    line = commands.refused_probe(model, out, "--encoder", wrong)
    assert f"{wrong}: not the encoder that" in line
    for folder in model.glob("seed*"):
        found = read_json(folder / "method.json")
        found["encoder"]["folder"] = "../../gone"
        write_json(folder / "method.json", found)
    line = commands.refused_probe(model, out)
    assert f"{tmp_path / 'gone'}: no encoder here" in line
    assert read(commands.probe(model, out, "--encoder", project / "nt")) == with_encoder
