"""Conversations become questions and answers, from a repository in ChatNT's layout or a file."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqfuse.data import conversations

ASKED = "Is there any evidence of a donor in this sequence <DNA>?"
LANGUAGE = {"study": "language"}
OF_HUB = {"source": "hub", "study": "language"}


def turns(*messages: str, roles=("USER", "ASSISTANT")) -> list[dict]:
    """Messages of user and assistant in turn."""
    said = enumerate(messages)
    return [{"role": roles[i % len(roles)], "message": message} for i, message in said]


def published(folder, text=False):
    """A repository of the layout of ChatNT's: 12 training rows in two files, 5 test rows.

    Of the training rows two are of another task; of the test rows one has no answer, one has two
    classes.
    """
    train = [
        {
            "sequence": dna + "ACGT",
            "exchanges": turns(ASKED, "Yes, there is." if i % 2 else "No."),
            "task_type": "regression" if i in (4, 9) else "classification",
            "task_modality": "DNA",
            "label": '["yes"]' if i % 2 else '["no"]',
        }
        for i, dna in enumerate(
            ["A", "C", "G", "T", "AA", "AC", "AG", "AT", "CA", "CC", "CG", "CT"]
        )
    ]
    test = [dict(row, sequence="GG" + row["sequence"]) for row in train[:4] + train[5:6]]
    test[1]["exchanges"] = turns(ASKED)
    test[2]["label"] = '["yes", "no"]'
    parts = {"train-00000-of-00002": train[:7], "train-00001-of-00002": train[7:]}
    parts["test-00000-of-00001"] = test
    (folder / "data").mkdir(parents=True)
    for name, rows in parts.items():
        if text:
            rows = [row | {"exchanges": json.dumps(row["exchanges"])} for row in rows]
        pq.write_table(pa.Table.from_pylist(rows), folder / "data" / f"{name}.parquet")
    return folder


@pytest.mark.parametrize("text", [False, True])
def test_a_repository_in_the_published_layout(make, tmp_path, text):
    repository = str(published(tmp_path / "copy", text))
    only = {"task_type": ["classification"]}
    made = make(hub={"repository": repository}, only=only, **OF_HUB)
    assert set(made.column("question")) == {ASKED.removesuffix(" <DNA>?") + "?"}
    rows = {row["id"]: (row["sequence"], row["label"]) for row in made.rows}
    assert rows["train-2"] == ("CACGT", "yes") and rows["train-3"] == ("GACGT", "no")
    assert rows["train-8"] == ("ATACGT", "yes")  # from the second file
    # Ids are the numbers of the rows, those that are left out included.
    assert "train-5" not in rows and len([name for name in rows if "train" in name]) == 10
    assert [name for name in rows if "test" in name] == ["test-1", "test-4", "test-5"]
    assert made.card["rows"] == {"test": 3, "train": 9, "val": 1}
    assert made.card["left_out"] == {
        "task_type is 'regression'": 2,
        "exchanges: the first turns are not a user's question and its answer": 1,
        "the label lists 2 classes": 1,
    }
    assert sum(made.card["rows"].values()) + sum(made.card["left_out"].values()) == 12 + 5
    assert [file["held_to"] for file in made.card["files"]] == ["nothing"] * 2
    assert "mine: 2 rows are left out: task_type is 'regression'" in made.said
    assert made.written == [
        *("card.json", "records.parquet", "source/own/test.parquet", "source/own/train.parquet"),
    ]


def test_a_commit_is_streamed_once(make, tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr("seqfuse.data.download.hub_offline", lambda: None)
    copy, asked, load = str(published(tmp_path / "copy")), [], datasets.load_dataset

    def of_the_hub(repository, **how):
        asked.append((repository, how))
        return load(copy, streaming=how["streaming"])

    monkeypatch.setattr(datasets, "load_dataset", of_the_hub)
    hub = {"repository": "owner/name", "revision": "1" * 40}
    first, again = (make(hub=hub, **OF_HUB) for _ in range(2))
    assert asked == [("owner/name", {"revision": "1" * 40, "streaming": True})]
    assert first.rows == again.rows and first.card == again.card
    files = [(file["path"], file["held_to"]) for file in first.card["files"]]
    assert files == [("owner/name: test", "commit"), ("owner/name: train", "commit")]


def test_the_assistants_words_are_the_label_where_the_row_names_no_class(make):
    rows = [
        {"sequence": "ACGT", "split": "train", "exchanges": turns(ASKED, "Yes.")},
        {"sequence": "CCGT", "split": "val", "exchanges": json.dumps(turns(ASKED, "No.", "Why?"))},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    made = make({"a.jsonl": text}, **LANGUAGE)
    assert made.column("label") == ["Yes.", "No."]
    assert made.card["later_turns_left_out"] == 1 and made.card["left_out"] == {}
    rows = [row | {"label": "yes"} for row in rows]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    assert make({"a.jsonl": text}, **LANGUAGE).column("label") == ["yes", "yes"]
    made = make({"a.jsonl": text}, columns={"label": None}, **LANGUAGE)
    assert made.column("label") == ["Yes.", "No."]


# what a cell holds -> what is made of it, for so many sequences
FINE = [
    (turns(ASKED, "No."), 1, ("Is there any evidence of a donor in this sequence?", "No.", False)),
    (turns("<dna> Coding? ", " Yes ", roles=("User", "assistant")), 1, ("Coding?", "Yes", False)),
    (turns("Be kind.", "<DNA> a gene?", "Yes", roles=("SYSTEM", "USER", "ASSISTANT")), 1,
     ("a gene?", "Yes", False)),
    (turns("Is <DNA> like <DNA>?", "No"), 2, ("Is (1) like (2)?", "No", False)),
    (turns(ASKED, "No", "Sure?", "Yes"), 1,
     ("Is there any evidence of a donor in this sequence?", "No", True)),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "sequences", "wanted"), FINE)
def test_the_first_question_and_its_answer(cell, sequences, wanted):
    assert conversations.first(cell, sequences) == wanted
    assert conversations.first(json.dumps(cell), sequences) == wanted


# what is wrong -> a cell of it, and the reason
BAD = {
    "no answer": (turns(ASKED), "the first turns are not a user's question and its answer"),
    "nothing": ([], "the first turns are not a user's question"),
    "answer first": (turns("Hello", ASKED, roles=("ASSISTANT", "USER")),
                     "the first turns are not a user's question"),
    "asked twice": (turns(ASKED, ASKED, "No", roles=("USER", "USER", "ASSISTANT")),
                    "are not a user's question"),
    "answered twice": (turns(ASKED, "No", "Yes", roles=("USER", "ASSISTANT", "ASSISTANT")),
                       "do not alternate"),
    "a tool": (turns(ASKED, "{}", roles=("USER", "TOOL")), "the role 'tool' is neither"),
    "empty": (turns(ASKED, "  "), "an empty message"),
    "no place": (turns("Is it a gene?", "No"), "<DNA> occurs 0 times for 1 sequence(s)"),
    "two places": (turns("Is <DNA> like <DNA>?", "No"), "<DNA> occurs 2 times for 1 sequence(s)"),
    "other keys": ([{"from": "human", "value": ASKED}], "a turn without a role or a message"),
    "no list": ({"role": "USER"}, "not a list of turns"),
    "prose": (ASKED, "not a list of turns"),
    "missing": (None, "not a list of turns"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_row_that_does_not_fit_is_left_out_with_its_reason(make, case):
    cell, reason = BAD[case]
    rows = [{"sequence": "ACGT", "exchanges": found} for found in (turns(ASKED, "No"), cell, cell)]
    made = make({"a.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}, **LANGUAGE)
    assert made.column("label") == ["No"] and made.column("id") == ["row-1"]
    [(said, times)] = made.card["left_out"].items()
    assert reason in said and times == 2


def test_a_set_of_which_nothing_is_left_is_refused(make, tmp_path):
    rows = [{"sequence": "ACGT", "exchanges": turns("Is it a gene?", "No")}] * 3
    made = make({"a.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}, **LANGUAGE)
    assert made.status == 2 and made.written == []
    assert made.said.splitlines() == [
        f"seqfuse data records: error: {tmp_path / 'a.jsonl'}: no row is left; most often (3 rows),"
        " exchanges: <DNA> occurs 0 times for 1 sequence(s)"
    ]


# what is wrong with the entry -> (what differs in it, what the line must say)
REFUSED = {
    "offline": (
        {"hub": {"repository": "owner/name", "revision": "0" * 40}},
        "owner/name: cannot be downloaded (HF_HUB_OFFLINE is set); run `seqfuse fetch` where there"
        " is a network, or give a local copy: datasets: {mine: {hub: {repository: FOLDER}}}",
    ),
    "no commit": (
        {"hub": {"repository": "owner/name"}},
        "dataset 'mine': no revision is pinned; look at owner/name on the hub and write the commit"
        " you mean: datasets: {mine: {hub: {revision: <40 hexadecimal digits>}}}",
    ),
    "no data": ({"hub": {"repository": "empty"}}, "empty: `datasets` cannot read it ("),
    "no column": ({"only": {"kind": ["x"]}}, "no column 'kind'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_repository_that_cannot_be_had(make, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    different, wanted = REFUSED[case]
    entry = {"hub": {"repository": str(published(tmp_path / "copy"))}} | OF_HUB | different
    made = make(**entry)
    line = made.said.splitlines()[-1]
    assert made.status == 2 and line.startswith("seqfuse data records: error: ") and wanted in line
    assert "Traceback" not in made.said and "records.parquet" not in made.written


def test_a_split_of_another_name_must_be_said_to_be_one(make, tmp_path):
    (tmp_path / "copy").mkdir()
    row = {"sequence": "ACGT", "exchanges": turns(ASKED, "No")}
    for name in ("train", "validation", "extra"):
        (tmp_path / "copy" / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    names = ("train", "validation", "extra")
    files = ", ".join(f"{{split: {name}, path: {name}.jsonl}}" for name in names)
    card = f"configs: [{{config_name: default, data_files: [{files}]}}]"
    (tmp_path / "copy" / "README.md").write_text(f"---\n{card}\n---\n")
    hub = {"repository": str(tmp_path / "copy")}
    made = make(hub=hub, **OF_HUB)
    assert made.status == 2 and "'extra' is not train, val or test" in made.said
    made = make(hub=hub, splits={"extra": "test"}, **OF_HUB)
    assert made.column("split") == ["test", "train", "val"]
