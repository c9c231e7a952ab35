"""docs/benchmarks.md as text: every combination in its place, distances with their sign."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_tr import bench_table
from edge_tr.errors import UsageError
from edge_tr.lower import cores
from edge_tr.report.bench import BenchReport, LayerBench
from edge_tr.report.benchmarks import CUT, G0B1RE, LOSSLESS, MODELS, PLATFORMS, SECTIONS, VARIANTS, benchmarks_text

FACTS = {"command": "make bench", "commit": "0123456789ab", "tools": "gcc 12\nunicorn 2", "wait_states": "0"}


def report(core: str, budget: str, cycles: int) -> BenchReport:
    figures = {"instructions": cycles // 2, "cycles_estimated": cycles, "multiplies": 0}
    figures |= {"loads": 0, "stores": 0, "branches": 0}
    layer = LayerBench("conv_2d_0", "CONV_2D", "pairs", 1000, 40_000, share=1.0, cycles_planned=cycles // 2, **figures)
    sizes = {"flash_bytes": 50_000, "flash_limit": 1 << 19, "ram_bytes": 20_000, "ram_limit": 1 << 17}
    stack = {"stack_bytes": 300, "stack_reserved": 8192, "stack_note": "main"}
    source = cores.find(core).source
    return BenchReport(
        "m", "b", budget, core, source, 0, **figures, **sizes, arena_bytes=9000, **stack, layers=(layer,)
    )


@pytest.fixture
def outcomes():
    return {
        (platform, name, variant): {
            section.core: report(section.core, variant.budget, 11_700_000)
            for section in SECTIONS
            if section.platform == platform
        }
        for platform in PLATFORMS
        for name in MODELS
        for variant in VARIANTS
    }


def rows(text: str, title: str) -> list[list[str]]:
    """Cells of the table under a heading."""
    part = text.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("|")]


def test_every_core_has_a_row_for_every_model_and_variant(outcomes) -> None:
    text = benchmarks_text(outcomes, FACTS, "")
    for section in SECTIONS:
        head, _, *body = rows(text, section.title)
        assert [(row[0], row[1]) for row in body] == [(name, str(variant)) for name in MODELS for variant in VARIANTS]
        assert {len(row) for row in body} == {len(head)}
        assert cores.find(section.core).source in text


def test_distances_are_relative_to_the_bar_of_their_budget(outcomes) -> None:
    text = benchmarks_text(outcomes, FACTS, "")
    _, _, lossless, cut, int8, *_ = rows(text, SECTIONS[0].title)
    assert (lossless[2:5], cut[2:5], int8[2:5]) == (
        ["11.70", "13", "-10%"],
        ["11.70", "8.5", "+38%"],
        ["11.70", "", ""],
    )


def test_a_model_that_does_not_fit_says_so(outcomes) -> None:
    outcomes[G0B1RE, "ic", VARIANTS[0]] = "does not fit"
    text = benchmarks_text(outcomes, FACTS, "")
    assert [row[2] for row in rows(text, SECTIONS[0].title) if row[:2] == ["ic", LOSSLESS]] == ["does not fit"]
    assert [row[:2] for row in rows(text, "Memory")[2:]].count(["ic", LOSSLESS]) == 0
    assert ["ic", CUT] in [row[:2] for row in rows(text, "Memory")]


def test_ram_counts_the_stack_that_can_be_used(outcomes) -> None:
    head, _, row, *_ = rows(benchmarks_text(outcomes, FACTS, ""), SECTIONS[0].title)
    assert row[head.index("RAM KB")] == f"{(20_000 - 8192 + 300) / 1000:.1f}"


def test_command_commit_tools_and_notes_are_printed(outcomes) -> None:
    text = benchmarks_text(outcomes, FACTS, "## Why\n\nBecause.\n")
    assert "`make bench` at commit 0123456789ab" in text and "* gcc 12\n* unicorn 2\n" in text
    assert "not measurements of boards" in text and text.endswith("## Why\n\nBecause.\n")


def test_missing_models_are_named_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lacks kws_ref_model"):
        bench_table.run_all(tmp_path, tmp_path, 0, 1)
