"""Questions from a terminal: what is said, as text and as JSON, for every method; bad input."""

import json
import math
import subprocess
import sys

import pytest

from seqfuse import cli, tables
from seqfuse.files import read_json, write_json
from seqfuse.language.answers.interactive import probabilities, read_dna
from seqfuse.registry.methods import METHODS

QUESTION = "Which colour?"


@pytest.fixture
def ask(capsys):
    """Ask about FASTA files; what was printed."""

    def asked(model, dna, *more) -> str:
        words = ["ask", "--model", model, "--dna", dna, "--question", QUESTION]
        words += ["--dataset", "rats", "--max-new-tokens", 12, *more]
        capsys.readouterr()
        assert cli.main(list(map(str, words))) == 0
        return capsys.readouterr().out

    return asked


@pytest.fixture
def fasta(tmp_path):
    """Write FASTA from (name, sequence) pairs."""

    def write(name, *records):
        path = tmp_path / name
        path.write_text("".join(f">{name} of mice\n{dna}\n" for name, dna in records))
        return path

    return write


@pytest.mark.parametrize("method", list(METHODS))
def test_the_answers_are_those_of_predict(project, commands, ask, fasta, tmp_path, method):
    model = commands.finetune(method, tmp_path / "model")
    out = commands.predict(method, model, tmp_path / "predictions.parquet")
    predicted = tables.read(out, tables.PREDICTIONS).to_pylist()
    predicted = {r["id"]: r for r in predicted if (r["dataset"], r["seed"]) == ("rats", 0)}
    rows = tables.read(project / "rats" / "records.parquet", tables.CLEAN).to_pylist()
    rows = [r for r in rows if r["id"] in predicted and r["question"] == QUESTION]
    assert len(rows) > 1
    # Lower case, and the variants in another order.
    dna = fasta("dna.fa", *((r["id"], r["sequence"].lower()) for r in rows))
    variant = fasta("variant.fa", *((r["id"], r["variant"]) for r in rows[::-1]))
    said = ask(model, dna, "--variant", variant, "--json").splitlines()
    for row, line in zip(rows, map(json.loads, said), strict=True):
        expected = predicted[row["id"]]
        assert line["id"] == row["id"]
        assert line["text"] == expected["text"]
        assert line["answer"] == expected["predicted"]
        assert line["loglik"] == pytest.approx(dict(expected["loglik"]), rel=1e-3)
        assert sum(line["probabilities"].values()) == pytest.approx(1)
        assert line["model"] == str(model / "seed0")


def test_text_is_shown_as_it_comes_and_labels_by_probability(
    commands, ask, fasta, tmp_path, monkeypatch
):
    model = commands.finetune("text_only", tmp_path / "model")
    dna = fasta("dna.fa", ("one", "ACGT"), ("two", "ACGT"))
    one = json.loads(ask(model / "seed3", dna, "--json").splitlines()[0])
    pieces = []
    monkeypatch.setattr(
        "builtins.print", lambda text, end="\n", flush=False: pieces.append(text + end)
    )
    ask(model / "seed3", dna)
    assert len(pieces) > 10
    said = "".join(pieces)
    shares = one["probabilities"]
    first, second = sorted(shares, key=shares.get, reverse=True)
    answer = f"{one['text']}\n\n{shares[first]:8.3f}  {first}\n{shares[second]:8.3f}  {second}\n"
    assert said == f"> one\n{answer}> two\n{answer}"


def test_reasoning_is_asked_for_as_it_was_trained(commands, ask, fasta, tmp_path):
    model = commands.finetune("text_only", tmp_path / "model", "--reasoning", "false")
    assert read_json(model / "seed0" / "method.json")["thinks"] == []
    dna = fasta("dna.fa", ("one", "ACGT"))
    assert ask(model, dna) == ask(model, dna, "--reasoning", "false")


def test_probabilities_by_hand():
    found = probabilities({"a": math.log(0.02), "b": math.log(0.06)})
    assert found == pytest.approx({"a": 0.25, "b": 0.75})
    assert probabilities({"a": -2000.0, "b": -2000.0}) == {"a": 0.5, "b": 0.5}


def test_one_record_each_belong_together_whatever_their_names(fasta):
    found = read_dna(fasta("r.fa", ("ref", "acguN-R")), fasta("v.fa", ("alt", "AC")))
    assert found == [{"id": "ref", "sequence": "ACGTNN", "variant": "AC"}]


@pytest.mark.parametrize(
    ("dna", "variant", "message"),
    [
        ([("a", "ACGX")], None, "dna.fa: record 'a' holds 'X', which is no nucleotide"),
        ([("a", "")], None, "dna.fa: record 'a' has no sequence"),
        ([("a", "A"), ("a", "C")], None, "two records are called 'a'"),
        ([("a", "A"), ("b", "C")], [("a", "C"), ("c", "G")], "record 'b' stands in only one of"),
    ],
)
def test_bad_dna(commands, fasta, tmp_path, capsys, dna, variant, message):
    words = ["ask", "--model", tmp_path, "--dna", fasta("dna.fa", *dna), "--question", QUESTION]
    words += ["--variant", fasta("variant.fa", *variant)] if variant else []
    assert cli.main(list(map(str, words))) == 2
    assert message in capsys.readouterr().err


def test_a_model_that_is_not_there_is_said_before_torch_is_imported(fasta, tmp_path):
    words = ["ask", "--model", str(tmp_path / "nope"), "--dna", str(fasta("dna.fa", ("a", "ACGT")))]
    words += ["--question", QUESTION]
    program = (
        f"import sys; from seqfuse import cli; cli.main({words}); print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "nope: no seed folder" in run.stderr and run.stdout == "False\n"


def test_bad_model_and_files(commands, fasta, tmp_path, capsys):
    model = commands.finetune("linear", tmp_path / "model", "--seeds", 0)
    dna = fasta("dna.fa", ("a", "ACGT"))

    def refused(*words) -> str:
        capsys.readouterr()
        words = ["ask", "--model", model, "--dna", dna, "--question", QUESTION, *words]
        assert cli.main(list(map(str, words))) == 2
        return capsys.readouterr().err

    assert f"{model}: knows several datasets; give --dataset, one of mice, rats" in refused()
    assert "was not trained on cats" in refused("--dataset", "cats")
    assert "no such file" in refused("--dna", tmp_path / "no.fa")
    assert "this is FASTA; let its name end in .fasta" in refused(
        "--dna", fasta("dna.csv", ("a", "ACGT"))
    )
    assert "no seed folder" in refused("--model", tmp_path / "nothing")
    assert "question holds '<think>'" in refused("--dataset", "rats", "--question", "a<think>")
    assert "over the limit" in refused("--dataset", "rats", "--max-tokens", 20)
    found = read_json(model / "seed0" / "method.json")
    found["encoder"]["folder"] = "../../gone"
    write_json(model / "seed0" / "method.json", found)
    assert "name its folder with --encoder" in refused("--dataset", "rats")
