"""An accelerator behind a serial line, as the package's driver takes it: registers, and streams in the place of a DMA.

The bridge on the other side (`rtl/ecp5/tr_bridge.sv`) has a queue for each stream. What the driver has handed over
moves whenever it looks at a register or asks whether a transfer is done.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from edge_tr.formats import frames
from edge_tr.formats.frames import COMMAND
from edge_tr.target.exchange import Exchange, Patience, Request

BEAT = 8  # bytes
_RESET, _CONTROL, _RECEIVED = 4, 0x00, 0x58  # registers of the AXI DMA that the driver uses


class Buffer(np.ndarray):
    """Memory of this computer with the methods of pynq's buffers; nothing has to be flushed."""

    def __enter__(self) -> Buffer:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to free."""

    def freebuffer(self) -> None:
        """Nothing to free."""

    def invalidate(self) -> None:
        """There is no cache."""


class SerialAccelerator:
    """Registers, both channels and the DMA's own registers; DeviceError with cause and remedy if the line fails."""

    def __init__(self, port: object, patience: Patience) -> None:
        self._exchange = Exchange(port, patience)
        self.sendchannel, self.recvchannel = _Sending(self), _Receiving(self)
        self._flush()

    # --- the accelerator's registers ---

    def read_register(self, offset: int) -> int:
        """uint32; streams move on first."""
        self.move()
        access = frames.REGISTER_ACCESS.pack(register=offset, value=0)
        return int.from_bytes(self.ask(Request(COMMAND.READ_REGISTER, access, reply_bytes=4)), "little")

    def write_register(self, offset: int, value: int) -> None:
        """uint32."""
        self.ask(Request(COMMAND.WRITE_REGISTER, frames.REGISTER_ACCESS.pack(register=offset, value=value)))

    # --- in the place of pynq's AxiDMA ---

    def read(self, offset: int) -> int:
        """A register of the DMA: how much was received; others are 0."""
        return self.recvchannel.done if offset == _RECEIVED else 0

    def write(self, offset: int, value: int) -> None:
        """A register of the DMA: its reset forgets both streams."""
        if offset == _CONTROL and value & _RESET:
            self._flush()

    def _flush(self) -> None:
        self.ask(Request(COMMAND.FLUSH_STREAMS))
        self.sendchannel.forget()
        self.recvchannel.forget()

    def move(self) -> None:
        """What the queues take and have."""
        self.sendchannel.move()
        self.recvchannel.move()

    # --- frames ---

    def ask(self, request: Request) -> bytes:
        return self._exchange.ask(lambda longest: request)[1]

    def send(self, offset: int, data: memoryview) -> int:
        """Offer the beginning of what the input stream has from byte `offset` on; bytes taken since the last flush."""
        return int.from_bytes(self._exchange.ask(partial(_sent, offset, data))[1], "little")

    def receive(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes of the output stream from `offset` on."""
        return self._exchange.ask(partial(_wanted, offset, count))[1]


def _sent(offset: int, data: memoryview, longest: int) -> Request:
    chunk = data[: (longest - frames.TRANSFER.size) // BEAT * BEAT]
    ends = int(len(chunk) == len(data))
    head = frames.TRANSFER.pack(offset=offset, count=len(chunk), layer=ends)
    return Request(COMMAND.SEND_STREAM, head + bytes(chunk), reply_bytes=4)


def _wanted(offset: int, count: int, longest: int) -> Request:
    transfer = frames.TRANSFER.pack(offset=offset, count=min(count, longest // BEAT * BEAT))
    return Request(COMMAND.RECEIVE_STREAM, transfer, reply_bytes=None)


class _Channel:
    """A direction. `error`: never; what goes wrong on the line is raised."""

    error = False

    def __init__(self, board: SerialAccelerator) -> None:
        self._board = board
        self.forget()

    def forget(self) -> None:
        """As after a flush."""
        self._at, self.done, self._size = 0, 0, 0

    def start(self) -> None:
        """It runs always."""

    def transfer(self, buffer: np.ndarray, nbytes: int | None = None) -> None:
        """Begin to move a buffer, or its first `nbytes`."""
        self._bytes = buffer.view(np.uint8)[:nbytes].data
        self.done, self._size = 0, len(self._bytes)
        self._board.move()

    @property
    def idle(self) -> bool:
        """Whether all has moved."""
        self._board.move()
        return self.done == self._size


class _Sending(_Channel):
    """Into the accelerator."""

    def move(self) -> None:
        """As much as there is room for."""
        while self.done < self._size:
            taken = self._board.send(self._at, self._bytes[self.done :])
            moved, self._at = (taken - self._at) & 0xFFFFFFFF, taken
            self.done += moved
            if not moved:
                break


class _Receiving(_Channel):
    """Out of it."""

    def move(self) -> None:
        """As much as is there."""
        while self.done < self._size:
            data = self._board.receive(self._at, self._size - self.done)
            self._bytes[self.done : self.done + len(data)] = data
            self.done += len(data)
            self._at = (self._at + len(data)) & 0xFFFFFFFF
            if not data:
                break


class Registers:
    """What the driver knows as the accelerator."""

    def __init__(self, board: SerialAccelerator) -> None:
        self._board = board

    def read(self, offset: int) -> int:
        """uint32."""
        return self._board.read_register(offset)

    def write(self, offset: int, value: int) -> None:
        """uint32."""
        self._board.write_register(offset, value)

    def allocate(self, size: int, dtype: type) -> Buffer:
        """Zeros."""
        return np.zeros(size, dtype).view(Buffer)
