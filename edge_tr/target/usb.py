"""Boards found by the USB ids of their serial ports."""

from __future__ import annotations

import time
from collections.abc import Sequence

import serial.tools.list_ports

from edge_tr.boards import Board
from edge_tr.errors import DeviceError, UsageError
from edge_tr.target.port import WAIT_STEP_SECONDS, Line

FOUND = "usb"
"""As --port: the board's own, found by its ids, also where there is an emulator."""


def port_of(board: Board, ids: Sequence[str], port: str | None, line: Line) -> str:
    """`port`, or the only connected one with one of these ids; of several the one that is chosen."""
    if port not in (None, FOUND):
        return port
    if not ids:
        raise UsageError(
            f"{board.name} {'has no emulator' if port is None else 'is not found by USB'}: connect the board and give "
            "its --port"
        )
    deadline = time.monotonic() + line.wait_seconds
    while not (found := _matching(ids)):
        if time.monotonic() >= deadline:
            raise DeviceError(
                f"no serial port is {board.name}'s (USB {' or '.join(ids)}): connect the board, or give --port; there "
                f"are {_all_ports()}"
            )
        time.sleep(WAIT_STEP_SECONDS)
    return found[0] if len(found) == 1 else line.choose(f"{len(found)} boards may be {board.name}", found)


def _matching(ids: Sequence[str]) -> list[str]:
    ports = serial.tools.list_ports.comports()
    return sorted(port.device for port in ports if port.vid is not None and f"{port.vid:04x}:{port.pid:04x}" in ids)


def _all_ports() -> str:
    return ", ".join(sorted(port.device for port in serial.tools.list_ports.comports())) or "no serial ports"
