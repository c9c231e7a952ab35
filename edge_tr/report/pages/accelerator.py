"""What an accelerator does when: transfers beside computations, how busy its engines are, what moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edge_tr.manifest import OverlayManifest, SpanRecord
from edge_tr.plots import Bar, Lane, Span, bars, lanes
from edge_tr.report.pages.shell import milliseconds, svg

LANES = {
    "input": "DMA in",
    "weights": "DMA, weights",
    "compute": "engines",
    "output": "DMA out",
    "processor": "processor",
}
COLOURS = {"term array": 1, "fully connected": 3, "sum": 5, "maximum": 5, "addition": 4, "": 6}


@dataclass(frozen=True)
class Timeline:
    """`engines`: (series, name) of those that are used; `utilisation`: of each layer; `traffic`: rows of names and
    bytes."""

    picture: Markup
    engines: tuple[tuple[int, str], ...]
    utilisation: Markup | None
    traffic: tuple[tuple[str, str], ...]
    text: str


def timeline(manifest: OverlayManifest) -> Timeline | None:
    """None of a build without one."""
    spans, end = manifest.timeline, manifest.cycles_predicted
    if not spans:
        return None
    used = [name for name in LANES if any(span.lane == name for span in spans)]
    rows = [_lane(name, [span for span in spans if span.lane == name], end) for name in used]
    label = f"Time line of one inference, {end:,} cycles: " + "; ".join(f"{row.name} {row.note}" for row in rows)
    engines = dict.fromkeys(span.engine for span in spans if span.engine)
    return Timeline(
        svg(lanes(label, rows, end, "cycles since the start, predicted")),
        tuple((COLOURS[name], name) for name in engines),
        _utilisation(manifest), tuple(_traffic(manifest)), _overlap(manifest),
    )  # fmt: skip


def _lane(name: str, spans: Sequence[SpanRecord], end: int) -> Lane:
    drawn = [Span(span.layer, _note(span), span.start, span.cycles, _colour(span)) for span in spans]
    if name == "processor":
        return Lane(LANES[name], f"{len(spans)} layer{'s' * (len(spans) > 1)}, of unknown length", drawn)
    busy, moved = sum(span.cycles for span in spans), sum(span.bytes for span in spans)
    note = f"{busy / max(1, end):.1%} of the time"
    return Lane(LANES[name], f"{note}, {moved:,} bytes" if moved else note, drawn)


def _colour(span: SpanRecord) -> int:
    if span.lane == "processor":
        return 2
    return COLOURS[span.engine] if span.lane == "compute" else 6


def _note(span: SpanRecord) -> str:
    text = f"{span.layer}: {span.cycles:,} cycles from {span.start:,} on"
    if span.bytes:
        text += f", {span.bytes:,} bytes"
    if span.peak:
        text += f", {span.engine}, {span.operations / span.peak:.0%} of its operations used"
    return text


def _overlap(manifest: OverlayManifest) -> str:
    """How much of the transfers costs no time."""
    moving = [s for s in manifest.timeline if s.lane in ("input", "weights", "output")]
    computing = [(s.start, s.start + s.cycles) for s in manifest.timeline if s.lane == "compute"]
    total = sum(span.cycles for span in moving)
    beside = sum(
        max(0, min(span.start + span.cycles, stop) - max(span.start, start))
        for span in moving
        for start, stop in computing
    )
    if not total:
        return ""
    return f"{beside:,} of {total:,} cycles of transfers ({beside / total:.0%}) are beside computations."


def _utilisation(manifest: OverlayManifest) -> Markup | None:
    """Of the operations that a layer's engine could do in its cycles, how many the layer needs."""
    sums: dict[str, list[int]] = {}
    for span in manifest.timeline:
        if span.peak:
            total = sums.setdefault(span.layer, [0, 0, 0])
            total[0], total[1], total[2] = total[0] + span.operations, total[1] + span.peak, total[2] + span.cycles
    if not sums:
        return None
    rows = [
        Bar(name, operations / peak, f"{operations / peak:.1%} in {cycles:,} cycles")
        for name, (operations, peak, cycles) in sums.items()
    ]
    label = "Utilisation by layer: " + ", ".join(f"{row.label} {row.value:.1%}" for row in rows)
    return svg(bars(label, rows, longest=1.0))


def _traffic(manifest: OverlayManifest) -> list[tuple[str, str]]:
    chip = manifest.on_chip
    rows = [
        (f"{manifest.host}, once, when the program is loaded", manifest.program_bytes),
        (f"{manifest.host} to the accelerator, each inference", manifest.input_bytes),
        ("of these weights and parameters that have no room on the chip", manifest.streamed_bytes),
        (f"accelerator to {manifest.host}, each inference", manifest.output_bytes),
        ("on the chip: weights read", chip.weights),
        ("on the chip: activations read", chip.read),
        ("on the chip: activations written", chip.written),
    ]
    found = [(name, f"{size:,} bytes") for name, size in rows if size]
    if manifest.host != "DDR":
        return found  # a serial line is slower than the cycles say
    rate = (manifest.input_bytes + manifest.output_bytes) / max(1, manifest.cycles_predicted) * manifest.clock_mhz
    when = milliseconds(manifest.cycles_predicted, manifest.clock_mhz)
    return [*found, ("DDR traffic on average", f"{rate:,.0f} MB/s ({when} an inference)")]
