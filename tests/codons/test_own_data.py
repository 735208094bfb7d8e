"""A trained arm on new sequences: from its folder alone, to the bytes of the pipeline."""

import contextlib
import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqfuse import tables
from seqfuse.bio.frames import code
from seqfuse.cli import main
from seqfuse.codons import description
from seqfuse.codons.application import new_records
from seqfuse.codons.application.live_states import LiveStates
from seqfuse.codons.application.training_facts import distances, root_usage
from seqfuse.codons.train import MODALITIES
from seqfuse.encoders.models import random_models
from seqfuse.encoders.recorded import of_receipt
from seqfuse.encoders.store import writer as store_writer
from seqfuse.encoders.store.reader import Store
from seqfuse.errors import UserError
from seqfuse.files import read_json, write_json
from seqfuse.registry.arms import ARMS

RESOLUTION = {"dna": "native", "rna": "codon", "protein": "native"}


@pytest.fixture(scope="module")
def embedded(study, tmp_path_factory):
    """The small set with the states of its tiny encoders in a store, as the pipeline makes them."""
    folder = tmp_path_factory.mktemp("embedded")
    for view, model in study.models.items():
        write_json(model / "model.json", {"name": f"tiny-{view}", "scratch": True})
        words = ["--table", study.folder / "frames.parquet", "--columns", view, "--model", model]
        words += ["--resolution", RESOLUTION[view], "--store", folder / "store"]
        assert run("embeddings", "write", *words, "--out", folder / f"{view}.json") == 0
    for name in ("records", "frames", "clusters"):
        shutil.copy(study.folder / f"{name}.parquet", folder)
    return folder


def run(*words) -> int:
    return main(list(map(str, words)))


@pytest.fixture(scope="module")
def trained(embedded, study):
    """Train an arm by its command; the folder, once for all tests."""
    made = {}

    def train(arm: str, *more: str):
        if (arm, *more) not in made:
            out = embedded / "codons" / "-".join((arm, *more)).replace("--", "")
            words = ["--dataset", "small", "--arm", arm, "--out", out, "--seeds", 0, 1]
            for name in ("records", "frames"):
                words += [f"--{name}", embedded / f"{name}.parquet"]
            tuned = arm.endswith("_lora")
            for view in MODALITIES:
                flag, place = (f"{view}-model", study.models[view]) if tuned else (view, None)
                words += [f"--{flag}", place or embedded / f"{view}.json"]
            words += ["--state", embedded / "state" / out.name, "--epochs", 2, "--batch", 8]
            words += ["--parameter-budget", 0, "--width", 8, "--channels", 4, *more]
            assert run("codons", "train", *words) == 0
            words = ["--records", embedded / "records.parquet", "--trained", out]
            for name in ("frames", "clusters"):
                words += [f"--{name}", embedded / f"{name}.parquet"]
            assert run("codons", "card", *words) == 0
            made[arm, *more] = out
        return made[arm, *more]

    return train


@pytest.fixture
def held_out(study, tmp_path):
    """The rows that the pipeline predicts, in its order, as a table of one's own."""
    rows = [r for split in ("val", "test") for r in study.records if r["split"] == split]
    path = tmp_path / "new.csv"
    path.write_text("name,cds\n" + "".join(f"{r['id']},{r['sequence'].lower()}\n" for r in rows))
    return path


def copied(folder, elsewhere):
    """The folder of an arm where neither the store nor the encoders are as far as they were."""
    copy = shutil.copytree(folder, elsewhere / "of" / "another" / "machine" / folder.name)
    for encoder in description.read(copy / "seed0.safetensors").encoders.values():
        assert not (copy / encoder["folder"]).is_dir()
    return copy


@contextlib.contextmanager
def gone(*folders):
    """Folders that are not there meanwhile."""
    for folder in folders:
        folder.rename(f"{folder}.gone")
    try:
        yield
    finally:
        for folder in folders:
            folder.with_name(f"{folder.name}.gone").rename(folder)


COLUMNS = ("--columns", "id=name", "sequence=cds")


def of_pipeline(folder) -> list[dict]:
    rows = tables.read(folder / "predictions.parquet", tables.PREDICTIONS).to_pylist()
    return [row for row in rows if row["probe"] == "none"]


@pytest.mark.parametrize("arm", ["concat", "mil", "onehot", "concat_lora"])
def test_own_data_a_copied_arm_gives_the_bytes_of_the_pipeline(
    arm, trained, held_out, study, embedded, tmp_path, capsys
):
    made, copy, out = trained(arm), copied(trained(arm), tmp_path), tmp_path / "said.parquet"
    words = ["--model", copy, "--input", held_out, *COLUMNS]
    with gone(embedded, study.folder.parent):  # the run, its store and its models
        assert not made.exists() and not any(map(Path.exists, study.models.values()))
        assert run("codons", "predict", *words, "--out", out) == 0
    assert tables.read(out, tables.PREDICTIONS).to_pylist() == of_pipeline(made)
    said = capsys.readouterr().err
    assert "its training range: " in said and "its score: " in said
    assert not list(tmp_path.glob(".*"))


def said_of(path) -> dict[str, dict]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def fasta(path, **sequences) -> str:
    path.write_text("".join(f">{name} of mice\n{dna}\n" for name, dna in sequences.items()))
    return str(path)


def test_own_data_mean_spread_and_weights_by_hand(trained, held_out, tmp_path):
    made, out = trained("mil"), tmp_path / "said.csv"
    words = ["--model", made, "--input", held_out, *COLUMNS, "--out", out]
    assert run("codons", "predict", *words) == 0
    said, rows = said_of(out), of_pipeline(made)
    weights = tables.read(made / "weights.parquet", tables.WEIGHTS).to_pylist()
    assert len(said) == len(rows) / 2
    for name, row in said.items():
        by_seed = [one["predicted_value"] for one in rows if one["id"] == name]
        assert [float(row["seed0"]), float(row["seed1"])] == by_seed
        assert float(row["prediction"]) == pytest.approx(np.mean(by_seed))
        assert float(row["sd"]) == pytest.approx(abs(by_seed[0] - by_seed[1]) / 2**0.5)
        for view in MODALITIES:
            mean = np.mean([one[view] for one in weights if one["id"] == name])
            assert float(row[f"weight_{view}"]) == pytest.approx(mean)


def test_own_data_classes_come_with_their_probabilities(trained, embedded, classes, tmp_path):
    for name in ("records", "clusters"):
        shutil.copy(classes.folder / f"{name}.parquet", tmp_path)
    words = ["--dataset", "small", "--arm", "onehot", "--seeds", 0, 1, "--epochs", 1]
    given = ["--records", tmp_path / "records.parquet", "--frames", embedded / "frames.parquet"]
    words += [*given, "--state", tmp_path / "s", "--out", tmp_path / "arm"]
    words += ["--parameter-budget", 0, "--width", 8, "--channels", 4]
    assert run("codons", "train", *words) == 0
    clusters = ["--clusters", tmp_path / "clusters.parquet"]
    assert run("codons", "card", "--trained", tmp_path / "arm", *given, *clusters) == 0
    new, out = fasta(tmp_path / "new.fa", a="ATGGCTAAA"), tmp_path / "said.tsv"
    assert run("codons", "predict", "--model", tmp_path / "arm", "--input", new, "--out", out) == 0
    with out.open() as file:
        [row] = csv.DictReader(file, delimiter="\t")
    shares = {label: float(row[f"p({label})"]) for label in ("high", "low", "middle")}
    assert sum(shares.values()) == pytest.approx(1)
    assert row["prediction"] == max(shares, key=shares.get)
    assert float(row["probability"]) == max(shares.values())
    assert "| `" in (tmp_path / "arm" / "README.md").read_text()


def test_own_data_no_row_is_lost_and_what_is_odd_is_noted(trained, study, tmp_path, capsys):
    made, out = copied(trained("concat"), tmp_path), tmp_path / "said.csv"
    write_json(made / "arm.json", read_json(made / "arm.json") | {"usual_distance": 0.5})
    known = next(r["sequence"] for r in study.records if r["split"] == "train")
    new = fasta(
        tmp_path / "new.fa",
        usual=known.lower().replace("t", "u"),
        stops="ATGTAAGCTTGAGCT",
        tail="ATGGCTAAAGC",
        long="GCTAAA" * 40,
        odd="AAAAAAAAAAAA",
        protein="MKVLA",
        empty="NNN",
        short="AT",
    )
    assert run("codons", "predict", "--model", made, "--input", new, "--out", out) == 1
    said = said_of(out)
    assert list(said) == ["usual", "stops", "tail", "long", "odd", "protein", "empty", "short"]
    assert said["usual"]["note"] == "" and said["usual"]["codons"] == str(len(known) // 3)
    assert "not coding? 2 stops inside" in said["stops"]["note"]
    assert "its last 2 nt are not a codon and are left out" in said["tail"]["note"]
    assert "80 codons; the training sequences have 2 to " in said["long"]["note"]
    assert "codon usage is unlike that of any training sequence" in said["odd"]["note"]
    refused = {
        "protein": "sequence has 'L'",
        "empty": "no A, C",
        "short": "shorter than a codon",
    }
    for name, reason in refused.items():
        assert said[name]["note"].startswith("not predicted: ") and reason in said[name]["note"]
        assert said[name]["prediction"] == said[name]["seed0"] == ""
    assert all(np.isfinite(float(said[name]["prediction"])) for name in list(said)[:5])
    told = capsys.readouterr().err
    assert "5 predicted, " in told
    assert (
        "new.fa: line 11 (id 'protein'): sequence has 'L', which is not a nucleotide code" in told
    )
    assert "new.fa: line 15 (id 'short'): shorter than a codon" in told


def test_own_data_a_table_may_say_where_the_coding_part_lies(tmp_path):
    path = tmp_path / "new.csv"
    rows = ["a,CCATGGCTTAACC,3,11", "b,ATGGCT,,", "c,ATGGCT,4,9", "d,ATGGCT,x,"]
    path.write_text("\n".join(["id,sequence,cds_start,cds_end", *rows, ""]))
    found = new_records.read(path, {}, 1)
    assert found.frames["dna"] == ["ATGGCT", "ATGGCT", "", ""] and found.behind[0] == "TAA"
    assert list(found.usable()) == [0, 1]


def test_formats_new_sequences_of_another_genetic_code_are_not_predicted(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("id,sequence,transl_table\na,ATGATA,2\nb,ATGATA,\nc,ATGATA,1\n")
    found = new_records.read(path, {}, 1)
    assert list(found.usable()) == [1, 2]
    fault = "transl_table is '2', and the arm was trained with genetic code 1"
    assert str(found.rows[0].fault) == fault


def test_formats_new_sequences_of_an_annotation(tmp_path):
    (tmp_path / "ref.fa").write_text(">1\nCCATGGCTTAACC\n")
    path = tmp_path / "new.gff3"
    path.write_text("1\tx\tCDS\t3\t11\t.\t+\t0\tID=a\n")
    with pytest.raises(UserError, match="or --genome"):
        new_records.read(path, {}, 1)
    found = new_records.read(path, {}, 1, tmp_path / "ref.fa")
    assert (found.frames["dna"], found.behind) == (["ATGGCT"], ["TAA"])


def test_own_data_codon_usage_by_hand():
    usage = root_usage(["AAAAAA", "AAACCC", "GGG"])
    # Hellinger: 1 - sum of roots of p q, and its root.
    found = distances(usage[1:], usage[:1])
    assert found == pytest.approx([(1 - 0.5**0.5) ** 0.5, 1.0])


KILLED = """
import os, signal, sys
from seqfuse.bio.frames import code
from seqfuse.cli import main
from seqfuse.encoders.store.writer import Writer
finish = Writer._finish_shard

def killed(self):
    finish(self)
    os.kill(os.getpid(), signal.SIGKILL)

Writer._finish_shard = killed
main(sys.argv[1:])
"""


def test_own_data_a_call_that_was_killed_goes_on(trained, held_out, tmp_path, capsys, monkeypatch):
    made, out = trained("concat"), tmp_path / "said.parquet"
    words = ["codons", "predict", "--model", made, "--input", held_out, *COLUMNS, "--out", out]
    killed = subprocess.run([sys.executable, "-c", KILLED, *map(str, words)])
    assert killed.returncode == -9 and not out.exists()
    added, add = [], store_writer.Writer.add
    monkeypatch.setattr(
        store_writer.Writer, "add", lambda self, row: (added.append(row), add(self, row))
    )
    assert run(*words) == 0
    # DNA was embedded before.
    assert len(added) == 2 * 20
    assert tables.read(out, tables.PREDICTIONS).to_pylist() == of_pipeline(made)
    assert not list(tmp_path.glob(".*"))


def test_own_data_mistakes_are_one_line(trained, held_out, tmp_path, capsys):
    made = trained("concat")

    def refused(*words) -> str:
        capsys.readouterr()
        assert run("codons", "predict", *words) == 2
        said = capsys.readouterr().err.splitlines()
        [line] = [line for line in said if "error" in line]
        assert len(line.replace(f"{tmp_path}/", "")) < 300
        return line

    def about(model, new, *more) -> str:
        return refused("--model", model, "--input", new, *more, "--out", tmp_path / "o.csv")

    assert "no trained arm here" in about(tmp_path, held_out)
    assert "no such file" in about(made, tmp_path / "no.fa")
    assert "no column 'sequence' among name, cds" in about(made, held_out)
    assert "no column 'cd'; did you mean 'cds'?" in about(
        made, held_out, "--columns", "sequence=cd"
    )
    assert "line 3 (id 'a'): the id 'a' occurs twice" in about(made, twice(tmp_path))
    assert "use one of the suffixes" in refused(
        "--model", made, "--input", held_out, "--out", tmp_path / "o.xlsx"
    )
    copy = copied(made, tmp_path)
    shutil.rmtree(copy / "encoders" / "dna")
    assert "no encoder here" in about(copy, held_out, *COLUMNS)
    assert "tiny-dna; name its folder with --dna-encoder" in about(copy, held_out, *COLUMNS)
    other = tmp_path / "other"
    shutil.copytree(made / "encoders" / "dna", other)
    found = read_json(other / "config.json")
    write_json(other / "config.json", found | {"note": "another"})
    said = about(copy, held_out, *COLUMNS, "--dna-encoder", other)
    assert "not the encoder that" in said
    words = ["--model", copy, "--input", held_out, *COLUMNS, "--out", tmp_path / "o.parquet"]
    moved = ["--dna-encoder", made / "encoders" / "dna"]
    assert run("codons", "predict", *words, *moved) == 0
    assert tables.read(words[-1], tables.PREDICTIONS).to_pylist() == of_pipeline(made)
    (copy / "arm.json").unlink()
    assert "run `seqfuse codons card`" in about(copy, held_out, *COLUMNS)


def test_own_data_designs_are_synonymous_and_their_effects_are_predicted(trained, tmp_path):
    made = trained("concat")
    given = "ATGGCTAAACTGGAAGATTCCTGA"
    new, out = fasta(tmp_path / "cds.fa", one=given, no="MKVL"), tmp_path / "design.csv"
    words = ["--model", made, "--input", new, "--out", out, "--changes", 2, "--aim", "lower"]
    assert run("codons", "design", *words) == 1  # a row is no DNA
    with out.open() as file:
        rows = list(csv.DictReader(file))
    first, singles = rows[0], [row for row in rows if row["kind"] == "single"]
    designed = [row for row in rows if row["kind"] == "designed"]
    assert (first["kind"], {row["id"] for row in rows}) == ("given", {"one"})
    # Each effect is the difference of what `predict` says of both sequences.
    changed = {}
    for number, row in enumerate(singles):
        place = 3 * (int(row["codon"]) - 1)
        assert given[place : place + 3] == row["from"]
        assert code(1)[row["from"]] == code(1)[row["to"]] == row["residue"]
        changed[f"m{number}"] = given[:place] + row["to"] + given[place + 3 :]
    assert len(set(changed.values())) == len(singles) > 10
    changed |= {"given": given} | {f"d{row['changes']}": row["sequence"] for row in designed}
    assert run("codons", "predict", "--model", made, "--input", fasta(tmp_path / "m.fa", **changed),
               "--out", tmp_path / "m.csv") == 0  # fmt: skip
    said = {name: float(row["prediction"]) for name, row in said_of(tmp_path / "m.csv").items()}
    for number, row in enumerate(singles):
        effect = said[f"m{number}"] - said["given"]
        assert float(row["effect"]) == pytest.approx(effect, abs=1e-6)
    best = min(singles, key=lambda row: float(row["effect"]))
    assert [row["changes"] for row in designed] == ["1", "2"]
    assert [designed[0][key] for key in ("codon", "to")] == [best[key] for key in ("codon", "to")]
    assert said["d2"] < said["d1"] < said["given"]
    for row in designed:
        assert float(row["prediction"]) == pytest.approx(said[f"d{row['changes']}"], abs=1e-6)
        # The stop codon stays where it was.
        assert row["sequence"].endswith("TGA") and len(row["sequence"]) == len(given)
    assert sum(a != b for a, b in zip(designed[1]["sequence"], given, strict=True)) >= 2


def test_own_data_rows_that_cannot_be_used_stop_it_where_that_is_asked_or_they_are_all(
    trained, tmp_path, capsys
):
    bad, out = {"a": "MKVLA", "b": "AT", "long": "ATG" * 400}, tmp_path / "said.csv"
    words = ["--model", trained("concat"), "--out", out, "--input", fasta(tmp_path / "a.fa", **bad)]
    capsys.readouterr()
    assert run("codons", "predict", *words) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "a.fa: line" in line]
    assert [line.partition("a.fa: ")[2][:21] for line in said] == [
        "line 1 (id 'a'): sequ", "line 3 (id 'b'): shor", "line 5 (id 'long'): r",
    ]  # fmt: skip
    words[-1] = fasta(tmp_path / "a.fa", good="ATGGCT", **bad)
    assert run("codons", "predict", *words, "--bad-rows", "refuse") == 2
    assert not out.exists()
    assert run("codons", "predict", *words) == 1
    assert [row["note"][:13] for row in said_of(out).values()][1:] == ["not predicted"] * 3


def test_own_data_a_published_encoder_is_found_in_the_hubs_cache(
    trained, embedded, study, held_out, tmp_path, monkeypatch
):
    model, commit = study.models["dna"], "0123456789" * 4
    published = {"name": "tiny", "scratch": False, "repository": "some/tiny", "revision": commit}
    before = read_json(model / "model.json")
    write_json(model / "model.json", published)
    copy = copied(trained("dna"), tmp_path)
    write_json(model / "model.json", before)
    assert not (copy / "encoders").exists()
    assert "| dna | some/tiny | 012345678901 |" in (copy / "README.md").read_text()
    words = ["codons", "predict", "--model", copy, "--input", held_out, *COLUMNS]
    words += ["--out", tmp_path / "said.parquet"]
    cache = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    assert run(*words) == 2
    snapshot = cache / "models--some--tiny" / "snapshots" / commit
    shutil.copytree(model, snapshot)
    (snapshot / "modeling.py").touch()
    assert run(*words) == 0
    assert tables.read(words[-1], tables.PREDICTIONS).to_pylist() == of_pipeline(copy)
    # Other tensors beside those of training would be read in their place.
    (snapshot / "model.safetensors.index.json").touch()
    assert run(*words) == 2


def test_own_data_only_arms_that_say_something_of_sequences_are_applied(
    trained, tmp_path, capsys, monkeypatch
):
    words = ["codons", "predict", "--model", trained("onehot")]
    words += ["--input", fasta(tmp_path / "new.fa", a="ATG"), "--out", tmp_path / "o.csv"]
    with monkeypatch.context() as patched:
        patched.setitem(ARMS, "onehot", replace(ARMS["onehot"], shuffled="codons"))
        assert run(*words) == 2
    assert "onehot is a control (One-hot codons)" in capsys.readouterr().err
    monkeypatch.delitem(ARMS, "onehot")
    assert run(*words) == 2
    assert "unknown arm 'onehot'" in capsys.readouterr().err


def twice(folder):
    path = folder / "twice.fa"
    path.write_text(">a\nATG\n>a\nATG\n")
    return path


# --- asked through a language model ---------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(embedded, trained, study):
    """The receipt of the states by codon that an arm makes of the small set; `more` are flags."""
    rows = [{key: r[key] for key in ("id", "split", "sequence")} for r in study.records]
    tables.write(embedded / "shown.parquet", tables.from_rows(rows, tables.CLEAN), tables.CLEAN)

    def embed(arm: str | None, *more: str):
        out = embedded / f"shown-{arm}{''.join(more)}.json"
        words = ["--records", embedded / "shown.parquet", "--frames", embedded / "frames.parquet"]
        words += ["--arm", trained(arm) / "seed0.safetensors"] if arm else []
        for view in ARMS[arm].modalities if arm else MODALITIES:
            words += [f"--{view}", embedded / f"{view}.json"]
        words += ["--store", embedded / "store", "--out", out, *more]
        assert run("codons", "embed", *words) == 0
        return out

    return embed


@pytest.mark.parametrize(("arm", "more"), [("dna", ()), ("concat", ()), ("concat", ("--unfused",))])
def test_fused_encoder_makes_the_states_of_new_sequences_as_those_of_its_set(
    shown, study, arm, more, tmp_path
):
    receipt = shown(arm, *more)
    live, store = LiveStates(of_receipt(receipt, tmp_path), tmp_path, None), Store.open(receipt)
    letters = [record["sequence"] for record in study.records[:9]]
    live.hold(letters[::-1])
    for one in letters:
        assert live.get(one) == pytest.approx(store.get(one), abs=2e-3)
    with pytest.raises(UserError, match="shorter than a codon"):
        live.hold(["AC"])


@pytest.mark.parametrize(
    ("arm", "more", "said"),
    [
        (None, (), "was trained on states without an arm; it cannot be asked"),
        ("concat", ("--altered", "codons"), "was trained on altered sequences; it cannot be asked"),
        ("concat", (), "not the arm that .* was trained with; name its folder with --encoder"),
    ],
)
def test_fused_encoder_that_cannot_be_asked_says_so(shown, arm, more, said, tmp_path):
    with pytest.raises(UserError, match=said):
        LiveStates(of_receipt(shown(arm, *more), tmp_path), tmp_path, tmp_path)


def test_fused_encoder_answers_questions(shown, study, tmp_path, capsys):
    from seqfuse.language.finetuning import checkpoint as finetuned
    from seqfuse.language.methods.linear import Linear
    from seqfuse.language.methods.method import Setup

    backbone, model = tmp_path / "qwen3", tmp_path / "model"
    for folder in (backbone, model):
        folder.mkdir()
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "head_dim": 8}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 300}
    texts = ["Is it? Answer: yes", "Is it? Answer: no"]
    random_models.write("qwen3", sizes | heads, 0, texts, backbone)
    store = Store.open(receipt := shown("concat"))
    facts = finetuned.Description(
        "linear", "x", "s", 0, {}, {"d": ["yes", "no"]}, store.key, store.width,
        of_receipt(receipt, model), [], "float32",
    )  # fmt: skip
    method = Linear(Setup(backbone, states=store, encoder_width=store.width))
    finetuned.save(model, method, facts)
    fasta = tmp_path / "new.fa"
    fasta.write_text(f">new\n{study.records[0]['sequence'].lower()}\n>short\nAC\n")
    asked = ["ask", "--model", model, "--dna", fasta, "--question", "Is it?", "--json"]
    capsys.readouterr()
    assert run(*asked) == 1
    said, refused = map(json.loads, capsys.readouterr().out.splitlines())
    assert sum(said["probabilities"].values()) == pytest.approx(1)
    assert said["blanked"]["likeliest"] in ("yes", "no")
    assert "shorter than a codon" in refused["note"]
