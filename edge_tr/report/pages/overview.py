"""The beginning of a report: the verdict, three large numbers, and what else was found."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from edge_tr.manifest import BuildRecord, Manifest, MemoryUse, OverlayManifest
from edge_tr.plots import Part, meter
from edge_tr.report.checked import samples_text
from edge_tr.report.pages.shell import milliseconds, svg
from edge_tr.target.outcome import CheckReport, LevelsReport


@dataclass(frozen=True)
class Verdict:
    """`kind` is a CSS class: empty, "no" or "none"."""

    kind: str
    head: str
    text: str


@dataclass(frozen=True)
class Card:
    """A large number: `unit` behind it, `lines` and a picture under it, `key` names the picture's parts."""

    head: str
    value: str
    unit: str
    lines: tuple[str, ...]
    picture: Markup | None = None
    key: tuple[Part, ...] = ()


def verdict(manifest: BuildRecord, outcome: CheckReport | LevelsReport | None) -> Verdict:
    """What the check found, in one sentence."""
    if outcome is None:
        return Verdict("none", "Not checked yet", "Run edge-tr flash and edge-tr check to compare every byte.")
    samples, what = outcome.samples, samples_text(outcome)
    if outcome.bit_exact:
        several = " at every level" if isinstance(outcome, LevelsReport) else ""
        return Verdict("", f"Bit-exact{several}", f"{samples:,} of {samples:,} {what} equal golden.")
    return Verdict("no", "Not bit-exact", f"{outcome.mismatched_samples:,} of {samples:,} {what} differ from golden.")


def cards(manifest: BuildRecord, report: CheckReport | None) -> list[Card]:
    """Time, and the two memories that limit a model."""
    if isinstance(manifest, OverlayManifest):
        return [_accelerator_time(manifest, report), *_accelerator_memories(manifest)]
    return [_time(manifest, report), _ram(manifest), _flash(manifest)]


def _time(manifest: Manifest, report: CheckReport | None) -> Card:
    """Cycles that a board counted; else those that the kernels were chosen by."""
    cost = report.cost if report else None
    counted = cost is not None and cost.per_inference is not None
    lines = []
    if counted and cost.unit == "cycles":
        lines += [milliseconds(cost.per_inference, manifest.clock_mhz), f"counted: {cost.source}"]
        lines.append(f"planned for the layers with weights: {manifest.cycles_estimated:,}")
        return Card("Time of one inference", f"{cost.per_inference:,.0f}", "cycles", tuple(filter(None, lines)))
    lines.append(milliseconds(manifest.cycles_estimated, manifest.clock_mhz))
    lines.append(f"planned for the layers with weights, by the table of {manifest.core}; not measured")
    if counted:
        lines.append(f"{cost.per_inference:,.0f} {cost.unit} counted ({cost.source})")
    return Card("Time of one inference", f"{manifest.cycles_estimated:,}", "cycles", tuple(filter(None, lines)))


def _ram(manifest: Manifest) -> Card:
    ram = manifest.ram
    named = {"arena": ram.arena, "states": ram.states, "link": ram.link, "other data": ram.data, "stack": ram.stack}
    named |= {"code": ram.code} if ram.code else {}
    parts = tuple(Part(name, size, n) for n, (name, size) in enumerate(named.items(), 1) if size > 0)
    if ram.stack_bound is None:
        stack = f"stack: {ram.stack:,} bytes reserved, no bound known"
    else:
        stack = f"stack: at most {ram.stack_bound:,} of {ram.stack:,} bytes reserved"
    lines = (_full(manifest.ram_bytes, manifest.ram_limit), stack)
    picture = svg(meter(f"RAM: {_words(parts)} of {manifest.ram_limit:,} bytes", parts, manifest.ram_limit))
    return Card("RAM", f"{manifest.ram_bytes:,}", "bytes", lines, picture, parts)


def _flash(manifest: Manifest) -> Card:
    layers = sum(layer.flash_bytes for layer in manifest.layers)
    rest = max(0, manifest.flash_bytes - layers)
    parts = (Part("layers' code and tables", layers, 1), Part("runtime, link and start-up", rest, 7))
    lines = (_full(manifest.flash_bytes, manifest.flash_limit),)
    picture = svg(meter(f"Flash: {_words(parts)} of {manifest.flash_limit:,} bytes", parts, manifest.flash_limit))
    return Card("Flash", f"{manifest.flash_bytes:,}", "bytes", lines, picture, parts)


def _accelerator_time(manifest: OverlayManifest, report: CheckReport | None) -> Card:
    cost = report.cost if report else None
    measured = cost is not None and cost.per_inference is not None
    cycles = cost.per_inference if measured else manifest.cycles_predicted
    lines = [milliseconds(cycles, manifest.clock_mhz)]
    if measured:
        lines += [f"counted: {cost.source}", f"predicted: {manifest.cycles_predicted:,} cycles"]
    else:
        lines.append("predicted, start to done, transfers included")
    hosted = sum(layer.kernel == "processor" for layer in manifest.layers)
    if hosted:
        lines.append(f"the time of {hosted} layer{'s' * (hosted > 1)} on the processor is not in it")
    return Card("Time of one inference", f"{cycles:,.0f}", "cycles", tuple(filter(None, lines)))


def _accelerator_memories(manifest: OverlayManifest) -> list[Card]:
    fullest = sorted(manifest.memories, key=lambda use: use.used / use.limit)
    return [_memory("Fullest on-chip memory", use) for use in fullest[-1:]] + [
        _memory("Largest share of the chip", use)
        for use in sorted(manifest.resources, key=lambda use: use.used / use.limit)[-1:]
    ]


def _memory(head: str, use: MemoryUse) -> Card:
    part = Part(use.name, use.used, 1)
    picture = svg(meter(f"{use.name}: {use.used:,} of {use.limit:,} {use.unit}", (part,), use.limit))
    return Card(head, f"{use.used / use.limit:.0%}", use.name, (f"{use.used:,} of {use.limit:,} {use.unit}",), picture)


def _full(used: int, limit: int) -> str:
    over = f", {used - limit:,} too many" if used > limit else ""
    return f"{used / limit:.1%} of {limit:,} bytes{over}" if limit else f"of {limit:,} bytes"


def _words(parts: tuple[Part, ...]) -> str:
    return ", ".join(f"{part.name} {part.value:,.0f}" for part in parts)
