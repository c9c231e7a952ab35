"""`edge-tr --version`: the commit in a checkout, the version alone elsewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from edge_tr import __version__
from edge_tr.target import version


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "edge_tr").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "pyproject.toml")
    git(tmp_path, "commit", "-q", "-m", "x")
    return tmp_path


def test_a_checkout_says_its_commit_and_whether_it_is_changed(checkout: Path) -> None:
    plain = version.described(checkout / "edge_tr")
    assert re.fullmatch(re.escape(__version__) + r" \(commit [0-9a-f]{12}\)", plain)
    (checkout / "new.txt").write_text("not tracked")
    assert version.described(checkout / "edge_tr") == plain
    (checkout / "pyproject.toml").write_text("changed")
    assert version.described(checkout / "edge_tr") == plain[:-1] + ", changed)"


def test_an_installed_package_within_somebody_elses_checkout_says_its_version(checkout: Path) -> None:
    package = checkout / ".venv" / "lib" / "edge_tr"
    package.mkdir(parents=True)
    assert version.described(package) == __version__


def test_without_git_there_is_no_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert version.described(checkout / "edge_tr") == __version__
