"""BioReason's variant effects and the revised NT tasks: their entries, on made files of their form.

The published sets were not fetched: the files here have their columns, and their faults.
"""

import json

import pytest

from seqfuse.errors import UserError
from seqfuse.plan.run import Run
from seqfuse.settings import configuration, datasets
from seqfuse.settings.paths import RESOURCES
from seqfuse.settings.yaml_files import load_yaml

ENTRIES = load_yaml(RESOURCES / "datasets.yaml")
# Wordings as they are published; the numbers, genes and diseases are made up.
NAMED = "Mutation found at chromosome {} position {}, gene {} (a protein): benign or pathogenic?"
UNNAMED = "Is the variant on chromosome {} at position {} benign or pathogenic?"
REFERENCE = "ACGTTGCA" * 4


def row(number: int, answer: str, gene: str | None = None, chromosome: int = 1, **more) -> dict:
    variant = list(REFERENCE)
    variant[number % 32] = "ACGT"[("ACGT".index(variant[number % 32]) + 1 + number // 32) % 4]
    question = NAMED if gene else UNNAMED
    places = (chromosome, 1000 + number, *([gene] if gene else []))
    asked = {"ID": f"Task1_{number}", "question": question.format(*places), "answer": answer}
    found = {"reference_sequence": REFERENCE, "variant_sequence": "".join(variant)}
    return asked | found | more


def coding(split: str) -> list[dict]:
    """20 training rows and 6 of test, each DNA pair of test twice; one answer cannot be read."""
    if split == "train":
        return [
            row(i, "Pathogenic; Made disease" if i % 2 else "Benign", f"G{i}N" if i % 2 else None)
            for i in range(20)
        ]
    rows = [row(30 + i // 2, "Pathogenic; Other", "ZED1", 8) for i in range(4)]
    return [*rows, row(50, "Benign", None, 8), row(60, "?; [", "ZED1", 8)]


def indels(split: str) -> list[dict]:
    """Deletions, filled up with N behind the variant, and insertions; one list is cut."""
    found = []
    for i, old in enumerate(one for one in coding(split) if not one["answer"].startswith("?")):
        new = {k: v for k, v in old.items() if k not in ("variant_sequence", "ID")}
        length = i % 3
        mutated = REFERENCE[: 8 + i] + REFERENCE[8 + i + length :] + "N" * length
        answer = old["answer"].lower().replace("made disease", "['Made_disease']")
        new |= {"mutated_sequence": mutated, "answer": answer}
        found.append(new | {"cleaned_pathogenicity": answer.partition(";")[0]})
    found[1]["answer"] = "pathogenic; ['Made_disease'"
    return found


def made(make, tmp_path, name: str, rows):
    """The records of a catalogue entry, from files in place of its repository."""
    entry = {k: v for k, v in ENTRIES[name].items() if k not in ("hub", "cleaning", "size")}
    files = []
    for split in ("train", "test"):
        path = tmp_path / f"{split}.jsonl"
        path.write_text("".join(f"{json.dumps(one)}\n" for one in rows(split)))
        files.append({"path": str(path), "split": split})
    return make(**entry | {"source": "files", "files": files})


def test_the_label_stands_before_the_semicolon(make, tmp_path):
    found = made(make, tmp_path, "variant-effect-coding", coding)
    assert found.status == 0, found.said
    test = [one for one in found.rows if one["split"] == "test"]
    assert [one["label"] for one in test] == ["pathogenic"] * 4 + ["benign"]
    assert found.card["left_out"] == {"the label is not among `labels`": 1}
    assert test[0]["question"] == NAMED.format(8, 1030, "ZED1")
    # No val is published: two of twenty rows, whose pairs are not in train.
    assert [one["split"] for one in found.rows].count("val") == 2
    # All test rows are of one chromosome, which is no group: they would be one sample.
    assert found.column("group") == [None] * 25


def test_a_malformed_list_of_diseases_costs_no_label(make, tmp_path):
    found = made(make, tmp_path, "variant-effect-non-snv", indels)
    assert found.status == 0, found.said
    assert len(found.rows) == 25 and set(found.column("label")) == {"pathogenic", "benign"}
    assert "left_out" not in found.card or not found.card["left_out"]


def test_what_fills_a_deletion_up_is_taken_off_and_counted(make, tmp_path):
    found = made(make, tmp_path, "variant-effect-non-snv", indels)
    assert not any("N" in variant for variant in found.column("variant"))
    assert set(map(len, found.column("variant"))) == {30, 31, 32}
    noted = [file["noted"]["variants lose their trailing N"] for file in found.card["files"]]
    assert noted == [13, 3]
    assert "13 variants lose their trailing N" in found.said


@pytest.mark.parametrize("name", ["variant-effect-coding-genes", "variant-effect-non-snv-genes"])
def test_a_group_is_the_gene_or_the_chromosome_of_a_question_without_one(make, tmp_path, name):
    rows = coding if "coding" in name else indels
    found = made(make, tmp_path, name, rows)
    assert found.status == 0, found.said
    for one in found.rows:
        gene = one["question"].partition("gene ")[2].partition(" ")[0]
        assert one["group"] == (gene or one["question"].split("chromosome ")[1].split()[0])


def test_anonymous_records_have_one_question(make, tmp_path):
    found = made(make, tmp_path, "variant-effect-coding-anonymous", coding)
    assert set(found.column("question")) == {"Is this variant pathogenic or benign?"}
    # Each DNA pair is then kept once, because records of one pair and label are the same.
    settings = {"duplicates": "keep"}
    cleaning = datasets.cleaning(ENTRIES["variant-effect-coding-anonymous"], settings)
    assert cleaning == {"duplicates": "drop"}


def test_padding_of_what_has_no_variant_is_refused():
    entry = {"source": "files", "study": "language", "files": [{"path": "a.csv"}], "padded": True}
    with pytest.raises(UserError, match="padded is about variants, and the entry names none"):
        datasets.validate("mine", entry)


def test_the_preset_has_a_suite_for_each_way_to_split_and_ask():
    run = Run(configuration.resolve({"preset": "variant-effects"}))
    names = [name for members in run.language_suites.values() for name in members]
    assert len(names) == len(set(names)) == 8
    assert all(
        name.startswith(("variant-effect-coding", "variant-effect-non-snv")) for name in names
    )
    assert set(run.variant_sets("coding_deduplicated")) == {"variant-effect-coding+deduplicated"}


REVISED = {name for name in ENTRIES if name.startswith("nt-revised-")}


def test_the_revised_tasks_are_another_set():
    assert len(REVISED) == 18
    original = {name.removeprefix("nt-") for name in ENTRIES if name.startswith("nt-")} - {
        name.removeprefix("nt-") for name in REVISED
    }
    shared = original & {name.removeprefix("nt-revised-") for name in REVISED}
    # The names alone are the same.
    assert {"H3K4me1", "promoter_all", "enhancers", "splice_sites_donors"} <= shared
    for name in REVISED:
        entry = ENTRIES[name]
        assert entry["only"] == {"task": [name.removeprefix("nt-revised-")]}
        assert entry["hub"]["repository"].endswith("_revised")


def test_original_and_revised_tasks_are_never_mixed():
    def resolve(*members):
        return configuration.resolve(
            {"preset": "paper", "language": {"suites": {"mine": list(members)}}}
        )

    resolve("nt-revised-H3K4me1", "nt-revised-promoter_all")
    with pytest.raises(
        UserError, match=r"language\.suites\.mine: 'nt-revised-H3K4me1' and 'nt-H4'"
    ):
        resolve("nt-H4", "nt-revised-H3K4me1")
