"""Our own clients of the public protocols, written from their descriptions: MLPerf Tiny's text, ST's packets.

A client speaks over anything with pyserial's `read` and `write`. ST's messages are protocol buffers, coded here by
hand: what the firmware does with nanopb is held against other code.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

import numpy as np

BYTES_A_COMMAND = 31
"""That the runner's `db` carries."""
PACKET = 32
LAST = 0x80

# --- MLPerf Tiny's text --------------------------------------------------------------------------------------------


class Mlperf:
    """The runner's side; every method is one command."""

    def __init__(self, port) -> None:
        self._port = port

    def ask(self, command: str) -> list[str]:
        """The reply's lines but the last, which must be m-ready."""
        self._port.write(f"{command}%".encode())
        lines = []
        while True:
            line = self._line()
            if "m-ready" in line:
                assert line == "m-ready"
                return lines
            lines.append(line)

    def _line(self) -> str:
        line = b""
        while not line.endswith(b"\r\n"):
            byte = self._port.read(1)
            assert byte, f"nothing after {line!r}"
            line += byte
        return line[:-2].decode("ascii")

    def name(self) -> str:
        (line,) = self.ask("name")
        return re.match(r"^m-(name)-dut-\[([^]]+)]$", line)[2]

    def profile(self) -> dict[str, str]:
        found = [re.match(r"^m-(model|profile)-\[([^]]+)]$", line) for line in self.ask("profile")]
        return {match[1]: match[2] for match in found}

    def load(self, data: bytes) -> None:
        """An input, as the runner cuts it."""
        assert self.ask(f"db load {len(data)}") == [f"m-[Expecting {len(data)} bytes]"]
        for start in range(0, len(data), BYTES_A_COMMAND):
            part = data[start : start + BYTES_A_COMMAND]
            is_last = start + len(part) == len(data)
            assert self.ask(f"db {part.hex()}") == (["m-load-done"] if is_last else [])

    def infer(self, inferences: int, warmups: int) -> tuple[list[float], int]:
        """The results, and microseconds."""
        lines = self.ask(f"infer {inferences} {warmups}")
        laps = [int(match[1]) for line in lines if (match := re.match(r"^m-lap-us-([0-9]+)$", line))]
        words = [line for line in lines if not line.startswith("m-lap-us")]
        assert words[:-1] == [
            f"m-warmup-start-{warmups}",
            "m-warmup-done",
            f"m-infer-start-{inferences}",
            "m-infer-done",
        ]
        assert lines[3].startswith("m-lap-us") and lines[4].startswith("m-lap-us") and len(laps) == 2
        return results_of(words[-1]), laps[1] - laps[0]


def results_of(line: str) -> list[float]:
    """Of m-results."""
    return [float(value) for value in re.match(r"^m-results-\[([^]]+)\]$", line)[1].split(",")]


# --- protocol buffers ----------------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    data = b""
    while value > 0x7F:
        data += bytes([value & 0x7F | 0x80])
        value >>= 7
    return data + bytes([value])


def message(*fields: tuple[int, int | bytes]) -> bytes:
    """Numbers as varints, bytes with their length."""
    data = b""
    for number, value in fields:
        if isinstance(value, bytes):
            data += varint(number << 3 | 2) + varint(len(value)) + value
        else:
            data += varint(number << 3) + varint(value)
    return data


def fields_of(data: bytes) -> dict[int, list]:
    """Of a message: numbers, bytes, and floats (the only 32-bit ones in these messages), by field number."""
    found: dict[int, list] = {}
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            value: object = number()
        elif key & 7 == 5:
            (value,) = struct.unpack_from("<f", data, at)
            at += 4
        else:
            assert key & 7 == 2
            length = number()
            value = data[at : at + length]
            assert len(value) == length
            at += length
        found.setdefault(key >> 3, []).append(value)
    return found


def numbers_of(values: list) -> list[int]:
    """Of a repeated field, whether its values come one by one or packed."""
    found: list[int] = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
            continue
        number = shift = 0
        for byte in value:
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                found.append(number)
                number = shift = 0
    return found


# --- ST's packets --------------------------------------------------------------------------------------------------

SYNC, SYSTEM_INFO, MODEL_INFO, RUN = 0, 1, 10, 11
IDLE, WAITING, PROCESSING, DONE, FAILED = range(5)
PAYLOADS = {10: "sync", 11: "sinfo", 12: "ack", 16: "op", 17: "tensor", 22: "minfo"}
FORMATS = {
    0x840440: "int8",
    0x40440: "uint8",
    0x840840: "int16",
    0x841040: "int32",
    0x60440: "bool",
    0x821040: "float32",
}
LAST_TENSOR, WITHOUT_DATA = 0x100, 0x200


@dataclass(frozen=True)
class Reply:
    """A response: `payload` is the fields of `kind`."""

    state: int
    kind: str
    payload: dict[int, list]


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int
    flags: int
    data: np.ndarray | None


@dataclass(frozen=True)
class Layer:
    name: str
    type: int
    milliseconds: float
    cycles: int | None
    tensor: Tensor


def request(number: int, command: int, param: int = 0, name: str = "", opt: int = 0) -> bytes:
    """A request's message."""
    return message((1, number), (2, command), (3, param), (4, name.encode()), (5, opt))


def packets(body: bytes) -> list[bytes]:
    """A message as the host sends it."""
    data = varint(len(body)) + body
    parts = [data[i : i + PACKET] for i in range(0, len(data), PACKET)]
    return [bytes([len(part)]) + part.ljust(PACKET, b"\0") for part in parts]


def reply_of(body: bytes, number: int) -> Reply:
    fields = fields_of(body)
    assert fields.pop(1) == [number]
    (state,) = fields.pop(2)
    ((field, (data,)),) = fields.items()
    return Reply(state, PAYLOADS[field], fields_of(data))


def tensor_of(info: dict[int, list], data: bytes | None = None) -> Tensor:
    """Of a TensorInfo's fields."""
    (name,), (kind,), (size,), (rank,), (scale,) = (info[i] for i in (1, 2, 3, 4, 6))
    shape, dtype = tuple(numbers_of(info.get(5, []))), FORMATS[kind]
    (zero_point,), (flags,) = info[7], info[9]
    zero_point -= (zero_point >> 63) << 64
    assert rank == len(shape) and size == int(np.prod(shape)), (shape, size)
    values = None if data is None else np.frombuffer(data, dtype).reshape(shape)
    return Tensor(name.decode(), shape, dtype, scale, zero_point, flags, values)


class St:
    """ST's runner's side; `number` of the last request."""

    def __init__(self, port) -> None:
        self._port = port
        self._number = 0

    def _send(self, body: bytes) -> None:
        for index, packet in enumerate(packets(body)):
            if index:
                assert self._port.read(1), "no word to send the next packet"
            self._port.write(packet)

    def _receive(self, kind: str, state: int | None = None) -> Reply:
        body, last = b"", False
        while not last:
            packet = self._port.read(1 + PACKET)
            assert len(packet) == 1 + PACKET, packet
            last = bool(packet[0] & LAST)
            assert last or packet[0] == PACKET
            body += packet[1 : 1 + (packet[0] & 0x7F)]
            assert not any(packet[1 + (packet[0] & 0x7F) :])
        reply = reply_of(body, self._number)
        assert (reply.kind, state if state is not None else reply.state) == (kind, reply.state), reply
        return reply

    def _ask(self, command: int, param: int = 0, name: str = "", opt: int = 0) -> None:
        self._number += 1
        self._send(request(self._number, command, param, name, opt))

    def sync(self) -> tuple[int, int, int]:
        """Version, capabilities, runtime."""
        self._ask(SYNC)
        found = self._receive("sync", IDLE).payload
        return found[1][0], found[4][0], found[5][0]

    def system(self) -> dict[int, list]:
        self._ask(SYSTEM_INFO)
        return self._receive("sinfo", IDLE).payload

    def model(self, index: int = 0) -> dict[int, list]:
        self._ask(MODEL_INFO, index)
        return self._receive("minfo", IDLE).payload

    def refused(self, command: int, param: int = 0, name: str = "") -> int:
        """The error of a request that must fail."""
        self._ask(command, param, name)
        return self._receive("ack", FAILED).payload[2][0]

    def run(self, name: str, inputs: list[bytes], mode: int = 1, first: bool = True):
        """(milliseconds of the inference, layers, outputs); `mode`: 2 layers, 4 with data, 8 without output."""
        self._ask(RUN, mode, name, int(first))
        assert self._receive("ack", WAITING).payload[2] == [0]
        for index, data in enumerate(inputs):
            self._send(message((1, 0), (2, len(data)), (3, 0), (4, data)))
            self._receive("ack", PROCESSING if index + 1 == len(inputs) else WAITING)
            self._send(message((1, 0), (2, 0)))
        layers = []
        while True:
            op = self._receive("op", PROCESSING).payload
            if op[2][0] >> 24 == 0:
                return op[4][0], layers, self._outputs()
            layers.append(self._layer(op))

    def _layer(self, op: dict[int, list]) -> Layer:
        assert op[2][0] >> 24 in (1, 3)
        counters = numbers_of(op.get(6, []))
        cycles = counters[0] | counters[1] << 32 if counters else None
        return Layer(op[1][0].decode(), op[2][0] & 0xFFFFFF, op[4][0], cycles, self._tensor(PROCESSING))

    def _tensor(self, state: int | None) -> Tensor:
        payload = self._receive("tensor", state).payload
        data = fields_of(payload[2][0])
        info = fields_of(payload[1][0])
        assert data[2] == [len(data[4][0])]
        return tensor_of(info, None if info[9][0] & WITHOUT_DATA else data[4][0])

    def _outputs(self) -> list[Tensor]:
        outputs: list[Tensor] = []
        while not outputs or not outputs[-1].flags & LAST_TENSOR:
            outputs.append(self._tensor(None))
        return outputs
