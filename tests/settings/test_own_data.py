"""A configuration of one's own that is no YAML: the file, the line, and what to do."""

import argparse

import pytest

from seqfuse.errors import UserError
from seqfuse.plan import dry_run
from seqfuse.settings.yaml_files import load_yaml

BAD = {
    "tab": ("seeds: 1\nmirror:\n\t- a\n", "mine.yaml:3: a tab"),
    "open bracket": ("a: 1\nb: {c: 1\n", "mine.yaml:3: not valid YAML"),
    "many digits": (
        "a: 1\nb:\n  - " + "1" * 5000 + "\n",
        "mine.yaml:3: YAML reads a value as int",
    ),
    "no float": (
        "a: 1\nb: !!float abc\n",
        "mine.yaml:2: YAML reads a value as float",
    ),
    "no pairs": ("a: 1\nb: !!omap [1]\n", "mine.yaml:2: not valid YAML"),
    "in itself": ("a: &x\n  b: *x\n", "mine.yaml: nested too deeply, or an anchor that"),
    "control character": ("a: 1\nb: \x07\n", "mine.yaml:2: not valid YAML"),
    "latin 1": (b"a: 1\nb: caf\xe9\n", "mine.yaml:2: not UTF-8 text; convert it: iconv -f LATIN1"),
    "utf-16": (
        "a: 1\n".encode("utf-16"),
        "mine.yaml:1: not UTF-8 text; convert it: iconv -f UTF-16",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_yaml_names_file_and_line(tmp_path, monkeypatch, case):
    content, wanted = BAD[case]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as refused:
        load_yaml(path)
    line = str(refused.value)
    assert line.startswith(wanted) and len(line) < 300 and "\n" not in line


def test_a_bad_configfile_is_told_before_snakemake_meets_it(tmp_path, monkeypatch):
    """Of one that is no YAML, Snakemake names neither file nor line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("a:\n\tb: 1\n")
    args = argparse.Namespace(profile=None, config=[], configfile=["mine.yaml"])
    with pytest.raises(UserError, match="mine.yaml:2: a tab"):
        dry_run.words(args, ["all"])
    (tmp_path / "mine.yaml").write_text("a: 1\n")
    assert dry_run.words(args, ["all"]) == ["all", "--configfile", "mine.yaml"]
