"""What every test shares: no network, one thread, no hidden skip, and where the project lies."""

import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")
# No test fails because the machine is busy.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parents[1]
# What CI may lack. A skip for any other reason is a failure there.
ABSENT = ("no real data", "no GPU", "no package registry")
# The folders that take longest, for whoever runs tests in several processes.
SLOWEST = ("workflow", "cluster")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.parent.name not in SLOWEST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """One process runs a whole folder, whose tests share what is slow to make."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFolder(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition("::")[0].rpartition("/")[0]

    return ByFolder(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not reason.startswith(ABSENT):
            report.outcome, report.longrepr = "failed", f"skipped in CI: {reason}"
    return report


def pytest_terminal_summary(terminalreporter):
    """The seeds of tests that draw anew each time."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{report.nodeid}: {name} {value}")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture
def mirror() -> str:
    """The folder of the catalogue's real files, where one is given."""
    folder = os.environ.get("SEQFUSE_MIRROR")
    if not folder:
        pytest.skip(reason="no real data: set SEQFUSE_MIRROR to a folder of the catalogue's files")
    return folder


@pytest.fixture
def spoil():
    """Damage a file as a full disk, a bad disk or a crash does."""

    def damage(path: Path, how: str) -> None:
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        if how == "flipped":
            content[middle] ^= 1
        path.write_bytes(content[: {"truncated": middle, "empty": 0}.get(how)])

    return damage


@pytest.fixture(scope="session")
def made_up():
    """The module that makes a run up, for the tests of figures and report."""
    path = Path(__file__).parent / "figures" / "run.py"
    spec = importlib.util.spec_from_file_location("made_up_run", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
