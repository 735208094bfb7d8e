"""The catalogue: every entry holds to its schema, and real files are pinned or asked for."""

import pytest

from seqfuse.data import download, pretrained_models
from seqfuse.errors import UserError
from seqfuse.plan.run import Run
from seqfuse.registry.codon_encoders import CodonEncoder
from seqfuse.settings import configuration, datasets, models
from seqfuse.settings.paths import RESOURCES, WORKFLOW
from seqfuse.settings.yaml_files import load_yaml

ENTRIES = load_yaml(RESOURCES / "datasets.yaml")
NT_TASKS = {
    "H3", "H4", "H3K4me1", "H3K4me2", "H3K4me3", "H3K9ac", "H3K14ac", "H3K36me3", "H3K79me3",
    "H4ac", "enhancers", "enhancers_types", "promoter_all", "promoter_no_tata", "promoter_tata",
    "splice_sites_all", "splice_sites_acceptors", "splice_sites_donors",
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_is_valid_and_says_where_it_is_from(name):
    entry = datasets.validate(name, ENTRIES[name])
    assert entry["title"] and entry["licence"] and entry["citation"]
    if entry["source"] == "synthetic":
        return
    assert "proprietary" in entry or "files" in entry or entry["hub"]["revision"]
    for file in entry.get("files", []):
        # A mirror's file is held to a checksum, or to a commit; else the user is asked to look.
        pinned = file.get("sha256") or entry.get("hub", {}).get("revision")
        assert pinned or "url" in file or "manual" in file


def test_the_nt_tasks_are_all_there_at_one_commit():
    found = {
        n.removeprefix("nt-"): e
        for n, e in ENTRIES.items()
        if n.startswith("nt-") and not n.startswith("nt-revised-")
    }
    assert set(found) == NT_TASKS
    assert len({entry["hub"]["revision"] for entry in found.values()}) == 1
    for task, entry in found.items():
        assert [f["hub_path"] for f in entry["files"]] == [f"{task}/train.fna", f"{task}/test.fna"]


def test_defaults_and_what_follows_from_the_study():
    entry = datasets.validate("mine", {"source": "files", "study": "codons", "files": [
        {"path": "a.csv"}]})  # fmt: skip
    assert (entry["task"], entry["coding"], entry["title"]) == ("regression", True, "mine")
    entry = datasets.validate("mine", {"source": "files", "study": "codons", "files": [
        {"path": "a.csv"}], "columns": {"label": "y"}})  # fmt: skip
    assert entry["task"] == "classification"
    assert entry["header_separator"] == "|" and entry["seed"] == 0


def test_numbers_are_labels_as_they_are_written(tmp_path):
    file = tmp_path / "entry.yaml"
    file.write_text(
        "{source: files, study: language, files: [{path: a.csv}], labels: {0: 2, 1: b}}"
    )
    found = datasets.validate("mine", load_yaml(file))
    assert found["labels"] == {"0": "2", "1": "b"}


def test_an_entrys_cleaning_wins_over_the_configuration():
    settings = {"max_length": 510, "too_long": "window", "min_length": 1}
    assert datasets.cleaning(ENTRIES["mrfp"], settings) == {
        "max_length": 1000, "too_long": "drop", "min_length": 1,
    }  # fmt: skip
    assert datasets.cleaning(ENTRIES["kegg"], settings) == settings


@pytest.mark.parametrize("holds", [datasets.has_reasoning, datasets.has_variants])
def test_which_sets_hold_reasoning_and_variants(holds):
    """Known before any file is there, because the workflow asks what there is to judge or to look
    at."""
    found = {name for name, entry in ENTRIES.items() if holds(entry)}
    kegg = {"kegg", "kegg-pairs", "kegg-genes", "kegg-networks", "kegg-anonymous"}
    more = (
        {"kegg-context", "demo-effects", "demo-coding-variants"}
        if holds is datasets.has_variants
        else set()
    )
    if more:
        more |= {name for name in ENTRIES if name.startswith("variant-effect-")}
    assert found == {*kegg, *more, "demo-variants"}


@pytest.mark.parametrize("entry", [{}, {"source": "files"}, {"source": "web", "study": "codons"}])
def test_an_entry_needs_source_and_study(entry):
    with pytest.raises(UserError, match="dataset 'mine'"):
        datasets.validate("mine", entry)


SHA256 = "0" * 64


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({"title": "Another", "licence": "CC0", "citation": "Someone", "coding": False}, False),
        ({"aliases": {"sure": "yes"}, "rows": {"test": 3}, "cleaning": {"min_length": 9}}, False),
        ({"proprietary": "Ask them."}, False),
        ({"files": [{"path": "a.csv", "sha256": SHA256, "url": "https://elsewhere/a.csv"}]}, False),
        ({"files": [{"path": "a.csv", "sha256": SHA256, "manual": "Ask them."}]}, False),
        ({"files": [{"path": "a.csv", "sha256": SHA256[1:] + "1"}]}, True),
        ({"files": [{"path": "a.csv", "sha256": None, "url": "https://elsewhere/a.csv"}]}, True),
        ({"columns": {"sequence": "dna"}}, True),
        ({"columns": {}}, False),
        ({"question": "Why?"}, True),
    ],
)
def test_records_depend_on_what_can_change_them(changed, counts):
    entry = {"source": "files", "study": "language", "files": [{"path": "a.csv", "sha256": SHA256}]}
    parts = [datasets.of_records(each) for each in (entry, entry | changed)]
    assert (parts[0] != parts[1]) == counts


def test_a_models_folder_does_not_depend_on_what_the_model_is_called():
    entry = {"kind": "scratch", "layout": "esm2", "seed": 1}
    called = entry | {"title": "Small", "citation": "Someone", "note": "Slow"}
    assert models.of_folder(called) == entry


def test_the_part_of_an_entry_that_a_card_reads_makes_the_same_card():
    entry = {"source": "files", "study": "codons", "files": [{"path": "a.csv"}], "licence": "CC0"}
    part = datasets.of_card(entry)
    assert part == {"study": "codons", "licence": "CC0"}
    said = {"title": "mine", "licence": "CC0", "citation": None, "coding": {"expected": True}}
    assert datasets.described("mine", part) == datasets.described("mine", entry) == said


PRESETS = sorted(path.stem for path in (WORKFLOW / "presets").glob("*.yaml"))


@pytest.mark.parametrize("preset", PRESETS)
def test_full_scale_a_preset_asks_for_nothing_that_cannot_be_had(preset, tmp_path, monkeypatch):
    """A fresh clone, without a mirror: every dataset and model has an address and a pin."""
    monkeypatch.chdir(tmp_path)
    settings = configuration.resolve({"preset": preset})
    run = Run(settings)
    names = [*run.datasets("language"), *run.datasets("codons")]
    stopped = []

    def check(checked, *facts) -> None:
        try:
            checked(*facts)
        except UserError as error:
            stopped.append(str(error))

    for name in [*names, settings["language"]["pretrain"]["dataset"]]:
        check(download.check_entry, name, settings["datasets"][name], [])
    language, variants = settings["language"], settings["language"]["variants"]
    kinds = ("backbone", "encoder", "text_encoder")
    used = {run.model_of(name, kind) for name in [*run.runs("language"), *variants]
            for kind in kinds}  # fmt: skip
    used |= {language[kind] for kind in kinds} | set(settings["codons"]["encoders"].values())
    for name in sorted(name.removesuffix("@random") for name in used if not CodonEncoder.of(name)):
        check(pretrained_models.check_entry, name, settings["models"][name])
    assert stopped == []


def test_full_scale_another_commit_takes_the_old_ones_checksums_with_it():
    pinned = configuration.resolve({})["models"]["nt-v2-500m"]

    def entry(**own):
        return configuration.resolve({"models": {"nt-v2-500m": own}})["models"]["nt-v2-500m"]

    assert len(pinned["sha256"]) == 2
    commit, digest = "f" * 40, "e" * 64
    assert "sha256" not in entry(revision=commit)
    own = {"model.safetensors": digest}
    assert entry(revision=commit, sha256=own)["sha256"] == own
    assert entry(revision=pinned["revision"])["sha256"] == pinned["sha256"]
    # One key changes one pin.
    assert entry(sha256=own)["sha256"] == pinned["sha256"] | own
    assert entry(sha256={"model.safetensors": None})["sha256"]["model.safetensors"] is None
