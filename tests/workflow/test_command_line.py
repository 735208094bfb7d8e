"""What a whole call of snakemake says to a mistake or a folder that cannot be written to."""

import errno

import pytest

# Stands in for a read-only or full file system, which a test cannot mount: whatever would be made
# below the folder is refused as the kernel refuses it.
REFUSES = """
import os

folder, number = os.environ["REFUSED"], int(os.environ["REFUSAL"])

def refusing(call, makes):
    def refuse(path, *rest, **options):
        if makes(*rest) and os.path.abspath(path).startswith(folder):
            raise OSError(number, os.strerror(number), path)
        return call(path, *rest, **options)
    return refuse

os.open = refusing(os.open, lambda flags, *_: flags & (os.O_WRONLY | os.O_RDWR))
os.mkdir = refusing(os.mkdir, lambda *_: True)
"""


@pytest.fixture
def refuse(tmp_path, monkeypatch):
    """From now on, programs that are started cannot write below a folder."""

    def refused(folder, number):
        (tmp_path / "sitecustomize.py").write_text(REFUSES)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setenv("REFUSED", str(folder))
        monkeypatch.setenv("REFUSAL", str(number))

    return refused


def complaint(run) -> str:
    """The one line with which a call ends."""
    assert run.returncode != 0 and "Traceback" not in run.stdout, run.stdout
    (line,) = (line for line in run.stdout.splitlines() if not line.startswith("Using workflow"))
    return line


def test_nested_words_have_the_type_that_is_wanted(project):
    words = ["seeds=[3,1]", "gpu={model: null}", "language={training: {steps: 7}}"]
    plan = project.snakemake("-n", "-p", "--config", *words).stdout
    assert "model/seed3" in plan and "model/seed0" not in plan
    assert "gpu=1" in plan and "gpu_model" not in plan
    assert " --steps 7 " in plan


def test_a_file_that_is_no_yaml_is_one_line(make_project):
    project = make_project()
    (project.root / "config.yaml").write_text("preset: demo\nseeds:\n\t- 1\n")
    assert complaint(project.snakemake("-n", check=False)) == (
        "configuration error: config.yaml:3: a tab, which YAML does not allow; indent with spaces"
    )


def test_every_wrong_key_is_a_line(project, tmp_path):
    (tmp_path / "mine.yaml").write_text("run: no\nsedes: 3\n")
    words = ["--configfile", str(tmp_path / "mine.yaml"), "--config", "gpu={cont: 1}"]
    run = project.snakemake("-n", *words, check=False)
    assert run.returncode != 0
    assert [line for line in run.stdout.splitlines() if "error" in line] == [
        "configuration error: --config: unknown key 'gpu.cont'; did you mean 'count'?",
        f'configuration error: {tmp_path}/mine.yaml:1: run: YAML reads no as false; write "no"',
        f"configuration error: {tmp_path}/mine.yaml:2: unknown key 'sedes'; did you mean 'seeds'?",
    ]


def test_a_checkout_that_is_read_only_is_one_line(make_project, refuse):
    project = make_project()
    refuse(project.root, errno.EROFS)
    assert complaint(project.snakemake("-n", check=False)) == (
        f"cannot run here: {project.root}: Read-only file system; free some space, or work in"
        " another folder: snakemake --directory FOLDER"
    )


def test_a_full_folder_for_temporary_files_is_one_line(project, refuse, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    refuse(folder, errno.ENOSPC)
    assert complaint(project.snakemake("-n", check=False)) == (
        f"cannot run here: {folder}: No space left on device; free some space, or set TMPDIR to"
        " another folder"
    )


def test_a_home_that_is_read_only_is_not_needed(project, refuse, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    refuse(tmp_path / "home", errno.EROFS)
    assert "report" in project.planned()
