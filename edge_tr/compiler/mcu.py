"""Builds for microcontrollers: C is generated, compiled and sealed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from edge_tr import boards
from edge_tr.boards import Board
from edge_tr.codegen import mcu
from edge_tr.codegen.naming import DEFAULT, Naming
from edge_tr.codegen.protocols import NOTHING, Protocols, Wanted, protocols_of
from edge_tr.compiler.alternatives import alternatives, would_fit
from edge_tr.compiler.bill import firmware_bill
from edge_tr.compiler.common import Progress, Source, no_progress, read_source, source_of, write_tree
from edge_tr.compiler.folders import claimed, replaced_build
from edge_tr.compiler.mcu_records import manifest_of, reserved_stack, revealed_of, stack_of
from edge_tr.compiler.rooms import LAYER_RAM, Compiled, Planned, expected_room, fastest
from edge_tr.compiler.sealing import UNPROTECTED, Protect, Sealing
from edge_tr.errors import DoesNotFitError, UsageError
from edge_tr.files.writing import writing_to
from edge_tr.kernels import KernelChoice, parse_choice
from edge_tr.kernels.machines import isa_of, planned_for
from edge_tr.kernels.waiting import Behind
from edge_tr.lower.program import Candidates, Limits, Program, explore, lower
from edge_tr.manifest import AloneRecord, BuildFolder, LevelRecord, Manifest
from edge_tr.target.count_stack import Stack
from edge_tr.target.toolchain import Linked, OverflowingLink, compile_and_link

PROTOCOL_FLAGS = ("-DTR_PROTOCOLS=1", '-DPB_SYSTEM_HEADER="tr_nanopb.h"', "-DPB_NO_ERRMSG=1")
"""What the compiler is told of protocols beside frames; nanopb is not to want a C library."""


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
    isa, choice = isa_of(core), parse_choice(list(kernels))
    percent = 100 if board.memory.ram_bytes < given.memory.ram_bytes else None

    def planned(hot: bool) -> Planned:
        found = explore(source.graph, source.budget, choice, isa, source.below, Behind.of(board, percent, hot))
        _check_kernel(choice, found)
        more_ram = protocols.ram_bytes + LAYER_RAM * len(found.ops)
        return Planned(found, expected_room(board, more_ram, hot), objective)

    def smallest(other: str | None, prescribed: Sequence[str]) -> int:
        cut = source if other is None else source_of(source.name, source.given, (other,))
        chosen = parse_choice(list(prescribed))
        return lower(cut.graph, cut.budget, chosen, isa, "size", below=cut.below).chosen_flash

    def compiled(program: Program, hot: bool) -> Compiled:
        return _compiled(program, board, folder, source, sealing.verifies, naming, protocols, hot, progress)

    program, (build_id, linked, stack) = fastest(planned, board, compiled)
    manifest = manifest_of(program, board, core, source, naming, protocols, build_id, linked, stack)
    estimates = [sum(product.dot.estimate.flash for product in layer.products) for layer in program.layers]
    layers = sum(min(estimate, record.flash_bytes) for estimate, record in zip(estimates, manifest.layers))
    is_fastest = objective == "speed" and manifest.fits and manifest.flash_limit == given.memory.flash_bytes
    memory = Behind.of(board, percent, linked.sizes.code_in_ram > 0)
    manifest = replace(
        manifest,
        levels=_with_alone(source, manifest, program, isa, objective, board, memory),
        alternatives=alternatives(program, linked.sizes, layers, given.memory, is_fastest),
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


def _with_alone(
    source: Source, manifest: Manifest, program: Program, isa: str, objective: str, board: Board, memory: Behind
) -> tuple[LevelRecord, ...]:
    """Of several levels, also what each would cost in a build of its own, with the kernels that suit it."""
    if len(manifest.levels) < 2:
        return manifest.levels
    beside = manifest.flash_bytes - program.chosen_flash
    arena = manifest.ram_limit - manifest.ram_bytes + manifest.arena_bytes
    room = Limits(flash=board.memory.flash_bytes - beside, ram=arena)
    levels = []
    for level, budget in zip(manifest.levels, (*source.below, source.budget), strict=True):
        own = lower(source.graph, budget, KernelChoice(), isa, objective, room, behind=memory)
        alone = AloneRecord(own.cycles_estimated, beside + own.chosen_flash)
        levels.append(replace(level, alone=alone))
    return tuple(levels)


def _check_kernel(choice: KernelChoice, found: Candidates) -> None:
    """A kernel that is named for all layers must hold for some."""
    wanted, options = choice.default, [dot.kernel for dots in found.options.values() for dot in dots]
    if wanted is not None and options and wanted not in options:
        able = sorted({kernel.name for kernel in options})
        raise UsageError(f"kernel {wanted.name} takes no layer of this model; use {' or '.join(able)}")


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
    hot: bool,
    progress: Progress,
) -> Compiled:
    """Write everything anew and compile it."""
    tree = mcu.source_tree(program, board.name, source.name, verifies, naming, protocols)
    revealed = revealed_of(program, source)
    with writing_to(folder.path):
        shutil.rmtree(folder.path)
        folder.path.mkdir()
        write_tree(folder.sources, tree)
        folder.model.write_bytes(source.given)
        write_tree(folder.path, revealed)
    build_id = mcu.build_id(tree, board.name, naming)
    stacks = [Stack(None, "a process of the host has its own stack")]

    def stack_for(elf: Path) -> int:
        stacks.append(stack_of(folder, elf))
        return reserved_stack(board, stacks[-1])

    linked: Linked | OverflowingLink
    try:
        linked = _compile(board, folder, list(tree), protocols, hot, stack_for, progress)
    except OverflowingLink as overflow:
        linked = overflow
    return Compiled(build_id, linked, stacks[-1])


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
        remedies = [f"  use {remedy.text}" for remedy in manifest.would_fit] or ["  no board here is large enough"]
        super().__init__("\n".join([f"{manifest.model} does not fit {manifest.target}: {', '.join(over)}", *remedies]))
        self.manifest = manifest


def _compile(
    board: Board,
    folder: BuildFolder,
    paths: Sequence[str],
    protocols: Protocols,
    hot: bool,
    stack_for: Callable[[Path], int],
    progress: Progress,
) -> Linked:
    """The application; `hot`: the runtime's code is to run from RAM."""
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
        hot,
        stack_for,
    )
    return linked
