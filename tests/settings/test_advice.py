"""What a message tells a user to write means, pasted, what it says."""

import re

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqfuse.settings.advice import REVISION, in_yaml

NAMES = st.text(max_size=9) | st.sampled_from([
    " gene", "no", "null", "~", "1_0", "0x1", "a: b", "a #b", "'", '"', "{}", "[", "*a", "&a", "!t",
    "", "- a", "?", ",", "2026-01-02", "\x1b", "\u2028", "é", "%", "@", "`", "|", ">", "...", "---",
])  # fmt: skip


@settings(derandomize=True)
@given(NAMES, NAMES)
@example("x" * 300, "a")
def test_own_data_a_setting_can_be_pasted(name, value):
    text = in_yaml({"columns": {name: value}})
    assert yaml.safe_load(text) == {"columns": {name: value}}
    assert "\n" not in text and text.isprintable()
    assert yaml.safe_load(in_yaml({"split_column": name})) == {"split_column": name}


def test_own_data_it_reads_as_one_writes_it():
    assert in_yaml({"columns": {"id": None}}) == "columns: {id: null}"
    assert in_yaml({"splits": {"": "train", "né": "no"}}) == "splits: {'': train, né: 'no'}"
    said = in_yaml({"models": {"m": REVISION}})
    assert said == "models: {m: {revision: <40 hexadecimal digits>}}"


def test_own_data_no_message_glues_yaml(root):
    """A name of the user's between the braces of a message is written by `in_yaml`."""
    glued = [
        f"{path.name}: {line.strip()}"
        for path in sorted((root / "workflow" / "seqfuse").rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"""\w: \{\{\{|\w: \{\{\w+: \{\w""", line)
    ]
    assert glued == []
