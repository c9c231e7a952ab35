"""What is there of what boards need: programs with their versions, Python packages, serial ports and drives."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata

import serial.tools.list_ports

from edge_tr.boards import Board, Command
from edge_tr.target import drives
from edge_tr.target.tools import find_tool, module_folder, node_folder

_ASKING_SECONDS = 10.0
REFERENCES = ("tflite-runtime", "ai-edge-litert")
COUNTING = ("unicorn", "capstone", "pyelftools")
"""Packages of `edge-tr bench`."""


@dataclass(frozen=True)
class Finding:
    """One thing, on one line.

    found    its version or what is known of it; None: it is missing
    used_by  what wants it
    remedy   what to do where it is missing or cannot be used
    needed   whether nothing goes without it
    usable   False for a port that may not be opened
    """

    what: str
    found: str | None
    used_by: str
    remedy: str
    needed: bool = False
    usable: bool = True


def examine(boards: Sequence[Board], one: bool) -> list[Finding]:
    """What these boards want; `one`: a single board was asked for, so that its flasher is needed too."""
    found = [Finding("python", sys.version.split()[0], "edge-tr", "")]
    found += [
        _reference(),
        *_counting(boards),
        *_compilers(boards),
        *_emulators(boards),
        *_flashers(boards, one),
        *_mcuboot(boards),
    ]
    return [*found, *_ports(boards), *_drives(boards)]


def _package(name: str) -> str | None:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    return None


def _reference() -> Finding:
    """One of the interpreters."""
    name = next(filter(_package, REFERENCES), REFERENCES[0])
    return Finding(name, _package(name), "check", f"pip install {' or '.join(REFERENCES)}", needed=True)


def _counting(boards: Sequence[Board]) -> Iterator[Finding]:
    """The compiler is one of `_compilers` where the host is among the boards."""
    for name in COUNTING:
        yield Finding(name, _package(name), "bench", "pip install edge-tr[bench]")
    if all(board.toolchain.prefix for board in boards):
        yield _program("gcc", ["bench"], "apt-get install gcc", needed=False)


def _compilers(boards: Sequence[Board]) -> Iterator[Finding]:
    for prefix, package in dict.fromkeys((board.toolchain.prefix, board.toolchain.package) for board in boards):
        users = [board.name for board in boards if board.toolchain.prefix == prefix]
        yield _program(f"{prefix}gcc", users, f"apt-get install {package}", needed=True)


def _emulators(boards: Sequence[Board]) -> Iterator[Finding]:
    wanted = [(board.name, board.emulator) for board in boards if board.emulator and board.emulator.package]
    for program, package in dict.fromkeys((emulator.program, emulator.package) for _, emulator in wanted):
        users = [name for name, emulator in wanted if emulator.program == program]
        yield _program(program, users, f"apt-get install {package}", needed=True)
    for module in dict.fromkeys(module for _, emulator in wanted for module in emulator.modules):
        users = [name for name, emulator in wanted if module in emulator.modules]
        remedy = f"npm install --prefix {node_folder()} {module}"
        yield Finding(module, _module_version(module), _brief(users), remedy, needed=True)


def _module_version(name: str) -> str | None:
    """Of a package of npm."""
    try:
        described = json.loads((module_folder(name) / "package.json").read_text(encoding="utf-8"))
        return str(described["version"])
    except (OSError, ValueError, KeyError):
        return None


def _flashers(boards: Sequence[Board], one: bool) -> Iterator[Finding]:
    """Of a board that has several, one is enough."""
    commands: dict[str, tuple[Command, list[str]]] = {}
    for board in boards:
        for command in board.flash.commands:
            commands.setdefault(command.program, (command, []))[1].append(board.name)
    some = any(find_tool(name) for name in commands)
    first = next(iter(commands), None)
    for name, (command, users) in commands.items():
        needed = one and boards[0].flash.protocol == "command" and not some and name == first
        yield _program(name, users, command.install, needed)


def _mcuboot(boards: Sequence[Board]) -> Iterator[Finding]:
    """Packages of Python, of which one is run as a program."""
    users = [board.name for board in boards if board.flash.protocol == "mcumgr"]
    for name in ("imgtool", "smpclient") if users else ():
        yield Finding(name, _package(name), _brief(users), "pip install edge-tr[mcuboot]", needed=True)


def _program(name: str, users: Sequence[str], remedy: str, needed: bool) -> Finding:
    path = find_tool(name)
    return Finding(name, None if path is None else _version(path), _brief(users), remedy, needed)


def _brief(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _version(path: str) -> str:
    """The first number with a point in what it prints of itself."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", timeout=_ASKING_SECONDS,
        )  # fmt: skip
        number = re.search(r"\d+(\.\d+)+", re.sub(r"\(.*?\)", "", done.stdout))
        if number:
            return number[0]
    return "version unknown"


def _ports(boards: Sequence[Board]) -> Iterator[Finding]:
    """Serial ports, the boards' own before others."""
    for port in sorted(serial.tools.list_ports.comports(), key=lambda port: (port.vid is None, port.device)):
        ids = "" if port.vid is None else f"{port.vid:04x}:{port.pid:04x}"
        users = [board.name for board in boards if ids in (*board.link.usb, *board.flash.usb)]
        usable = os.access(port.device, os.R_OK | os.W_OK)
        said = " ".join(word for word in (ids, port.description) if word and word != "n/a") or "a serial port"
        remedy = "" if usable else f"sudo usermod -aG {_group_of(port.device)} $USER, and log in again"
        yield Finding(port.device, said, _brief(users), remedy, usable=usable)


def _group_of(device: str) -> str:
    """Whose members may open it: dialout on Debian, uucp on others."""
    with contextlib.suppress(ImportError, OSError, KeyError):
        import grp  # not on every system

        return grp.getgrgid(os.stat(device).st_gid).gr_name
    return "dialout"


def _drives(boards: Sequence[Board]) -> Iterator[Finding]:
    for drive in drives.mounted():
        users = [board.name for board in boards if board.flash.drive and drives.is_the_boards(drive, board)]
        if users:
            usable = os.access(drive, os.W_OK)
            remedy = "" if usable else "mount it so that you may write to it"
            yield Finding(str(drive), "a drive", _brief(users), remedy, usable=usable)
