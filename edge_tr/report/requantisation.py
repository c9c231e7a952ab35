"""What requantising one activation costs, by core and operator: a table of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edge_tr.report.bench import BenchReport, LayerBench
from edge_tr.report.markdown import markdown_table

OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
TARGETS = {  # cycles an output
    "cortex-m0plus": 45,
    "cortex-m0": 45,
    "cortex-m0-mul32": 45,
    "cortex-m3": 20,
    "cortex-m4": 20,
    "rv32ec": 60,
}
_TEXT = """\
Estimated cycles an output of the lossless builds, calls and loops of the requantisation included, over all layers in
which functions of its own requantise (all kernels but the plain loops, and `dual` on Cortex-M4, which does it between
its dual multiplications).
"""


def requantisation_text(reports: Iterable[BenchReport]) -> str:
    """The section: means over outputs, and the layer that takes most an output."""
    layers: dict[tuple[str, str], list[tuple[str, LayerBench]]] = {}
    for report in reports:
        for layer in report.layers:
            if layer.op in OPERATORS and layer.cycles_requantising:
                layers.setdefault((report.core, layer.op), []).append((report.model, layer))
    rows = [("core", "operator", "outputs", "cycles/output", "target", "slowest layer", "its cycles/output")]
    rows += [
        (core, op, *_cells(core, layers[core, op])) for core in TARGETS for op in OPERATORS if (core, op) in layers
    ]
    return f"\n## Requantisation\n\n{_TEXT}\n{markdown_table(rows, left=2)}"


def _cells(core: str, layers: Sequence[tuple[str, LayerBench]]) -> tuple[str, ...]:
    outputs = sum(layer.outputs for _, layer in layers)
    cycles = sum(layer.cycles_requantising for _, layer in layers)
    model, slowest = max(layers, key=lambda at: at[1].cycles_requantising / at[1].outputs)
    most = slowest.cycles_requantising / slowest.outputs
    mean = f"{cycles / outputs:.1f}"
    return f"{outputs:,}", mean, f"{TARGETS[core]}", f"{model.removesuffix('.tflite')} {slowest.name}", f"{most:.1f}"
