"""Builds for microcontrollers: C is generated, compiled, sealed, flashed, and run in an emulator."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from edge_tr import __version__, boards
from edge_tr.boards import Board
from edge_tr.codegen import mcu
from edge_tr.codegen.calls import in_c
from edge_tr.codegen.naming import DEFAULT, Naming
from edge_tr.codegen.protocols import NOTHING, Protocols, Wanted, protocols_of
from edge_tr.compiler.alternatives import RUNTIME_FLASH, alternatives, would_fit
from edge_tr.compiler.bill import firmware_bill
from edge_tr.compiler.common import (
    Progress,
    Source,
    level_records,
    no_progress,
    read_source,
    revealed_files,
    source_of,
    tensor_records,
    write_tree,
)
from edge_tr.compiler.figures import considered, histogram, names_of, reads_of
from edge_tr.compiler.folders import changed_state, claimed, copy_state, replaced_build
from edge_tr.compiler.sealing import UNPROTECTED, Protect, Sealing
from edge_tr.errors import DeviceError, DoesNotFitError, ToolMissingError, UsageError
from edge_tr.files.reading import MAX_BINARY, read_bytes
from edge_tr.files.writing import writing_to
from edge_tr.ir.float_ends import host_notes
from edge_tr.ir.free import free_notes
from edge_tr.kernels import parse_choice
from edge_tr.kernels.machines import isa_of, planned_for
from edge_tr.kernels.waiting import Behind
from edge_tr.lower.arena import Layer, Product
from edge_tr.lower.program import Candidates, Limits, Program, choose, explore, lower
from edge_tr.manifest import (
    MANIFEST_VERSION,
    NO_TERMS,
    BuildFolder,
    LayerRecord,
    LevelRecord,
    Manifest,
    PartRecord,
    Protection,
    RamRecord,
    TermsRecord,
)
from edge_tr.operators import dots
from edge_tr.prepared.padding import pad_notes
from edge_tr.target.costs import Counts, Device
from edge_tr.target.count_stack import Stack, worst_case
from edge_tr.target.emulator import RunningBoard, emulate
from edge_tr.target.flash import FlashResult
from edge_tr.target.flash import flash as flash_image
from edge_tr.target.link import EMULATED, Link
from edge_tr.target.port import DIRECT, Line, open_port
from edge_tr.target.toolchain import Linked, OverflowingLink, compile_and_link
from edge_tr.target.usb import port_of

RUNTIME_RAM, LAYER_RAM = 1 << 10, 12
"""Bytes of frame buffers and state beside arena and stack, and of each layer's cost and digest."""
FITTING_TRIES = 4
LINK_BUFFER = "buffer"
"""The symbol of the serial link's frames, in firmware/app."""
PROTOCOL_FLAGS = ("-DTR_PROTOCOLS=1", '-DPB_SYSTEM_HEADER="tr_nanopb.h"', "-DPB_NO_ERRMSG=1")
"""What the compiler is told of protocols beside frames; nanopb is not to want a C library."""

Compiled = tuple[int, Linked | OverflowingLink]
"""A build's id, and what was linked or by how much it overflows."""
Symbols = Sequence[tuple[str, int]]
"""Names in C, those of generated code without its prefix, and their bytes."""


def build(
    model: Path,
    target: str,
    out: Path,
    *,
    budgets: Sequence[str] = ("lossless",),
    kernels: Sequence[str] = (),
    core: str | None = None,
    objective: str = "speed",
    flash_limit: int | None = None,
    ram_limit: int | None = None,
    protect: Protect = UNPROTECTED,
    naming: Naming = DEFAULT,
    spoken: Wanted = NOTHING,
    progress: Progress = no_progress,
) -> Manifest:
    """Build `model` for the board called `target` into the folder `out`, with one budget or several nested ones.

    Kernels are chosen by the costs of `core`, the board's own by default, for `objective` (see `lower.select`)
    under the board's memory, or under `flash_limit` and `ram_limit` bytes where those are less. `naming`: names in C;
    `spoken`: protocols beside frames. UsageError for a core with other code, or for a protection or protocol that the
    board or the model has no use for. DoesNotFitError carries the manifest (with `fits` false) as `manifest`. Whatever
    is raised, the folder is as it was.
    """
    given, choice = boards.load(target), parse_choice(list(kernels))
    if choice.default is not None and choice.default.dialled != (len(budgets) > 1):
        raise UsageError(f"--kernel {choice.default.name} is not for builds with {_counted(len(budgets))}")
    core = planned_for(given.name, given.core, core)
    sealing = Sealing(given, protect)
    board = _limited(given, min(flash_limit or sealing.room, sealing.room), ram_limit)
    source, folder = read_source(model, budgets), BuildFolder(out)
    protocols = protocols_of(spoken, source.graph, given)
    with claimed(folder), replaced_build(folder) as staged:
        return _build(source, given, board, core, kernels, objective, sealing, naming, protocols, staged, progress)


def _counted(budgets: int) -> str:
    return "several budgets" if budgets > 1 else "one budget"


def _build(
    source: Source,
    given: Board,
    board: Board,
    core: str,
    kernels: Sequence[str],
    objective: str,
    sealing: Sealing,
    naming: Naming,
    protocols: Protocols,
    folder: BuildFolder,
    progress: Progress,
) -> Manifest:
    """`build` into an empty folder; `board` is the `given` one with the memory that may be used."""
    isa = isa_of(core)
    limited = board.memory.ram_bytes < given.memory.ram_bytes
    memory = Behind.of(board, 100 if limited else None)
    found = explore(source.graph, source.budget, parse_choice(list(kernels)), isa, source.below, memory)

    def smallest(other: str | None, prescribed: Sequence[str]) -> int:
        cut = source if other is None else source_of(source.name, source.given, (other,))
        choice = parse_choice(list(prescribed))
        return lower(cut.graph, cut.budget, choice, isa, "size", below=cut.below).chosen_flash

    def compiled(program: Program) -> Compiled:
        return _compiled(program, board, folder, source, sealing.verifies, naming, protocols, progress)

    program, build_id, linked = _fitted(found, objective, board, protocols.ram_bytes, compiled)
    manifest = _manifest(program, board, core, source, folder, naming, protocols, build_id, linked)
    estimates = [sum(product.dot.estimate.flash for product in layer.products) for layer in program.layers]
    layers = sum(min(estimate, record.flash_bytes) for estimate, record in zip(estimates, manifest.layers))
    fastest = objective == "speed" and manifest.fits and manifest.flash_limit == given.memory.flash_bytes
    manifest = replace(
        manifest,
        alternatives=alternatives(program, linked.sizes, layers, given.memory, fastest),
        would_fit=tuple(would_fit(program, linked.sizes, board.memory, given, smallest, bool(kernels))),
    )
    if not isinstance(linked, Linked) or not manifest.fits:
        raise NotFitting(manifest)
    with writing_to(folder.path):
        pieces, protection = sealing.write(folder, linked, core, build_id, bytes.fromhex(source.graph.sha256))
        manifest = replace(manifest, protection=protection)
        folder.manifest_file.write_text(manifest.to_json(), encoding="utf-8")
        folder.bill.write_text(firmware_bill(board, folder, manifest, linked.pieces + pieces), encoding="utf-8")
    return manifest


def _fitted(
    found: Candidates, objective: str, board: Board, more_ram: int, compiled: Callable[[Program], Compiled]
) -> tuple[Program, int, Linked | OverflowingLink]:
    """The program that fits, compiled: links tell what the layers have room for. `more_ram`: that the server takes
    beside what it always does."""
    room = Limits(
        flash=board.memory.flash_bytes - RUNTIME_FLASH,
        ram=board.memory.ram_bytes - board.memory.stack_bytes - RUNTIME_RAM - more_ram - LAYER_RAM * len(found.ops),
    )
    for _ in range(FITTING_TRIES):
        program = choose(found, objective, room)
        build_id, linked = compiled(program)
        over = linked.sizes.flash - board.memory.flash_bytes
        if over <= 0 or program.is_smallest:
            break
        room = replace(room, flash=min(room.flash, program.chosen_flash) - over)
    more = choose(found, objective, replace(room, flash=program.chosen_flash - over))
    if objective == "speed" and over < 0 and more.cycles_estimated < program.cycles_estimated:
        larger = compiled(more)
        if larger[1].sizes.flash <= board.memory.flash_bytes:
            return more, *larger
        build_id, linked = compiled(program)
    return program, build_id, linked


def _limited(board: Board, flash_limit: int | None, ram_limit: int | None) -> Board:
    """The board with less memory than it has."""
    memory = board.memory
    flash = min(memory.flash_bytes, flash_limit or memory.flash_bytes)
    ram = min(memory.ram_bytes, ram_limit or memory.ram_bytes)
    return replace(board, memory=replace(memory, flash_bytes=flash, ram_bytes=ram))


def _compiled(
    program: Program,
    board: Board,
    folder: BuildFolder,
    source: Source,
    verifies: bool,
    naming: Naming,
    protocols: Protocols,
    progress: Progress,
) -> Compiled:
    """Write everything anew and compile it."""
    tree = mcu.source_tree(program, board.name, source.name, verifies, naming, protocols)
    revealed = _revealed(program, source)
    with writing_to(folder.path):
        shutil.rmtree(folder.path)
        folder.path.mkdir()
        write_tree(folder.sources, tree)
        folder.model.write_bytes(source.given)
        write_tree(folder.path, revealed)
    build_id = mcu.build_id(tree, board.name, naming)
    try:
        return build_id, _compile(board, folder, list(tree), protocols, progress)
    except OverflowingLink as overflow:
        return build_id, overflow


def _revealed(program: Program, source: Source) -> dict[str, bytes]:
    return revealed_files(source, [level.revealed for level in program.levels])


class NotFitting(DoesNotFitError):
    """The linked program is larger than the board."""

    def __init__(self, manifest: Manifest) -> None:
        over = [
            f"{name} {used:,} of {limit:,} bytes ({used - limit:,} too many)"
            for name, used, limit in (
                ("flash", manifest.flash_bytes, manifest.flash_limit),
                ("RAM", manifest.ram_bytes, manifest.ram_limit),
            )
            if used > limit
        ]
        remedies = [f"  use {remedy}" for remedy in manifest.would_fit] or ["  no board here is large enough"]
        super().__init__("\n".join([f"{manifest.model} does not fit {manifest.target}: {', '.join(over)}", *remedies]))
        self.manifest = manifest


def _compile(
    board: Board, folder: BuildFolder, paths: Sequence[str], protocols: Protocols, progress: Progress
) -> Linked:
    """The application."""
    part = board.application
    if protocols:
        part = replace(part, cflags=part.cflags + PROTOCOL_FLAGS)
    sources = [folder.sources / path for path in paths if path.endswith((".c", ".S"))]
    parts = (folder.sources / part for part in ("include", "model", "app", mcu.NANOPB))
    includes = [part for part in parts if part.is_dir()]
    linked = compile_and_link(
        board,
        part,
        sources,
        includes,
        folder.objects,
        "firmware",
        lambda done, total: progress("compiling", done, total, "file"),
    )
    return linked


def _manifest(
    program: Program,
    board: Board,
    core: str,
    source: Source,
    folder: BuildFolder,
    naming: Naming,
    protocols: Protocols,
    build_id: int,
    linked: Linked | OverflowingLink,
) -> Manifest:
    """All but the alternatives, the remedies and the protection."""
    memory, sizes = board.memory, linked.sizes
    symbols = [(symbol.removeprefix(naming.code), size) for symbol, size in linked.symbols.items()]
    return Manifest(
        manifest_version=MANIFEST_VERSION,
        edge_tr_version=__version__,
        model=source.name,
        model_sha256=program.sha256,
        notes=free_notes(source.graph)
        + host_notes(source.graph)
        + pad_notes(source.graph, program.alive.graph)
        + protocols.notes,
        target=str(board.name),
        board_folder="" if boards.ships(board) else str(board.folder),
        budget=str(program.budget),
        build_id=f"{build_id:016x}",
        name=naming.prefix,
        core=core,
        clock_mhz=board.clock_mhz,
        flash_bytes=sizes.flash,
        flash_limit=memory.flash_bytes,
        ram_bytes=sizes.ram,
        ram_limit=memory.ram_bytes,
        ram=_ram(program, board, folder, linked),
        arena_bytes=program.memory.size,
        arena_lower_bound=program.memory.lower_bound,
        arena=program.regions,
        fits=sizes.flash <= memory.flash_bytes and sizes.ram <= memory.ram_bytes,
        cycles_estimated=program.cycles_estimated,
        alternatives=(),
        would_fit=(),
        protection=Protection(0, None, False),
        **tensor_records(program.alive.graph),
        layers=tuple(_layer_record(program, source, layer, symbols) for layer in program.layers),
        levels=_levels(program, source),
    )


def _ram(program: Program, board: Board, folder: BuildFolder, linked: Linked | OverflowingLink) -> RamRecord:
    """What of the program's RAM is what; the link's buffers are static variables of one name."""
    arena, states, stack = program.memory.size, program.memory.beside, board.memory.stack_bytes
    link = linked.symbols.get(LINK_BUFFER, 0)
    data = linked.sizes.ram - stack - arena - states - link
    bound = _stack(folder, linked)
    return RamRecord(arena, states, link, data, stack, bound.bytes, bound.note)


def _stack(folder: BuildFolder, linked: Linked | OverflowingLink) -> Stack:
    if not isinstance(linked, Linked) or linked.image is None:
        return Stack(None, "no program of a board was linked")
    try:
        return worst_case(linked.elf, folder.objects)
    except ToolMissingError as error:
        return Stack(None, str(error))


def _levels(program: Program, source: Source) -> tuple[LevelRecord, ...]:
    """Every budget of the program, one or more."""
    dots = [product.dot for product in program.products]
    sizes = [[(dot.weights, dot.terms_at(level), dot.macs) for dot in dots] for level in range(len(program.levels))]
    cycles = [sum(dot.cycles_at(level) for dot in dots) for level in range(len(program.levels))]
    return level_records([level.budget for level in program.levels], _revealed(program, source), sizes, cycles)


def _layer_record(program: Program, source: Source, layer: Layer, symbols: Symbols) -> LayerRecord:
    """An operator that is made of dot products has the sums of their figures."""
    graph = program.alive.graph
    parts = tuple(_part_record(program, source, product, symbols) for product in layer.products)
    channels = program.alive.channels.get(layer.output)
    weights, terms = (sum(getattr(part, name) for part in parts) for name in ("weights", "terms"))
    computed = {
        tensor: name for tensor, name in names_of(graph).items() if tensor in {of.output for of in program.layers}
    }
    return LayerRecord(
        name=layer.name,
        op=layer.op.kind,
        index=layer.op.index,
        tensor=layer.tensor_name,
        tensor_index=layer.output,
        tensor_bytes=layer.output_bytes,
        channels_removed=channels.removed if channels else 0,
        macs=sum(part.macs for part in parts),
        macs_removed=sum(product.macs_removed for product in layer.products),
        weights=weights,
        terms=terms,
        terms_per_weight=round(terms / weights, 4) if weights else 0.0,
        budget="; ".join(dict.fromkeys(part.budget for part in parts)),
        data_terms=parts[0].data_terms if layer.dot is not None else None,
        kernel=layer.kernel_name,
        flash_bytes=_size_of(layer.name, symbols),
        cycles_estimated=sum(part.cycles_estimated for part in parts) if parts else None,
        parts=parts if layer.parts else (),
        shape=graph.tensor(layer.output).shape,
        reads=reads_of(graph, computed, layer.op),
        considered=parts[0].considered if layer.dot is not None else (),
        histogram=_histogram(program, source, layer.products) if parts else NO_TERMS,
    )


def _histogram(program: Program, source: Source, products: Sequence[Product]) -> TermsRecord:
    """Of some dot products."""
    as_given = {op.index: op.record.weights for op in dots(source.model)}
    return histogram(
        [as_given[product.index] for product in products],
        [program.revealed[product.index] for product in products],
        [product.dot.params.weights for product in products],
    )


def _part_record(program: Program, source: Source, product: Product, symbols: Symbols) -> PartRecord:
    dot = product.dot
    return PartRecord(
        name=product.name,
        index=product.index,
        macs=dot.macs,
        weights=dot.weights,
        terms=dot.terms,
        terms_per_weight=round(dot.terms / dot.weights, 4),
        budget=str(dot.setting),
        data_terms=dot.setting.data_terms,
        kernel=dot.kernel.name,
        flash_bytes=_size_of(in_c(product.name), symbols),
        cycles_estimated=dot.estimate.cycles,
        considered=considered(program.found.options[product.index]),
        histogram=_histogram(program, source, [product]),
    )


def _size_of(name: str, symbols: Symbols) -> int:
    """Bytes of what is called so in C, or begins so."""
    return sum(size for symbol, size in symbols if symbol == name or symbol.startswith(f"{name}_"))


def flash(folder: BuildFolder, board: Board, port: str | None, progress: Progress, line: Line = DIRECT) -> FlashResult:
    """Put a build onto its board: through `port`, into the memory of the emulated board, or where it is found."""
    image = _image(folder, board)
    emulated = port is None and board.emulator is not None
    with changed_state(folder) if emulated else contextlib.nullcontext(folder.state) as state:
        return flash_image(
            board,
            image,
            port,
            state,
            line=line,
            loader_elf=folder.loader if folder.loader.is_file() else None,
            folder=folder,
            progress=lambda done, total: progress("flashing", done, total, "B"),
        )


def _image(folder: BuildFolder, board: Board) -> bytes:
    """What is flashed. An image has a CRC; a program of this computer has none, but lies in the folder twice."""
    try:
        image = read_bytes(folder.image, MAX_BINARY)
        damaged = not board.toolchain.freestanding and image != read_bytes(folder.elf, MAX_BINARY)
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder.path} cannot be read ({error}): build again") from error
    if damaged:
        raise DeviceError(f"the program is damaged: {folder.image} differs from {folder.elf.name}; build again")
    return image


@contextlib.contextmanager
def connect(board: Board, folder: BuildFolder, port: str | None, line: Line = DIRECT) -> Iterator[Device]:
    """The board behind `port`, or an emulator that runs while the context lasts."""
    if port is not None or board.emulator is None:
        port = port_of(board, board.link.usb, port, line)
        with open_port(port, line.baud or board.link.baud, board.link.parity, line.wait_seconds) as serial_port:
            yield _device(board, Link(serial_port))
        return
    loader = folder.loader if folder.loader.is_file() else None
    with emulate(board, folder.state, loader_elf=loader) as running:
        try:
            with open_port(running.url, board.link.baud, board.link.parity) as serial_port:
                yield _device(board, Link(serial_port, EMULATED))
        except DeviceError as error:
            raise running.explain(str(error)) from error


@contextlib.contextmanager
def emulated(folder: BuildFolder, board: Board, progress: Progress) -> Iterator[Callable[[], RunningBoard]]:
    """What starts the emulated board with a copy of its memory, so that the folder is free for other commands; a board
    that nothing was flashed onto is flashed first."""
    if board.emulator is None:
        raise UsageError(
            f"{board.name} has no emulator: choose one of `edge-tr boards` that is verified in an emulator"
        )
    if not folder.state.is_dir():
        flash(folder, board, None, progress)
    with tempfile.TemporaryDirectory(prefix="edge-tr-") as name, contextlib.ExitStack() as running:
        state, loader = Path(name), None
        copy_state(folder, state)
        if folder.loader.is_file():
            loader = Path(shutil.copyfile(folder.loader, state / folder.loader.name))
        yield lambda: running.enter_context(emulate(board, state, loader_elf=loader))


def _device(board: Board, link: Link) -> Device:
    return Device(link, board.board_id, timer=_ticks(board))


def _ticks(board: Board) -> Counts | None:
    """What a tick is under the board's emulator, where that is known."""
    if board.emulator is None:
        return None
    program = " in ".join((*board.emulator.modules, board.emulator.program))
    if board.cycles_per_tick is not None:
        source = f"cycles counted by {program}, an emulator: not cycles of a board"
        return Counts(float(board.cycles_per_tick), "cycles", source)
    if board.instructions_per_tick is not None:
        source = f"instructions counted by {program} -icount, an emulator: not cycles of a board"
        return Counts(float(board.instructions_per_tick), "instructions", source)
    return None
