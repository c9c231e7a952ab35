"""Fakes of what other people's boards flash by: a UF2 loader's drive, a debugger's drive, a program.

What a UF2 loader does is taken from github.com/microsoft/uf2, a debugger's drive from DAPLink's documentation.
tests/unit/test_flashers.py holds them to those rules, before our code meets them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = 512


@dataclass
class FakeUf2Loader:
    """A drive in a folder. `look` does what the chip does with sectors that came: blocks of its family are written, and
    when it has all that the file claims it restarts: the drive is gone."""

    drive: Path
    board_id: str
    family: int
    flash: dict[int, bytes] = field(default_factory=dict)  # payloads by address
    running: bool = False

    def __post_init__(self) -> None:
        self.drive.mkdir(parents=True)
        said = f"UF2 Bootloader v3.0\r\nModel: a fake\r\nBoard-ID: {self.board_id}\r\n"
        (self.drive / "INFO_UF2.TXT").write_bytes(said.encode())

    def look(self) -> None:
        files = [path for path in sorted(self.drive.iterdir()) if path.name != "INFO_UF2.TXT"]
        sectors = b"".join(path.read_bytes() for path in files)
        seen: set[int] = set()
        for at in range(0, len(sectors) - BLOCK + 1, BLOCK):
            sector = sectors[at : at + BLOCK]
            start, second, flags, address, size, number, total, family = struct.unpack_from("<8I", sector)
            magic = (start, second, *struct.unpack_from("<I", sector, BLOCK - 4))
            if magic != (0x0A324655, 0x9E5D5157, 0x0AB16F30) or flags & 1 or not flags & 0x2000:
                continue
            if family != self.family or size > 476:
                continue
            self.flash[address] = sector[32 : 32 + size]
            seen.add(number)
            if len(seen) == total:
                self._restart()
                return

    def _restart(self) -> None:
        self.running = True
        for path in self.drive.iterdir():
            path.unlink()
        self.drive.rmdir()


@dataclass
class FakeDebugger:
    """A drive that takes Intel HEX, and says in FAIL.TXT what it did not take."""

    drive: Path
    flash: dict[int, int] = field(default_factory=dict)  # bytes by address

    def __post_init__(self) -> None:
        self.drive.mkdir(parents=True)

    def look(self) -> None:
        for path in self.drive.glob("*.hex"):
            high = 0
            for line in path.read_text().splitlines():
                record = bytes.fromhex(line[1:])
                if line[0] != ":" or sum(record) & 0xFF:
                    (self.drive / "FAIL.TXT").write_text("error: The hex file cannot be decoded.\r\ntype: user\r\n")
                    return
                if record[3] == 4:
                    high = int.from_bytes(record[4:6], "big") << 16
                elif record[3] == 0:
                    start = high + int.from_bytes(record[1:3], "big")
                    self.flash |= {start + index: byte for index, byte in enumerate(record[4:-1])}
            path.unlink()


def fake_program(folder: Path, name: str, code: int = 0) -> Path:
    """A program that writes its arguments to `name`.arguments, a line each, says something, and ends with `code`."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    log = folder / f"{name}.arguments"
    says = f"echo '{name} 1.2.3'; echo 'no board'"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{log}'\n{says}\nexit {code}\n")
    program.chmod(0o755)
    return log
