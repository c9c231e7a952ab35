"""What `edge-tr bench` reports, and how it prints on a terminal."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from edge_tr.report.summary import memory_bar, table


@dataclass(frozen=True)
class LayerBench:
    """One layer; `share` of all cycles, 0 to 1; `cycles_planned` is what the choice of kernels reckoned with;
    `flash_bytes` are of the layer's own tables and code; `cycles_requantising` of its `outputs`, where that is done by
    functions of its own, else 0."""

    name: str
    op: str
    kernel: str
    macs: int
    outputs: int
    flash_bytes: int
    instructions: int
    cycles_estimated: int
    cycles_requantising: int
    share: float
    cycles_planned: int | None
    multiplies: int
    loads: int
    stores: int
    branches: int


@dataclass(frozen=True)
class BenchReport:
    """One inference, input in RAM to output in RAM. Instructions are counted, cycles estimated from `table`;
    sizes are the linked program's; `stack_bytes` is a bound, None where there is none, see `stack_note`."""

    model: str
    target: str
    budget: str
    core: str
    table: str
    wait_states: int
    instructions: int
    cycles_estimated: int
    cycles_requantising: int
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
        planned = "" if layer.cycles_planned is None else f"{layer.cycles_planned:,}"
        macs = f"{layer.macs:,}" if layer.macs else ""
        figures = (macs, f"{layer.instructions:,}", f"{layer.cycles_estimated:,}", f"{layer.share:.1%}", planned)
        rows.append((layer.name, layer.op, layer.kernel, *figures))
    per_mac = report.cycles_estimated / max(1, sum(layer.macs for layer in report.layers))
    return "\n".join(
        [
            f"{report.model} for {report.target}, budget {report.budget}, counted on {report.core}",
            table(rows, left=(0, 1, 2)),
            f"{report.instructions:,} instructions: {report.loads:,} loads, {report.stores:,} stores, "
            f"{report.branches:,} branches, {report.multiplies:,} multiplications",
            f"{report.cycles_estimated:,} cycles estimated, {per_mac:.2f} per MAC, {report.wait_states} wait states "
            "per word of code; not measured",
            f"from {report.table}",
            memory_bar("Flash", report.flash_bytes, report.flash_limit),
            memory_bar("RAM", report.ram_bytes, report.ram_limit),
            _stack_text(report),
        ]
    )


def _stack_text(report: BenchReport) -> str:
    if report.stack_bytes is None:
        return f"Stack: no bound, {report.stack_note}"
    return f"Stack: at most {report.stack_bytes:,} of {report.stack_reserved:,} bytes, by {report.stack_note}"
