"""What is wrong in a board.toml whose every key is right."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from fractions import Fraction

from edge_tr.boards.board import Board
from edge_tr.boards.tables import Cache
from edge_tr.files.reading import is_file


def inconsistencies(board: Board) -> Iterator[str]:
    """What no single key shows."""
    yield from _flash_inconsistencies(board)
    yield from _mcuboot_inconsistencies(board)
    yield from _reads_inconsistencies(board)
    if board.name != board.folder.name:
        yield f"name: {board.name!r} is not the folder's name {board.folder.name!r}"
    paths = [*board.sources.files, *board.sources.loader_files]
    paths += [board.sources.linker_script] if board.sources.linker_script else []
    paths += [*board.boot.files, board.boot.linker_script] if board.boot else []
    yield from (f"sources: no file {path}" for path in paths if not is_file(board.file(path)))
    if board.toolchain.freestanding and board.sources.linker_script is None:
        yield "sources.linker_script: needed, because toolchain.freestanding"
    if board.loader and not (board.flash.protocol == "an3155" and board.flash.pages):
        yield 'loader: needs flash.protocol = "an3155" and flash.pages'
    if (board.verified == "emulator") != (board.emulator is not None) and board.verified != "hardware":
        yield f"verified: {board.verified!r} does not go with {'an' if board.emulator else 'no'} emulator"
    if board.emulator is None and board.counts_on is None:
        yield "counts_on: needed where there is no [emulator]"
    if board.emulator and bool(board.emulator.placed) == (board.loader is not None):
        yield "emulator.placed: needed without a [loader], and wrong with one"
    for key in ("instructions_per_tick", "cycles_per_tick") if board.emulator else ():
        if not _is_fraction(getattr(board.emulator, key)):
            yield f"emulator.{key}: {getattr(board.emulator, key)!r} is not like 1 or 5/8"
    if board.emulator and "0" not in (board.emulator.instructions_per_tick, board.emulator.cycles_per_tick):
        yield 'emulator.cycles_per_tick: needs instructions_per_tick = "0"'
    for argument in _unknown(board.emulator.arguments if board.emulator else (), _EMULATOR_PLACES):
        yield f"emulator.arguments: {argument!r} has in braces what is none of {_listed(_EMULATOR_PLACES)}"
    yield from _overlaps(board)


_EMULATOR_PLACES = {"listener", "flash", "loader", "image", "image_hex", "boot", "common", "modules", "flash_origin"}
MCUBOOT_HEADER = 32
"""Bytes of MCUboot's own header; the rest is padding."""
MOST_SECTORS = 32
"""Accesses to flash that fill a line of a cache."""
_PLACES = {"elf", "bin", "hex", "uf2", "address", "offset", "port"}


def _flash_inconsistencies(board: Board) -> Iterator[str]:
    flash = board.flash
    if flash.protocol in ("uf2", "drive") and not flash.drive:
        yield f"flash.drive: needed for flash.protocol = {flash.protocol!r}"
    if flash.protocol == "uf2" and not flash.family:
        yield 'flash.family: needed for flash.protocol = "uf2"'
    if flash.protocol == "command" and not flash.commands:
        yield 'flash.commands: needed for flash.protocol = "command"'
    if flash.base is not None and flash.base > board.memory.flash_origin:
        yield "flash.base: behind memory.flash_origin"
    for ids in (*flash.usb, *board.link.usb):
        if not re.fullmatch("[0-9a-f]{4}:[0-9a-f]{4}", ids):
            yield f"usb: {ids!r} is not like 0483:374b"
    for command in flash.commands:
        for argument in _unknown(command.arguments, _PLACES):
            yield f"flash.commands: {argument!r} of {command.program} has in braces what is none of {_listed(_PLACES)}"


def _unknown(arguments: Iterable[str], places: Iterable[str]) -> Iterator[str]:
    """Those with other braces than around `places`."""
    for argument in arguments:
        left = re.sub("{(" + "|".join(places) + ")}", "", argument)
        if "{" in left or "}" in left:
            yield argument


def _listed(places: Iterable[str]) -> str:
    return ", ".join(sorted(places))


def _mcuboot_inconsistencies(board: Board) -> Iterator[str]:
    mcuboot = board.mcuboot
    if (mcuboot is not None) != (board.flash.protocol == "mcumgr"):
        yield 'mcuboot: needed for flash.protocol = "mcumgr", and for no other'
    if mcuboot is None:
        return
    if mcuboot.align not in (1, 2, 4, 8, 16, 32):
        yield f"mcuboot.align: {mcuboot.align} is none of 1, 2, 4, 8, 16, 32"
    elif mcuboot.header_bytes < MCUBOOT_HEADER or mcuboot.header_bytes % mcuboot.align:
        yield f"mcuboot.header_bytes: {mcuboot.header_bytes} is less than {MCUBOOT_HEADER} or not aligned"
    if board.memory.flash_bytes + mcuboot.header_bytes > mcuboot.slot_bytes:
        yield "mcuboot.slot_bytes: less than header_bytes and memory.flash_bytes"
    if mcuboot.key is not None and not is_file(board.file(mcuboot.key)):
        yield f"mcuboot.key: no file {mcuboot.key}"


def _reads_inconsistencies(board: Board) -> Iterator[str]:
    reads = board.reads
    if reads is None:
        return
    if reads.clock_hz == 0:
        yield "reads.clock_hz: a core does not stand still"
    if not _is_power_of_two(reads.width):
        yield f"reads.width: {reads.width} is no power of two"
    if reads.staging_percent > 100:
        yield f"reads.staging_percent: {reads.staging_percent} is more than there is"
    for name in ("code_cache", "data_cache"):
        cache = getattr(reads, name)
        if cache is not None:
            yield from (f"reads.{name}.{problem}" for problem in _cache_problems(cache, max(reads.width, 1)))
    if reads.unified and (reads.code_cache is None or reads.data_cache is not None):
        yield "reads.unified: needs code_cache, which constants are read through, and no data_cache"
    memory, code = board.memory, reads.code_ram
    if code is not None and not memory.ram_origin < code.as_data <= memory.ram_origin + memory.ram_bytes:
        yield f"reads.code_ram: {code.as_data:#x} is not in memory's RAM, behind its first byte"


def _cache_problems(cache: Cache, width: int) -> Iterator[str]:
    if not _is_power_of_two(cache.line_bytes) or cache.line_bytes < width:
        yield f"line_bytes: {cache.line_bytes} is no power of two, or less than an access to flash gives"
    elif cache.line_bytes > MOST_SECTORS * width:
        yield f"line_bytes: {cache.line_bytes} is more than {MOST_SECTORS} accesses to flash"
    if cache.lines == 0 or (cache.ways and cache.lines % cache.ways):
        yield f"lines: {cache.lines} does not make sets of {cache.ways or 'any'} ways"


def _is_power_of_two(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


def _is_fraction(text: str) -> bool:
    try:
        return Fraction(text) >= 0
    except (ValueError, ZeroDivisionError):
        return False


def _overlaps(board: Board) -> Iterator[str]:
    memory = board.memory
    regions = {
        "flash": (memory.flash_origin, memory.flash_bytes),
        "ram": (memory.ram_origin, memory.ram_bytes),
    }
    if board.boot:
        regions["boot"] = (board.boot.origin, board.boot.bytes)
    if board.loader:
        regions["loader"] = (board.loader.origin, board.loader.bytes)
    items = sorted(regions.items(), key=lambda item: item[1])
    for (low, (start, size)), (high, (next_start, _)) in itertools.pairwise(items):
        if start + size > next_start:
            yield f"memory: {low} and {high} overlap"
    if memory.stack_bytes > memory.ram_bytes:
        yield "memory.stack_bytes: more than ram_bytes"
    if memory.stack_margin_bytes > memory.stack_bytes:
        yield "memory.stack_margin_bytes: more than stack_bytes"
