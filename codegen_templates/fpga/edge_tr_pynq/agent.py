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
from edge_tr_pynq.ends import Samples, sample_shape
from edge_tr_pynq.errors import DeviceError
from edge_tr_pynq.frames import ALL_LAYERS, COMMAND, COUNTER, MAX_CALIBRATION, MAX_PAYLOAD, STATUS, Frame
from edge_tr_pynq.schema import FormatError
from edge_tr_pynq.slots import Tensors


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
    layer: bytes = b""  # tensor of the last layer, if it was asked for
    states: Tensors = field(default_factory=dict)  # before it ran
    layer_ticks: list[int] = field(default_factory=list)
    digests: list[int] | None = None


@dataclass
class _Sequence:
    """Of a model with states: what they are, and the only sample that may run; None: none, the last one was stopped."""

    states: Tensors
    next: int | None = 0


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
        self._input_bytes = sum(tensor.bytes for tensor in self._program.inputs)
        accelerator.reset_state()
        accelerator.times_layers = True
        self._sample, self._sequence = _Sample(), _Sequence(accelerator.states)
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
        if self._program.graph.states:
            self._commands[COMMAND.RESET_STATE] = self._reset_state

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
            input_bytes=self._input_bytes,
            output_bytes=sum(tensor.bytes for tensor in program.outputs),
            ticks_hz=program.clock_hz,
            board_id=program.board_id,
            build_id=program.build_id,
            model_sha256=bytes.fromhex(program.model_sha256),
        )

    def _load_input(self, frame: Frame) -> bytes:
        offset, count = self._transfer(frame, exact=False)
        data = frame.payload[frames.TRANSFER.size :]
        _require(count == len(data) and offset + count <= self._input_bytes)
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
        _require(frame.sample == sample.number and len(sample.data) == self._input_bytes, STATUS.BAD_STATE)
        _require(sample.last in (None, last) and sample.level in (None, level), STATUS.BAD_STATE)
        if sample.last is None:
            _require(not self._program.graph.states or frame.sample == self._sequence.next, STATUS.BAD_STATE)
            sample.level = self._accelerator.level = level
            self._run(sample, last, bool(request["digests"]))
        return frames.INFER_REPLY.pack(ticks=sample.ticks)

    def _run(self, sample: _Sample, last: int, digests: bool) -> None:
        """The whole inference as an application runs it; layer by layer if tensors in between are wanted."""
        accelerator, sequence, whole = self._accelerator, self._sequence, last == self._layers - 1
        sample.states, sequence.next = sequence.states, None
        if digests or not whole:
            tensors, cycles = self._by_layers(sample, last)
            sample.digests = [zlib.crc32(tensor) for tensor in tensors] if digests else None
            sample.layer, sample.layer_ticks, sample.ticks = tensors[-1], cycles, sum(cycles)
        if whole:
            x, accelerator.states = self._inputs(sample), sequence.states
            sample.output = b"".join(output.tobytes() for output in accelerator.outputs(x))
            sample.ticks, sample.layer_ticks = accelerator.cycles, accelerator.layer_cycles()
            sequence.states, sequence.next = accelerator.states, sample.number + 1
        sample.last = last

    def _by_layers(self, sample: _Sample, last: int) -> tuple[list[bytes], list[int]]:
        """Tensors and cycles of layers up to `last`."""
        self._accelerator.states = sample.states
        steps = list(self._accelerator.run_layers(self._inputs(sample), last))
        return [tensor.tobytes() for tensor, _ in steps], [cycles for _, cycles in steps]

    def _inputs(self, sample: _Sample) -> Samples:
        """The sample's bytes as the tensors that they are."""
        values, at = {}, 0
        for tensor in self._program.inputs:
            data = np.frombuffer(bytes(sample.data[at : at + tensor.bytes]), tensor.dtype)
            values[tensor.index] = data.reshape(1, *sample_shape(tensor))
            at += tensor.bytes
        return Samples(values)

    def _reset_state(self, frame: Frame) -> bytes:
        """States for the sample of this number, which is loaded again."""
        _require(not frame.payload)
        self._accelerator.reset_state()
        self._sequence = _Sequence(self._accelerator.states, frame.sample)
        self._sample = _Sample(self._sample.number)
        return b""

    def _read_output(self, frame: Frame) -> bytes:
        offset, count = self._transfer(frame)
        return self._bytes(frame, self._sample.output, self._layers - 1, offset, count)

    def _read_layer(self, frame: Frame) -> bytes:
        offset, count = self._transfer(frame)
        layer, sample = frames.TRANSFER.unpack(frame.payload)["layer"], self._sample
        _require(layer < self._layers)
        _require(frame.sample == sample.number and sample.last == layer, STATUS.BAD_STATE)
        if not sample.layer:
            sample.layer = self._by_layers(sample, layer)[0][-1]
        return self._bytes(frame, sample.layer, layer, offset, count)

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
        self._accelerator.reset_state()
        self._sample, self._sequence = _Sample(), _Sequence(self._accelerator.states)
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
