"""Flashers that others wrote, run as programs: esptool, picotool, bossac, OpenOCD and so on, as board.toml says."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_tr.boards import Board, Command
from edge_tr.errors import DeviceError, ToolMissingError
from edge_tr.target.port import Line
from edge_tr.target.tools import find_tool, variable_of
from edge_tr.target.usb import port_of

LONGEST = 600.0
"""Seconds for one flasher."""
_SHOWN_LINES = 5


def installed(board: Board) -> tuple[Command, str] | None:
    """The first of the board's flashers that is there, and its path."""
    found = ((command, find_tool(command.program)) for command in board.flash.commands)
    return next(((command, path) for command, path in found if path is not None), None)


def missing(board: Board) -> str:
    """What to install, where none is there."""
    choices = (f"{command.program} ({command.install})" for command in board.flash.commands)
    variable = variable_of(board.flash.commands[0].program)
    return f"{board.name} is flashed by a program that is not installed: get {', or '.join(choices)}, or set {variable}"


def run(board: Board, files: Mapping[str, Path], port: str | None, line: Line) -> str:
    """Flash by a program; its command, for people. ToolMissingError without one, DeviceError if it fails."""
    chosen = installed(board)
    if chosen is None:
        raise ToolMissingError(f"{missing(board)} to its path")
    command, path = chosen
    return launched(command, [path, *_filled(board, command, files, port, line)], board.flash.help)


def launched(command: Command, words: Sequence[str], help: str) -> str:
    """Run a flasher; its command line, for people. DeviceError with `help` if it fails."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", timeout=LONGEST,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"{command.program} did not finish within {LONGEST:.0f} s: {help}") from error
    except OSError as error:
        raise ToolMissingError(f"{words[0]} could not be started: {error}") from error
    if done.returncode:
        said = "\n".join(done.stdout.strip().splitlines()[-_SHOWN_LINES:])
        raise DeviceError(f"{shlex.join(words)} ended with code {done.returncode}: {said}\n{help}")
    return shlex.join([command.program, *words[1:]])


def needs_port(command: Command) -> bool:
    """Whether it goes through a serial port."""
    return any("{port}" in argument for argument in command.arguments)


def _filled(board: Board, command: Command, files: Mapping[str, Path], port: str | None, line: Line) -> list[str]:
    values = {name: str(path) for name, path in files.items()}
    values |= {"address": f"{board.memory.flash_origin:#x}", "offset": f"{board.flash_offset:#x}"}
    if needs_port(command):
        values["port"] = port_of(board, board.flash.usb or board.link.usb, port, line)
    return [argument.format_map(values) for argument in command.arguments]
