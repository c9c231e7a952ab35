"""The host's side of the link against a scripted board: what is asked again, what is ignored, what is an error."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from edge_tr import boards
from edge_tr.compiler import mcu_boards
from edge_tr.errors import DeviceError
from edge_tr.formats import frames
from edge_tr.formats.frames import COMMAND, MAX_PAYLOAD, REPLY_BIT, STATUS, Frame
from edge_tr.manifest import BuildFolder
from edge_tr.target import exchange
from edge_tr.target.exchange import LOADER_NACK, LOADER_TRIES, Patience
from edge_tr.target.link import EMULATED, Link

SHORT = Patience(reply_seconds=0.05, tries=4, infer_seconds=0.5)


class FakePort:
    """A port whose board is a function from a request to the bytes it sends back."""

    def __init__(self, answer) -> None:
        self.requests: list[Frame] = []
        self.timeout: float | None = None
        self._answer = answer
        self._pending = bytearray()

    def write(self, wire: bytes) -> None:
        self.requests.append(frames.decode(wire.strip(b"\0")))
        self._pending += self._answer(self.requests[-1], len(self.requests))

    def read(self, count: int) -> bytes:
        taken = bytes(self._pending[:count])
        del self._pending[:count]
        return taken


def reply(request: Frame, payload: bytes = b"", status: int = STATUS.OK, **changes: int) -> bytes:
    values = dict(sequence=request.sequence, version=request.version) | changes
    return frames.encode(
        Frame(request.command | REPLY_BIT.value, sample=request.sample, status=status, payload=payload, **values)
    )


NAK = frames.encode(Frame(REPLY_BIT.value, 0, status=STATUS.NAK))


def test_a_large_input_is_sent_in_pieces_that_fit_a_frame() -> None:
    port = FakePort(lambda request, _: reply(request))
    data = bytes(range(256)) * 5
    Link(port, SHORT).load_input(7, data)
    sent = [(frames.TRANSFER.unpack(r.payload), r.payload[frames.TRANSFER.size :]) for r in port.requests]
    assert b"".join(chunk for _, chunk in sent) == data
    assert [head["offset"] for head, _ in sent] == [0, 504, 1008]
    assert all(head["count"] == len(chunk) for head, chunk in sent)
    assert all(len(r.payload) <= MAX_PAYLOAD.value and r.sample == 7 for r in port.requests)


def test_a_large_tensor_is_read_in_pieces() -> None:
    tensor = bytes(range(256)) * 5

    def board(request: Frame, _: int) -> bytes:
        head = frames.TRANSFER.unpack(request.payload)
        assert head["layer"] == 3
        return reply(request, tensor[head["offset"] : head["offset"] + head["count"]])

    assert Link(FakePort(board), SHORT).read_layer(0, 3, len(tensor)) == tensor


def test_figures_of_many_layers_are_read_in_pieces() -> None:
    def board(request: Frame, _: int) -> bytes:
        head = frames.TRANSFER.unpack(request.payload)
        layers = range(head["offset"], head["offset"] + head["count"])
        return reply(request, b"".join((layer << 33).to_bytes(8, "little") for layer in layers))

    assert Link(FakePort(board), SHORT).costs(0, 150) == [layer << 33 for layer in range(150)]


def test_a_nak_and_a_silence_are_answered_by_the_same_request_again() -> None:
    answers = {1: NAK, 2: b""}
    port = FakePort(lambda request, number: answers[number] if number in answers else reply(request))
    Link(port, SHORT).reset()
    assert len(port.requests) == 3 and len(set(port.requests)) == 1


def test_naks_that_came_before_the_reply_cost_nothing() -> None:
    port = FakePort(lambda request, _: NAK * 50 + reply(request))
    Link(port, SHORT).reset()
    assert len(port.requests) == 1


def test_replies_to_other_requests_and_damaged_ones_are_passed_over() -> None:
    def board(request: Frame, _: int) -> bytes:
        good = reply(request, bytes(8))
        damaged = good[:5] + bytes([good[5] ^ 1 or 2]) + good[6:]
        other = reply(Frame(COMMAND.HELLO, request.sequence), b"\1" * 8)
        return reply(request, b"\1" * 8, sequence=request.sequence - 1) + damaged + other + good

    assert Link(FakePort(board), SHORT).calibrate(10) == 0


def test_sequence_numbers_wrap_and_never_repeat_from_one_request_to_the_next() -> None:
    port = FakePort(lambda request, _: reply(request))
    link = Link(port, SHORT)
    link._exchange._sequence = 0xFFFE
    for _ in range(3):
        link.reset()
    assert [request.sequence for request in port.requests] == [0xFFFF, 0, 1]


@pytest.mark.parametrize(
    ("status", "version", "words"),
    [
        (STATUS.BAD_TABLE, 1, "the model in the board's flash is damaged: run edge-tr flash again"),
        (STATUS.BAD_STATE, 1, "the board refused READ_OUTPUT with BAD_STATE: reset it and run again"),
        (STATUS.BAD_ARGUMENT, 1, "the board refused READ_OUTPUT with BAD_ARGUMENT"),
        (STATUS.BAD_VERSION, 9, "the board speaks version 9 of the link, this edge-tr .*: build and flash again"),
    ],
)
def test_a_refusal_is_told_with_its_remedy(status: int, version: int, words: str) -> None:
    port = FakePort(lambda request, _: reply(request, status=status, version=version))
    with pytest.raises(DeviceError, match=words):
        Link(port, SHORT).read_output(0, 10)
    assert len(port.requests) == 1


@pytest.mark.parametrize(
    ("answer", "tries", "words"),
    [
        (b"", SHORT.tries, "no answer from the board: check the port and the cable, and that edge-tr flash was run"),
        (
            bytes([LOADER_NACK]) * 20,
            LOADER_TRIES,
            "the board is in its loader and has no good image: run edge-tr flash",
        ),
        (b"name%\r\n\0m-ready\0", SHORT.tries, "the board sends bytes that are no frames: check the port, its speed"),
    ],
)
def test_what_never_answers_is_told_apart(answer: bytes, tries: int, words: str) -> None:
    port = FakePort(lambda *_: answer)
    with pytest.raises(DeviceError, match=words):
        Link(port, SHORT).hello()
    assert len(port.requests) == tries


def test_a_board_that_answers_after_a_loader_has_said_no_once_is_believed() -> None:
    port = FakePort(lambda request, number: bytes([LOADER_NACK]) if number == 1 else reply(request))
    Link(port, SHORT).reset()
    assert len(port.requests) == 2


class LatePort(FakePort):
    """A board that is busy for a while, on a clock that only moves while the port is read."""

    def __init__(self, busy: float) -> None:
        self.now = 0.0
        super().__init__(lambda request, _: b"" if self.now < busy else reply(request))

    def read(self, count: int) -> bytes:
        self.now += 0.01
        return super().read(count)


def after(busy: float, monkeypatch: pytest.MonkeyPatch, *patience: Patience) -> LatePort:
    """The port after a request to a board that is busy for so many seconds."""
    port = LatePort(busy)
    monkeypatch.setattr(exchange, "time", SimpleNamespace(monotonic=lambda: port.now))
    Link(port, *patience).reset()
    return port


def test_a_serial_link_is_given_eight_seconds_and_an_emulator_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(after(6.5, monkeypatch).requests) == 8
    assert len(after(58.5, monkeypatch, EMULATED).requests) == 60
    for busy, patience in ((8.5, Patience()), (61.0, EMULATED)):
        with pytest.raises(DeviceError, match="no answer from the board"):
            after(busy, monkeypatch, patience)


@pytest.mark.parametrize(("port", "patience"), [("socket://somewhere", Patience()), (None, EMULATED)])
def test_only_a_board_that_runs_here_is_an_emulators(
    port: str | None, patience: Patience, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = contextlib.nullcontext(SimpleNamespace(url="socket://here"))
    monkeypatch.setattr(mcu_boards, "emulate", lambda *_, **__: there)
    monkeypatch.setattr(mcu_boards, "open_port", lambda *_: contextlib.nullcontext())
    with mcu_boards.connect(boards.load("host"), BuildFolder(tmp_path), port) as device:
        assert device.link._exchange._patience == patience


def test_an_inference_is_waited_for_longer_than_an_answer() -> None:
    port = FakePort(lambda request, number: b"" if number < 8 else reply(request, bytes(8)))
    assert Link(port, SHORT).infer(0) == 0
    assert len(port.requests) == 8 > SHORT.tries


def test_an_inference_that_is_estimated_to_take_long_is_waited_for_longer() -> None:
    def late(request, number):
        return b"" if number < 100 else reply(request, bytes(8))

    with pytest.raises(DeviceError, match="no answer"):
        Link(FakePort(late), SHORT).infer(0)  # half a second, of 0.05 s each
    link = Link(port := FakePort(late), SHORT)
    link.expect(2_000_000, 8_000_000)  # twenty times a quarter of a second
    assert link.infer(0) == 0 and len(port.requests) == 100
    assert Patience().of_inference(10**9, 0.0) == 20_000.0  # an emulator's clock is not known
    assert Patience().of_inference(10**9, 168e6) == 900.0


def test_a_port_that_breaks_is_a_lost_connection() -> None:
    def broken(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    with pytest.raises(DeviceError, match=r"lost the connection to the board: .*Input/output error; check the cable"):
        Link(FakePort(broken), SHORT).hello()


# --- a board that answers in time and right, but for what it says -------------------------------------

QUESTIONS = {
    "HELLO": lambda link: link.hello(),
    "LOAD_INPUT": lambda link: link.load_input(0, bytes(9)),
    "INFER": lambda link: link.infer(0),
    "READ_OUTPUT": lambda link: link.read_output(0, 10),
    "READ_LAYER": lambda link: link.read_layer(0, 1, 10),
    "READ_DIGESTS": lambda link: link.digests(0, 3),
    "READ_COST": lambda link: link.costs(0, 3),
    "CALIBRATE": lambda link: link.calibrate(5),
    "RESET": lambda link: link.reset(),
}
RIGHT = dict(zip(QUESTIONS, (64, 0, 8, 10, 10, 12, 24, 8, 0)))


@pytest.mark.parametrize("name", QUESTIONS)
def test_only_the_reply_of_the_right_length_is_taken(name: str) -> None:
    for size in range(80):
        port = FakePort(lambda request, _, size=size: reply(request, bytes(size)))
        if size == RIGHT[name]:
            QUESTIONS[name](Link(port))
            continue
        words = f"the board answered {name} with {size} bytes instead of {RIGHT[name]}: .* run edge-tr flash again"
        with pytest.raises(DeviceError, match=words):
            QUESTIONS[name](Link(port))
        assert len(port.requests) == 1


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_status_that_nobody_knows_is_one_message(name: str) -> None:
    port = FakePort(lambda request, _: reply(request, status=200))
    with pytest.raises(DeviceError, match=f"the board refused {name} with 200: reset it and run again"):
        QUESTIONS[name](Link(port))


def test_an_ok_reply_of_another_version_is_not_taken() -> None:
    port = FakePort(lambda request, _: reply(request, version=9))
    with pytest.raises(DeviceError, match="the board speaks version 9 of the link"):
        Link(port).reset()


def test_a_reply_about_another_sample_is_passed_over() -> None:
    def board(request: Frame, _: int) -> bytes:
        other = Frame(request.command, request.sequence, request.sample + 1)
        return reply(other, b"wrong") + reply(request, b"right")

    assert Link(FakePort(board)).read_output(3, 5) == b"right"


@pytest.mark.parametrize("endless", [b"\0", b"\1", b"\n", NAK], ids=["zeros", "ones", "line feeds", "NAKs"])
def test_a_board_that_never_stops_sending_ends_a_request(endless: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(LatePort):
        def read(self, count: int) -> bytes:
            self._pending += endless
            return super().read(count)

    port = Endless(1e9)
    monkeypatch.setattr(exchange, "time", SimpleNamespace(monotonic=lambda: port.now))
    with pytest.raises(DeviceError):
        Link(port, SHORT).hello()
    assert port.now <= Patience.heard_tries * SHORT.reply_seconds + 1


# --- a wire on which long frames are lost -----------------------------------------------------------


def test_a_bad_wire_gets_shorter_frames_and_more_tries() -> None:
    tensor = bytes(range(256)) * 4

    def board(request: Frame, _: int) -> bytes:
        head = frames.TRANSFER.unpack(request.payload)
        part = tensor[head["offset"] : head["offset"] + head["count"]]
        return reply(request, part) if len(part) <= 60 else NAK

    port = FakePort(board)
    assert Link(port).read_output(0, len(tensor)) == tensor
    counts = [frames.TRANSFER.unpack(request.payload)["count"] for request in port.requests]
    assert counts[:8] == [512, 512, 256, 256, 128, 128, 64, 64] and set(counts[8:]) == {32}
    assert len({request.sequence for request in port.requests}) == 4 + len(counts[8:])
