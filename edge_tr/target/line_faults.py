"""What adapters, terminals and serial servers do to bytes on their way, as users are told."""

from __future__ import annotations

from edge_tr.target.an3155 import Loader, ProtocolError

ECHO = "what is sent to this port comes back: switch the adapter's echo off, and see that TX is not wired to RX"
LINE_ENDS = "line ends are translated, LF to CRLF,"
RAW = "set the terminal, the adapter or the serial server in between to raw (binary) mode"
_TRIES = 3


def is_translated(sent: bytes, received: bytes) -> bool:
    """Whether they differ because each LF became CRLF; `received` may be cut short."""
    return sent != received and sent.replace(b"\n", b"\r\n").startswith(received)


def translates(loader: Loader, address: int) -> bool:
    """Whether the way to a loader makes LF CRLF: 12 bytes can be read at the address, and never 11, whose request holds
    an LF."""
    return any(_reads(loader, address, 12) for _ in range(_TRIES)) and not any(
        _reads(loader, address, ord("\n") + 1) for _ in range(_TRIES)
    )


def _reads(loader: Loader, address: int, count: int) -> bool:
    try:
        loader.recover()
        loader.read(address, count)
    except ProtocolError:
        return False
    return True
