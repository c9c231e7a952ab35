"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of models and data beside the project; tests that need it skip without it."""
    folder = PROJECT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no folder of shared models at {folder}")
    return folder


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With EDGE_TR_NO_SKIPS (`make test` sets it from $CI) a skipped test fails the run: CI has every tool."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", ()) if reporter else ()
    if skipped and os.environ.get("EDGE_TR_NO_SKIPS"):
        reporter.write_line(f"\nEDGE_TR_NO_SKIPS: {len(skipped)} skipped, which counts as failed here", red=True)
        for report in skipped:
            reporter.write_line(f"  {report.nodeid}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
