"""One request over the serial link and its reply: asked again until it comes, and why it does not.

How long is waited depends on what is heard. A board that is silent is given up after a few tries; one that is heard
behind a bad wire gets more of them, in smaller pieces. Every loop here ends by a number of tries or by the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import serial

from edge_tr.errors import DeviceError
from edge_tr.formats import frames
from edge_tr.formats.frames import COMMAND, LINK_VERSION, MAX_PAYLOAD, REPLY_BIT, STATUS, Frame
from edge_tr.formats.schema import FormatError
from edge_tr.target.line_faults import ECHO, LINE_ENDS, RAW
from edge_tr.target.token import VARIABLE

NAK_SECONDS = 0.05  # until a request is repeated after a NAK
LOADER_NACK = 0x1F
"""What an AN3155 loader answers to bytes that are none of its commands."""
LOADER_TRIES = 2
"""Requests to which a loader says no before it is believed to be one: it has no image, and waiting gives it none."""
TRANSLATED = 3
"""Frames that are whole once CRLF is LF again, until that is believed to be no accident."""
SMALLEST = 24
"""Bytes of a tensor below which requests are not cut for a bad wire: a frame has 16 more."""
LONGEST_WIRE = 2 * MAX_PAYLOAD.value
"""More than any frame has between two delimiters; what is longer is noise."""


SLACK = 20
"""An inference may take so many times the estimate, which is of the layers with weights only and of a core alone."""
SLOWEST = 1e6
"""Hz of cores whose clock is not known: an emulator's on a computer with much else to do."""


@dataclass(frozen=True)
class Patience:
    """How long a reply is waited for.

    reply_seconds  until a request is repeated
    tries          of a request, without a reply, to a board that is silent or was never heard
    heard_tries    the same if each time something came from a board that has sent a whole frame before
    infer_seconds  what an inference may take, repetitions included, unless its build's estimate says more
    """

    reply_seconds: float = 1.0
    tries: int = 8
    infer_seconds: float = 900.0
    heard_tries: int = 64

    def of_inference(self, cycles: int, hz: float) -> float:
        """Seconds that an inference may take which is estimated at `cycles`, on a core of `hz`."""
        return max(self.infer_seconds, SLACK * cycles / max(hz, SLOWEST))


class StateLost(DeviceError):
    """The board has another sample than the one that is asked for: load it again."""


@dataclass(frozen=True)
class Request:
    """What is asked for, and how many bytes of payload its OK reply has; None: any number."""

    command: int
    payload: bytes = b""
    sample: int = 0
    reply_bytes: int | None = 0


class Exchange:
    """Requests over an open pyserial port, one at a time; DeviceError with cause and remedy."""

    def __init__(self, port: serial.SerialBase, patience: Patience) -> None:
        self._port = port
        self._patience = patience
        self._sequence = 0
        self._longest = MAX_PAYLOAD.value
        self._known = False  # a whole frame has come from the board
        self._heard = _Heard()

    def ask(self, make: Callable[[int], Request], tries: int | None = None) -> tuple[Request, bytes]:
        """A request that moves at most so many bytes, as `make` gives it, and the payload of its OK reply.

        `tries` is how often at most; None: as the patience says.
        """
        self._heard = _Heard()
        request, wire = None, b""
        try:
            for tried in range(1, (tries or max(self._patience.tries, self._patience.heard_tries)) + 1):
                if request != (wanted := make(self._longest)):
                    request, wire = wanted, self._encode(wanted)
                self._port.write(wire)
                reply = self._reply_to(request)
                if reply is not None:
                    self._known = True
                    return request, _payload(request, reply)
                self._heard.ended(wire, self._known)
                self._shorten(tried)
                if self._heard.is_hopeless() or (tries is None and self._heard.silences >= self._patience.tries):
                    break
        except (OSError, serial.SerialException) as error:
            raise DeviceError(f"lost the connection to the board: {error}; check the cable and run again") from error
        raise DeviceError(self._heard.explanation())

    def _encode(self, request: Request) -> bytes:
        self._sequence = (self._sequence + 1) & 0xFFFF
        return frames.encode(Frame(request.command, self._sequence, request.sample, payload=request.payload))

    def _shorten(self, tried: int) -> None:
        """Every second try that a bad wire spoils makes the next requests smaller: a long frame never gets through."""
        if tried % 2 == 0 and self._known and self._heard.silences == 0:
            self._longest = max(SMALLEST, self._longest // 2)

    def _reply_to(self, request: Request) -> Frame | None:
        """The reply to the request in flight; None when it must be repeated.

        A NAK may still be for noise from before this request, so the reply gets a moment to follow it.
        """
        end = deadline = time.monotonic() + self._patience.reply_seconds
        while frame := self._frame(deadline):
            if frame.status == STATUS.NAK and frame.command == REPLY_BIT.value:
                self._known = self._heard.nak = True
                deadline = min(end, time.monotonic() + NAK_SECONDS)
            elif (frame.sequence, frame.sample) != (self._sequence, request.sample):
                continue
            elif frame.command == request.command | REPLY_BIT.value:
                return frame
            elif frame.command == request.command:
                self._heard.echoes += 1
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
                    self._heard.damaged(bytes(wire))
                wire.clear()
            if len(wire) > LONGEST_WIRE:
                self._heard.damaged(bytes(wire))
                wire.clear()
        self._heard.damaged(bytes(wire))
        return None


class _Heard:
    """What came instead of the reply to one request, and what that says of the way to the board."""

    def __init__(self) -> None:
        self.silences = 0  # tries in a row that nothing came from a known board
        self.tried = 0
        self.echoes = 0  # requests that came back
        self.nak = False  # during the current try
        self._noise = bytearray()  # the last bytes that were no frames
        self._noisy = False  # during the current try
        self._translated = 0  # frames that were whole but for CRLF instead of LF
        self._refused = 0  # tries that a NAK answered
        self._free_of_lf = 0  # tries whose request held no LF

    def damaged(self, wire: bytes) -> None:
        """Bytes that are no frame."""
        self._noise += wire
        del self._noise[:-64]
        self._noisy = self._noisy or bool(wire)
        if b"\r\n" in wire and _is_frame(wire.replace(b"\r\n", b"\n")):
            self._translated += 1

    def ended(self, wire: bytes, known: bool) -> None:
        """A try with the request `wire` is over."""
        heard = self.nak or (known and self._noisy)
        self.silences = 0 if heard else self.silences + 1
        self.tried += 1
        self._refused += self.nak
        self._free_of_lf += b"\n" not in wire
        self.nak = self._noisy = False

    def is_hopeless(self) -> bool:
        """More tries would end as these did."""
        return self._translated >= TRANSLATED or (self.tried >= LOADER_TRIES and self._loader_answers())

    def explanation(self) -> str:
        """Cause and remedy."""
        if self._translated:
            return f"{LINE_ENDS} on the way from the board: {RAW}"
        if self._refused == self.tried and not self._free_of_lf:
            return f"the board finds every request damaged that holds the byte 0x0a: {LINE_ENDS}, perhaps; {RAW}"
        if self._loader_answers():
            return "the board is in its loader and has no good image: run edge-tr flash"
        if self.echoes:
            return f"{ECHO}, and no board answers"
        if self._refused:
            return "the board finds every request damaged: check the cable, and give both ends the same --baud"
        if self._noise:
            return "the board sends bytes that are no frames: check the port, its speed, and what is flashed"
        return "no answer from the board: check the port and the cable, and that edge-tr flash was run"

    def _loader_answers(self) -> bool:
        return set(self._noise) == {LOADER_NACK}


def _is_frame(wire: bytes) -> bool:
    try:
        frames.decode(wire)
    except FormatError:
        return False
    return True


def _payload(request: Request, reply: Frame) -> bytes:
    """Of the reply, which must be OK and as long as the request says."""
    name = COMMAND.name_of(request.command)
    other_version = reply.version != LINK_VERSION.value and reply.status == STATUS.OK
    if other_version or reply.status == STATUS.BAD_VERSION:
        raise DeviceError(
            f"the board speaks version {reply.version} of the link, this edge-tr {LINK_VERSION.value}: "
            "build and flash again with this edge-tr"
        )
    if reply.status == STATUS.DENIED:
        raise DeviceError(
            "the board's agent requires its token, which was missing or wrong: give edge-tr check --token-file FILE, "
            f"or set {VARIABLE}"
        )
    if reply.status == STATUS.BAD_TABLE:
        raise DeviceError("the model in the board's flash is damaged: run edge-tr flash again")
    if reply.status == STATUS.BAD_STATE:
        raise StateLost(f"the board refused {name} with BAD_STATE: reset it and run again")
    if reply.status != STATUS.OK:
        raise DeviceError(f"the board refused {name} with {STATUS.name_of(reply.status)}: reset it and run again")
    if request.reply_bytes not in (None, len(reply.payload)):
        raise DeviceError(
            f"the board answered {name} with {len(reply.payload)} bytes instead of {request.reply_bytes}: "
            "its firmware is damaged or not edge-tr's: run edge-tr flash again"
        )
    return reply.payload
