"""From a file's rows to records: columns, labels, splits, ids, groups; where a file is found."""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

LANGUAGE = {"study": "language", "question": "Is it?"}


def test_columns_labels_and_splits_are_mapped(make):
    text = "seq,y,part\nacgu,1,Training\nGG,0,dev\nTT,1,Test\n"
    made = make(
        {"a.csv": text},
        study="language",
        question="Is it?",
        columns={"sequence": "seq", "label": "y"},
        split_column="part",
        splits={"Training": "train", "dev": "val", "Test": "test"},
        labels={"0": "no", "1": "yes"},
    )
    nothing = dict.fromkeys(("variant", "value", "reasoning", "text", "group", "transl_table"))
    # The letters are kept as they are: spelling them is the work of the stage `sequences`.
    expected = [("train-1", "acgu", "yes"), ("val-2", "GG", "no"), ("test-3", "TT", "yes")]
    assert made.rows == [
        {"id": name, "split": name.split("-")[0], "sequence": sequence, "label": label}
        | {"question": "Is it?"}
        | nothing
        | {"file": made.card["files"][0]["path"], "line": line}
        for line, (name, sequence, label) in enumerate(expected, start=2)
    ]
    assert made.card["rows"] == {"train": 1, "val": 1, "test": 1}
    assert made.card["labels"] == {"train": {"yes": 1}, "val": {"no": 1}, "test": {"yes": 1}}
    assert made.card["columns"] == ["id", "split", "sequence", "question", "label"]
    assert made.card["task"] == "classification"


def test_ids_count_the_rows_of_a_split_over_all_files(make, tmp_path):
    files = {"a.csv": "sequence,value\nA,1\nC,2\n", "b.csv": "sequence,value\nG,3\n"}
    listed = [{"path": str(tmp_path / n), "split": "train"} for n in files]
    files["c.csv"] = "sequence,value\nT,4\n"
    listed.append({"path": str(tmp_path / "c.csv"), "split": "val"})
    made = make(files, files=listed)
    assert made.column("id") == ["train-1", "train-2", "train-3", "val-1"]
    assert made.column("value") == [1.0, 2.0, 3.0, 4.0]
    assert [file["rows"] for file in made.card["files"]] == [2, 1, 1]


def test_a_column_of_a_fields_name_is_read_unless_null_leaves_it_out(make):
    text = "id,sequence,value,group\nx,A,1,g1\nx,C,2,g2\n"
    made = make({"a.csv": text}, columns={"id": None, "group": None})
    assert len(set(made.column("id"))) == 2 and made.column("group") == [None, None]


def test_labels_of_a_column_with_gaps_are_integers(make, tmp_path):
    """A missing cell turns integers into floats in many writers: 1.0 is the label 1."""
    table = pa.table({"sequence": ["A", "C"], "label": [1.0, 0.0], "value": [None, 2.5]})
    pq.write_table(table, tmp_path / "a.parquet")
    files = [{"path": str(tmp_path / "a.parquet"), "split": "train"}]
    made = make(files=files, labels={"0": "no", "1": "yes"}, **LANGUAGE)
    assert made.column("label") == ["yes", "no"]
    assert made.column("value") == [None, 2.5]


def test_numbers_are_answers_and_truth_values_are_not(make):
    """YAML makes a truth value of `no`: what was meant cannot be known from it."""
    text = "sequence,label\nA,0\nC,1\n"
    made = make({"a.csv": text}, labels={"0": 5, "1": "yes"}, **LANGUAGE)
    assert made.column("label") == ["5", "yes"]
    refused = make({"a.csv": text}, labels={"0": False, "1": True}, **LANGUAGE)
    assert refused.status == 2 and len(refused.said.splitlines()) == 2
    assert "labels.0" in refused.said and "labels.1" in refused.said


def test_group_from_the_question(make):
    text = "sequence,label,question\nA,x,The gene BRCA1 is hit\nC,y,The gene TP53 is hit\n"
    made = make({"a.csv": text}, study="language", group_pattern=r"gene (\S+) is")
    assert made.column("group") == ["BRCA1", "TP53"]


def test_an_anonymous_question_names_no_gene_and_keeps_its_group(make):
    text = "sequence,label,question\nA,x,In BRCA1: what does this BRCA1 allele do?\n"
    text += "C,y,In TP53: what does this TP53 allele do?\n"
    anonymise = {"^In .*: w": "W", r"this \S+ allele": "this allele"}
    entry = {"study": "language", "group_pattern": r"this (\S+) allele"}
    made = make({"a.csv": text}, anonymise=anonymise, **entry)
    assert made.column("question") == ["What does this allele do?"] * 2
    assert made.column("group") == ["BRCA1", "TP53"]


def test_fasta_with_labels_in_headers(make):
    text = ">one|1\nACGT\n>two|0\nGG\n"
    made = make({"a.fna": text}, header_fields=["name", "label"], **LANGUAGE)
    assert sorted(zip(made.column("sequence"), made.column("label"), strict=True)) == [
        ("ACGT", "1"),
        ("GG", "0"),
    ]


def test_without_any_split_rows_are_split_by_80_10_10_and_equal_dna_stays_together(make):
    rows = [f"{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'ACGT'[i // 16 % 4]}A" for i in range(50)]
    text = "sequence,value\n" + "".join(f"{r},1\n{r.lower().replace('t', 'u')},2\n" for r in rows)
    made = make({"a.csv": text})
    found = made.column("split")
    assert [found.count(name) for name in ("train", "val", "test")] == [80, 10, 10]
    assert found[::2] == found[1::2]
    assert make({"a.csv": text}).column("split") == found
    assert make({"a.csv": text}, seed=1).column("split") != found


def test_with_train_and_test_a_tenth_of_train_becomes_val(make, tmp_path):
    names = {"train": 40, "test": 10}
    files = {
        f"{n}.csv": "sequence,value\n" + "".join(f"{'A' * (i + 1)},{i}\n" for i in range(size))
        for n, size in names.items()
    }
    made = make(files, files=[{"path": str(tmp_path / f"{n}.csv"), "split": n} for n in names])
    found = made.column("split")
    assert found.count("val") == 4 and set(found[:40]) == {"train", "val"}
    assert found[40:] == ["test"] * 10
    # Ids keep the names of the file's rows, so that they do not depend on the seed of the split.
    assert made.column("id")[:40] == [f"train-{i}" for i in range(1, 41)]


def test_rows_of_equal_dna_are_on_one_side_of_the_val_that_is_made(make, tmp_path):
    rows = [f"{a}{b}{c}A" for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    files = {
        "train.csv": "sequence,value\n" + "".join(f"{r},1\n{r.lower()},2\n" for r in rows),
        "test.csv": "sequence,value\nAAAA,1\n",
    }
    listed = [{"path": str(tmp_path / n), "split": n.removesuffix(".csv")} for n in files]
    found = make(files, files=listed).column("split")
    assert found[:128:2] == found[1:128:2] and 11 <= found.count("val") <= 14
    other = make(files, files=listed, seed=1).column("split")
    assert other[:128] != found[:128] and other[128] == "test"


def test_a_mirror_is_searched_first_and_held_to_the_checksum(make, tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    for folder, text in ((good, "sequence,value,split\nA,1,train\n"), (bad, "sequence\n")):
        folder.mkdir()
        (folder / "a.csv").write_text(text)
    digest = hashlib.sha256((good / "a.csv").read_bytes()).hexdigest()
    files = [{"path": "a.csv", "sha256": digest, "url": "http://localhost:9/a.csv"}]
    made = make(files=files, mirror=(tmp_path / "none", good, bad))
    assert made.column("sequence") == ["A"]
    assert made.card["files"] == [
        {"path": "a.csv", "sha256": digest, "held_to": "sha256", "rows": 1}
    ]
    refused = make(files=files, mirror=(bad, good))
    assert refused.status == 2 and str(bad / "a.csv") in refused.said and digest in refused.said


def test_full_scale_a_file_without_checksum_is_held_to_the_first_one(make, tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("sequence,value,split\nA,1,train\n")
    first = hashlib.sha256(table.read_bytes()).hexdigest()
    files = [{"path": "a.csv", "url": "http://localhost:9/a.csv", "sha256": None}]
    made = make(files=files, mirror=(tmp_path,))
    assert made.status == 0 and made.card["files"][0]["held_to"] == "first download"
    assert make(files=files, mirror=(tmp_path,)).status == 0
    table.write_text("sequence,value,split\nC,1,train\n")
    other = hashlib.sha256(table.read_bytes()).hexdigest()
    made = make(files=files, mirror=(tmp_path,))
    assert made.status == 2
    assert f"its sha256 is {other}; the first download of it had {first}" in made.said
    assert f"write `sha256: {other}` beside its path" in made.said
    for accepted, held_to in ((other, "sha256"), ("unverified", "nothing")):
        made = make(files=[files[0] | {"sha256": accepted}], mirror=(tmp_path,))
        assert made.card["files"][0]["held_to"] == held_to


def test_full_scale_keggs_contexts_are_pairs(make, tmp_path):
    """The question without its last sentence, with reference and variant, and the gene."""
    from seqfuse.settings.paths import RESOURCES
    from seqfuse.settings.yaml_files import load_yaml

    entry = load_yaml(RESOURCES / "datasets.yaml")["kegg-context"]
    keys = ("study", "task", "columns", "text_pattern", "group_pattern")
    said = "Chromosome Number: 1\nNetwork Definition of the pathway: A -> Q"
    asked = f"{said}\n\nGiven this context, what is the effect of this ABC allele, in one word?"
    text = (
        f'question,answer,reference_sequence,variant_sequence,split\n"{asked}",x,ACGT,ACCT,train\n'
    )
    (tmp_path / "mine.csv").write_text(text)
    entry = {key: entry[key] for key in keys} | {"files": [{"path": str(tmp_path / "mine.csv")}]}
    made = make(**entry)
    found = {name: made.column(name) for name in ("text", "sequence", "variant", "group")}
    assert found == {"text": [said], "sequence": ["ACGT"], "variant": ["ACCT"], "group": ["ABC"]}
    (tmp_path / "mine.csv").write_text(text.replace("Given this", "In this"))
    refused = make(**entry)
    assert "line 2: text_pattern does not match the text 'Chromosome Number: 1" in refused.said
