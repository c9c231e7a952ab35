"""What `edge-tr bench` reports, and how it prints on a terminal."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from edge_tr.report.summary import memory_bar, table


@dataclass(frozen=True)
class LayerBench:
    """One layer.

    share               of all cycles, 0 to 1, with memory where that is known; of all instructions where no cycles are
    cycles_planned      what the choice of kernels reckoned with, with memory likewise
    stalls_code         and `stalls_data` lie between `cycles_estimated` and `cycles_with_memory`; None where the board
                        does not say what it reads through
    cycles_requantising of its `outputs`, where that is done by functions of its own, else 0
    flash_bytes         of the layer's own tables and code
    """

    name: str
    op: str
    kernel: str
    macs: int
    outputs: int
    flash_bytes: int
    instructions: int
    cycles_estimated: int | None
    cycles_requantising: int | None
    share: float
    cycles_planned: int | None
    cycles_with_memory: int | None
    stalls_code: int | None
    stalls_data: int | None
    multiplies: int
    loads: int
    stores: int
    branches: int


@dataclass(frozen=True)
class Waiting:
    """What the simulated memory of the board adds to an inference: `reads` says what it is; `milliseconds` at the
    board's clock. All None where the board does not say what it reads through."""

    reads: str | None
    wait_states: int | None
    cycles_with_memory: int | None
    stalls_code: int | None
    stalls_data: int | None
    milliseconds: float | None


@dataclass(frozen=True)
class BenchReport:
    """One inference, input in RAM to output in RAM. Instructions are counted, cycles estimated from `table`, without
    memory (`cycles_estimated`, None for a core without a table) and with it (`Waiting`). Sizes are the linked
    program's; `stack_bytes` is a bound, None where there is none, see `stack_note`."""

    model: str
    target: str
    budget: str
    core: str
    table: str
    reads: str | None
    wait_states: int | None
    cycles_with_memory: int | None
    stalls_code: int | None
    stalls_data: int | None
    milliseconds: float | None
    instructions: int
    cycles_estimated: int | None
    cycles_requantising: int | None
    multiplies: int
    loads: int
    stores: int
    branches: int
    flash_bytes: int
    flash_limit: int
    ram_bytes: int
    ram_limit: int
    arena_bytes: int
    stack_bytes: int | None
    stack_reserved: int
    stack_note: str
    layers: tuple[LayerBench, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def bench_text(report: BenchReport) -> str:
    """Layers with their shares, and the totals with where they come from."""
    waits = report.cycles_with_memory is not None
    stalls = ("code waits", "data waits") if waits else ()
    rows = [("layer", "op", "kernel", "MACs", "instructions", "cycles (est.)", *stalls, "share", "planned")]
    for layer in report.layers:
        waited = (layer.stalls_code, layer.stalls_data) if waits else ()
        known = (layer.macs or None, layer.instructions, layer.cycles_estimated, *waited)
        figures = (*known, f"{layer.share:.1%}", layer.cycles_planned)
        rows.append((layer.name, layer.op, layer.kernel, *map(_cell, figures)))
    return "\n".join(
        [
            f"{report.model} for {report.target}, budget {report.budget}, counted on {report.core}",
            table(rows, left=(0, 1, 2)),
            f"{report.instructions:,} instructions: {report.loads:,} loads, {report.stores:,} stores, "
            f"{report.branches:,} branches, {report.multiplies:,} multiplications",
            *_cost_text(report),
            "planned: what the kernels were chosen by, before anything ran",
            *([_waiting_text(report)] if waits else []),
            memory_bar("Flash", report.flash_bytes, report.flash_limit),
            memory_bar("RAM", report.ram_bytes, report.ram_limit),
            _stack_text(report),
        ]
    )


def _cell(value: int | str | None) -> str:
    return "" if value is None else value if isinstance(value, str) else f"{value:,}"


def _cost_text(report: BenchReport) -> tuple[str, str]:
    """The whole inference, and where the figure is from."""
    macs = max(1, sum(layer.macs for layer in report.layers))
    if report.cycles_estimated is None:
        return f"{report.instructions / macs:.2f} instructions per MAC, counted; cycles are not estimated", report.table
    per_mac = report.cycles_estimated / macs
    return (
        f"{report.cycles_estimated:,} cycles estimated at zero wait states, {per_mac:.2f} per MAC; not measured",
        f"from {report.table}",
    )


def _waiting_text(report: BenchReport) -> str:
    time = "" if report.milliseconds is None else f", {report.milliseconds:g} ms"
    return (
        f"{report.cycles_with_memory:,} with the board's memory, simulated{time}: it waits {report.stalls_code:,} "
        f"cycles for code and {report.stalls_data:,} for constants\n{report.reads}"
    )


def _stack_text(report: BenchReport) -> str:
    if report.stack_bytes is None:
        return f"Stack: no bound, {report.stack_note}"
    return f"Stack: at most {report.stack_bytes:,} of {report.stack_reserved:,} bytes, by {report.stack_note}"
