"""A fake STM32: its ROM loader behind a TCP socket, with the geometry of an STM32L4R5.

It is called a fake because it is no ST code. What it does is taken from AN3155 and AN2606, and tests/system/
test_loader_contract.py holds it to the same contract as our real loader in an emulator. Where ST's ROM is
harsher, so is the fake: no time-out inside a request, and flash that takes a double word only once.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import xor

import serial.rfc2217

ACK, NACK, SYNC = 0x79, 0x1F, 0x7F
FLASH_ORIGIN = 0x0800_0000
DOUBLE_WORD = 8


Bytes = Generator[None, int, None]
"""Part of the chip's work: it waits where it yields, for the next byte."""


@dataclass
class Faults:
    """What goes wrong."""

    refuse_writes: int = 0  # NACK the next writes
    swallow_writes: int = 0  # do the next writes without an answer
    refuse_reads: int = 0  # NACK the next reads
    swallow_erases: int = 0  # do the next erases without an answer
    stuck_bit: int | None = None  # a flash offset whose bit 0 always reads as 1
    protected: bool = False  # read-out protection: Read, Write, Erase and Go are refused


@dataclass
class FakeStm32:
    """`running` is "rom" or "application"; the application answers every byte by "a"."""

    product_id: int = 0x470
    flash_bytes: int = 0x20_0000
    page_bytes: int = 0x1000
    flash: bytearray = field(init=False)
    running: str = field(init=False, default="rom")
    boot0: bool = False
    any_size: bool = False  # takes writes of any number of bytes anywhere, so that nothing but a checksum protects
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.flash = bytearray(b"\xff" * self.flash_bytes)
        self.writes: list[tuple[int, bytes]] = []  # offset and data of every one that was done
        self.erased: list[tuple[int, ...]] = []  # pages, likewise
        self.misled = False  # a byte came first that is no SYNC: a ROM that measures the speed by it may be lost
        self.sent = bytearray()
        self._awake = False  # SYNC has been seen since reset
        self._served = self._serve_for_ever()  # stays where it waits until a reset
        next(self._served)

    # --- the board around it -----------------------------------------------------

    def reset(self) -> None:
        """Boots from flash unless BOOT0 is high or the first word is erased (empty check, RM0432)."""
        empty = self.flash[:4] == b"\xff" * 4
        self.running = "rom" if self.boot0 or empty else "application"
        self._awake = self.misled = False
        self._served = self._serve_for_ever()
        next(self._served)

    def take(self, data: bytes) -> bytes:
        """What it answers to these bytes; what they leave undone goes on with the next ones."""
        for byte in data:
            self._served.send(byte)
        answer = bytes(self.sent)
        self.sent.clear()
        return answer

    def attach(self, connection: socket.socket) -> None:
        """Serve one connection until it closes."""
        with contextlib.suppress(OSError):
            while byte := connection.recv(1):
                if answer := self.take(byte):
                    connection.sendall(answer)

    # --- bytes ---------------------------------------------------------------------

    def _serve_for_ever(self) -> Bytes:
        while True:
            yield from self._serve()

    def _receive_bytes(self, count: int) -> Generator[None, int, bytes]:
        data = bytearray()
        for _ in range(count):
            data.append((yield))
        return bytes(data)

    def _send(self, *data: int) -> None:
        self.sent += bytes(data)

    # --- the protocol ----------------------------------------------------------------

    def _serve(self) -> Bytes:
        first = yield
        if self.running == "application":
            return self._send(ord("a"))
        if not self._awake:
            self._awake = first == SYNC
            self.misled = self.misled or not self._awake
            return self._send(ACK) if self._awake else None
        serve = self._commands().get(first)
        if (yield) != first ^ 0xFF or serve is None:
            return self._send(NACK)
        if self.faults.protected and first not in (0x00, 0x01, 0x02):
            return self._send(NACK)
        self._send(ACK)
        yield from serve() or ()

    def _commands(self):
        return {
            0x00: lambda: self._send(7, 0x31, 0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x44, ACK),
            0x01: lambda: self._send(0x31, 0, 0, ACK),
            0x02: lambda: self._send(1, self.product_id >> 8, self.product_id & 0xFF, ACK),
            0x11: self._read_memory,
            0x21: self._go,
            0x31: self._write_memory,
            0x44: self._extended_erase,
        }

    def _address(self) -> Generator[None, int, int | None]:
        """Offset into flash, after the answer; None if refused."""
        data = yield from self._receive_bytes(5)
        offset = int.from_bytes(data[:4], "big") - FLASH_ORIGIN
        good = reduce(xor, data) == 0 and 0 <= offset < self.flash_bytes
        self._send(ACK if good else NACK)
        return offset if good else None

    def _read_memory(self) -> Bytes:
        offset = yield from self._address()
        if offset is None:
            return
        count, check = yield from self._receive_bytes(2)
        if self.faults.refuse_reads:
            self.faults.refuse_reads -= 1
            return self._send(NACK)
        if count ^ check != 0xFF or offset + count + 1 > self.flash_bytes:
            return self._send(NACK)
        data = bytearray(self.flash[offset : offset + count + 1])
        stuck = self.faults.stuck_bit
        if stuck is not None and offset <= stuck <= offset + count:
            data[stuck - offset] |= 1
        self._send(ACK, *data)

    def _go(self) -> Bytes:
        if (yield from self._address()) is not None:
            self.running = "application"

    def _write_memory(self) -> Bytes:
        offset = yield from self._address()
        if offset is None:
            return
        count = (yield) + 1
        body = yield from self._receive_bytes(count + 1)
        fits = offset + count <= self.flash_bytes and (self.any_size or count % 4 == 0)
        good = reduce(xor, body, count - 1) == 0 and fits
        if self.faults.refuse_writes:
            self.faults.refuse_writes -= 1
            return self._send(NACK)
        if not good or not self._program(offset, body[:count]):
            return self._send(NACK)
        if self.faults.swallow_writes:
            self.faults.swallow_writes -= 1
            return
        self._send(ACK)

    def _program(self, offset: int, data: bytes) -> bool:
        """RM0432: a double word that is not erased cannot be written (PROGERR)."""
        if not self.any_size and (offset % DOUBLE_WORD or len(data) % DOUBLE_WORD):
            return False
        if any(byte != 0xFF for byte in self.flash[offset : offset + len(data)]):
            return False
        self.flash[offset : offset + len(data)] = data
        self.writes.append((offset, data))
        return True

    def _extended_erase(self) -> Bytes:
        code = int.from_bytes(head := (yield from self._receive_bytes(2)), "big")
        numbers = b"" if code >= 0xFFF0 else (yield from self._receive_bytes(2 * (code + 1)))
        good = reduce(xor, head + numbers) == (yield)
        pages = [int.from_bytes(numbers[i : i + 2], "big") for i in range(0, len(numbers), 2)]
        if not good or any(page >= self.flash_bytes // self.page_bytes for page in pages):
            return self._send(NACK)
        if code == 0xFFFF:
            pages = list(range(self.flash_bytes // self.page_bytes))
        elif not pages:
            return self._send(NACK)
        for page in pages:
            start = page * self.page_bytes
            self.flash[start : start + self.page_bytes] = b"\xff" * self.page_bytes
        self.erased.append(tuple(pages))
        if self.faults.swallow_erases:
            self.faults.swallow_erases -= 1
            return
        self._send(ACK)


class ClockedPort:
    """What host code wants of a pyserial port, in this process, on a clock that only moves while it is read."""

    port, baudrate, is_open = "in this process", 115200, True
    idle_seconds, byte_seconds = 0.01, 0.0  # that a read without a byte takes, and one with bytes

    def __init__(self) -> None:
        self.now = 0.0
        self._pending = bytearray()

    def read(self, count: int) -> bytes:
        self.now += self.byte_seconds if self._pending else self.idle_seconds
        taken = bytes(self._pending[:count])
        del self._pending[:count]
        return taken

    def reset_input_buffer(self) -> None:
        self._pending.clear()

    def monotonic(self) -> float:
        """Instead of time.monotonic."""
        return self.now


class InProcess(ClockedPort):
    """A port with a chip behind it, without sockets.

    lose_answer, lose_byte  numbers of the bytes from and to the chip that are lost on the way
    """

    def __init__(self, chip: FakeStm32, lose_answer: int | None = None, lose_byte: int | None = None) -> None:
        super().__init__()
        self.answered = self.written = 0  # bytes so far
        self._chip, self._lose_answer, self._lose_byte = chip, lose_answer, lose_byte

    def write(self, data: bytes) -> None:
        for byte in data:
            if self.written != self._lose_byte:
                self._answer(self._chip.take(bytes([byte])))
            self.written += 1

    def _answer(self, data: bytes) -> None:
        lost = None if self._lose_answer is None else self._lose_answer - self.answered
        self.answered += len(data)
        self._pending += data if lost is None or not 0 <= lost < len(data) else data[:lost] + data[lost + 1 :]

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


@contextlib.contextmanager
def served(chip: FakeStm32) -> Iterator[str]:
    """A pyserial URL of the chip's UART; clients come and go, one at a time."""
    with _listening(chip.attach) as url:
        yield url


@contextlib.contextmanager
def losing(url: str, count: int) -> Iterator[str]:
    """A URL that leads to `url` until so many bytes were sent there, and then breaks the connection."""

    def relay(client: socket.socket) -> None:
        host, port = url.removeprefix("socket://").split(":")
        left = count
        with socket.create_connection((host, int(port))) as target, contextlib.suppress(OSError):
            target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while left:
                for ready in select.select([client, target], [], [])[0]:
                    data = ready.recv(left if ready is client else 4096)
                    if not data:
                        return
                    (target if ready is client else client).sendall(data)
                    left -= len(data) if ready is client else 0

    with _listening(relay) as relayed:
        yield relayed


@contextlib.contextmanager
def _listening(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A URL whose connections are given to `serve`, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with connection:
                    serve(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"socket://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=2)


class ModemLines:
    """What `serial.rfc2217.PortManager` wants of a serial port: settings that nothing here depends on, and the
    modem lines, of which RTS holds the chip in reset and DTR is its BOOT0 pin."""

    def __init__(self, chip: FakeStm32) -> None:
        self.baudrate, self.bytesize, self.parity, self.stopbits = 115200, 8, "E", 1
        self.xonxoff = self.rtscts = self.dsrdtr = self.break_condition = False
        self.cts = self.dsr = self.ri = self.cd = False
        self.is_open = True
        self._chip = chip
        self._rts = False

    def reset_input_buffer(self) -> None:
        """Nothing is buffered."""

    reset_output_buffer = reset_input_buffer

    @property
    def dtr(self) -> bool:
        return self._chip.boot0

    @dtr.setter
    def dtr(self, on: bool) -> None:
        self._chip.boot0 = bool(on)

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, on: bool) -> None:
        if self._rts and not on:
            self._chip.reset()
        self._rts = bool(on)


class _Rfc2217Connection:
    """The socket as the chip sees it: data without the protocol's escapes, which go to the PortManager."""

    def __init__(self, connection: socket.socket, chip: FakeStm32) -> None:
        self._connection = connection
        self._data = bytearray()
        self._manager = serial.rfc2217.PortManager(ModemLines(chip), self)

    def write(self, data: bytes) -> None:
        """The PortManager's own answers."""
        self._connection.sendall(data)

    def recv(self, _size: int) -> bytes:
        while not self._data:
            received = self._connection.recv(4096)
            if not received:
                return b""
            self._data += b"".join(self._manager.filter(received))
        return bytes([self._data.pop(0)])

    def sendall(self, data: bytes) -> None:
        self._connection.sendall(b"".join(self._manager.escape(data)))


@contextlib.contextmanager
def served_rfc2217(chip: FakeStm32) -> Iterator[str]:
    """The chip behind a serial server that also carries its modem lines."""
    with _listening(lambda connection: chip.attach(_Rfc2217Connection(connection, chip))) as url:
        yield url.replace("socket://", "rfc2217://")
