"""The arena: what lies where and when, what there is at the peak, and what would lower it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edge_tr.manifest import LayerRecord, Manifest
from edge_tr.memory_plan import Region, aligned
from edge_tr.plots import Block, inline_bar, regions
from edge_tr.report.pages.shell import svg

LEAST = 16
"""Bytes that are worth a kernel that takes longer, or a fiftieth of the peak where that is more."""
KINDS = {"tensor": 1, "scratch": 2, "staged weights": 4, "state": 3, "view": 0}
OF_THE_ARENA = ("tensor", "scratch", "staged weights")
NAMES = {
    "tensor": "tensor", "scratch": "scratch of a layer's kernel", "staged weights": "weights copied out of flash",
    "state": "state", "view": "part of another tensor",
}  # fmt: skip


@dataclass(frozen=True)
class AtPeak:
    """Something that lives while the peak's layer runs."""

    name: str
    kind: str
    bytes: int
    bar: Markup


@dataclass(frozen=True)
class Arena:
    """`kinds`: (series, name) of those that are there; `remedies` are sentences."""

    picture: Markup
    kinds: tuple[tuple[int, str], ...]
    layer: str
    step: int
    bytes: int
    living: tuple[AtPeak, ...]
    remedies: tuple[str, ...]


def arena(manifest: Manifest) -> Arena | None:
    """None of a build that says nothing of it."""
    found, layers = manifest.arena, manifest.layers
    if not found or not layers:
        return None
    steps = max(len(layers), 1 + max(region.last for region in found))
    taken = [_taken(found, step) for step in range(steps)]
    peak = max(range(steps), key=lambda step: (taken[step], -step))
    named = {region: _name(region, manifest) for region in found}
    size = max(manifest.arena_bytes, *(region.offset + region.bytes for region in found))
    blocks = [_block(region, named[region], layers) for region in found]
    label = (
        f"Memory over time: {len(blocks)} tensors and scratch areas over {steps} layers and {size:,} bytes. The peak, "
        f"{taken[peak]:,} bytes, is in layer {peak}, {layers[min(peak, len(layers) - 1)].name}."
    )
    living = sorted((r for r in found if _counts(r, peak)), key=lambda r: -r.bytes)
    most = max((region.bytes for region in living), default=1)
    return Arena(
        svg(regions(label, blocks, steps, peak, size)),
        tuple((KINDS[kind], NAMES[kind]) for kind in KINDS if any(region.kind == kind for region in found)),
        layers[min(peak, len(layers) - 1)].name, peak, taken[peak],
        tuple(_at_peak(region, named[region], most) for region in living),
        tuple(_remedies(manifest, taken, peak)),
    )  # fmt: skip


def _at_peak(region: Region, name: str, most: int) -> AtPeak:
    return AtPeak(
        name, region.kind, region.bytes, svg(inline_bar(region.bytes / most, KINDS[region.kind], region.bytes))
    )


def _counts(region: Region, step: int) -> bool:
    """Whether it takes bytes of its own in a step; a state lies behind the arena."""
    return region.kind in OF_THE_ARENA and region.first <= step <= region.last


def _taken(found: Sequence[Region], step: int) -> int:
    """Bytes of the arena that are in use in a step; two that lie in one place take it once."""
    spans = sorted((r.offset, r.offset + aligned(r.bytes)) for r in found if _counts(r, step))
    total = end = 0
    for start, stop in spans:
        total, end = total + max(0, stop - max(start, end)), max(end, stop)
    return total


def _name(region: Region, manifest: Manifest) -> str:
    """The layer whose tensor or scratch it is, an input or a state: names of tensors in a file are long."""
    if region.kind == "scratch":
        return f"scratch of {region.name}"
    writer = next((layer.name for layer in manifest.layers if layer.tensor == region.name), None)
    return writer or (region.name if len(region.name) <= 32 else f"{region.name[:31]}…")


def _block(region: Region, name: str, layers: Sequence[LayerRecord]) -> Block:
    ends = f"layer {region.first}" if region.first == region.last else f"layers {region.first} to {region.last}"
    note = f"{name}: {region.bytes:,} bytes from {region.offset:,} on, {ends} ({NAMES[region.kind]}"
    note += ")" if region.kind != "tensor" or region.name == name else f" {region.name[:80]})"
    shown = {"scratch": "scratch", "staged weights": "weights"}.get(region.kind, name)
    layer = name.rpartition(" of ")[2]
    known = layer if any(of.name == layer for of in layers) else ""
    return Block(shown, note, region.offset, region.bytes, region.first, region.last, KINDS[region.kind], known)


def _remedies(manifest: Manifest, taken: Sequence[int], peak: int) -> list[str]:
    """What would make the arena smaller, with what it would bring."""
    layers, found = manifest.layers, []
    layer = layers[min(peak, len(layers) - 1)]
    others = [bytes_ for step, bytes_ in enumerate(taken) if step != peak]
    next_peak = max(others, default=0)
    gaps = manifest.arena_bytes - manifest.arena_lower_bound
    if gaps > 0:
        found.append(f"Gaps between buffers take {gaps:,} bytes: no order was found that does without them.")
    scratch = sum(r.bytes for r in manifest.arena if r.kind == "scratch" and _counts(r, peak))
    smaller = [c for c in layer.considered if c.scratch_bytes < scratch]
    for candidate in sorted(smaller, key=lambda c: c.cycles_estimated):
        less = min(scratch - candidate.scratch_bytes, taken[peak] - next_peak)
        if less < max(LEAST, taken[peak] // 50):
            continue
        more = candidate.cycles_estimated - (layer.cycles_estimated or 0)
        found.append(
            f"--kernel {layer.name}={candidate.kernel} has {candidate.scratch_bytes:,} instead of {scratch:,} bytes of "
            f"scratch there: up to {less:,} bytes less in all, for {more:+,} cycles (estimated)."
        )
        break
    alike = sum(bytes_ == taken[peak] for bytes_ in taken)
    if alike > 1:
        found.append(f"{alike} layers need as much: all of them would have to become smaller.")
    else:
        found.append(f"Without this layer's peak the arena would need {next_peak:,} bytes.")
    if not smaller:
        found.append(f"Else only smaller tensors in and out of {layer.name}: fewer channels, or a stride before it.")
    return found
