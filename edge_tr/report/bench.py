"""What `edge-tr bench` reports, and how it prints on a terminal."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from edge_tr.report.summary import memory_bar, table


@dataclass(frozen=True)
class LayerBench:
    """One layer.

    share               of all cycles, 0 to 1; of all instructions where no cycles are known
    cycles_planned      what the choice of kernels reckoned with
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
    multiplies: int
    loads: int
    stores: int
    branches: int


@dataclass(frozen=True)
class BenchReport:
    """One inference, input in RAM to output in RAM. Instructions are counted, cycles estimated from `table` (None for a
    core without one); sizes are the linked program's; `stack_bytes` is a bound, None where there is none, see
    `stack_note`."""

    model: str
    target: str
    budget: str
    core: str
    table: str
    wait_states: int
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
    rows = [("layer", "op", "kernel", "MACs", "instructions", "cycles (est.)", "share", "planned")]
    for layer in report.layers:
        known = (layer.instructions, layer.cycles_estimated)
        figures = (layer.macs or None, *known, f"{layer.share:.1%}", layer.cycles_planned)
        rows.append((layer.name, layer.op, layer.kernel, *map(_cell, figures)))
    return "\n".join(
        [
            f"{report.model} for {report.target}, budget {report.budget}, counted on {report.core}",
            table(rows, left=(0, 1, 2)),
            f"{report.instructions:,} instructions: {report.loads:,} loads, {report.stores:,} stores, "
            f"{report.branches:,} branches, {report.multiplies:,} multiplications",
            *_cost_text(report),
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
    return (
        f"{report.cycles_estimated:,} cycles estimated, {report.cycles_estimated / macs:.2f} per MAC, "
        f"{report.wait_states} wait states per word of code; not measured",
        f"from {report.table}",
    )


def _stack_text(report: BenchReport) -> str:
    if report.stack_bytes is None:
        return f"Stack: no bound, {report.stack_note}"
    return f"Stack: at most {report.stack_bytes:,} of {report.stack_reserved:,} bytes, by {report.stack_note}"
