"""Runs do not mix: whose folder it is, and what is said before a run on data of one's own."""

import pytest

from seqfuse.errors import UserError
from seqfuse.files import write_json
from seqfuse.plan import folders, notices
from seqfuse.settings import configuration

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
