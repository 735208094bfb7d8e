"""What a changed key runs again: as it was observed, and as config.schema.yaml says."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
specification = importlib.util.spec_from_file_location("reruns", HERE / "reruns.py")
reruns = importlib.util.module_from_spec(specification)
specification.loader.exec_module(reruns)

LISTED = yaml.safe_load(reruns.LISTED.read_text(encoding="utf-8"))
KEYS = reruns.keys()


def test_every_key_and_event_is_listed_and_no_other():
    assert LISTED.keys() == {*KEYS, *(f"event: {name}" for name in reruns.EVENTS)}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_read_by_what_it_runs_again(key):
    """A rule that is not named in `read_by` runs again although it cannot change, or is missing
    there; one that is named and has no job to run leaves a stale result."""
    said, again, new = set(KEYS[key]), set(LISTED[key]["again"]), set(LISTED[key]["new"])
    assert again <= said, "runs again, and read_by does not name it"
    assert said <= again | new, "read_by names it, and it does not run again"


def test_an_event_edits_a_module_that_is_there():
    modules = [event["module"] for event in reruns.EVENTS.values() if "module" in event]
    assert all(importlib.util.find_spec(module) for module in modules)


@pytest.mark.parametrize("kind", ["datasets", "models"])
def test_a_catalogue_is_read_by_what_reads_the_keys_of_its_entries(kind):
    of_entries = {rule for key in KEYS if key.startswith(f"{kind}.NAME.") for rule in KEYS[key]}
    assert set(reruns.schema.schema()["properties"][kind]["read_by"]) == of_entries


def one_of_each() -> list[str]:
    """Every event, and of the keys that run the same rules again, the first."""
    keys = {str(LISTED[key]): key for key in reversed(KEYS)}
    return [*keys.values(), *(f"event: {name}" for name in reruns.EVENTS)]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(one_of_each, marks=pytest.mark.slow, id="one of each kind"),
        pytest.param(list, marks=[pytest.mark.slow, pytest.mark.whole], id="every key"),
    ],
)
def test_snakemake_runs_again_what_is_listed(names):
    """If this fails and the change is meant: run reruns.py and review the difference."""
    made = subprocess.run(
        [sys.executable, HERE / "reruns.py", *names()], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    observed = yaml.safe_load(made.stdout)
    assert observed
    assert {name: LISTED.get(name) for name in observed} == observed
