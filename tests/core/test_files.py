"""A file appears whole or not at all."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from seqfuse.errors import UserError
from seqfuse.files import (
    MANIFEST,
    atomic,
    atomic_directory,
    canonical_json,
    checksums,
    digest,
    read_json,
    sha256,
    write_json,
    write_manifest,
)


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "d"
    target.mkdir()
    (target / "old").write_text("x")
    with atomic_directory(target) as temporary:
        (temporary / "new").write_text("y")
    assert [p.name for p in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_the_old_folder(tmp_path):
    target = tmp_path / "d"
    target.mkdir()
    (target / "old").write_text("x")
    with pytest.raises(RuntimeError), atomic_directory(target) as temporary:
        (temporary / "new").write_text("y")
        raise RuntimeError
    assert [p.name for p in target.iterdir()] == ["old"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_own_data_finished_files_have_the_mode_that_the_umask_says(tmp_path, umask, mode):
    """Whatever writes them: mkstemp and safetensors make private files."""
    before = os.umask(umask)
    try:
        with atomic(tmp_path / "a.txt") as file:
            file.write_text("x")
        with atomic_directory(tmp_path / "model") as folder:
            (folder / "encoders").mkdir()
            for place in (folder, folder / "encoders"):
                save_file({"w": np.zeros(1)}, place / "model.safetensors")
            (folder / "link").symlink_to(tmp_path / "elsewhere")
    finally:
        os.umask(before)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 3 and {path.stat().st_mode & 0o777 for path in written} == {mode}
    folders = [tmp_path / "model", tmp_path / "model" / "encoders"]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o777 & ~umask}


KILLED = """
import os, signal, sys
from pathlib import Path
from seqfuse.files import atomic, atomic_directory
with atomic(Path(sys.argv[1]) / "a.txt") as file, atomic_directory(Path(sys.argv[1]) / "d") as d:
    file.write_text("half")
    (d / "new").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_half_written_is_removed_by_the_next(tmp_path):
    run = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)])
    assert run.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    with atomic(tmp_path / "a.txt") as mine:
        # One that is alive keeps what it is writing.
        with atomic(tmp_path / "a.txt") as temporary:
            temporary.write_text("whole")
        assert mine.exists()
    with atomic_directory(tmp_path / "d") as folder:
        (folder / "new").write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "d"}


def test_checksums_are_sha256(tmp_path):
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, "abc"
    (tmp_path / "abc").write_text("abc")
    assert sha256(tmp_path / "abc") == digest("abc") == known


def test_a_manifest_holds_what_a_model_computes_with(tmp_path):
    (tmp_path / "inner").mkdir()
    for name in ("b.safetensors", "inner/a.json", "README.md", "model.json"):
        (tmp_path / name).write_text(name)
    write_manifest(tmp_path)
    first = read_json(tmp_path / MANIFEST)
    assert first == {name: digest(name) for name in ("b.safetensors", "inner/a.json")}
    (tmp_path / "README.md").write_text("another licence")
    write_manifest(tmp_path)
    assert read_json(tmp_path / MANIFEST) == first == checksums(tmp_path)


def test_equal_values_have_equal_json():
    assert (
        canonical_json({"b": 1, "a": [2]})
        == canonical_json({"a": [2], "b": 1})
        == '{"a":[2],"b":1}'
    )


def test_a_cut_json_file_is_named(tmp_path):
    write_json(tmp_path / "a.json", {"k": 1})
    assert read_json(tmp_path / "a.json") == {"k": 1}
    (tmp_path / "a.json").write_text('{"k"')
    with pytest.raises(UserError, match="a.json: not valid JSON"):
        read_json(tmp_path / "a.json")
