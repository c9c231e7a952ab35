"""What the firmware must answer, written a second time in Python from docs/formats.md.

`Twin.answers(wire)` takes everything that is sent to the board, damaged or not, and returns the replies.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edge_tr.codegen import mcu
from edge_tr.formats import frames
from edge_tr.formats.frames import (
    COMMAND,
    HELLO_REPLY,
    INFER_REPLY,
    INFER_REQUEST,
    MAX_PAYLOAD,
    STATUS,
    TRANSFER,
    Frame,
)
from edge_tr.formats.image import board_id
from edge_tr.formats.schema import FormatError
from edge_tr.golden.ends import sample_shape
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.lower.program import Program, data_terms

BODY_BYTES = frames.FRAME_HEADER.size + MAX_PAYLOAD.value + 4
WIRE_BYTES = BODY_BYTES + BODY_BYTES // 254 + 1
NAK = Frame(frames.REPLY_BIT.value, 0, status=STATUS.NAK)
COUNTER_HZ = 1000  # of harness_board.c, whose counter moves by one at every look


class Refusal(Exception):
    """A status other than OK."""


WITHOUT_PAYLOAD = {COMMAND.HELLO, COMMAND.RESET, COMMAND.CALIBRATE, COMMAND.RESET_STATE}


@dataclass
class Twin:
    """The state of main.c: which sample has come how far."""

    graph: Graph
    program: Program
    build_id: int
    board_id: int
    sample: int = 0
    loaded: int = 0
    last: int | None = None  # layer that the sample was run to
    digests: bool = False
    level: int = 0
    next: int = 0  # of a model with states, the only sample that may run
    torn: bool = False
    steps: list[bytes] = field(default_factory=list)  # inputs since the states were reset

    def __post_init__(self) -> None:
        self.input = bytearray(sum(tensor.bytes for tensor in self.program.inputs))
        self.output_bytes = sum(tensor.bytes for tensor in self.program.outputs)
        self.layers = len(self.program.layers)

    def answers(self, wire: bytes) -> list[Frame]:
        """One reply to each run of bytes that a zero ends."""
        return [self.answer(part) for part in wire.split(b"\0")[:-1] if part]

    def answer(self, part: bytes) -> Frame:
        try:
            request = frames.decode(part)
        except FormatError:
            return NAK
        if len(part) > WIRE_BYTES:
            return NAK
        try:
            status, payload = STATUS.OK, self._execute(request)
        except Refusal as refusal:
            status, payload = int(str(refusal)), b""
        command = request.command | frames.REPLY_BIT.value
        return Frame(command, request.sequence, request.sample, status, payload)

    def _execute(self, request: Frame) -> bytes:
        require(request.version == frames.LINK_VERSION.value, STATUS.BAD_VERSION)
        work = {
            COMMAND.HELLO: self._hello,
            COMMAND.LOAD_INPUT: self._load_input,
            COMMAND.INFER: self._infer,
            COMMAND.READ_OUTPUT: self._read,
            COMMAND.READ_LAYER: self._read,
            COMMAND.READ_DIGESTS: self._numbers,
            COMMAND.READ_COST: self._numbers,
            COMMAND.CALIBRATE: lambda _: INFER_REPLY.pack(ticks=1),
        } | ({COMMAND.RESET_STATE: self._reset_state} if self.program.states else {})
        require(request.command in work, STATUS.BAD_COMMAND)
        much = request.command == COMMAND.CALIBRATE and request.sample > frames.MAX_CALIBRATION.value
        require(not much, STATUS.BAD_ARGUMENT)
        require(not (request.payload and request.command in WITHOUT_PAYLOAD), STATUS.BAD_ARGUMENT)
        return work[request.command](request)

    def _hello(self, _: Frame) -> bytes:
        return HELLO_REPLY.pack(
            table_version=1,
            counter=frames.COUNTER.TIMER,
            layers=self.layers,
            levels=len(self.program.levels),
            max_payload=MAX_PAYLOAD.value,
            input_bytes=len(self.input),
            output_bytes=self.output_bytes,
            ticks_hz=COUNTER_HZ,
            board_id=self.board_id,
            build_id=self.build_id,
            model_sha256=bytes.fromhex(self.graph.sha256),
        )

    def _load_input(self, request: Frame) -> bytes:
        require(len(request.payload) >= TRANSFER.size, STATUS.BAD_ARGUMENT)
        head, data = TRANSFER.unpack(request.payload), request.payload[TRANSFER.size :]
        offset, end = head["offset"], head["offset"] + len(data)
        require(head["count"] == len(data) and end <= len(self.input), STATUS.BAD_ARGUMENT)
        if offset == 0:
            self.sample, self.loaded, self.last = request.sample, 0, None
        require(self.last is None and request.sample == self.sample and offset <= self.loaded, STATUS.BAD_STATE)
        self.input[offset:end] = data
        self.loaded = max(self.loaded, end)
        return b""

    def _infer(self, request: Frame) -> bytes:
        require(len(request.payload) == INFER_REQUEST.size, STATUS.BAD_ARGUMENT)
        head = INFER_REQUEST.unpack(request.payload)
        last = self.layers - 1 if head["stop_layer"] == frames.ALL_LAYERS.value else head["stop_layer"]
        require(last < self.layers and head["level"] < len(self.program.levels), STATUS.BAD_ARGUMENT)
        require(request.sample == self.sample and self.loaded == len(self.input), STATUS.BAD_STATE)
        require(self.last is None or (self.last, self.level) == (last, head["level"]), STATUS.BAD_STATE)
        if self.last is None:
            follows = not self.torn and request.sample == self.next
            require(follows or not self.program.states, STATUS.BAD_STATE)
            self.last, self.digests, self.level = last, head["digests"] != 0, head["level"]
            self.next, self.torn = request.sample + 1, last != self.layers - 1
            self.steps = [*self.steps, bytes(self.input)] if self.program.states else [bytes(self.input)]
        return INFER_REPLY.pack(ticks=last + 1)

    def _reset_state(self, request: Frame) -> bytes:
        self.next, self.torn, self.steps, self.loaded, self.last = request.sample, False, [], 0, None
        return b""

    def _golden(self) -> Mapping[int, np.ndarray]:
        """Every tensor of the last step, by golden."""
        level, graph = self.program.levels[self.level], self.graph
        ends = np.cumsum([0, *(tensor.bytes for tensor in self.program.inputs)]).tolist()
        x = {
            index: np.stack([np.frombuffer(step[first:end], tensor.dtype) for step in self.steps]).reshape(
                1, len(self.steps), *sample_shape(tensor)
            )
            for index, tensor, first, end in zip(graph.inputs, self.program.inputs, ends, ends[1:])
        }
        x = x if graph.states else {index: array[0] for index, array in x.items()}
        result = run(graph, x, weights=level.revealed, data_terms=data_terms(self.program), keep="all")
        tensors = {**x, **result.tensors, **result.outputs}
        return {i: tensor[:, -1] if graph.states else tensor for i, tensor in tensors.items()}

    def _tensors(self) -> list[bytes]:
        """Bytes that each layer writes, by golden."""
        alive = self.program.levels[self.level].alive.of(self._golden())
        return [alive[layer.output].tobytes() for layer in self.program.layers]

    def _outputs(self) -> bytes:
        tensors = self._golden()
        return b"".join(tensors[index].tobytes() for index in self.graph.outputs)

    def _ran(self, request: Frame) -> tuple[int, int]:
        """(offset, count) of a request about a sample that has run."""
        require(len(request.payload) == TRANSFER.size, STATUS.BAD_ARGUMENT)
        head = TRANSFER.unpack(request.payload)
        is_layer = request.command == COMMAND.READ_LAYER
        require(not is_layer or head["layer"] < self.layers, STATUS.BAD_ARGUMENT)
        wanted = {COMMAND.READ_LAYER: head["layer"], COMMAND.READ_OUTPUT: self.layers - 1}
        require(self.last is not None and request.sample == self.sample, STATUS.BAD_STATE)
        require(wanted.get(request.command, self.last) == self.last, STATUS.BAD_STATE)
        return head["offset"], head["count"]

    def _read(self, request: Frame) -> bytes:
        offset, count = self._ran(request)
        tensor = self._outputs() if request.command == COMMAND.READ_OUTPUT else self._tensors()[self.last]
        require(count <= MAX_PAYLOAD.value and offset + count <= len(tensor), STATUS.BAD_ARGUMENT)
        return tensor[offset : offset + count]

    def _numbers(self, request: Frame) -> bytes:
        offset, count = self._ran(request)
        size = 4 if request.command == COMMAND.READ_DIGESTS else 8
        done = self.last + 1
        require(offset < done and offset + count <= done and count * size <= MAX_PAYLOAD.value, STATUS.BAD_ARGUMENT)
        if request.command == COMMAND.READ_COST:
            return INFER_REPLY.pack(ticks=1) * count
        require(self.digests, STATUS.BAD_STATE)
        return b"".join(zlib.crc32(t).to_bytes(4, "little") for t in self._tensors()[offset : offset + count])


def twin_of(graph: Graph, program: Program) -> Twin:
    """Of a program that `harness_build.compile_model` compiled."""
    build_id = mcu.build_id(mcu.source_tree(program, "host", "test.tflite"), "host")
    return Twin(graph, program, build_id, board_id("host"))


def require(condition: bool, status: int) -> None:
    """Refuse with `status` unless the condition holds."""
    if not condition:
        raise Refusal(status)
