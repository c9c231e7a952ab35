"""`make test`: no test is skipped in CI; CI runs what the README says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

SUITE = """
import pytest

def test_that_passes():
    assert True

def test_that_skips():
    pytest.skip("no tool")
"""
MODULE_SKIP = """
import pytest

pytest.skip("no tool", allow_module_level=True)
"""


def run_suite(folder: Path, text: str, *options: str, **environment: str) -> subprocess.CompletedProcess:
    """pytest on a suite of one file, with this project's conftest.py."""
    shutil.copyfile(PROJECT / "tests" / "conftest.py", folder / "conftest.py")
    (folder / "test_suite.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    clean = {key: value for key, value in os.environ.items() if key != "EDGE_TR_NO_SKIPS" and "PYTEST" not in key}
    clean |= {"PYTHONPATH": str(PROJECT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # others take a second to load
    command = [sys.executable, "-m", "pytest", "-p", "xdist.plugin", "-p", "no:cacheprovider", *options, str(folder)]
    return subprocess.run(command, cwd=folder, env=clean | environment, capture_output=True, text=True)


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("suite", [SUITE, MODULE_SKIP])
def test_a_skip_fails_the_run_where_nothing_may_be_skipped(suite: str, workers: str, tmp_path: Path) -> None:
    done = run_suite(tmp_path, suite, "-n", workers, EDGE_TR_NO_SKIPS="true")
    assert done.returncode == 1
    assert "1 skipped, which counts as failed here" in done.stdout and "test_suite.py" in done.stdout


@pytest.mark.parametrize("environment", [{}, {"EDGE_TR_NO_SKIPS": ""}])
def test_elsewhere_a_skip_is_only_a_skip(environment: dict[str, str], tmp_path: Path) -> None:
    assert run_suite(tmp_path, SUITE, "-n", "2", **environment).returncode == 0


def test_a_run_without_skips_passes_where_nothing_may_be_skipped(tmp_path: Path) -> None:
    passing = SUITE.replace('pytest.skip("no tool")', "assert True")
    assert run_suite(tmp_path, passing, "-n", "2", EDGE_TR_NO_SKIPS="true").returncode == 0


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    clean = {key: value for key, value in os.environ.items() if key not in ("CI", "MAKEFLAGS", "MAKELEVEL")}
    return subprocess.run(
        [shutil.which("make") or "make", *arguments],
        cwd=folder,
        env=clean | environment,
        capture_output=True,
        text=True,
    )


def test_make_test_forbids_skips_in_ci_only() -> None:
    assert "EDGE_TR_NO_SKIPS=true " in make(PROJECT, "-n", "test", CI="true").stdout
    assert "EDGE_TR_NO_SKIPS= " in make(PROJECT, "-n", "test").stdout


def test_ci_proves_the_installation_and_runs_make_test() -> None:
    lines = (PROJECT / ".ci" / "run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd ", "export "))]
    assert commands == ["tests/bare_machine.sh --install-only", "make test"]


def test_make_alone_says_what_there_is() -> None:
    assert {line.split("\t")[0] for line in make(PROJECT, "help").stdout.splitlines()} >= {"demo", "test", "clean"}
