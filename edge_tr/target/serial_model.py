"""The accelerator behind a serial line as a Verilated model, and its line as a pyserial port: time only passes in it
while somebody reads.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

from edge_tr.formats.accelerator import Configuration
from edge_tr.formats.emit import sv_package
from edge_tr.resources import folder
from edge_tr.target.cosim import Design, sources

TOP = "tr_serial"
CLOCKS_PER_BIT = 4
"""Of the simulated line: the fewest that the receiver can do with, as every one of them is simulated."""
QUIET_CYCLES = 30_000
"""Until a read gives up, as a port does after its timeout: more than the longest frame takes."""


def rtl_texts(configuration: Configuration) -> dict[str, bytes]:
    """The RTL of a configuration, by name of a file, in the order in which it is read."""
    rtl = folder("rtl")
    files = (*sources(rtl), *sources(rtl / "ecp5"))
    texts = {path.name: path.read_bytes() for path in files}
    return texts | {"tr_formats_pkg.sv": sv_package(configuration).encode()}


def design(configuration: Configuration) -> Design:
    """What is simulated where there is no board."""
    return of_texts(rtl_texts(configuration), ("-Wall", f"-GCLOCKS_PER_BIT={CLOCKS_PER_BIT}"))


def of_texts(texts: dict[str, bytes], options: tuple[str, ...]) -> Design:
    """A design whose top has this module's ports, with CLOCKS_PER_BIT."""
    harness = folder("rtl") / "sim" / "serial.cpp"
    return Design(TOP, texts, harness, options, (f"CLOCKS_PER_BIT={CLOCKS_PER_BIT}",))


class ModelPort:
    """What of a pyserial port `exchange.Exchange` uses."""

    def __init__(self, library: Path) -> None:
        self._lib = ctypes.CDLL(str(library))
        self._lib.board_new.restype = ctypes.c_void_p
        self._lib.board_receive.restype = ctypes.c_size_t
        for name in ("board_run", "board_cycles"):
            getattr(self._lib, name).restype = ctypes.c_uint64
        self._self = ctypes.c_void_p(self._lib.board_new())

    def close(self) -> None:
        """Free the model; it must not be used afterwards."""
        if self._self:
            self._lib.board_delete(self._self)
            self._self = None

    def __enter__(self) -> ModelPort:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, data: bytes) -> int:
        """Queue bytes for the line."""
        self._lib.board_send(self._self, bytes(data), ctypes.c_size_t(len(data)))
        return len(data)

    def read(self, count: int) -> bytes:
        """Up to `count` bytes; fewer if none comes for QUIET_CYCLES."""
        buffer, got = ctypes.create_string_buffer(count), 0
        while got < count:
            if self._lib.board_run(self._self, ctypes.c_uint64(QUIET_CYCLES)) == QUIET_CYCLES:
                break
            got += self._lib.board_receive(self._self, ctypes.byref(buffer, got), ctypes.c_size_t(count - got))
        return buffer.raw[:got]

    @property
    def cycles(self) -> int:
        """Clock cycles since the model began."""
        return int(self._lib.board_cycles(self._self))
