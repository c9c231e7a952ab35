"""docs/benchmarks.md as text: every combination in its place, distances with their sign."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_tr import bench_table
from edge_tr.errors import UsageError
from edge_tr.lower import cores
from edge_tr.report.bench import BenchReport, LayerBench
from edge_tr.report.benchmarks import (
    CUT,
    G0B1RE,
    LOSSLESS,
    MODELS,
    PLATFORMS,
    SECTIONS,
    TUNED,
    VARIANTS,
    BudgetQuality,
    Variant,
    benchmarks_text,
    flash_limit,
)
from edge_tr.reproduction import budgets

FACTS = {"command": "make bench", "commit": "0123456789ab", "tools": "gcc 12\nunicorn 2"}
PLAIN = SECTIONS[2]
QUALITIES = {
    ("kws", LOSSLESS): BudgetQuality(2.5, 90.5, 100.0, 750),
    ("kws", TUNED): BudgetQuality(0.9, 90.25, 97.0, 750),
}
QUALITIES |= {("vww", TUNED): BudgetQuality(0.5, None, 98.5, 500)}


def report(core: str, budget: str, cycles: int, waits: int | None = None) -> BenchReport:
    """`waits`: a half of them for code, a half for constants."""
    stalls = {"cycles_with_memory": None, "stalls_code": None, "stalls_data": None}
    if waits is not None:
        stalls = {"cycles_with_memory": cycles + waits, "stalls_code": waits // 2, "stalls_data": waits // 2}
    waiting = stalls | {"reads": "reads: slowly", "wait_states": 5, "milliseconds": 97.5}
    waiting = dict.fromkeys(waiting) if waits is None else waiting

    figures = {"instructions": cycles // 2, "cycles_estimated": cycles, "multiplies": 0, "cycles_requantising": 3000}
    figures |= {"loads": 0, "stores": 0, "branches": 0}
    layer = LayerBench(
        "conv_2d_0", "CONV_2D", "pairs", 1000, 100, 40_000, share=1.0, cycles_planned=cycles // 2, **stalls, **figures
    )
    sizes = {"flash_bytes": 50_000, "flash_limit": 1 << 19, "ram_bytes": 20_000, "ram_limit": 1 << 17}
    stack = {"stack_bytes": 300, "stack_reserved": 8192, "stack_note": "main"}
    source = cores.find(core).source
    return BenchReport(
        "m", "b", budget, core, source, **waiting, **figures, **sizes, arena_bytes=9000, **stack, layers=(layer,)
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
        if (name, variant.budget) != ("ad", TUNED)
    }


def rows(text: str, title: str) -> list[list[str]]:
    """Cells of the table under a heading."""
    part = text.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("|")]


def test_every_core_has_a_row_for_every_model_and_variant(outcomes) -> None:
    text = benchmarks_text(outcomes, QUALITIES, FACTS, "")
    for section in SECTIONS:
        head, _, *body = rows(text, section.title)
        expected = [
            (name, str(variant)) for name in MODELS for variant in VARIANTS if (name, str(variant)) != ("ad", TUNED)
        ]
        assert [(row[0], row[1].split(", at most")[0]) for row in body] == expected
        assert {len(row) for row in body} == {len(head)}
        assert cores.find(section.core).source in text


def test_distances_are_relative_to_the_bar_of_their_budget(outcomes) -> None:
    text = benchmarks_text(outcomes, QUALITIES, FACTS, "")
    _, _, lossless, cut, tuned, int8, *others = rows(text, PLAIN.title)
    assert (lossless[2:5], cut[2:5], tuned[2:5], int8[2:5]) == (
        ["11.70", "13", "-10%"],
        ["11.70", "", ""],
        ["11.70", "8.5", "+38%"],
        ["11.70", "", ""],
    )
    (ad,) = (row for row in others if row[0] == "ad" and row[1].startswith(CUT))
    assert ad[2:5] == ["11.70", "1.2", "+875%"]


def test_the_board_s_memory_stands_first_and_zero_wait_states_beside_it(outcomes) -> None:
    section = SECTIONS[0]
    for (platform, _, variant), by_core in outcomes.items():
        if platform == section.platform:
            by_core[section.core] = report(section.core, variant.budget, 4_000_000, 1_280_000)
    text = benchmarks_text(outcomes, QUALITIES, FACTS, "")
    head, _, lossless, *_ = rows(text, section.title)
    assert head[2:11] == [
        "M cycles on the board", "bar", "distance", "waits for code", "for constants", "ms",
        "at zero wait states", "bar", "distance",
    ]  # fmt: skip
    assert lossless[2:11] == ["5.28", "4.4", "+20%", "0.64", "0.64", "97.5", "4.00", "", ""]
    assert "Reads: slowly." in text and "simulated, not measured" in text
    assert rows(text, PLAIN.title)[0][2] == "M cycles"


def test_zero_wait_states_have_their_own_firmware_and_bars(outcomes) -> None:
    section = SECTIONS[1]
    for (platform, _, variant), by_core in outcomes.items():
        if platform == section.platform:
            by_core[section.core] = report(section.core, variant.budget, 4_000_000)
    _, _, lossless, *_ = rows(benchmarks_text(outcomes, QUALITIES, FACTS, ""), section.title)
    assert lossless[2:5] == ["4.00", "3.9", "+3%"]


def test_accuracy_and_agreement_stand_beside_what_they_were_measured_of(outcomes) -> None:
    text = benchmarks_text(outcomes, QUALITIES, FACTS, "")
    head, _, *body = rows(text, PLAIN.title)
    shown = {(row[0], row[1]): [row[head.index(name)] for name in ("accuracy %", "agreement %")] for row in body}
    assert shown["kws", LOSSLESS] == shown["kws", "lossless, int8 kernel"] == ["90.50", "100.00"]
    assert shown["kws", "tuned, at most 113 KB"] == ["90.25", "97.00"] and shown["kws", CUT] == ["", ""]
    assert shown["vww", "tuned, at most 393 KB"] == ["", "98.50"]
    assert [row[:2] for row in rows(text, "Budgets")[2:]] == [list(key) for key in QUALITIES]


def test_builds_with_a_bar_on_flash_are_held_to_it_on_the_small_board_alone() -> None:
    assert flash_limit(G0B1RE, "kws", Variant(TUNED)) == 113_000 and flash_limit(G0B1RE, "ad", Variant(CUT)) == 310_000
    assert flash_limit(G0B1RE, "kws", Variant(CUT)) is None and flash_limit(G0B1RE, "ic", Variant(TUNED)) is None
    for platform in set(PLATFORMS) - {G0B1RE}:
        assert flash_limit(platform, "kws", Variant(TUNED)) == platform.flash_limit


def test_models_with_data_are_those_of_the_reproduction() -> None:
    known = {name: budgets.subject_of(file) for name, (file, _) in MODELS.items()}
    assert known["kws"].test and not known["vww"].test and not known["ic"].test and known["ad"] is None


def test_a_model_that_does_not_fit_says_so(outcomes) -> None:
    outcomes[G0B1RE, "ic", VARIANTS[0]] = "does not fit"
    text = benchmarks_text(outcomes, QUALITIES, FACTS, "")
    assert [row[2] for row in rows(text, PLAIN.title) if row[:2] == ["ic", LOSSLESS]] == ["does not fit"]
    assert [row[:2] for row in rows(text, "Memory")[2:]].count(["ic", LOSSLESS]) == 0
    assert ["ic", CUT] in [row[:2] for row in rows(text, "Memory")]


def test_ram_counts_the_stack_that_can_be_used(outcomes) -> None:
    head, _, row, *_ = rows(benchmarks_text(outcomes, QUALITIES, FACTS, ""), PLAIN.title)
    assert row[head.index("RAM KB")] == f"{(20_000 - 8192 + 300) / 1000:.1f}"


def test_command_commit_tools_and_notes_are_printed(outcomes) -> None:
    text = benchmarks_text(outcomes, QUALITIES, FACTS, "## Why\n\nBecause.\n")
    assert "`make bench` at commit 0123456789ab" in text and "* gcc 12\n* unicorn 2\n" in text
    assert "not measurements of boards" in text and text.endswith("## Why\n\nBecause.\n")


def test_missing_models_are_named_before_any_work(tmp_path: Path, capsys) -> None:
    assert bench_table.main(["--shared", str(tmp_path), "--work", str(tmp_path / "work")]) == UsageError.exit_code
    assert "lacks kws_ref_model" in capsys.readouterr().err and not (tmp_path / "work").exists()
