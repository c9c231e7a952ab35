"""The host's side of the serial link: ask, wait, ask again, and speak in tensors.

Source of every byte: `formats/frames.py`. The device does the work of a repeated
request once, so that a lost reply costs a repetition and never a wrong answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import serial

from edge_tr.errors import DeviceError
from edge_tr.formats import frames
from edge_tr.formats.frames import ALL_LAYERS, COMMAND
from edge_tr.target.exchange import Exchange, Patience, Request


@dataclass(frozen=True)
class Hello:
    """Who answered; fields as in HELLO_REPLY."""

    table_version: int
    counter: int
    layers: int
    levels: int
    max_payload: int
    input_bytes: int
    output_bytes: int
    ticks_hz: int
    board_id: int
    build_id: int
    model_sha256: bytes


USUAL = Patience()
EMULATED = Patience(tries=60)
"""For a board that this computer emulates: what makes its replies late are other programs, not the wire."""


class Link:
    """Frames over an open pyserial port. All methods raise DeviceError with cause and remedy; StateLost where the board
    has not, or no longer, the sample that they are about."""

    def __init__(self, port: serial.SerialBase, patience: Patience = USUAL) -> None:
        self._exchange, self._patience = Exchange(port, patience), patience
        self.expect(0)

    def expect(self, cycles: int, hz: float = 0.0) -> None:
        """How long an inference is waited for: as its estimated cycles say; `hz` of the core, 0 if not known."""
        self._infer_tries = max(1, round(self._patience.of_inference(cycles, hz) / self._patience.reply_seconds))

    def hello(self) -> Hello:
        """Ask who is there."""
        values = frames.HELLO_REPLY.unpack(self._ask(Request(COMMAND.HELLO, reply_bytes=frames.HELLO_REPLY.size)))
        values.pop("reserved")
        return Hello(**values)

    def authenticate(self, token: bytes) -> None:
        """Give an agent its token."""
        self._ask(Request(COMMAND.AUTHENTICATE, token))

    def reset_state(self, sample: int) -> None:
        """Give the states of a model that has some their initial values; `sample`, the first of a sequence, and those
        after it may run then, each once and in order."""
        self._ask(Request(COMMAND.RESET_STATE, sample=sample))

    def load_input(self, sample: int, data: bytes) -> None:
        """Send a sample: the bytes of all its inputs, one after the other."""
        offset = 0
        while offset < len(data):
            sent, _ = self._exchange.ask(partial(_part_of_input, sample, data, offset))
            offset += len(sent.payload) - frames.TRANSFER.size

    def infer(self, sample: int, *, stop_layer: int = ALL_LAYERS.value, digests: bool = False, level: int = 0) -> int:
        """Run the loaded sample up to a layer with one of the build's budgets; counter ticks."""
        how = frames.INFER_REQUEST.pack(stop_layer=stop_layer, digests=int(digests), level=level)
        return self._ticks(Request(COMMAND.INFER, how, sample, frames.INFER_REPLY.size), self._infer_tries)

    def read_output(self, sample: int, size: int) -> bytes:
        """The outputs, one after the other, of a sample that ran to the end."""
        return self._read(COMMAND.READ_OUTPUT, sample, size)

    def read_layer(self, sample: int, layer: int, size: int) -> bytes:
        """The tensor of the layer at which the sample was stopped."""
        return self._read(COMMAND.READ_LAYER, sample, size, layer=layer)

    def digests(self, sample: int, layers: int) -> list[int]:
        """CRC-32 of every layer's tensor, if the sample ran with digests."""
        return self._numbers(COMMAND.READ_DIGESTS, sample, layers, 4)

    def costs(self, sample: int, layers: int) -> list[int]:
        """Counter ticks of every layer."""
        return self._numbers(COMMAND.READ_COST, sample, layers, 8)

    def calibrate(self, rounds: int) -> int:
        """Counter ticks of a delay loop of so many rounds, at most MAX_CALIBRATION."""
        return self._ticks(Request(COMMAND.CALIBRATE, sample=rounds, reply_bytes=frames.INFER_REPLY.size))

    def reset(self) -> None:
        """Restart the board."""
        self._ask(Request(COMMAND.RESET))

    def _ask(self, request: Request, tries: int | None = None) -> bytes:
        return self._exchange.ask(lambda longest: request, tries)[1]

    def _ticks(self, request: Request, tries: int | None = None) -> int:
        return frames.INFER_REPLY.unpack(self._ask(request, tries))["ticks"]

    def _numbers(self, command: int, sample: int, layers: int, size: int) -> list[int]:
        data = self._read(command, sample, layers, size)
        return [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]

    def _read(self, command: int, sample: int, count: int, size: int = 1, layer: int = 0) -> bytes:
        """`count` elements of `size` bytes, in as many requests as it takes."""
        data = b""
        while len(data) < count * size:
            first = len(data) // size
            data += self._exchange.ask(partial(_part_of_reading, command, sample, first, count - first, size, layer))[1]
        return data


def _part_of_input(sample: int, data: bytes, offset: int, longest: int) -> Request:
    """LOAD_INPUT of what a payload of at most `longest` bytes can hold from `offset` on."""
    chunk = data[offset : offset + longest - frames.TRANSFER.size]
    head = frames.TRANSFER.pack(offset=offset, count=len(chunk))
    return Request(COMMAND.LOAD_INPUT, head + chunk, sample)


def _part_of_reading(command: int, sample: int, first: int, left: int, size: int, layer: int, longest: int) -> Request:
    """The request for as many of the `left` elements as a reply of at most `longest` bytes can hold."""
    count = min(longest // size, left)
    transfer = frames.TRANSFER.pack(offset=first, count=count, layer=layer)
    return Request(command, transfer, sample, count * size)


def identify(link: Link, board_id: int, *, model_sha256: str, build_id: int) -> Hello:
    """HELLO, and refuse firmware that is not the build to be checked."""
    hello = link.hello()
    if hello.model_sha256.hex() != model_sha256:
        theirs, ours = hello.model_sha256.hex()[:12], model_sha256[:12]
        raise DeviceError(f"the board runs another model ({theirs}, not {ours}): run edge-tr flash with this build")
    if hello.board_id != board_id or hello.build_id != build_id:
        raise DeviceError("the board runs another build of this model: run edge-tr flash with this one")
    return hello
