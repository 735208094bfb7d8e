"""Each fault of a node's checkout, folders, locks and disk: found, and told in one line."""

import errno
import fcntl
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from seqfuse.canary import findings, folders, submitted
from seqfuse.canary.submitted import Folder
from seqfuse.errors import UserError


def complaint(here) -> str:
    """The line of the one check that fails on this node."""
    [failed] = findings.failed(folders.check("node7", here))
    assert failed.line.startswith("node7: ") and "\n" not in failed.line
    return failed.line


def store(here, **changes):
    """The same host, but for its store."""
    changed = replace(here.folders["store"], **changes)
    return replace(here, folders={**here.folders, "store": changed})


def test_a_node_that_shares_everything_passes(here):
    found = list(folders.check("node7", here))
    assert all(finding.passed for finding in found)
    assert [finding.check for finding in found] == ["checkout"] + [
        f"{what} {check}"
        for what, needed in (("results", "lockable"), ("store", "writable"))
        for check in ("visible", needed, "room")
    ]
    left = {p.name for folder in here.folders.values() for p in Path(folder.path).iterdir()}
    assert left == {".seqfuse-folder"}


def test_other_code_is_found(here):
    line = complaint(replace(here, code="code 0, lock 0"))
    assert "checkout: " in line and f"differs from that on {here.host}" in line
    assert "let nodes see the checkout that snakemake was started from" in line


def test_a_missing_folder_is_found(here):
    shutil.rmtree(here.folders["store"].path)
    line = complaint(here)
    assert f"store visible: {here.folders['store'].path} does not exist" in line
    assert "set `store` in config.yaml to a folder that nodes share" in line


def test_another_folder_under_the_same_path_is_found(here):
    (Path(here.folders["results"].path) / ".seqfuse-folder").write_text("another")
    line = complaint(here)
    assert "results visible: " in line and "is a different folder" in line
    assert "start snakemake in a folder that nodes share" in line


def test_an_empty_folder_under_the_same_path_is_found(here):
    (Path(here.folders["store"].path) / ".seqfuse-folder").unlink()
    assert "store visible: " in complaint(here)


def test_a_hub_cache_that_nodes_do_not_see_is_found(here, tmp_path):
    gone = Folder(str(tmp_path / "hub"), "name")
    line = complaint(replace(here, folders={**here.folders, "HF_HOME": gone}))
    assert "HF_HOME visible: " in line and "set HF_HOME to a folder that nodes share" in line


def test_a_folder_that_refuses_writing_is_found(here, monkeypatch):
    def refuse(*args, dir=None, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(folders.tempfile, "NamedTemporaryFile", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)
    told = [finding.line for finding in findings.failed(folders.check("node7", here))]
    assert [line.split(": ")[1] for line in told] == ["results lockable", "store writable"]
    assert all("Read-only file system" in line for line in told)


def test_a_file_system_without_locks_is_found(here, monkeypatch):
    def refuse(file, operation):
        if file.name.startswith(here.folders["results"].path):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        return flock(file, operation)

    flock = fcntl.flock
    monkeypatch.setattr(folders.fcntl, "flock", refuse)
    line = complaint(here)
    assert "results lockable: " in line and "No locks available" in line and "nolock" in line


def test_a_lock_that_keeps_nobody_out_is_found(here, monkeypatch):
    flock = fcntl.flock
    there = here.folders["results"].path
    monkeypatch.setattr(
        folders.fcntl,
        "flock",
        lambda file, how: None if file.name.startswith(there) else flock(file, how),
    )
    assert "results lockable: " in complaint(here)
    assert "two processes hold one lock at once" in complaint(here)


def test_a_store_of_many_writers_needs_no_lock_but_a_rename(here, monkeypatch):
    replaced = Path.replace

    def kept(path, target):
        replaced(path, target)
        if str(target).startswith(here.folders["store"].path):
            Path(target).write_text("of somebody else")

    monkeypatch.setattr(Path, "replace", kept)
    assert "store writable: " in complaint(here) and "came back with other content" in complaint(
        here
    )


def test_too_little_disk_is_found(here, monkeypatch):
    free = shutil.disk_usage("/")._replace(free=10_000 * 10**6)
    monkeypatch.setattr(folders.shutil, "disk_usage", lambda path: free)
    assert not findings.failed(folders.check("node7", store(here, disk_mb=9_500)))
    told = [f.line for f in findings.failed(folders.check("node7", store(here, disk_mb=9_501)))]
    # Both folders are on one disk, which must hold what is written to either.
    assert [line.split(": ")[1] for line in told] == ["results room", "store room"]
    assert all("10000 MB free (wanted: 10001 MB); free some space there" in line for line in told)


def test_a_cache_that_others_look_after_need_not_be_written(here, tmp_path, monkeypatch):
    monkeypatch.setattr(submitted.os, "access", lambda path, how: False)
    seen = submitted.look({"HF_HOME": tmp_path / "hub"}, {}).folders["HF_HOME"]
    assert seen == Folder(str(tmp_path / "hub"), None, writable=False)
    found = list(folders.check("node7", replace(here, folders={"HF_HOME": seen})))
    assert [finding.check for finding in found] == ["checkout", "HF_HOME visible", "HF_HOME room"]
    assert all(finding.passed for finding in found)


def test_a_folder_keeps_its_name(here, tmp_path):
    again = submitted.look({"store": tmp_path / "store"}, {"store": 7})
    assert again.folders["store"] == replace(here.folders["store"], disk_mb=7)
    assert again.start != here.start


def test_what_a_host_says_comes_through(here):
    assert submitted.Submitted.loads(here.dumps()) == here
    for text in ("", "{}", "[]", '{"folders": {"store": {}}}'):
        with pytest.raises(UserError, match="--submitted: not what snakemake writes"):
            submitted.Submitted.loads(text)


def test_the_hubs_folder_is_where_the_hub_looks(monkeypatch):
    monkeypatch.setenv("HF_HOME", "/shared/hub")
    assert submitted.hub_home() == "/shared/hub"
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/shared/cache")
    assert submitted.hub_home() == "/shared/cache/huggingface"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert submitted.hub_home() == str(Path.home() / ".cache" / "huggingface")
