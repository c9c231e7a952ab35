"""Results as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from edge_tr.graph import Graph, Op, Tensor, layer_name
from edge_tr.ir.float_ends import host_notes
from edge_tr.ir.free import free_notes
from edge_tr.kernels.cost import Work
from edge_tr.manifest import (
    BuildRecord,
    LayerRecord,
    Manifest,
    OverlayManifest,
    PartRecord,
    Protection,
    RamRecord,
    Signature,
)
from edge_tr.operators import DotParams, parts_of
from edge_tr.report.terminal import WIDTH
from edge_tr.tr.hese import term_count

_BAR_WIDTH = 20
LEAST_TEXT = 12
"""Letters that a column of text keeps however wide a table is."""


def memory_bar(label: str, used: int, limit: int) -> str:
    """`RAM:   [===       ]  31.2% (used 40,900 of 131,072 bytes)`"""
    filled = min(_BAR_WIDTH, round(_BAR_WIDTH * used / limit)) if limit else _BAR_WIDTH
    bar = "=" * filled + " " * (_BAR_WIDTH - filled)
    percent = 100 * used / limit if limit else 100.0
    return f"{label + ':':7}[{bar}] {percent:5.1f}% (used {used:,} of {limit:,} bytes)"


def build_text(manifest: Manifest | OverlayManifest) -> str:
    """What was built, layer by layer, and how full the target is."""
    text = _overlay_text(manifest) if isinstance(manifest, OverlayManifest) else _firmware_text(manifest)
    return "\n".join([text, *(f"note: {note}" for note in manifest.notes)])


def _overlay_text(manifest: OverlayManifest) -> str:
    rows = [("layer", "op", "MACs", "terms", "terms/weight", "engine", "cycles predicted")]
    for layer in manifest.layers:
        dot = layer.weights > 0
        figures = (f"{layer.macs:,}", f"{layer.terms:,}", f"{layer.terms_per_weight:.2f}") if dot else ("", "", "")
        cycles = "" if layer.cycles_estimated is None else f"{layer.cycles_estimated:,}"
        rows.append((layer.name, layer.op, *figures, layer.kernel, cycles))
    streamed = f", {manifest.streamed_bytes:,} of them weights and parameters" if manifest.streamed_bytes else ""
    chip = manifest.on_chip
    return "\n".join(
        [
            f"{manifest.model} for {manifest.target}, budget {manifest.budget}",
            table(rows, left=(0, 1, 5)),
            *_ends(manifest),
            *_removed(manifest),
            *_hosted(manifest),
            *_levels(manifest),
            _predicted(manifest),
            f"{manifest.host}: {manifest.program_bytes:,} bytes once, then {manifest.input_bytes:,} in{streamed} and "
            f"{manifest.output_bytes:,} out per inference",
            f"on chip: {chip.weights:,} bytes of weights and {chip.read:,} of activations read, {chip.written:,} "
            "written per inference",
            "memories: " + ", ".join(f"{m.name} {m.used:,} of {m.limit:,}" for m in manifest.memories),
            _resources(manifest),
            _bitstream(manifest),
        ]
    )


def _predicted(manifest: OverlayManifest) -> str:
    """Cycles of the accelerator, if it has anything to do."""
    if not manifest.segments:
        return "nothing for the accelerator: the board's processor computes every layer"
    milliseconds = manifest.cycles_predicted / manifest.clock_mhz / 1e3
    figure = f"{manifest.cycles_predicted:,} cycles predicted, start to done: {milliseconds:.3f} ms"
    return f"{figure} at {manifest.clock_mhz} MHz{_segments(manifest)}"


def _segments(manifest: OverlayManifest) -> str:
    """What the figure leaves out."""
    runs = f" in {manifest.segments} runs" if manifest.segments > 1 else ""
    hosted = any(layer.kernel == "processor" for layer in manifest.layers)
    return runs + (", the processor's layers not counted" if hosted else "")


def _hosted(manifest: OverlayManifest) -> list[str]:
    """Layers of the processor by the reason."""
    layers = [layer for layer in manifest.layers if layer.kernel == "processor"]
    return [f"on the processor: {layer.name}, {layer.reason}" for layer in layers]


def _resources(manifest: OverlayManifest) -> str:
    if not manifest.resources:
        return "overlay: resources are not known; make synth estimates a Zynq's, a bitstream has those of its board"
    taken = ", ".join(f"{m.name} {m.used:,} of {m.limit:,}" for m in manifest.resources)
    how = "an estimate by yosys, not a placed design" if manifest.clock_routed_mhz is None else "placed by nextpnr"
    return f"overlay: {taken} ({how})"


def _bitstream(manifest: OverlayManifest) -> str:
    if manifest.clock_routed_mhz is not None:
        routed = f"{manifest.clock_routed_mhz:g} MHz by nextpnr's timing, not measured"
        return f"bitstream: in the package; it runs at {manifest.clock_mhz} MHz, {routed}"
    if manifest.bitstream:
        return "bitstream: in the package"
    return "bitstream: none yet; docs/bitstream.md says how one is made, once for all models"


def _firmware_text(manifest: Manifest) -> str:
    rows = [("layer", "op", "MACs", "weights", "terms", "terms/weight", "kernel", "flash bytes")]
    for layer in manifest.layers:
        rows.append(_row(layer.name, layer.op, layer))
        rows += [_row(f"  {part.name.partition('.')[2]}", "", part) for part in layer.parts]
    arena = f"arena {manifest.arena_bytes:,} bytes; no plan can go below {manifest.arena_lower_bound:,}"
    if manifest.states:
        arena += f"; beside it {sum(state.bytes for state in manifest.states):,} bytes of states"
    return "\n".join(
        [
            f"{manifest.model} for {manifest.target}, budget {manifest.budget}",
            table(rows, left=(0, 1, 6)),
            *_ends(manifest),
            *_removed(manifest),
            *_levels(manifest),
            memory_bar("Flash", manifest.flash_bytes, manifest.flash_limit),
            memory_bar("RAM", manifest.ram_bytes, manifest.ram_limit),
            _ram(manifest.ram),
            arena,
            *_staged(manifest),
            _protection(manifest.protection),
            *(_signature(signature) for signature in manifest.protection.signature),
            *_alternatives(manifest),
        ]
    )


def _ram(ram: RamRecord) -> str:
    """What it is made of."""
    named = {"arena": ram.arena, "states": ram.states, "serial link": ram.link, "other data": ram.data}
    named["code that runs from there"] = ram.code
    parts = [f"{name} {size:,}" for name, size in named.items() if size]
    bound = (
        "reserved, no bound known"
        if ram.stack_bound is None
        else f"(bound {ram.stack_bound:,}, margin {ram.stack - ram.stack_bound:,})"
    )
    return f"RAM is {', '.join(parts)}, stack {ram.stack:,} {bound}"


def _milliseconds(cycles: int, clock_mhz: float | None) -> str:
    return f" ({cycles / clock_mhz / 1e3:,.3g} ms at {clock_mhz:g} MHz)" if clock_mhz else ""


def _staged(manifest: Manifest) -> list[str]:
    """Weights that are faster to read in RAM; without a limit on RAM a share of it that board.toml names may hold
    them."""
    staged = [region for region in manifest.arena if region.kind == "staged weights"]
    if not staged:
        return []
    most, total = max(region.bytes for region in staged), sum(region.bytes for region in staged)
    return [
        f"of that at most {most:,} bytes at a time hold weights that {len(staged)} layers copy out of flash before "
        f"they read them often: {total:,} bytes in all, less with --ram-limit"
    ]


def _ends(manifest: BuildRecord) -> list[str]:
    """Inputs, outputs and states, where they are more than an int8 input and an int8 output."""
    ends = {"input": manifest.inputs, "output": manifest.outputs, "state": manifest.states}
    if [tensor.dtype for tensors in ends.values() for tensor in tensors] == ["int8", "int8"]:
        return []
    rows = [("end", "name", "type", "shape", "bytes", "scale", "zero point")]
    for side, tensors in ends.items():
        for number, tensor in enumerate(tensors):
            scaled = ("", "") if tensor.scale is None else (f"{tensor.scale:g}", str(tensor.zero_point))
            name = tensor.name if len(tensor.name) <= 40 else f"{tensor.name[:37]}..."
            shape = "x".join(map(str, tensor.shape)) or "scalar"
            rows.append((f"{side} {number}", name, tensor.dtype, shape, f"{tensor.bytes:,}", *scaled))
    return [table(rows, left=(0, 1, 2))]


def _row(name: str, op: str, of: LayerRecord | PartRecord) -> tuple[str, ...]:
    """A layer, or one of its dot products."""
    if not of.weights:
        return name, op, "", "", "", "", of.kernel, ""
    counts = (f"{of.macs:,}", f"{of.weights:,}", f"{of.terms:,}", f"{of.terms_per_weight:.2f}")
    return name, op, *counts, of.kernel, f"{of.flash_bytes:,}"


def _protection(protection: Protection) -> str:
    """What a check of the model costs, and when it is done."""
    cycles = "" if protection.verify_cycles is None else f", {protection.verify_cycles:,} cycles estimated"
    when = "before each inference" if protection.before_invoke else "when told to, see --verify-before-invoke"
    return f"model check: {protection.verified_bytes:,} bytes of constants and code{cycles}, {when}"


def _signature(signature: Signature) -> str:
    head = f"signed by {signature.public_key[:16]}..., image version {signature.image_version}"
    if not signature.loader_bytes:
        return f"{head}; NOT ENFORCED: this board's only loader is in ROM, which starts unsigned images too"
    loader = f"the loader takes {signature.loader_bytes:,} bytes, {signature.checking:,} of them to check signatures"
    copy = "keeps a copy to go back to" if signature.way_back else "keeps NO COPY: flash has no room for two"
    return f"{head}; {loader}, and {copy}"


def _no_others(manifest: Manifest) -> str:
    """Why there is no table of other choices."""
    return "several budgets have one kernel" if len(manifest.levels) > 1 else "no kernels take less flash"


def _alternatives(manifest: Manifest) -> list[str]:
    """Other choices of kernels beside the build's own."""
    found = manifest.alternatives
    others = "other choices of kernels:" if len(found) > 1 else _no_others(manifest)
    time = _milliseconds(manifest.cycles_estimated, manifest.clock_mhz)
    where = f"for the layers with weights, on {manifest.core}{time}"
    head = f"{manifest.cycles_estimated:,} cycles estimated {where}; {others}"
    if len(found) < 2:
        return [head]
    ram = len({other.ram_bytes for other in found}) > 1
    rows = [("build with", "flash bytes (est.)", *(["RAM bytes (est.)"] if ram else []), "cycles (est.)")]
    for other in found:
        name = "a larger board" if other.options is None else other.options or "no such options"
        used = [f"{other.ram_bytes:,}"] if ram else []
        cells = (f"{other.flash_bytes:,}", *used, f"{other.cycles_estimated:,}")
        rows.append(("this build" if other.chosen else name, *cells))
    return [head, table(rows, left=(0,))]


def _removed(manifest: BuildRecord) -> list[str]:
    channels = sum(layer.channels_removed for layer in manifest.layers)
    macs, left = (sum(getattr(layer, name) for layer in manifest.layers) for name in ("macs_removed", "macs"))
    if not channels:
        return []
    return [f"dead channels: {channels:,} removed with proof, and with them {macs:,} of {macs + left:,} MACs"]


def _levels(manifest: BuildRecord) -> list[str]:
    """The budgets of a build with several; costs are what the build estimates or predicts."""
    if len(manifest.levels) < 2:
        return []
    alone = all(level.alone for level in manifest.levels)
    rows = [("level", "budget", "terms", "terms/MAC", "cycles estimated", *(_ALONE if alone else ()))]
    for number, level in enumerate(manifest.levels):
        figures = (f"{level.terms:,}", f"{level.terms_per_mac:.2f}", f"{level.cycles_estimated:,}")
        own = (f"{level.alone.cycles_estimated:,}", f"{level.alone.flash_bytes:,}") if level.alone else ()
        rows.append((str(number), level.budget, *figures, *own))
    note = ["alone: a build with this budget only, estimated; this build holds all of them"] if alone else []
    return [table(rows, left=(1,)), *note]


_ALONE = ("cycles alone", "flash alone")


def describe(graph: Graph) -> dict[str, object]:
    """A model as plain data: identity, inputs, outputs and states, layers with their weights and terms."""
    given = {"inputs": graph.file_inputs, "outputs": graph.file_outputs}
    inner = {"inputs": graph.inputs, "outputs": graph.outputs}
    return {
        "model_sha256": graph.sha256,
        **{side: [_describe_end(graph.tensor(i), of) for i, of in zip(inner[side], given[side])] for side in inner},
        "notes": [*free_notes(graph), *host_notes(graph)],
        "states": [_describe_end(graph.tensor(i), graph.tensor(i)) for i in graph.states],
        "layers": [layer for op in graph.ops for layer in _describe_layers(graph, op)],
    }


def _describe_end(tensor: Tensor, given: Tensor) -> dict[str, object]:
    """`given`: as the file has it."""
    q = tensor.quantization
    return {
        "name": given.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "file_dtype": given.dtype,
        "scale": None if q is None else float(q.scale[0]),
        "zero_point": None if q is None else int(q.zero_point[0]),
    }


def _describe_layers(graph: Graph, op: Op) -> list[dict[str, object]]:
    """A layer for each output, and behind it the dot products that it is made of."""
    layers = [_describe_layer(graph, op, number) for number in range(len(op.targets))]
    return layers + [_describe_layer(graph, part) for part in parts_of(op)]


def _describe_layer(graph: Graph, op: Op, number: int = 0) -> dict[str, object]:
    output = graph.tensor(op.targets[number])
    weights = getattr(op.record, "weights", np.zeros(0, np.int8))
    return {
        "macs": Work.of(op.record, 0).macs if isinstance(op.record, DotParams) else 0,
        "name": layer_name(op, number),
        "op": op.kind,
        "tensor": output.name,
        "shape": list(output.shape),
        "weights": int(weights.size),
        "terms": int(term_count(weights).sum()),
    }


def inspect_text(model: dict) -> str:
    """The layers of a model that `describe` described."""
    rows = [("layer", "output shape", "MACs", "weights", "terms", "terms/weight", "tensor")]
    for layer in model["layers"]:
        figures = ("", "", "", "")
        if layer["weights"]:
            per_weight = layer["terms"] / layer["weights"]
            figures = (f"{layer['macs']:,}", f"{layer['weights']:,}", f"{layer['terms']:,}", f"{per_weight:.2f}")
        rows.append((layer["name"], "x".join(map(str, layer["shape"])), *figures, layer["tensor"][:48]))
    ends = [
        _end_text(f"{side} {number}" if len(model[f"{side}s"]) > 1 else side, end)
        for side in ("input", "output", "state")
        for number, end in enumerate(model[f"{side}s"])
    ]
    notes = [f"note: {note}" for note in model["notes"]]
    total = [sum(layer[of] for layer in model["layers"]) for of in ("macs", "weights", "terms")]
    sums = "in all: {:,} MACs, {:,} weights, {:,} terms".format(*total)
    return "\n".join([f"sha256 {model['model_sha256']}", *ends, *notes, table(rows, left=(0, 1, 6)), sums])


def _end_text(side: str, end: dict) -> str:
    named = f" '{end['name']}'" if side[-1].isdigit() else ""
    scaled = "" if end["scale"] is None else f", scale {end['scale']:g}, zero point {end['zero_point']}"
    given = "" if end["file_dtype"] == end["dtype"] else f", {end['file_dtype']} in the file"
    return f"{side:6} {end['dtype']}{named} {end['shape']}{scaled}{given}"


def table(rows: Sequence[Sequence[str]], left: Iterable[int]) -> str:
    """Columns of text, at most `terminal.WIDTH` wide; the first row is the head, columns in `left` are flush left, and
    it is their text that is cut where there is no room."""
    flush = set(left)
    rows = _cut(rows, flush)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = (c.ljust(w) if i in flush else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths)))
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _cut(rows: Sequence[Sequence[str]], flush: set[int]) -> list[list[str]]:
    """The widest columns of text shortened until a row fits, to LEAST_TEXT letters at most."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    limits = dict.fromkeys(flush, WIDTH)
    while sum(widths) + 2 * (len(widths) - 1) > WIDTH:
        widest = max(flush, key=lambda column: widths[column], default=None)
        if widest is None or widths[widest] <= LEAST_TEXT:
            break
        widths[widest] -= 1
        limits[widest] = widths[widest]
    return [[_short(cell, limits.get(i, len(cell))) for i, cell in enumerate(row)] for row in rows]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
