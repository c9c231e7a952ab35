"""Builds for accelerators: a program is scheduled, the package for the board written, and run in co-simulation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_tr import __version__, overlays
from edge_tr.codegen import overlay as codegen
from edge_tr.compiler.common import (
    Progress,
    Source,
    level_records,
    no_progress,
    prepare,
    read_source,
    revealed_files,
    samples,
    write_tree,
    writing_to,
)
from edge_tr.errors import DeviceError
from edge_tr.golden.run import run
from edge_tr.ir.graph import Op
from edge_tr.ir.params import DotParams, Params, params
from edge_tr.lower.accel import AccelProgram, lower_accel
from edge_tr.lower.cost import Work
from edge_tr.lower.program import layer_name
from edge_tr.manifest import MANIFEST_VERSION, BuildFolder, LayerRecord, LevelRecord, MemoryUse, OverlayManifest
from edge_tr.overlays import BITFILE, OverlayBoard
from edge_tr.target import cosim, vivado
from edge_tr.target.check import Counts, Device
from edge_tr.target.emulator import serving
from edge_tr.target.link import Link, Patience
from edge_tr.target.port import open_port
from edge_tr.target.virtual_board import command
from edge_tr.tr.hese import term_count

BAUD = 115200
_PATIENCE = Patience(reply_seconds=60.0)
"""With a simulation on this computer: nothing is lost on the way, and a busy computer simulates slowly."""
"""Of a serial port that agent.py --serial answers on."""
VALIDATION = "validation.npz"


def build(
    model: Path, target: str, out: Path, *, budgets: Sequence[str] = ("lossless",), progress: Progress = no_progress
) -> OverlayManifest:
    """Schedule `model` for the accelerator of `target` and write the folder that is copied to the board.

    Where Vivado is in PATH it makes the bitstream, once: the overlay is the same for all models. DoesNotFitError names
    the memory that is too small; ToolMissingError if Vivado fails, which leaves a build that can be checked.
    """
    board = overlays.load(target)
    source = read_source(model, budgets)
    progress("scheduling", 0, 1, "model")
    program = lower_accel(source.graph, source.budget, source.below)
    progress("scheduling", 1, 1, "model")
    revealed = revealed_files(source, [level.of.revealed for level in program.levels])
    tree = codegen.source_tree(program, board, source.name)
    folder = BuildFolder(out)
    with writing_to(folder):
        prepare(folder)
        write_tree(folder.path, tree)
        folder.model.write_bytes(source.given)
        write_tree(folder.path, revealed)
        _write_validation(folder, program, source)
        manifest = _manifest(program, board, source, folder, codegen.build_id(tree), list(revealed))
        folder.manifest_file.write_text(manifest.to_json(), encoding="utf-8")
        if not manifest.bitstream and _bitstream(folder, codegen.vivado_digest(tree), progress):
            manifest = replace(manifest, bitstream=True)
            folder.manifest_file.write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _bitstream(folder: BuildFolder, digest: str, progress: Progress) -> bool:
    """Whether the package has a bitstream, if need be after Vivado has worked for an hour."""

    def step(done: int, total: int) -> None:
        progress("making the bitstream with Vivado", done, total, "step")

    return vivado.bitstream(folder.path / "vivado", digest, folder.package, step)


def _write_validation(folder: BuildFolder, program: AccelProgram, source: Source) -> None:
    """Seeded samples and golden's outputs, for validate.py on the board."""
    x, _ = samples(source.graph, None, None)
    golden = [
        run(source.graph, x, weights=level.of.revealed, data_terms=program.data_terms).output
        for level in program.levels
    ]
    fewer = {f"golden_level{number}": outputs for number, outputs in enumerate(golden[:-1])}
    np.savez_compressed(folder.package / VALIDATION, x=x, golden=golden[-1], **fewer)


def _manifest(
    program: AccelProgram,
    board: OverlayBoard,
    source: Source,
    folder: BuildFolder,
    build_id: int,
    revealed: Sequence[str],
) -> OverlayManifest:
    taken = board.resources()
    return OverlayManifest(
        manifest_version=MANIFEST_VERSION,
        edge_tr_version=__version__,
        model=source.name,
        model_sha256=program.sha256,
        target=board.name,
        board_folder="" if overlays.ships(board) else str(board.folder),
        budget=str(source.budget),
        build_id=f"{build_id:016x}",
        fits=True,
        layers=_layers(program, source),
        levels=_levels(program, revealed),
        cycles_predicted=program.levels[-1].cycles,
        clock_mhz=board.clock_mhz,
        program_bytes=program.load.nbytes,
        input_bytes=len(program.input_index) + program.stream.nbytes,
        output_bytes=64 * program.output_words,
        memories=tuple(MemoryUse(name, used, limit, "words") for name, (used, limit) in program.used.items()),
        resources=tuple(MemoryUse(name, n, board.chip[name], "on the chip") for name, n in taken.items()),
        bitstream=(folder.package / BITFILE).is_file(),
    )


def _levels(program: AccelProgram, revealed: Sequence[str]) -> tuple[LevelRecord, ...]:
    """Every budget of the program, one or more."""
    sizes = []
    for level in program.levels:
        graph = level.of.alive.graph
        dots = [record for op in graph.ops if isinstance(record := params(graph, op), DotParams)]
        sizes.append([(dot.weights.size, int(term_count(dot.weights).sum()), _macs(dot)) for dot in dots])
    budgets, cycles = zip(*((level.of.budget, level.cycles) for level in program.levels))
    return level_records(budgets, revealed, sizes, cycles)


def _layers(program: AccelProgram, source: Source) -> tuple[LayerRecord, ...]:
    """Layers of the accelerator, then those of the processor."""
    ops = {op.index: op for op in program.alive.graph.ops}
    given = {op.index: op for op in source.graph.ops}
    records = []
    for layer in program.layers:
        records.append(_record(program, source, ops[layer.op], given[layer.op], "accelerator", layer.cycles))
    for op in program.alive.graph.ops[len(ops) - len(program.host_ops) :]:
        records.append(_record(program, source, op, given[op.index], "processor", None))
    return tuple(records)


def _record(program: AccelProgram, source: Source, op: Op, given: Op, engine: str, cycles: int | None) -> LayerRecord:
    tensor = program.alive.graph.tensor(op.outputs[0])
    channels = program.alive.channels.get(tensor.index)
    left, before = params(program.alive.graph, op), params(source.graph, given)
    is_dot = isinstance(left, DotParams)
    setting = source.budget.of(layer_name(op)) if is_dot else None
    weights = left.weights if is_dot else np.zeros(0, np.int8)
    macs, terms = _macs(left), int(term_count(weights).sum())
    return LayerRecord(
        name=layer_name(op),
        op=op.kind,
        index=op.index,
        tensor=tensor.name,
        tensor_index=tensor.index,
        tensor_bytes=tensor.size,
        channels_removed=channels.removed if channels else 0,
        macs=macs,
        macs_removed=_macs(before) - macs,
        weights=weights.size,
        terms=terms,
        terms_per_weight=round(terms / weights.size, 4) if weights.size else 0.0,
        budget=str(setting) if setting else "",
        data_terms=setting.data_terms if setting else None,
        kernel=engine,
        flash_bytes=0,
        cycles_estimated=cycles,
    )


def _macs(record: Params) -> int:
    return Work.of(record, 0).macs if isinstance(record, DotParams) else 0


@contextlib.contextmanager
def connect(
    board: OverlayBoard, folder: BuildFolder, manifest: OverlayManifest, port: str | None, progress: Progress
) -> Iterator[Device]:
    """The board behind `port`; without one, the package's own driver and agent on the simulated accelerator."""
    if port is not None:
        with open_port(port, BAUD) as serial_port:
            counts = Counts(1.0, "cycles", f"cycle counter of the accelerator at {board.clock_mhz} MHz")
            yield Device(Link(serial_port), board.board_id, cycles=counts, predicts=True)
        return
    progress("preparing the co-simulation", 0, 1, "accelerator")
    library = cosim.build()
    progress("preparing the co-simulation", 1, 1, "accelerator")
    source = "co-simulation: counted by the Verilated accelerator under the package's own driver, not on a board"
    with serving(lambda listener: command(folder.path, board, library, listener)) as running:
        try:
            with open_port(running.url, BAUD) as serial_port:
                yield Device(
                    Link(serial_port, _PATIENCE), board.board_id, "co-simulation", cycles=Counts(1.0, "cycles", source),
                    predicts=True,
                )  # fmt: skip
        except DeviceError as error:
            raise running.explain(str(error)) from error
