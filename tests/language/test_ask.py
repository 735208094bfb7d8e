"""Questions from a terminal: what is said, as text and as JSON, for every method; bad input."""

import csv
import gzip
import json
import math
import subprocess
import sys
import weakref

import pytest

from seqfuse import cli, tables
from seqfuse.bio.reading.new_sequences import NewSequence
from seqfuse.files import read_json, write_json
from seqfuse.language.answers import interactive
from seqfuse.language.answers.interactive import probabilities, readable
from seqfuse.language.answers.questions import read_dna
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


@pytest.mark.parametrize("method", [n for n, m in METHODS.items() if not m.trains_fusion])
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
        assert line["text"] == (expected["text"] and readable(expected["text"]))
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
    answer += f"note: {one['note']}\n"
    assert one["note"] == "4 nt; the model was trained on 30 to 30 nt"
    assert one["blanked"] is None  # it sees no DNA
    assert said == f"> one\n{answer}> two\n{answer}"


def test_reasoning_is_asked_for_as_it_was_trained(commands, ask, fasta, tmp_path):
    model = commands.finetune("text_only", tmp_path / "model", "--reasoning", "false")
    assert read_json(model / "seed0" / "method.json")["thinks"] == []
    dna = fasta("dna.fa", ("one", "ACGT"))
    assert ask(model, dna) == ask(model, dna, "--reasoning", "false")


@pytest.fixture
def asked_rows(project):
    """Rows of a set whose question is `QUESTION`, with variants."""
    rows = tables.read(project / "rats" / "records.parquet", tables.CLEAN).to_pylist()
    return [row for row in rows if row["question"] == QUESTION][:5]


@pytest.mark.parametrize("method", ["onevocab", "linear", "dna_only"])
def test_own_data_a_table_is_answered_as_its_records_are(
    commands, ask, asked_rows, tmp_path, method
):
    model = commands.finetune(method, tmp_path / "model")
    new, out = tmp_path / "new.csv", tmp_path / "said.csv"
    lines = [f"{r['id']},{r['sequence']},{r['variant'] or ''},{QUESTION}" for r in asked_rows]
    new.write_text("\n".join(["name,dna,variant,question", *lines, ""]))
    words = ["ask", "--model", model, "--dna", new, "--columns", "id=name", "sequence=dna",
             "--dataset", "rats", "--max-new-tokens", 12, "--batch", 2]  # fmt: skip
    assert cli.main(list(map(str, [*words, "--out", out]))) == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [row["id"] for row in asked_rows]
    # The same as an object a record, and with the question said once.
    for row, line in zip(rows, ask(model, new, *words[5:8], "--json").splitlines(), strict=True):
        reply = json.loads(line)
        for label, share in reply["probabilities"].items():
            assert float(row[f"p({label})"]) == pytest.approx(share, rel=1e-3)
        assert row["likeliest"] == max(reply["probabilities"], key=reply["probabilities"].get)
        assert row["blanked"] == reply["blanked"]["likeliest"]
        assert reply["note"] == row["note"] == ""
    # What is said of blank DNA is what is said of As.
    blank = tmp_path / "blank.csv"
    first = asked_rows[0]
    letters = ["A" * len(dna) if dna else "" for dna in (first["sequence"], first["variant"])]
    blank.write_text(f"id,sequence,variant\nb,{','.join(letters)}\n")
    [reply] = map(json.loads, ask(model, blank, "--json").splitlines())
    share = reply["probabilities"][rows[0]["blanked"]]
    assert float(rows[0]["p_blanked"]) == pytest.approx(share, rel=1e-3)


def test_own_data_a_call_of_ask_that_was_ended_goes_on(
    commands, asked_rows, tmp_path, monkeypatch, capsys
):
    model, out = commands.finetune("onevocab", tmp_path / "model"), tmp_path / "said.jsonl"
    new = tmp_path / "new.csv"
    lines = [f"{r['id']},{r['sequence']},{r['variant'] or ''}" for r in asked_rows[:4]]
    new.write_text("\n".join(["id,sequence,variant", *lines, ""]))
    words = ["ask", "--model", model, "--dna", new, "--dataset", "rats", "--out", out]
    words = list(map(str, [*words, "--max-new-tokens", 12, "--batch", 2, "--question", QUESTION]))
    part, done = interactive.Model.replies, []

    def once(self, asked):
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(len(asked))
        return part(self, asked)

    monkeypatch.setattr(interactive.Model, "replies", once)
    with pytest.raises(KeyboardInterrupt):
        cli.main(words)
    assert not out.exists()
    monkeypatch.setattr(
        interactive.Model,
        "replies",
        lambda self, asked: (done.append(len(asked)), part(self, asked))[1],
    )
    # What is there stays there, however many are answered at a time now.
    assert cli.main([*words, "--batch", "3"]) == 0
    assert done == [2, 2]
    assert [json.loads(line)["id"] for line in out.open()] == [r["id"] for r in asked_rows[:4]]
    assert not list(tmp_path.glob(".said*journal"))


@pytest.mark.parametrize(
    ("text", "part", "whole"),
    [
        ("It is so.\n</think>\n\nAnswer: yes", None, "It is so.\n\nAnswer: yes"),
        ("</think>\n\nAnswer: yes", None, "Answer: yes"),
        ("a\n</think>\n\nb</think>c", None, "a\n\nbc"),
        # Half of the sign may yet become it, and so may the line before it.
        ("It is so.\n</thi", "It is so.", "It is so.\n</thi"),
        ("1 < 2", "1 < 2", "1 < 2"),
        ("1 <", "1 ", "1 <"),
    ],
)
def test_own_data_no_stray_sign_of_thinking(text, part, whole):
    assert readable(text) == whole
    assert readable(text, whole=False) == (whole if part is None else part)


def test_probabilities_by_hand():
    found = probabilities({"a": math.log(0.02), "b": math.log(0.06)})
    assert found == pytest.approx({"a": 0.25, "b": 0.75})
    assert probabilities({"a": -2000.0, "b": -2000.0}) == {"a": 0.5, "b": 0.5}


def test_one_record_each_belong_together_whatever_their_names(fasta):
    [row] = read_dna(fasta("r.fa", ("ref", "acguN-R")), fasta("v.fa", ("alt", "AC")))
    assert row.cells == {"id": "ref", "sequence": "ACGTNN", "variant": "AC"}
    assert row.fault is None


def test_own_data_a_row_without_its_other_half_is_named(fasta):
    dna = fasta("r.fa", ("a", "A"), ("b", "C"), ("d", "G"))
    rows = read_dna(dna, fasta("v.fa", ("a", "C"), ("c", "G"), ("d", "GX")))
    assert [(row.id, str(row.fault)) for row in rows] == [
        ("a", "None"),
        ("b", "no variant of this name in v.fa"),
        ("d", "its variant: sequence has 'X', which is not a nucleotide code"),
        ("c", "no sequence of this name in r.fa"),
    ]
    assert (rows[0].cells["variant"], str(rows[3].place)) == (
        "C",
        f"{dna.parent}/v.fa: line 3 (id 'c')",
    )


BAD = """name,dna,question
a,ACGTACGTACGT,Which colour?
b,ACGX,Which colour?
c,,Which colour?
d,ACGTACGTACGT,

e,ACGTACGTACGT,Is it <think>?
f,ACGT,Which colour?,more
0,{long},Which colour?
h,ACGTACGTACGA,Which colour?
"""


def test_own_data_good_rows_are_answered_and_bad_ones_named(commands, fasta, tmp_path, capsys):
    model = commands.finetune("onevocab", tmp_path / "model", "--seeds", 0)
    new, out = tmp_path / "new.csv", tmp_path / "said.csv"
    new.write_text(BAD.format(long="ACGT" * 60))
    words = ["ask", "--model", model, "--dna", new, "--columns", "id=name", "sequence=dna"]
    words += ["--dataset", "rats", "--max-new-tokens", 12, "--max-tokens", 90, "--reasoning"]
    words = list(map(str, [*words, "false"]))
    capsys.readouterr()
    assert cli.main([*words, "--out", str(out)]) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if "left out: " in line]
    assert [line.partition("new.csv: ")[2] for line in said[:-1]] == [
        "line 3 (id 'b'): sequence has 'X', which is not a nucleotide code",
        "line 4 (id 'c'): the sequence is missing",
        "line 5 (id 'd'): the question is missing",
        "line 7 (id 'e'): question holds '<think>', a control token",
        "line 8 (id 'row-6'): a row of 4 cells under a header of 3",
    ]
    # What only the model can tell.
    assert "line 9 (id '0'): " in said[-1] and " exceed the limit of 90" in said[-1]
    with out.open() as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["a", "b", "c", "d", "e", "row-6", "0", "h"]
    assert [name for name, row in rows.items() if row["likeliest"]] == ["a", "h"]
    assert rows["b"]["note"] == "not answered: sequence has 'X', which is not a nucleotide code"
    assert cli.main([*words, "--json"]) == 1
    replies = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [reply["id"] for reply in replies] == list(rows)
    assert replies[6]["note"] == rows["0"]["note"]
    assert cli.main(words) == 1
    assert f"> 0\n{rows['0']['note']}\n> h\n" in capsys.readouterr().out
    # As `data records` does by default.
    assert cli.main([*words, "--bad-rows", "refuse"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 5 and "error: " in said[0]
    assert said[1].endswith("fill it in or remove the row, or leave such rows out with --bad-rows"
                            " reject")  # fmt: skip
    # Where no row is left, nothing is written.
    bad = str(fasta("bad.fa", ("a", "MKVL"), ("b", "")))
    out.unlink()
    assert cli.main([*words[:4], bad, *words[8:], "--question", QUESTION, "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert (
        "bad.fa: line 1 (id 'a'): sequence has 'L', which is not a nucleotide code; is it a" in said
    )
    assert "bad.fa: line 3 (id 'b'): the sequence is missing" in said and not out.exists()


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
    assert "no such file" in refused("--dataset", "rats", "--dna", tmp_path / "no.fa")
    assert "this is FASTA; let its name end in .fasta" in refused(
        "--dataset", "rats", "--dna", fasta("dna.csv", ("a", "ACGT"))
    )
    assert "no seed folder" in refused("--model", tmp_path / "nothing")
    assert "question holds '<think>'" in refused("--dataset", "rats", "--question", "a<think>")
    assert "exceed the limit" in refused("--dataset", "rats", "--max-tokens", 20)
    assert "name a .csv, .tsv or .jsonl" in refused("--dataset", "rats", "--out", "a.xlsx")
    found = read_json(model / "seed0" / "method.json")
    found["encoder"]["folder"] = "../../gone"
    write_json(model / "seed0" / "method.json", found)
    assert "name its folder with --encoder" in refused("--dataset", "rats")


VCF = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@pytest.fixture
def variants(asked_rows, fasta, tmp_path):
    """A VCF of the alleles of some rows, with a row that cannot be asked about, and its genome."""
    genome = fasta("ref.fa", *((row["id"], row["sequence"]) for row in asked_rows))
    rows = [row for row in asked_rows if row["sequence"] != row["variant"]]
    alleles = [(row["id"], 13, row["sequence"][12], row["variant"][12]) for row in rows]
    lines = [
        f"{name}\t{place}\t.\t{ref}\t{alt}\t.\t.\t.\n"
        for name, place, ref, alt in [*alleles, (rows[0]["id"], 5, "N", "<DEL>")]
    ]
    path = tmp_path / "my.vcf.gz"
    path.write_bytes(gzip.compress((VCF + "".join(lines)).encode()))
    return path, genome, rows


@pytest.mark.parametrize("method", ["onevocab", "linear"])
def test_formats_the_alleles_of_a_vcf_are_answered_with_their_places(
    commands, ask, fasta, variants, tmp_path, capsys, method
):
    path, genome, rows = variants
    model, out = commands.finetune(method, tmp_path / "model", "--seeds", 0), tmp_path / "said.csv"
    words = ["ask", "--model", model, "--vcf", path, "--genome", genome, "--question", QUESTION]
    words += ["--window", 36, "--dataset", "rats", "--max-new-tokens", 12, "--batch", 2]
    assert cli.main(list(map(str, [*words, "--out", out]))) == 1
    fault = f"{path}: line {len(rows) + 3} (id '{rows[0]['id']}:5:N><DEL>'): REF differs"
    assert fault in capsys.readouterr().err
    with out.open() as file:
        *said, bad = csv.DictReader(file)
    assert [bad[key] for key in ("chrom", "pos", "ref", "alt", "likeliest")] == [
        *(rows[0]["id"], "5", "N", "<DEL>", "")
    ]  # fmt: skip
    # The same windows, cut by hand: what there is of 18 nt on either side.
    dna = fasta("dna.fa", *((r["id"], r["sequence"]) for r in rows))
    variant = fasta("variant.fa", *((r["id"], r["variant"]) for r in rows))
    expected = map(json.loads, ask(model, dna, "--variant", variant, "--json").splitlines())
    for row, reply, given in zip(said, expected, rows, strict=True):
        place = (given["id"], "13", given["sequence"][12], given["variant"][12])
        assert tuple(row[key] for key in ("chrom", "pos", "ref", "alt")) == place
        assert row["id"] == "{}:{}:{}>{}".format(*place)
        for label, share in reply["probabilities"].items():
            assert float(row[f"p({label})"]) == pytest.approx(share, rel=1e-3)
    assert cli.main(list(map(str, [*words, "--json"]))) == 1
    replies = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [reply["pos"] for reply in replies] == [13] * len(rows) + [5]
    assert replies[-1].keys() == {*("id", "chrom", "pos", "ref", "alt", "note")}


def test_formats_no_more_than_a_batch_of_a_file_is_in_memory(
    commands, variants, tmp_path, monkeypatch, capsys
):
    path, genome, _ = variants
    genome.write_text(f">1\n{'ACGT' * 100}\n")
    lines = (f"1\t{place}\t.\t{'ACGT'[(place - 1) % 4]}\tN\t.\t.\t.\n" for place in range(1, 400))
    path.write_bytes(gzip.compress((VCF + "".join(lines)).encode()))
    model = commands.finetune("text_only", tmp_path / "model", "--seeds", 0)
    alive, most = weakref.WeakSet(), []
    made = NewSequence.__init__

    def counted(self, *words, **more):
        made(self, *words, **more)
        alive.add(self)
        most.append(len(alive))

    monkeypatch.setattr(NewSequence, "__init__", counted)
    monkeypatch.setattr(NewSequence, "__hash__", object.__hash__)
    monkeypatch.setattr(interactive.Model, "replies", lambda self, asked: [said() for _ in asked])

    def said():
        shares = {"grey": 0.5, "tawny": 0.5}
        return {"question": "", "answer": "grey", "likeliest": "grey", "probabilities": shares,
                "loglik": shares, "blanked": None, "text": None, "note": ""}  # fmt: skip

    words = ["ask", "--model", model, "--vcf", path, "--genome", genome, "--question", QUESTION]
    words += ["--dataset", "rats", "--window", 20, "--batch", 8, "--out", tmp_path / "said.csv"]
    assert cli.main(list(map(str, words))) == 0
    assert len(most) == 2 * 399 and max(most) < 25
    with (tmp_path / "said.csv").open() as file:
        assert [row["pos"] for row in csv.DictReader(file)] == [*map(str, range(1, 400))]
