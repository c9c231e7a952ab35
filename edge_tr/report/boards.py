"""Boards for people: the list, and one of them in full; at most 100 columns wide."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from edge_tr.boards import Board, Reads, ships
from edge_tr.overlays import OverlayBoard
from edge_tr.report.summary import table
from edge_tr.report.terminal import WIDTH

STATES = {
    "hardware": "runs on hardware here",
    "emulator": "verified in an emulator",
    "simulated": "verified in co-simulation",
    "builds": "only builds: not verified",
}


def boards_text(boards: Sequence[Board], overlays: Sequence[OverlayBoard] = ()) -> str:
    """Every board by how far it is verified, its memory, what flashes it; then what of them is unverified."""
    rows: dict[str, list[tuple[str, ...]]] = {state: [] for state in STATES}
    for board in boards:
        sizes = (f"{size // 1024:,} KB" for size in (board.memory.flash_bytes, board.memory.ram_bytes))
        rows[board.verified].append((board.name, board.core, *sizes, flashed_by(board)))
    for overlay in overlays:
        flashers = " or ".join(command.program for command in overlay.serial.flashers) if overlay.serial else ""
        rows["simulated"].append((overlay.name, overlay.part, "", "", flashers or "the board's own PYNQ image"))
    head = ("board", "core", "flash", "RAM", "flashed by")
    lines = table([head, *(row for of in rows.values() for row in of)], left=(0, 1, 4)).splitlines()
    return "\n".join([*_grouped(lines, rows), "", *_compilers(boards), *_yours(boards), *_unverified(boards)])


def _grouped(lines: Sequence[str], rows: dict[str, list[tuple[str, ...]]]) -> Iterator[str]:
    """The head, and a line above those of one state."""
    yield from lines[:2]
    rest = iter(lines[2:])
    for state, of in rows.items():
        if of:
            yield f"-- {STATES[state]}"
            yield from (next(rest) for _ in of)


def flashed_by(board: Board) -> str:
    """In a few words."""
    nothing = "the emulator" if board.toolchain.freestanding else "this computer"
    own = {"an3155": "AN3155, built in", "mcumgr": "MCUmgr, by smpclient", "none": nothing, "command": ""}
    first = own.get(board.flash.protocol, f"drive {board.flash.drive}")
    ways = [*([first] if first else []), *(command.program for command in board.flash.commands)]
    return " or ".join([", ".join(ways[:-1]), ways[-1]] if len(ways) > 1 else ways)


def _compilers(boards: Iterable[Board]) -> Iterator[str]:
    """Which one is for which cores, and which emulator for which boards."""
    cores: dict[str, set[str]] = {}
    emulators: dict[str, list[str]] = {}
    for board in boards:
        cores.setdefault(f"{board.toolchain.prefix}gcc", set()).add(board.core)
        if board.emulator and board.emulator.package:
            program = " with ".join((board.emulator.program, *board.emulator.modules))
            emulators.setdefault(program, []).append(board.name)
    for tool, of in [*((tool, sorted(of)) for tool, of in cores.items()), *emulators.items()]:
        yield from _wrapped(f"{tool}: {', '.join(of)}")


def _yours(boards: Iterable[Board]) -> Iterator[str]:
    for board in boards:
        if not ships(board):
            yield f"{board.name} is yours: {board.folder}"


def _unverified(boards: Iterable[Board]) -> Iterator[str]:
    listed = [(board.name, board.doubts) for board in boards if board.doubts]
    if listed:
        yield from ("", "unverified:")
    for name, what in listed:
        yield from _wrapped(f"{name}: {'; '.join(what)}")


def board_text(board: Board) -> str:
    """All that a person wants to know of one."""
    memory, link = board.memory, board.link
    parity = "" if link.parity == "none" else f", {link.parity} parity"
    usb = f", USB {' or '.join(link.usb)}" if link.usb else ""
    lines = [
        f"{board.name}: {board.description}",
        f"state: {STATES[board.verified]}",
        *(f"unverified: {what}" for what in board.doubts),
        f"core: {board.core}, compiled by {board.toolchain.prefix}gcc (apt-get install {board.toolchain.package})",
        f"flash: {memory.flash_bytes:,} bytes at {memory.flash_origin:#x}",
        f"RAM: {memory.ram_bytes:,} bytes at {memory.ram_origin:#x}, of which builds reserve the bound of "
        f"their stack and {memory.stack_margin_bytes:,}",
        *([reads_text(board.reads)] if board.reads else []),
        f"link: {link.baud} baud{parity}{usb}",
        f"flashed by: {flashed_by(board)}",
        f"to be flashed: {board.flash.help}",
        *(f"{command.program}: {command.install}" for command in board.flash.commands),
        *(f"  runs {shlex.join([command.program, *command.arguments])}" for command in board.flash.commands[:1]),
        f"costs counted on: {board.counts_on or board.name}",
        *([f"emulator: {board.emulator.program} ({board.emulator.package})"] if board.emulator else []),
        f"folder: {board.folder}",
        *(f"manual: {manual}" for manual in board.manuals),
    ]
    return "\n".join(line for text in lines for line in _wrapped(text))


def reads_text(reads: Reads) -> str:
    """What code and constants are read through, and who says so."""
    parts = [f"{reads.width} bytes an access, {reads.wait_states} wait states at {reads.clock_hz / 1e6:g} MHz"]
    parts += ["prefetch"] if reads.prefetch else []
    for name, cache in (("code", reads.code_cache), ("constants", reads.data_cache)):
        if cache is not None:
            both = " and constants" if reads.unified else ""
            ways = f", {cache.ways} ways" if cache.ways else ""
            parts.append(f"cache of {cache.lines} lines of {cache.line_bytes} bytes for {name}{both}{ways}")
    if reads.code_ram is not None:
        parts.append(f"code runs from {reads.code_ram.bytes:,} bytes of RAM at {reads.code_ram.origin:#x}")
    return f"reads: {', '.join(parts)} ({reads.manual})"


def _wrapped(text: str) -> list[str]:
    """Lines of at most WIDTH, names with hyphens whole."""
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
