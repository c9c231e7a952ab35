"""Builds for accelerators: a program is scheduled, the package for the board written, and run in co-simulation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from edge_tr import __version__, overlays
from edge_tr.accel import AccelLayer, AccelProgram, HostLayer, Level, lower_accel
from edge_tr.accel.lookups import lookup_notes
from edge_tr.codegen import overlay as codegen
from edge_tr.compiler import overlay_boards
from edge_tr.compiler.bill import package_bill
from edge_tr.compiler.common import (
    Progress,
    Source,
    level_records,
    no_progress,
    read_source,
    revealed_files,
    samples,
    tensor_records,
    write_tree,
)
from edge_tr.compiler.figures import histogram, names_of, reads_of
from edge_tr.compiler.folders import claimed, remembered, replaced_build
from edge_tr.errors import DoesNotFitError
from edge_tr.files.writing import replace as replace_file
from edge_tr.files.writing import writing_to
from edge_tr.golden.run import run
from edge_tr.graph import Op, layer_name
from edge_tr.ir.float_ends import host_notes
from edge_tr.ir.free import free_notes
from edge_tr.kernels.cost import Work
from edge_tr.manifest import (
    MANIFEST_VERSION,
    BuildFolder,
    LayerRecord,
    LevelRecord,
    MemoryUse,
    OnChip,
    OverlayManifest,
    PartRecord,
    SpanRecord,
    TermsRecord,
)
from edge_tr.operators import DotParams, dots, dots_of
from edge_tr.overlays import BITFILE, OverlayBoard
from edge_tr.prepared.padding import pad_notes
from edge_tr.target import configured
from edge_tr.tr.hese import term_count

VALIDATION = "validation.npz"


def build(
    model: Path, target: str, out: Path, *, budgets: Sequence[str] = ("lossless",), progress: Progress = no_progress
) -> OverlayManifest:
    """Schedule `model` for the accelerator of `target` and write the folder that is copied to the board.

    Where Vivado is in PATH it makes the bitstream, once: the overlay is the same for all models. DoesNotFitError names
    the memory that is too small; ToolMissingError if Vivado fails, which leaves a build that can be checked. Several
    budgets, nested, from the fewest terms on, are one program that can be switched; UsageError if they do not nest.
    """
    board = overlays.load(target)
    if not configured.is_here(board.accelerator):
        return configured.call(board.accelerator, build, model, target, out, budgets=budgets, progress=progress)
    source, folder = read_source(model, budgets), BuildFolder(out)
    with claimed(folder):
        progress("scheduling", 0, 1, "model")
        program = lower_accel(source.graph, source.budget, source.below, pages=not board.serial)
        progress("scheduling", 1, 1, "model")
        if board.serial:
            _require_residents(program, board)
        tree = codegen.source_tree(program, board, source.name)
        revealed = revealed_files(source, [level.revealed for level in program.levels])
        manifest = _manifest(program, board, source, folder, codegen.build_id(tree), revealed)
        with replaced_build(folder) as staged, writing_to(out):
            write_tree(staged.path, {**tree, **revealed})
            staged.model.write_bytes(source.given)
            _write_validation(staged, program, source, progress)
            staged.manifest_file.write_text(manifest.to_json(), encoding="utf-8")
            staged.bill.write_text(package_bill(manifest, tree), encoding="utf-8")
        if found := overlay_boards.bitstream(folder, board, manifest, tree, progress):
            manifest = replace(manifest, **found)
            replace_file(folder.manifest_file, manifest.to_json())
            replace_file(folder.bill, package_bill(manifest, tree))
            remembered(folder)
    return manifest


def _require_residents(program: AccelProgram, board: OverlayBoard) -> None:
    """DoesNotFitError where weights would come with each inference: a serial line is no memory."""
    streamed = sum(segment.stream.nbytes for level in program.levels for segment in level.segments)
    if streamed:
        raise DoesNotFitError(
            f"the model's weights and parameters do not fit {board.name}'s block RAM: {streamed:,} bytes of them "
            "would come with each inference; take a smaller model or a budget of fewer terms, or --target pynq-z2"
        )


def _write_validation(folder: BuildFolder, program: AccelProgram, source: Source, progress: Progress) -> None:
    """Seeded samples and golden's outputs with each budget, for validate.py on the board; of several inputs and outputs
    x0, x1, ... and golden0, golden1, ..."""
    graph, (x, _) = source.graph, samples(source.graph, None, None)
    golden, what, count = [], "computing what the board's answers must be", len(program.levels)
    for done, level in enumerate(program.levels):
        progress(what, done, count, "budget")
        golden.append(run(graph, x, weights=level.revealed, data_terms=program.data_terms).outputs)
    progress(what, count, count, "budget")
    arrays = _numbered("x", [x.values[index] for index in graph.inputs])
    arrays |= _numbered("golden", [np.stack([outputs[index] for outputs in golden]) for index in graph.outputs])
    np.savez_compressed(folder.package / VALIDATION, **arrays)


def _numbered(name: str, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    return {name: arrays[0]} if len(arrays) == 1 else {f"{name}{i}": array for i, array in enumerate(arrays)}


def _manifest(
    program: AccelProgram,
    board: OverlayBoard,
    source: Source,
    folder: BuildFolder,
    build_id: int,
    revealed: Iterable[str],
) -> OverlayManifest:
    taken, most = board.resources(), program.most
    computed = {layer.op for turn in most.turns for layer in turn.layers}
    return OverlayManifest(
        manifest_version=MANIFEST_VERSION,
        edge_tr_version=__version__,
        model=source.name,
        model_sha256=program.sha256,
        notes=free_notes(source.graph)
        + host_notes(source.graph)
        + pad_notes(source.graph, most.alive.graph)
        + lookup_notes(most.alive.graph, computed),
        target=board.name,
        board_folder="" if overlays.ships(board) else str(board.folder),
        budget=str(source.budget),
        build_id=f"{build_id:016x}",
        fits=True,
        **tensor_records(most.alive.graph),
        layers=tuple(_record(most, source, layer) for turn in most.turns for layer in turn.layers),
        levels=_levels(program, revealed),
        cycles_predicted=most.cycles,
        clock_mhz=board.clock_mhz,
        program_bytes=program.load.nbytes,
        input_bytes=sum(segment.sent_bytes for segment in most.segments),
        output_bytes=sum(segment.read_bytes for segment in most.segments),
        streamed_bytes=sum(segment.stream.nbytes for segment in most.segments),
        segments=len(most.segments),
        on_chip=OnChip(**asdict(most.traffic)),
        memories=tuple(MemoryUse(name, used, limit, "words") for name, (used, limit) in program.used.items()),
        resources=tuple(MemoryUse(name, n, board.chip[name], "on the chip") for name, n in taken.items()),
        bitstream=not board.serial and (folder.package / BITFILE).is_file(),
        timeline=_timeline(most),
        host="host" if board.serial else "DDR",
    )


def _timeline(level: Level) -> tuple[SpanRecord, ...]:
    """The accelerator's spans, and the processor's layers where the run before them ends."""
    runs, found = iter(level.segments), []
    ends = {
        layer.name: span.start + span.cycles
        for span in level.timeline
        for layer in level.layers
        if layer.name == span.layer
    }
    now = 0
    for turn in level.turns:
        found += [SpanRecord("processor", layer.name, "", now, 0, 0, 0, 0) for layer in turn.host]
        if turn.segment:
            now = max(ends[layer.name] for layer in next(runs).layers)
    found += [SpanRecord(**asdict(span)) for span in level.timeline]
    return tuple(sorted(found, key=lambda span: span.start))


def _levels(program: AccelProgram, files: Iterable[str]) -> tuple[LevelRecord, ...]:
    """The program's budgets; `files`: the model with each one's weights."""
    sizes = []
    for level in program.levels:
        graph = level.alive.graph
        records = [op.record for op in dots(graph)]
        sizes.append([(dot.weights.size, int(term_count(dot.weights).sum()), _macs(dot)) for dot in records])
    budgets = [level.budget for level in program.levels]
    return level_records(budgets, files, sizes, [level.cycles for level in program.levels])


def _record(level: Level, source: Source, layer: AccelLayer | HostLayer) -> LayerRecord:
    graphs = (level.alive.graph, source.graph)
    op, given = (next(op for op in graph.ops if op.index == layer.op) for graph in graphs)
    hosted = isinstance(layer, HostLayer)
    tensor = level.alive.graph.tensor(layer.tensor)
    channels = level.alive.channels.get(tensor.index)
    parts = tuple(_part(level, part, source, hosted) for part in dots_of(op))
    macs, weights, terms = (sum(getattr(part, name) for part in parts) for name in ("macs", "weights", "terms"))
    is_dot = isinstance(op.record, DotParams)
    return LayerRecord(
        name=layer.name,
        op=op.kind,
        index=op.index,
        tensor=tensor.name,
        tensor_index=tensor.index,
        tensor_bytes=tensor.bytes,
        channels_removed=channels.removed if channels else 0,
        macs=macs,
        macs_removed=sum(_macs(part.record) for part in dots_of(given)) - macs,
        weights=weights,
        terms=terms,
        terms_per_weight=round(terms / weights, 4) if weights else 0.0,
        budget="; ".join(dict.fromkeys(part.budget for part in parts)),
        data_terms=parts[0].data_terms if is_dot else None,
        kernel=_engine(hosted),
        flash_bytes=0,
        cycles_estimated=None if hosted else layer.cycles,
        reason=layer.reason if hosted else "",
        parts=() if is_dot else parts,
        shape=tensor.shape,
        reads=_reads(level, op),
        histogram=_histogram(level, source, dots_of(op)),
    )


def _reads(level: Level, op: Op) -> tuple[str, ...]:
    layers = {layer.tensor for turn in level.turns for layer in turn.layers}
    names = {tensor: name for tensor, name in names_of(level.alive.graph).items() if tensor in layers}
    return reads_of(level.alive.graph, names, op)


def _histogram(level: Level, source: Source, parts: Sequence[Op]) -> TermsRecord:
    """Of some dot products, without their dead channels."""
    as_given = {op.index: op.record.weights for op in dots(source.model)}
    given, revealed = ([weights[part.index] for part in parts] for weights in (as_given, level.revealed))
    return histogram(given, revealed, [part.record.weights for part in parts])


def _part(level: Level, op: Op, source: Source, hosted: bool) -> PartRecord:
    """Of one dot product."""
    setting, weights = source.budget.of(layer_name(op)), op.record.weights
    terms = int(term_count(weights).sum())
    return PartRecord(
        name=layer_name(op),
        index=op.index,
        macs=_macs(op.record),
        weights=weights.size,
        terms=terms,
        terms_per_weight=round(terms / weights.size, 4),
        budget=str(setting),
        data_terms=setting.data_terms,
        kernel=_engine(hosted),
        flash_bytes=0,
        cycles_estimated=None,
        histogram=_histogram(level, source, [op]),
    )


def _engine(hosted: bool) -> str:
    return "processor" if hosted else "accelerator"


def _macs(record: DotParams) -> int:
    return Work.of(record, 0).macs
