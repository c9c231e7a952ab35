"""What an inference on the accelerator does when, as the scheduler predicts it: transfers and computations as spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_tr.accel.arrival import BEATS
from edge_tr.accel.image import Image
from edge_tr.accel.layout import COLUMNS
from edge_tr.formats import accelerator as f
from edge_tr.kernels.cost import Work
from edge_tr.operators import DotParams, Record
from edge_tr.tr.hese import term_count

COMPUTE = "compute"
TERM_LANES = 9  # terms of a row in a cycle: the entries of `formats.accelerator.ROW_TERMS`
ENGINES = {
    f.OPCODE.ARRAY: "term array",
    f.OPCODE.DENSE: "fully connected",
    f.OPCODE.SUM: "sum",
    f.OPCODE.MAXIMUM: "maximum",
    f.OPCODE.ADD: "addition",
}


@dataclass(frozen=True)
class Span:
    """See `records.SpanRecord`; `start` is counted from the run's own beginning until `after` moves it."""

    lane: str
    layer: str
    engine: str
    start: int
    cycles: int
    bytes: int = 0
    operations: int = 0
    peak: int = 0


def after(spans: Sequence[Span], cycles: int) -> tuple[Span, ...]:
    """The same, so much later."""
    return tuple(replace(span, start=span.start + cycles) for span in spans)


def transfer(lane: str, layer: str, start: int, words: int) -> Span:
    """Words of activations over DMA."""
    return Span(lane, layer, "", start, BEATS * words, bytes=COLUMNS * words)


def computation(image: Image, command: int, layer: str, record: Record, start: int, cycles: int) -> Span:
    """A layer on the engine of its last command, or the whole of one that takes turns with others."""
    opcode = image.words[f.MEMORY.COMMANDS][command]["opcode"]
    operations, peak = _work(opcode, record, cycles)
    return Span(COMPUTE, layer, ENGINES.get(opcode, ""), start, cycles, 0, operations, peak)


def _work(opcode: int, record: Record, cycles: int) -> tuple[int, int]:
    """What a layer asks of an engine, and what the engine can do in so many cycles: terms on all columns, or
    multiplications; nothing is said of the others, which move as much as they compute."""
    if not isinstance(record, DotParams):
        return 0, 0
    work = Work.of(record, int(term_count(record.weights).sum()))
    if opcode == f.OPCODE.ARRAY:
        return work.positions * work.terms, cycles * COLUMNS * f.ROWS.value * TERM_LANES
    return work.macs, cycles * COLUMNS


def in_turns(layers: Sequence[Span], pieces: Sequence[tuple[int, int]], start: int) -> list[Span]:
    """Layers that take turns, by pieces (layer, cycles); each has its share of the layer's work."""
    found = []
    for layer, cycles in pieces:
        of = layers[layer]
        operations, peak = (n * cycles // max(1, of.cycles) for n in (of.operations, of.peak))
        found.append(replace(of, start=start, cycles=cycles, operations=operations, peak=peak))
        start += cycles
    return found
