"""Runs do not mix: whose folder it is, and what is said before a run on data of one's own."""

import pytest

from seqfuse.errors import UserError
from seqfuse.files import write_json
from seqfuse.plan import folders
from seqfuse.plan.terminal import notices
from seqfuse.settings import configuration, own_data
from seqfuse.settings.paths import RESOURCES
from seqfuse.settings.yaml_files import load_yaml

OWN = {"study": "codons", "source": "files", "files": [{"path": "my.csv"}]}
CODONS = {"studies": ["codons"], "datasets": {"mine": OWN}, "codons": {"datasets": ["mine"]}}


def test_own_data_runs_of_another_preset_are_refused(tmp_path):
    results = tmp_path / "mine"
    folders.check_preset(results, "paper")
    folders.claim(results, "demo")
    folders.check_preset(results, "demo")
    with pytest.raises(UserError) as caught:
        folders.check_preset(results, "paper")
    assert str(caught.value) == (
        f"{results} holds a run of preset demo, which preset paper would replace; give this one a"
        " folder of its own, as in `run: mine-paper`, or write `preset: demo`"
    )


def test_own_data_a_run_of_before_is_known_by_its_report(tmp_path):
    (tmp_path / "report").mkdir()
    write_json(tmp_path / "report" / "settings.json", {"preset": "pilot"})
    folders.check_preset(tmp_path, "pilot")
    with pytest.raises(UserError, match="holds a run of preset pilot"):
        folders.check_preset(tmp_path, "demo")


def test_own_data_a_set_added_above_the_first_renames_no_run(tmp_path):
    def names(*sets: str) -> list[str]:
        own = {"datasets": dict.fromkeys(sets, OWN), "codons": {"datasets": sorted(sets)}}
        settings = configuration.resolve({"studies": ["codons"]} | own)
        found = own_data.run_names(settings, load_yaml(RESOURCES / "datasets.yaml"))
        assert settings["run"] == found[0]
        return found

    assert names("mine") == ["mine"] and names("demo", "mine") == ["own-demo", "mine"]
    folders.check_name(tmp_path / "new", names("new", "mine"))
    folders.claim(tmp_path / "mine", "demo")
    with pytest.raises(UserError) as refused:
        folders.check_name(tmp_path / "new", names("new", "mine"))
    assert str(refused.value) == (
        f"{tmp_path}/mine holds a run of dataset mine, and this run would be called new, after the"
        " first dataset of your own; write `run: mine` to go on with the former, or `run: new-mine`"
        " for a new one"
    )
    # Whoever says so, or adds a set below, or has begun both, goes on.
    folders.check_name(tmp_path / "new-mine", names("new", "mine"))
    folders.check_name(tmp_path / "mine", names("mine", "new"))
    folders.claim(tmp_path / "new", "demo")
    folders.check_name(tmp_path / "new", names("new", "mine"))


def said(**user) -> list[str]:
    return list(notices.random_weights(configuration.resolve(user)))


def test_own_data_random_weights_are_said_with_the_key_that_gives_others():
    [line] = said(**CODONS)
    assert line.startswith("mine: the models have random weights (demo-esm2, demo-nt, demo-rnafm)")
    preset = line.rpartition("`preset: ")[2].removesuffix("`")
    assert not said(**CODONS, preset=preset)
    assert configuration.resolve({"preset": "demo"})["codons"]["encoders"]["dna"] == "demo-nt"


def test_own_data_only_what_random_weights_read_is_named():
    assert said() == []
    language = OWN | {"study": "language", "question": "Which?"}
    both = {"mine": OWN, "task": language, "unused": OWN}
    suites = {"suites": {"a": ["task"]}}
    lines = said(datasets=both, codons={"datasets": ["mine+cluster"]}, language=suites)
    assert [line.partition(":")[0] for line in lines] == ["task", "mine"]
    assert "demo-qwen3" in lines[0]
