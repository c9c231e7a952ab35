"""`make fuzz` and `make soak` as documented, for about a minute: what they run for hours begins like this."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge_tr import resources
from tests.system.helpers import PROCESS_ENVIRONMENT

ROOT = resources.folder("boards").parent


@pytest.mark.parametrize(
    ("module", "arguments", "ends"),
    [
        ("fuzz", ["--parts", "accelerator", "--seed", "9005", "--count", "12"], "12 models from seed 9005 agree"),
        ("fuzz", ["--seed", "1795986272", "--count", "3"], "3 models from seed 1795986272 agree everywhere"),
        ("soak", ["--seed", "7", "--count", "60"], "60 inferences"),
    ],
)
def test_a_slice_ends_with_nothing_found(tmp_path: Path, module: str, arguments: list[str], ends: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", f"tests.{module}", *arguments], cwd=ROOT, env=PROCESS_ENVIRONMENT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ends in ran.stderr + ran.stdout


def test_the_report_says_what_was_tried(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = ["-m", "tests.fuzz", "--parts", "shapes", "--seed", "20002", "--count", "1", "--report", str(report)]
    subprocess.run([sys.executable, *command], cwd=ROOT, env=PROCESS_ENVIRONMENT, check=True, capture_output=True)
    found = json.loads(report.read_text())
    assert (found["first_seed"], found["models"], found["parts"], found["failed_seeds"]) == (20002, 1, ["shapes"], [])
    assert found["accelerator_layers"] + found["processor_layers"] > 0


def test_the_documented_targets_run_these() -> None:
    made = (ROOT / "Makefile").read_text()
    for module in ("fuzz", "soak"):
        assert re.search(rf"^{module}: .*\n(\t.*\n)*\t\$\(BIN\)/python -m tests\.{module} ", made, re.MULTILINE)
