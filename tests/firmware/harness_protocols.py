"""Firmware with protocols on the fake board harness_protocols.c, and scripts of bytes and silences for it."""

from __future__ import annotations

from pathlib import Path

from edge_tr.boards import load
from edge_tr.codegen.mcu import NANOPB, source_tree
from edge_tr.codegen.protocols import protocols_of, wanted
from edge_tr.compiler.mcu import PROTOCOL_FLAGS
from edge_tr.graph import Graph
from edge_tr.lower.program import Program
from tests.clients.wire import Mlperf, St
from tests.firmware.harness_build import HERE, compile_c, run_c

GAP = 3
"""A silence that ends what has begun, in units of 100 ms."""
LONG = 25
"""One that no client of ST's takes while it is answered."""
MARK = b"\xfe\xed\xfa\xce" * 4


def compile_protocols(
    graph: Graph, program: Program, folder: Path, runtime: Path, names=("mlperf", "st"), benchmark=None
) -> Path:
    """The model behind frames and protocols, with all warnings as errors and under sanitizers."""
    spoken = protocols_of(wanted(names, benchmark), graph, load("host"))
    tree = source_tree(program, "host", "test.tflite", spoken=spoken)
    for path, data in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    includes = [folder / "model", folder / "include", folder / "app", folder / NANOPB]
    sources = [*sorted((folder / "model").glob("*.c")), *sorted((folder / "app").glob("*.c"))]
    sources += [*sorted((folder / NANOPB).glob("*.c")), HERE / "harness_protocols.c", runtime]
    return compile_c(folder / "program", sources, includes, PROTOCOL_FLAGS)


def received(data: bytes) -> bytes:
    """The script of bytes that come without a silence."""
    return b"".join(bytes([1, byte]) for byte in data)


def silence(tenths: int = GAP) -> bytes:
    return bytes([2, tenths])


def marked() -> bytes:
    """A place in the output."""
    return b"".join(bytes([3, byte]) for byte in MARK)


def said(program: Path, *scripts: bytes) -> list[bytes]:
    """What each script makes the board say, run one after the other with a silence before each."""
    whole = b"".join(marked() + silence() + script + silence(LONG) for script in scripts)
    banner, *parts = run_c(program, whole).split(MARK)
    assert banner in (b"m-init-done\r\nm-ready\r\n", b"")
    return parts


class Recorder:
    """A port that keeps what is written and answers what it was given: a client's side of a conversation whose replies
    are known, or not looked at."""

    def __init__(self, replies: bytes = b"") -> None:
        self.written, self._replies = b"", replies

    def write(self, data: bytes) -> None:
        self.written += data

    def read(self, count: int) -> bytes:
        data, self._replies = self._replies[:count], self._replies[count:]
        return data


class Replayed:
    """A port whose board is run anew for each conversation: `ask` is called until it has all replies."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def of(self, client: type[Mlperf] | type[St], ask):
        """What `ask(client)` gives, with the board's replies to what it writes."""
        replies = b""
        while True:
            port = Recorder(replies)
            try:
                return ask(client(port))
            except AssertionError:
                (more,) = said(self._program, received(port.written))
                if len(more) <= len(replies):
                    raise
                replies = more
