"""Which commit a result was made at."""

import subprocess

from seqfuse.settings import paths


def git(folder, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", folder, *identity, *words], check=True, capture_output=True)


def test_the_commit_is_that_of_this_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "WORKFLOW", tmp_path / "workflow")
    assert paths.commit() == ""
    git(tmp_path, "init", "-q")
    assert paths.commit() == ""
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "m")
    assert len(paths.commit()) == 12
    (tmp_path / "a").write_text("2")
    assert paths.commit().endswith(" with changes")


def test_a_project_that_it_is_installed_in_is_another(monkeypatch, tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "m")
    package = tmp_path / "site-packages"
    package.mkdir()
    monkeypatch.setattr(paths, "WORKFLOW", package / "workflow")
    assert paths.commit() == ""
