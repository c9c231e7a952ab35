"""The table of layers, and the graph that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edge_tr.manifest import BuildRecord, CandidateRecord, LayerRecord, OverlayManifest
from edge_tr.plots import Node, flow, inline_bar
from edge_tr.report.pages.shell import shape_text, svg
from edge_tr.target.outcome import CheckReport

ROW = 44
"""Pixels of a row of the graph; page.css says the same."""
OPEN_ROWS = 40
"""A longer graph is folded."""


@dataclass(frozen=True)
class Cell:
    """A number, what it is sorted by, and a bar of its share; all empty where there is none."""

    text: str = ""
    sort: str = ""
    bar: Markup | str = ""


@dataclass(frozen=True)
class Row:
    """A layer; `considered` are the other kernels, in words."""

    number: int
    name: str
    op: str
    shape: str
    kernel: str
    reason: str
    considered: tuple[tuple[str, ...], ...]
    macs: Cell
    terms: Cell
    per_weight: Cell
    cycles: Cell
    share: Cell
    counted: Cell
    flash: Cell


@dataclass(frozen=True)
class Step:
    """A row of the graph."""

    name: str
    op: str
    text: str
    where: str


def table(manifest: BuildRecord, report: CheckReport | None) -> list[Row]:
    """Every layer. Bars are shares of the longest in their column; `share` is of all cycles."""
    counted = {cost.name: cost.cost for cost in report.layer_costs} if report else {}
    layers = manifest.layers
    most = {
        "macs": _most(layer.macs for layer in layers),
        "terms": _most(layer.terms for layer in layers),
        "flash": _most(layer.flash_bytes for layer in layers),
        "cycles": _most(layer.cycles_estimated or 0 for layer in layers),
        "counted": _most(counted.values()),
        "all": sum(layer.cycles_estimated or 0 for layer in layers),
    }
    return [_row(n, layer, counted.get(layer.name), most) for n, layer in enumerate(layers)]


def _most(values: object) -> float:
    return max(values, default=0) or 1


def _row(number: int, layer: LayerRecord, counted: float | None, most: dict[str, float]) -> Row:
    cycles = layer.cycles_estimated
    weighted = layer.weights > 0
    return Row(
        number, layer.name, layer.op, shape_text(layer.shape), _kernel(layer), layer.reason, _others(layer),
        macs=_cell(layer.macs, most["macs"]) if weighted else Cell(),
        terms=_cell(layer.terms, most["terms"]) if weighted else Cell(),
        per_weight=Cell(f"{layer.terms_per_weight:.2f}", f"{layer.terms_per_weight}") if weighted else Cell(),
        cycles=Cell() if cycles is None else _cell(cycles, most["cycles"], 2),
        share=Cell() if cycles is None else Cell(f"{cycles / (most['all'] or 1):.1%}", f"{cycles}"),
        counted=Cell() if counted is None else _cell(counted, most["counted"], 2),
        flash=_cell(layer.flash_bytes, most["flash"], 3) if layer.flash_bytes else Cell(),
    )  # fmt: skip


def _cell(value: float, most: float, series: int = 1) -> Cell:
    return Cell(f"{value:,.0f}", f"{value}", svg(inline_bar(value / most, series, value)))


def _kernel(layer: LayerRecord) -> str:
    return ", ".join(dict.fromkeys(part.kernel for part in layer.parts)) or layer.kernel


def _others(layer: LayerRecord) -> tuple[tuple[str, ...], ...]:
    """Kernels that were left, the fastest first: name, cycles, flash, scratch."""
    return tuple(_candidate(of) for of in layer.considered)


def _candidate(of: CandidateRecord) -> tuple[str, ...]:
    return of.kernel, f"{of.cycles_estimated:,}", f"{of.flash_bytes:,}", f"{of.scratch_bytes:,}"


def total(manifest: BuildRecord) -> dict[str, str]:
    """Of all layers."""
    sums = {name: sum(getattr(layer, name) or 0 for layer in manifest.layers) for name in _SUMMED}
    weights = sum(layer.weights for layer in manifest.layers)
    found = {name: f"{value:,}" if value else "" for name, value in sums.items()}
    return {**found, "per_weight": f"{sums['terms'] / weights:.2f}" if weights else ""}


_SUMMED = ("macs", "terms", "cycles_estimated", "flash_bytes")


def graph(manifest: BuildRecord) -> tuple[Markup, list[Step]]:
    """Dots and arcs, and the rows beside them: inputs, states, layers."""
    on_chip = isinstance(manifest, OverlayManifest)
    ends = [(of.name, "input", of.shape, of.bytes) for of in manifest.inputs]
    ends += [(of.name, "state", of.shape, of.bytes) for of in manifest.states]
    nodes = [Node(name, (), 7) for name, *_ in ends]
    steps = [Step(_brief(name), kind.upper(), _size(shape, size), "") for name, kind, shape, size in ends]
    for layer in manifest.layers:
        accelerated = on_chip and layer.kernel != "processor"
        nodes.append(Node(layer.name, layer.reads, 1 if accelerated or not on_chip else 2))
        where = layer.kernel if on_chip else ""
        steps.append(Step(layer.name, layer.op, _size(layer.shape, layer.tensor_bytes), where))
    return svg(flow(nodes, ROW)), steps


def _size(shape: Sequence[int], size: int) -> str:
    return f"{shape_text(shape)}, {size:,} bytes"


def _brief(name: str, most: int = 40) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
