"""The host's side of the serial link: ask, wait, ask again, and speak in tensors.

Source of every byte: `formats/frames.py`. The device does the work of a repeated
request once, so that a lost reply costs a repetition and never a wrong answer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import serial

from edge_tr.errors import DeviceError
from edge_tr.formats import frames
from edge_tr.formats.frames import ALL_LAYERS, COMMAND, MAX_PAYLOAD, STATUS, Frame
from edge_tr.formats.schema import FormatError
from edge_tr.target.token import VARIABLE

NAK_SECONDS = 0.05  # until a request is repeated after a NAK
LOADER_NACK = 0x1F
"""What an AN3155 loader answers to bytes that are none of its commands."""


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


@dataclass(frozen=True)
class Patience:
    """Seconds until a request is repeated, how often at most, and how long an inference may take."""

    reply_seconds: float = 1.0
    tries: int = 8
    infer_seconds: float = 900.0


EMULATED = Patience(tries=60)
"""For a board that this computer emulates: what makes its replies late are other programs, not the wire."""
LOADER_TRIES = 2
"""Requests to which a loader says no before it is believed to be one: it has no image, and waiting gives it none."""


class Link:
    """Frames over an open pyserial port. All methods raise DeviceError with cause and remedy."""

    def __init__(self, port: serial.SerialBase, patience: Patience = Patience()) -> None:
        self._port = port
        self._patience = patience
        self._sequence = 0
        self._noise = bytearray()

    def hello(self) -> Hello:
        """Ask who is there."""
        values = frames.HELLO_REPLY.unpack(self._request(COMMAND.HELLO))
        values.pop("reserved")
        return Hello(**values)

    def authenticate(self, token: bytes) -> None:
        """Give an agent its token."""
        self._request(COMMAND.AUTHENTICATE, token)

    def load_input(self, sample: int, data: bytes) -> None:
        """Send a sample's input tensor."""
        step = MAX_PAYLOAD.value - frames.TRANSFER.size
        for offset in range(0, len(data), step):
            chunk = data[offset : offset + step]
            head = frames.TRANSFER.pack(offset=offset, count=len(chunk))
            self._request(COMMAND.LOAD_INPUT, head + chunk, sample)

    def infer(self, sample: int, *, stop_layer: int = ALL_LAYERS.value, digests: bool = False, level: int = 0) -> int:
        """Run the loaded sample up to a layer with one of the build's budgets; counter ticks."""
        request = frames.INFER_REQUEST.pack(stop_layer=stop_layer, digests=int(digests), level=level)
        tries = max(1, round(self._patience.infer_seconds / self._patience.reply_seconds))
        reply = self._request(COMMAND.INFER, request, sample, tries)
        return frames.INFER_REPLY.unpack(reply)["ticks"]

    def read_output(self, sample: int, size: int) -> bytes:
        """The output tensor of a sample that ran to the end."""
        return self._read(COMMAND.READ_OUTPUT, sample, size)

    def read_layer(self, sample: int, layer: int, size: int) -> bytes:
        """The tensor of the layer at which the sample was stopped."""
        return self._read(COMMAND.READ_LAYER, sample, size, layer)

    def digests(self, sample: int, layers: int) -> list[int]:
        """CRC-32 of every layer's tensor, if the sample ran with digests."""
        return self._numbers(COMMAND.READ_DIGESTS, sample, layers, 4)

    def costs(self, sample: int, layers: int) -> list[int]:
        """Counter ticks of every layer."""
        return self._numbers(COMMAND.READ_COST, sample, layers, 8)

    def calibrate(self, rounds: int) -> int:
        """Counter ticks of a delay loop of so many rounds."""
        return frames.INFER_REPLY.unpack(self._request(COMMAND.CALIBRATE, sample=rounds))["ticks"]

    def reset(self) -> None:
        """Restart the board."""
        self._request(COMMAND.RESET)

    def _read(self, command: int, sample: int, size: int, layer: int = 0) -> bytes:
        data = b""
        while len(data) < size:
            count = min(MAX_PAYLOAD.value, size - len(data))
            data += self._request(command, frames.TRANSFER.pack(offset=len(data), count=count, layer=layer), sample)
        return data

    def _numbers(self, command: int, sample: int, layers: int, size: int) -> list[int]:
        step, numbers = MAX_PAYLOAD.value // size, []
        for first in range(0, layers, step):
            request = frames.TRANSFER.pack(offset=first, count=min(step, layers - first))
            reply = self._request(command, request, sample)
            numbers += [int.from_bytes(reply[i : i + size], "little") for i in range(0, len(reply), size)]
        return numbers

    def _request(self, command: int, payload: bytes = b"", sample: int = 0, tries: int | None = None) -> bytes:
        """The payload of the OK reply to one request."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        wire = frames.encode(Frame(command, self._sequence, sample, payload=payload))
        try:
            for tried in range(1, (tries or self._patience.tries) + 1):
                self._port.write(wire)
                reply = self._reply_to(command)
                if reply is not None:
                    return self._payload(command, reply)
                if tried >= LOADER_TRIES and self._loader_answers():
                    break
        except (OSError, serial.SerialException) as error:
            raise DeviceError(f"lost the connection to the board: {error}; check the cable and run again") from error
        raise DeviceError(self._silence())

    def _reply_to(self, command: int) -> Frame | None:
        """The reply to the request in flight; None when it must be repeated.

        A NAK may still be for noise from before this request, so the reply gets a moment to follow it.
        """
        end = deadline = time.monotonic() + self._patience.reply_seconds
        while frame := self._frame(deadline):
            if frame.status == STATUS.NAK:
                deadline = min(end, time.monotonic() + NAK_SECONDS)
            elif frame.sequence == self._sequence and frame.command == command | frames.REPLY_BIT.value:
                return frame
        return None

    def _frame(self, deadline: float) -> Frame | None:
        """The next undamaged frame; None if none has come by the deadline."""
        wire = bytearray()
        while time.monotonic() < deadline:
            byte = self._port.read(1)  # waits as long as `open_port` said
            if byte and byte != b"\0":
                wire += byte
            elif byte and wire:
                try:
                    return frames.decode(bytes(wire))
                except FormatError:
                    self._noise += wire
                wire.clear()
        self._noise += wire
        del self._noise[:-64]
        return None

    def _payload(self, command: int, reply: Frame) -> bytes:
        if reply.status == STATUS.OK:
            return reply.payload
        if reply.status == STATUS.BAD_VERSION:
            raise DeviceError(
                f"the board speaks version {reply.version} of the link, this edge-tr {frames.LINK_VERSION.value}: "
                "build and flash again with this edge-tr"
            )
        if reply.status == STATUS.DENIED:
            raise DeviceError(
                "the board's agent wants its token, and this is not it: give edge-tr check --token-file FILE, or set "
                f"{VARIABLE}"
            )
        if reply.status == STATUS.BAD_TABLE:
            raise DeviceError("the model in the board's flash is damaged: run edge-tr flash again")
        names = COMMAND.name_of(command), STATUS.name_of(reply.status)
        raise DeviceError("the board refused {} with {}: reset it and run again".format(*names))

    def _loader_answers(self) -> bool:
        return set(self._noise) == {LOADER_NACK}

    def _silence(self) -> str:
        if self._loader_answers():
            return "the board is in its loader and has no good image: run edge-tr flash"
        if self._noise:
            return "the board sends bytes that are no frames: check the port, its speed, and what is flashed"
        return "no answer from the board: check the port and the cable, and that edge-tr flash was run"


def identify(link: Link, board_id: int, *, model_sha256: str, build_id: int) -> Hello:
    """HELLO, and refuse firmware that is not the build to be checked."""
    hello = link.hello()
    if hello.model_sha256.hex() != model_sha256:
        theirs, ours = hello.model_sha256.hex()[:12], model_sha256[:12]
        raise DeviceError(f"the board runs another model ({theirs}, not {ours}): run edge-tr flash with this build")
    if hello.board_id != board_id or hello.build_id != build_id:
        raise DeviceError("the board runs another build of this model: run edge-tr flash with this one")
    return hello
