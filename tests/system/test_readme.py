"""README.md and the page about the demo say what is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from edge_tr.operators import SUPPORTED_KINDS
from tests.models.random_ops import BUILDERS

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
DEMO = (PROJECT / "docs" / "tutorials" / "demo.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```text\n(.*?)^```$", DEMO, re.DOTALL | re.MULTILINE)


EXACT = re.compile("BIT-EXACT|accuracy|agreement|arena")


def sizes_masked(line: str) -> str:
    """Another release of the compiler changes sizes and counts, another Python the interpreter's name."""
    if line.startswith("interpreter: "):
        return "interpreter"
    return re.sub(r"[ ]+", " ", re.sub(r"[0-9.,]+", "N", line))


def printed(folder: Path, *arguments: str) -> list[str]:
    command = [sys.executable, "-m", "edge_tr.cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.rstrip().splitlines()


def test_the_demo_block_is_what_the_demo_prints(tmp_path):
    (block,) = (block for block in BLOCKS if "BIT-EXACT" in block)
    shown, real = block.rstrip().splitlines(), printed(tmp_path, "demo")
    assert [sizes_masked(line) for line in shown] == [sizes_masked(line) for line in real]
    assert [line for line in shown if EXACT.match(line)] == [line for line in real if EXACT.match(line)] != []
    assert any(line.endswith("same weights: 360 of 360") for line in real)


def test_every_path_that_the_readme_links_to_exists():
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (PROJECT / link).exists()] == []


def test_every_operator_that_is_computed_has_random_models() -> None:
    """DEQUANTIZE is the host's; PAD's builder makes PADV2 too; variables are moved by the models of test_ends."""
    computed = set(SUPPORTED_KINDS) - {"DEQUANTIZE"}
    assert computed - {"PADV2", "READ_VARIABLE", "ASSIGN_VARIABLE"} == set(BUILDERS)
