"""The device's side of `edge-tr check`: answers to the frames of the MCU firmware, for one client.

The work of a repeated request is done once, so that a lost reply costs a repetition and never a wrong answer.
"""

from __future__ import annotations

import hmac
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from edge_tr_pynq import frames
from edge_tr_pynq.driver import Accelerator
from edge_tr_pynq.errors import DeviceError
from edge_tr_pynq.frames import ALL_LAYERS, COMMAND, COUNTER, MAX_CALIBRATION, MAX_PAYLOAD, STATUS, Frame
from edge_tr_pynq.schema import FormatError


class _Refusal(Exception):
    """A request that is answered by a Status and nothing else."""

    def __init__(self, status: int) -> None:
        super().__init__(STATUS.name_of(status))
        self.status = status


@dataclass
class _Sample:
    """What has been done with the sample that was loaded last."""

    number: int = 0
    data: bytearray = field(default_factory=bytearray)
    last: int | None = None  # the layer that the run ended with; None: has not run
    level: int | None = None  # the budget that it ran with
    ticks: int = 0
    output: bytes = b""
    layer: bytes = b""  # tensor of the last layer
    layer_ticks: list[int] = field(default_factory=list)
    digests: list[int] | None = None


class Agent:
    """Answers frames with an accelerator. `log` gets a line for people when the hardware fails; `token`: what the
    client must give before anything else, if there is one."""

    def __init__(
        self, accelerator: Accelerator, log: Callable[[str], None] = print, token: bytes | None = None
    ) -> None:
        self._accelerator, self._log, self._token = accelerator, log, token
        self.admits = token is None
        self._program = accelerator.program
        self._layers = len(self._program.levels[0].names)
        self._sample = _Sample()
        self._calibrated = (0, 0, 0)  # sequence, rounds and ticks of the last one
        self._commands = {
            COMMAND.HELLO: self._hello,
            COMMAND.LOAD_INPUT: self._load_input,
            COMMAND.INFER: self._infer,
            COMMAND.READ_OUTPUT: self._read_output,
            COMMAND.READ_LAYER: self._read_layer,
            COMMAND.READ_DIGESTS: self._read_digests,
            COMMAND.READ_COST: self._read_cost,
            COMMAND.RESET: self._reset,
            COMMAND.CALIBRATE: self._calibrate,
            COMMAND.AUTHENTICATE: self._authenticate,
        }

    def answer(self, wire: bytes) -> bytes:
        """The reply to the bytes between two delimiters, both as they go over the wire."""
        try:
            frame = frames.decode(wire)
        except FormatError:
            return frames.encode(Frame(0, 0, status=STATUS.NAK))
        status, payload = STATUS.OK, b""
        try:
            if frame.version != frames.LINK_VERSION.value:
                raise _Refusal(STATUS.BAD_VERSION)
            _require(self.admits or frame.command == COMMAND.AUTHENTICATE, STATUS.DENIED)
            if frame.command not in self._commands:
                raise _Refusal(STATUS.BAD_COMMAND)
            payload = self._commands[frame.command](frame)
        except _Refusal as refusal:
            status = refusal.status
        except DeviceError as error:
            self._log(str(error))
            self._sample = _Sample()
            status = STATUS.BAD_STATE
        command = frame.command | frames.REPLY_BIT.value
        return frames.encode(Frame(command, frame.sequence, frame.sample, status, payload))

    def _authenticate(self, frame: Frame) -> bytes:
        """Where no token is needed any is right."""
        self.admits = self._token is None or hmac.compare_digest(frame.payload, self._token)
        _require(self.admits, STATUS.DENIED)
        return b""

    def _hello(self, frame: Frame) -> bytes:
        _require(not frame.payload)
        program = self._program
        return frames.HELLO_REPLY.pack(
            table_version=program.version,
            counter=COUNTER.CYCLES,
            layers=self._layers,
            levels=len(self._program.levels),
            max_payload=MAX_PAYLOAD.value,
            input_bytes=program.input.size,
            output_bytes=program.output.size,
            ticks_hz=program.clock_hz,
            board_id=program.board_id,
            build_id=program.build_id,
            model_sha256=bytes.fromhex(program.model_sha256),
        )

    def _load_input(self, frame: Frame) -> bytes:
        offset, count = self._transfer(frame, exact=False)
        data = frame.payload[frames.TRANSFER.size :]
        _require(count == len(data) and offset + count <= self._program.input.size)
        if offset == 0:
            self._sample = _Sample(frame.sample)
        sample = self._sample
        _require(sample.last is None and frame.sample == sample.number and offset <= len(sample.data), STATUS.BAD_STATE)
        sample.data[offset : offset + count] = data
        return b""

    def _infer(self, frame: Frame) -> bytes:
        _require(len(frame.payload) == frames.INFER_REQUEST.size)
        request = frames.INFER_REQUEST.unpack(frame.payload)
        last = request["stop_layer"]
        last = self._layers - 1 if last == ALL_LAYERS.value else last
        level = request["level"]
        _require(last < self._layers and level < len(self._program.levels))
        sample = self._sample
        _require(frame.sample == sample.number and len(sample.data) == self._program.input.size, STATUS.BAD_STATE)
        _require(sample.last in (None, last) and sample.level in (None, level), STATUS.BAD_STATE)
        if sample.last is None:
            sample.level = self._accelerator.level = level
            self._run(sample, last, bool(request["digests"]))
        return frames.INFER_REPLY.pack(ticks=sample.ticks)

    def _run(self, sample: _Sample, last: int, digests: bool) -> None:
        """The whole inference as an application runs it; layer by layer if tensors in between are wanted."""
        x = np.frombuffer(bytes(sample.data), np.int8)
        whole = last == self._layers - 1
        if whole:
            sample.output = self._accelerator.predict(x.reshape(1, *self._program.input.shape)).tobytes()
            sample.layer, sample.ticks = sample.output, self._accelerator.cycles
            sample.layer_ticks = self._accelerator.layer_cycles()
        if digests or not whole:
            steps = list(self._accelerator.run_layers(x, last))
            tensors, cycles = [tensor.tobytes() for tensor, _ in steps], [ticks for _, ticks in steps]
            sample.digests = [zlib.crc32(tensor) for tensor in tensors] if digests else None
            if not whole:
                sample.layer, sample.layer_ticks, sample.ticks = tensors[-1], cycles, sum(cycles)
        sample.last = last

    def _read_output(self, frame: Frame) -> bytes:
        offset, count = self._transfer(frame)
        return self._bytes(frame, self._sample.output, self._layers - 1, offset, count)

    def _read_layer(self, frame: Frame) -> bytes:
        offset, count = self._transfer(frame)
        layer = frames.TRANSFER.unpack(frame.payload)["layer"]
        _require(layer < self._layers)
        return self._bytes(frame, self._sample.layer, layer, offset, count)

    def _bytes(self, frame: Frame, tensor: bytes, layer: int, offset: int, count: int) -> bytes:
        _require(frame.sample == self._sample.number and self._sample.last == layer, STATUS.BAD_STATE)
        _require(count <= MAX_PAYLOAD.value and offset + count <= len(tensor))
        return tensor[offset : offset + count]

    def _read_digests(self, frame: Frame) -> bytes:
        _require(self._sample.digests is not None, STATUS.BAD_STATE)
        return self._numbers(frame, self._sample.digests, 4)

    def _read_cost(self, frame: Frame) -> bytes:
        return self._numbers(frame, self._sample.layer_ticks, 8)

    def _numbers(self, frame: Frame, numbers: list[int], size: int) -> bytes:
        offset, count = self._transfer(frame)
        _require(frame.sample == self._sample.number and self._sample.last is not None, STATUS.BAD_STATE)
        _require(offset < len(numbers) and offset + count <= len(numbers) and count * size <= MAX_PAYLOAD.value)
        return b"".join(number.to_bytes(size, "little") for number in numbers[offset : offset + count])

    def _reset(self, frame: Frame) -> bytes:
        _require(not frame.payload)
        self._accelerator.reset()
        self._sample = _Sample()
        return b""

    def _calibrate(self, frame: Frame) -> bytes:
        _require(not frame.payload and frame.sample <= MAX_CALIBRATION.value)
        asked = (frame.sequence, frame.sample)
        if self._calibrated[:2] != asked:
            self._calibrated = (*asked, self._accelerator.idle_cycles(frame.sample))
        return frames.INFER_REPLY.pack(ticks=self._calibrated[2])

    @staticmethod
    def _transfer(frame: Frame, exact: bool = True) -> tuple[int, int]:
        size = frames.TRANSFER.size
        _require(len(frame.payload) == size if exact else len(frame.payload) >= size)
        values = frames.TRANSFER.unpack(frame.payload)
        return values["offset"], values["count"]


def _require(condition: bool, status: int = STATUS.BAD_ARGUMENT) -> None:
    if not condition:
        raise _Refusal(status)
