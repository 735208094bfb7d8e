"""Rooms of a size that one can look around in."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "workflow" / "seqfuse"
ROOMS = sorted({path.parent for path in PACKAGE.rglob("*.py")})
# The ground floor: what every room stands on.
GROUND = {"__init__", "cli", "errors", "files", "fingerprint", "labels", "progress", "tables"}


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_the_ground_floor_is_small():
    assert {path.stem for path in PACKAGE.glob("*.py")} == GROUND


@pytest.mark.parametrize("room", ["language", "codons", "encoders", "figures", "training", "plan"])
def test_a_large_stage_has_rooms_of_three_to_twelve_files(room):
    for folder in (PACKAGE / room, *(PACKAGE / room).iterdir()):
        modules = [p for p in folder.glob("*.py") if p.name != "__init__.py"]
        rooms = list(folder.glob("*/__init__.py"))
        if folder.is_dir() and modules:
            assert len(modules) <= 12, f"{folder.name}: {len(modules)} files"
            assert len(modules) + len(rooms) >= 3, f"{folder.name}: {len(modules)} files"


def test_every_room_says_what_it_is_for():
    for folder in ROOMS:
        text = (folder / "__init__.py").read_text(encoding="utf-8")
        assert text.startswith('"""'), folder


def test_rule_files_are_tables_of_contents():
    assert lines(ROOT / "workflow" / "rules" / "common.smk") < 150
    assert lines(ROOT / "Snakefile") < 100
