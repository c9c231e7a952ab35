"""`make test` and `make demo`: no test is skipped in CI, and what is missing is said with the command that helps."""

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


def test_ci_runs_exactly_make_test() -> None:
    lines = (PROJECT / ".ci" / "run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd ", "export "))]
    assert commands == ["make test"]


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """A checkout with its .venv made, on a machine that has no tool beyond the base system and no root."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copyfile(PROJECT / name, tmp_path / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "test", "tr", "echo", "touch", "tail", "sed"):
        (programs / name).symlink_to(shutil.which(name))
    script(programs / "id", "echo 1000")
    script(tmp_path / ".venv" / "bin" / "python", "exit 0")
    script(tmp_path / ".venv" / "bin" / "edge-tr", "echo demo ran: $*")
    (tmp_path / ".venv" / "demo.stamp").touch()
    return tmp_path


def script(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def test_without_root_and_sudo_make_prints_the_one_command_to_run(bare_machine: Path) -> None:
    done = make(bare_machine, "demo", PATH=str(bare_machine / "programs"))
    assert done.returncode != 0 and "demo ran" not in done.stdout
    install = "apt-get install -y --no-install-recommends gcc-arm-none-eabi qemu-system-arm"
    assert f"missing tools; as root, run:  apt-get update && {install}" in done.stdout


def test_with_sudo_make_installs_what_is_missing_and_nothing_else(bare_machine: Path) -> None:
    programs = bare_machine / "programs"
    script(programs / "arm-none-eabi-gcc", "exit 0")
    script(programs / "apt-get", f'echo "$@" >> {bare_machine}/apt.log')
    script(programs / "sudo", 'while case "$1" in *=*) true;; *) false;; esac; do shift; done; exec "$@"')
    done = make(bare_machine, "demo", PATH=str(programs), TMPDIR=str(bare_machine))
    assert done.returncode == 0 and "demo ran: demo" in done.stdout, done.stdout + done.stderr
    assert "installing: qemu-system-arm" in done.stdout
    said = (bare_machine / "apt.log").read_text() + (bare_machine / "edge-tr-apt.log").read_text()
    assert "install -y --no-install-recommends qemu-system-arm" in said and "gcc-arm" not in said


def test_where_everything_is_there_nothing_is_installed(bare_machine: Path) -> None:
    for name in ("arm-none-eabi-gcc", "qemu-system-arm"):
        script(bare_machine / "programs" / name, "exit 0")
    done = make(bare_machine, "demo", PATH=str(bare_machine / "programs"))
    assert done.returncode == 0 and "demo ran: demo" in done.stdout and "install" not in done.stdout


def test_make_alone_says_what_there_is() -> None:
    assert {line.split("\t")[0] for line in make(PROJECT, "help").stdout.splitlines()} >= {"demo", "test", "clean"}
