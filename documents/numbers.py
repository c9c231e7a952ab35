"""Writes the three numbers of README.md from docs/benchmarks.md and docs/operators.md, which campaigns write.

`python -m documents.numbers` writes them; with `--check` it only compares.
"""

from __future__ import annotations

import argparse
import re
import sys

from documents import DOCS, PROJECT, marked

README = PROJECT / "README.md"
SECTION = "Cortex-M0+, multiplication in 1 cycle"


def numbers() -> str:
    """The lines between the marks."""
    row = _row("kws", "lossless")
    ours, board = float(row["at zero wait states"]), float(row["M cycles on the board"])
    tflm, published = (float(row[name]) for name in ("TFLM + CMSIS-NN, estimated", "Bosch HALE, published"))
    operators, cases, differ = _conformance()
    return (
        f"* **{tflm / ours:.1f} times** fewer cycles than TFLite Micro with CMSIS-NN for MLPerf Tiny's keyword\n"
        f"  spotting on a Cortex-M0+, without dropping a term: {ours:.1f} M instead of {tflm:.1f} M, both estimated\n"
        "  from counted instructions.\n"
        f"* **{published / board:.1f} times** fewer than the best published figure for that model and core:\n"
        f"  {published:.1f} M cycles, measured by others on the board whose flash is simulated for our {board:.1f} M.\n"
        f"* **{differ} of {cases:,}** seeded models of {operators} operators differ from TFLite's reference in a\n"
        "  single byte.\n"
    )


def _row(model: str, budget: str) -> dict[str, str]:
    """Of the benchmarks' table of one core."""
    text = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    chapter = text.split(f"\n## {SECTION}\n")[1].split("\n## ")[0]
    rows = [_cells(line) for line in chapter.splitlines() if line.startswith("|")]
    (found,) = (row for row in rows if row[:2] == [model, budget])
    return dict(zip(rows[0], found))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _conformance() -> tuple[int, int, int]:
    """Operators, cases, and cases that differ."""
    text = (DOCS / "operators.md").read_text(encoding="utf-8")
    operators, cases = re.search(r"(\d+) operators, ([\d,]+) seeded cases", text).groups()
    table = text.partition("\n## ")[0]
    rows = [_cells(line) for line in table.splitlines() if line.startswith("| ")]
    column = rows[0].index("differ")
    return int(operators), int(cases.replace(",", "")), sum(int(row[column]) for row in rows[1:])


def readme() -> str:
    """README.md with the numbers as they are now."""
    return marked.with_part(README, "numbers", numbers())


def main() -> int:
    """Entry point of `python -m documents.numbers`; the exit code."""
    parser = argparse.ArgumentParser(description="write the three numbers of README.md")
    parser.add_argument("--check", action="store_true", help="only compare")
    check, text = parser.parse_args().check, readme()
    if not check:
        README.write_text(text, encoding="utf-8")
    elif text != README.read_text(encoding="utf-8"):
        print("the numbers of README.md are stale: run python -m documents.numbers")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
