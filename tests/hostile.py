"""Hostile devices for the host's side of the serial link: `make fuzz PARTS=host-link,host-loader`.

Behind a port in this process, on a clock that moves only while it is read, a device answers as it likes: right, with
any length, sequence, status or version under a right CRC-32, late, twice, endlessly or not at all. Whatever it does,
the host ends within bounded time, with a result or with one DeviceError.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
import zlib
from collections.abc import Callable
from types import SimpleNamespace
from unittest import mock

import numpy as np

from edge_tr import boards
from edge_tr.errors import DeviceError
from edge_tr.formats import frames, image
from edge_tr.formats.frames import COMMAND, REPLY_BIT, STATUS, Frame
from edge_tr.golden.ends import Samples
from edge_tr.graph import Graph, Tensor
from edge_tr.target import exchange
from edge_tr.target import port as port_module
from edge_tr.target.costs import Device, Meter
from edge_tr.target.inferences import Inferences
from edge_tr.target.link import Link, identify
from edge_tr.target.transfer import Transfer
from tests.fakes import ClockedPort, FakeStm32

MOST_READS = 1_000_000  # of one execution; more is a hang
BOARD_ID, BUILD_ID, MODEL = 7, 8, bytes(range(32))
LAYERS = (("conv", 40), ("pool", 20), ("dense", 10))


class Hang(BaseException):
    """The host went on reading. No `except Exception` hides it."""


class Port(ClockedPort):
    """`answer` gives the device's bytes to what was written; `endless` is sent again whenever nothing else is there."""

    port, idle_seconds, byte_seconds = "a hostile device", 0.2, 0.01

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.endless = b""

    def answer(self, data: bytes) -> bytes:
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        self._pending += self.answer(data)

    def read(self, count: int) -> bytes:
        self.reads += 1
        if self.reads > MOST_READS:
            raise Hang
        if not self._pending:
            self._pending += self.endless
        return super().read(count)


# --- the link ---------------------------------------------------------------------------------------


class HostileBoard(Port):
    """Firmware that follows the link's rules as often as the dice want."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self._dice = dice
        self._honest = dice.choice((0.0, 0.5, 0.9, 0.98))
        self._old: list[bytes] = []

    def answer(self, data: bytes) -> bytes:
        request = frames.decode(data.strip(b"\0"))
        right = self._right(request)
        wire = frames.encode(right)
        if self._dice.random() >= self._honest:
            wire = self._dice.choice(_WRONG)(self._dice, request, right, self._old)
            if self._dice.random() < 0.02:
                self.endless = self._dice.choice((b"\0", b"\1", b"\n", b"\x1f", NAK, wire))
        self._old = [*self._old[-4:], wire]
        return wire

    def _right(self, request: Frame) -> Frame:
        reply = Frame(request.command | REPLY_BIT.value, request.sequence, request.sample)
        return dataclasses.replace(reply, payload=self._payload(request))

    def _payload(self, request: Frame) -> bytes:
        if request.command == COMMAND.HELLO:
            return frames.HELLO_REPLY.pack(
                layers=3, levels=1, counter=self._dice.randrange(256) if self._dice.random() < 0.1 else 1,
                ticks_hz=self._dice.choice((0, 1000, 0xFFFFFFFF)), board_id=BOARD_ID, build_id=BUILD_ID,
                model_sha256=MODEL,
            )  # fmt: skip
        if request.command in (COMMAND.INFER, COMMAND.CALIBRATE):
            return frames.INFER_REPLY.pack(ticks=self._dice.choice((request.sample, 0, 1, 2**64 - 1)))
        if request.command in (COMMAND.LOAD_INPUT, COMMAND.RESET, COMMAND.RESET_STATE):
            return b""
        head = frames.TRANSFER.unpack(request.payload)
        whole = _WHOLE[request.command](head["layer"])
        size = _SIZES.get(request.command, 1)
        part = bytearray(whole[head["offset"] * size : (head["offset"] + head["count"]) * size])
        if part and self._dice.random() < 0.05:
            part[self._dice.randrange(len(part))] ^= 1
        return bytes(part)


def _tensor(layer: int) -> bytes:
    return bytes((layer * 7 + i) % 251 for i in range(LAYERS[layer % len(LAYERS)][1]))


_DIGESTS = b"".join(zlib.crc32(_tensor(layer)).to_bytes(4, "little") for layer in range(len(LAYERS)))
_WHOLE: dict[int, Callable[[int], bytes]] = {
    COMMAND.READ_OUTPUT: lambda layer: _tensor(len(LAYERS) - 1),
    COMMAND.READ_LAYER: _tensor,
    COMMAND.READ_DIGESTS: lambda layer: _DIGESTS,
    COMMAND.READ_COST: lambda layer: bytes(range(8 * len(LAYERS))),
}
_SIZES = {COMMAND.READ_DIGESTS: 4, COMMAND.READ_COST: 8}
NAK = frames.encode(Frame(REPLY_BIT.value, 0, status=STATUS.NAK))
Wrong = Callable[[random.Random, Frame, Frame, "list[bytes]"], bytes]


def _other(**changes: Callable[[random.Random, Frame], object]) -> Wrong:
    """A frame with a right CRC-32 and other fields."""

    def make(dice: random.Random, request: Frame, right: Frame, old: list[bytes]) -> bytes:
        return frames.encode(dataclasses.replace(right, **{name: get(dice, right) for name, get in changes.items()}))

    return make


def _damaged(dice: random.Random, request: Frame, right: Frame, old: list[bytes]) -> bytes:
    wire = bytearray(frames.encode(right))
    for _ in range(dice.randrange(1, 5)):
        wire[dice.randrange(len(wire))] = dice.randrange(256)
    return bytes(wire[: dice.randrange(1, len(wire) + 1)])


def _length(dice: random.Random) -> int:
    """Of noise: short, and now and then longer than any frame."""
    return dice.choice((1, 10, 100)) if dice.random() < 0.95 else 3000


_WRONG: tuple[Wrong, ...] = (
    _other(payload=lambda dice, right: b""),
    _other(payload=lambda dice, right: right.payload[:-1]),
    _other(payload=lambda dice, right: (right.payload + b"\0")[:512]),
    _other(payload=lambda dice, right: dice.randbytes(dice.randrange(513))),
    _other(payload=lambda dice, right: dice.randbytes(len(right.payload))),
    _other(sequence=lambda dice, right: dice.randrange(1 << 16)),
    _other(sample=lambda dice, right: dice.randrange(1 << 32)),
    _other(command=lambda dice, right: dice.randrange(256)),
    _other(status=lambda dice, right: dice.randrange(256)),
    _other(status=lambda dice, right: STATUS.BAD_STATE),
    _other(version=lambda dice, right: dice.randrange(256)),
    _damaged,
    lambda dice, request, right, old: b"",
    lambda dice, request, right, old: NAK * dice.randrange(1, 4),
    lambda dice, request, right, old: frames.encode(request),
    lambda dice, request, right, old: dice.choice(old) if old else b"",
    lambda dice, request, right, old: frames.encode(right) * 2,
    lambda dice, request, right, old: dice.randbytes(_length(dice)),
    lambda dice, request, right, old: bytes([dice.choice((0, 1, 0x1F, 0x79))]) * _length(dice),
    lambda dice, request, right, old: frames.encode(right).replace(b"\n", b"\r\n"),
)


_GOLDEN = np.frombuffer(_tensor(len(LAYERS) - 1), np.int8).reshape(1, -1)
_OUTPUT = Tensor(1, "output", _GOLDEN.shape, "int8")
_GRAPH = Graph((_OUTPUT, _OUTPUT), (), (0,), (1,), "")


class _Golden:
    """Instead of `Expected`; with `steps`, of a model with a state."""

    def __init__(self, steps: int | None) -> None:
        self.graph = dataclasses.replace(_GRAPH, states={} if steps is None else {1: np.zeros(1, np.int8)})
        self._axes = (1,) if steps is None else (1, steps)

    def digests(self, x: Samples) -> list[list[int]]:
        return [[int.from_bytes(_DIGESTS[i : i + 4], "little") for i in range(0, len(_DIGESTS), 4)]] * self._axes[-1]

    def tensors(self, x: Samples) -> dict[int, np.ndarray]:
        tensors = (np.frombuffer(_tensor(layer), np.int8) for layer in range(len(LAYERS)))
        return {layer: np.broadcast_to(values, (*self._axes, len(values))) for layer, values in enumerate(tensors)}


_MANIFEST = SimpleNamespace(
    target="hostile",
    layers=[
        SimpleNamespace(name=name, op=name, tensor=name, tensor_index=i, tensor_bytes=size)
        for i, (name, size) in enumerate(LAYERS)
    ],
)
_SAMPLES = {size: np.zeros((2, size), np.int8) for size in (10, 600)}  # one frame each, or two


def link_execution(seed: int) -> None:
    """A check of two samples with a hostile board; AssertionError, Hang, or what the host failed with."""
    dice = random.Random(seed)
    board = HostileBoard(dice)
    with mock.patch.object(exchange, "time", board):
        link = Link(board)
        try:
            hello = identify(link, BOARD_ID, model_sha256=MODEL.hex(), build_id=BUILD_ID)
            device = Device(link, BOARD_ID)
            data = _SAMPLES[600 if dice.random() < 0.1 else 10][: dice.randrange(1, 3)]
            steps = dice.randrange(1, 4) if dice.random() < 0.3 else None
            samples = Samples({0: data if steps is None else np.repeat(data[:, None], steps, axis=1)}, steps)
            run = Inferences(link, _MANIFEST, _Golden(steps), 0, samples)
            meter = Meter(device, hello, None)
            golden = {_OUTPUT.index: np.broadcast_to(_GOLDEN[0], (*samples.leading, _GOLDEN.size)).copy()}
            _, wrong = run.run(golden, dice.random() < 0.7, meter, lambda *_: None)
            if wrong:
                run.first_mismatch(wrong[0], "")
            meter.cost(), meter.layer_costs(_MANIFEST)
        except DeviceError:
            pass


# --- the loader --------------------------------------------------------------------------------------

BOARD = dataclasses.replace(
    boards.load("nucleo-l4r5zi"),
    flash=dataclasses.replace(boards.load("nucleo-l4r5zi").flash, pages=(boards.Pages(8, 0x400),)),
)
IMAGE = image.seal(
    bytes(128) + bytes(i % 251 for i in range(300)),
    load_address=BOARD.memory.flash_origin,
    board=BOARD.name,
    build_id=1,
    model_sha256=MODEL,
)


class HostileLoader(Port):
    """The fake ROM, whose answers are changed as often as the dice want."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self._dice = dice
        self._honest = dice.choice((0.0, 0.8, 0.97, 0.995))
        self._chip = FakeStm32(flash_bytes=8 * 0x400, page_bytes=0x400, any_size=True)

    def answer(self, data: bytes) -> bytes:
        right, dice = self._chip.take(data), self._dice
        if dice.random() < self._honest:
            return right
        if dice.random() < 0.01:
            self.endless = dice.choice((b"\x1f", b"\x79", b"\x7f", b"\0"))
        return dice.choice(
            (
                b"", b"\x1f", b"\x79", data, right[:-1], right + b"\0", right * 2, b"\x79" * 300,
                dice.randbytes(dice.choice((1, 3, 300))), bytes([dice.randrange(256)]) * dice.randrange(1, 300),
            )
        )  # fmt: skip


def loader_execution(seed: int) -> None:
    """A transfer to a hostile loader. One that says it went well has read back what was asked for."""
    loader = HostileLoader(random.Random(seed))
    with mock.patch.object(port_module, "time", loader), contextlib.suppress(DeviceError):
        Transfer(BOARD, IMAGE, lambda done, total: None).run(loader)


PARTS: dict[str, Callable[[int], None]] = {"host-link": link_execution, "host-loader": loader_execution}
