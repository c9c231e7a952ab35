"""docs/benchmarks-mobile.md: what a row says of a report."""

from __future__ import annotations

from dataclasses import replace

from edge_tr.report.bench import BenchReport, LayerBench
from edge_tr.report.benchmarks import G0B1RE, L4R5ZI, M4
from tests.mobile_table import HEAD, row, text

COUNTS = {"multiplies": 0, "loads": 0, "stores": 0, "branches": 0, "instructions": 90, "cycles_requantising": 0}
LAYER = LayerBench(
    "conv_2d_0", "CONV_2D", "fours", 1_000_000, 100, 4000, share=0.9, cycles_estimated=2_000_000,
    cycles_planned=1_900_000, cycles_with_memory=None, stalls_code=None, stalls_data=None, **COUNTS,
)  # fmt: skip
SMALL = replace(LAYER, share=0.01, cycles_planned=9_000_000)
MOVE = replace(LAYER, kernel="reference", cycles_planned=None)


def report(*layers: LayerBench, waits: int | None = None) -> BenchReport:
    memory = {"cycles_with_memory": waits, "stalls_code": waits, "stalls_data": waits, "milliseconds": None}
    return BenchReport(
        "m", "b", "lossless", "cortex-m4", "", None, None, **memory, **COUNTS, cycles_estimated=4_000_000,
        flash_bytes=50_000, flash_limit=1, ram_bytes=20_000, ram_limit=1, stack_bytes=1, stack_reserved=1,
        stack_note="", arena_bytes=1, layers=layers,
    )  # fmt: skip


def test_large_layers_with_a_plan_are_compared_with_what_was_counted() -> None:
    waiting = replace(LAYER, cycles_with_memory=1_000_000)
    assert row("net", M4, report(LAYER, SMALL, MOVE))[2:] == (
        "3.0",
        "4.00",
        "1.33",
        "1.8",
        "50.0",
        "20.0",
        "-5.0%, `fours`",
    )
    assert row("net", L4R5ZI, report(waiting, LAYER, waits=6_000_000))[2:6] == ("2.0", "6.00", "3.00", "")
    assert row("net", L4R5ZI, report(waiting, LAYER, waits=6_000_000))[-1] == "+90.0%, `fours`"


def test_what_does_not_fit_has_a_row_too() -> None:
    cells = row("net", G0B1RE, None)
    assert len(cells) == len(HEAD) and cells[-1] == "does not fit"
    assert f"| net | {G0B1RE.name} |" in text([cells], "0123") and "at commit 0123" in text([cells], "0123")
