"""What a build for a microcontroller says of itself: build.json's records from a program and what was linked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_tr import __version__, boards
from edge_tr.boards import Board
from edge_tr.codegen.calls import in_c
from edge_tr.codegen.naming import Naming
from edge_tr.codegen.protocols import Protocols
from edge_tr.compiler.common import Source, level_records, revealed_files, tensor_records
from edge_tr.compiler.figures import considered, histogram, names_of, reads_of
from edge_tr.errors import ToolMissingError
from edge_tr.ir.float_ends import host_notes
from edge_tr.ir.free import free_notes
from edge_tr.lower.arena import Layer, Product
from edge_tr.lower.program import Program
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
from edge_tr.target.count_stack import Stack, worst_case
from edge_tr.target.toolchain import Linked, OverflowingLink

LINK_BUFFER = "buffer"
"""The symbol of the serial link's frames, in firmware/app."""

Symbols = Sequence[tuple[str, int]]
"""Names in C, those of generated code without its prefix, and their bytes."""


def revealed_of(program: Program, source: Source) -> dict[str, bytes]:
    """The model with the weights of each of the program's budgets, by file."""
    return revealed_files(source, [level.revealed for level in program.levels])


def manifest_of(
    program: Program,
    board: Board,
    core: str,
    source: Source,
    naming: Naming,
    protocols: Protocols,
    build_id: int,
    linked: Linked | OverflowingLink,
    stack: Stack,
) -> Manifest:
    """A build's manifest, all but the alternatives, the remedies and the protection. `linked` is measured, with what
    was reserved for the `stack`."""
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
        ram=_ram(program, linked, stack),
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


def _ram(program: Program, linked: Linked | OverflowingLink, stack: Stack) -> RamRecord:
    """What of the program's RAM is what; the link's buffers are static variables of one name."""
    arena, states, sizes = program.memory.size, program.memory.beside, linked.sizes
    link = linked.symbols.get(LINK_BUFFER, 0)
    data = sizes.ram - sizes.code_in_ram - sizes.stack - arena - states - link
    return RamRecord(arena, states, link, data, sizes.stack, stack.bytes, stack.note, sizes.code_in_ram)


def stack_of(folder: BuildFolder, elf: Path) -> Stack:
    """The most that the program's stack can take, as far as that is known."""
    try:
        return worst_case(elf, folder.objects)
    except ToolMissingError as error:
        return Stack(None, str(error))


def reserved_stack(board: Board, stack: Stack) -> int:
    """Bytes: the bound and the board's margin, or what board.toml says where there is no bound."""
    memory = board.memory
    return memory.stack_bytes if stack.bytes is None else stack.bytes + memory.stack_margin_bytes


def _levels(program: Program, source: Source) -> tuple[LevelRecord, ...]:
    """Every budget of the program, one or more."""
    dots = [product.dot for product in program.products]
    sizes = [[(dot.weights, dot.terms_at(level), dot.macs) for dot in dots] for level in range(len(program.levels))]
    cycles = [sum(dot.cycles_at(level) for dot in dots) for level in range(len(program.levels))]
    return level_records([level.budget for level in program.levels], revealed_of(program, source), sizes, cycles)


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
