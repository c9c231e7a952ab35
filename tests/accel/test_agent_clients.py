"""The agent's clients: who is let in, who is dropped, and that none sees another's data.

The agent is the one that ships, under the real pynq, on a fake Zynq around the Verilated accelerator; clients are
sockets.
"""

from __future__ import annotations

import contextlib
import importlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge_tr import compiler, overlays
from edge_tr.formats import frames
from edge_tr.formats.frames import COMMAND, STATUS, Frame
from edge_tr.target.cosim import Core
from edge_tr.target.virtual_zynq import VirtualZynq, overlay_files
from tests.system.helpers import DIGITS, run, succeed

BOARD = overlays.load("pynq-z2")
TOKEN = b"fourteen geese fly"
SECONDS = 30.0  # of a client, for a reply of a busy computer


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A build, its package's modules as a board imports them, and its accelerator."""
    folder, files = (tmp_path_factory.mktemp(name) for name in ("digits", "files"))
    compiler.build(DIGITS, BOARD.name, folder / "out")
    sys.path.insert(0, str(folder / "out"))
    names = ("agent", "errors", "overlay", "server")
    modules = {name: importlib.import_module(f"edge_tr_pynq.{name}") for name in names}
    with Core() as core:
        path, device = overlay_files(files, BOARD), VirtualZynq(BOARD, core)
        overlay = modules["overlay"].TermOverlay(path, device=device, seconds=200.0, stream_cycles=200_000)
        yield SimpleNamespace(folder=folder / "out", overlay_made=overlay, accelerator=overlay.accelerator, **modules)
    sys.path.remove(str(folder / "out"))
    for name in [name for name in sys.modules if name.startswith("edge_tr_pynq")]:
        del sys.modules[name]


@pytest.fixture
def serve(shipped: SimpleNamespace) -> Iterator[Callable[..., int]]:
    """Starts a server with a token and limits; its port."""
    with contextlib.ExitStack() as stack:

        def _serve(token: bytes | None = None, send_bytes: int | None = None, **limits: float) -> int:
            listener = stack.enter_context(shipped.server.listening("127.0.0.1", 0, token))
            if send_bytes:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
            make = lambda: shipped.agent.Agent(shipped.accelerator, lambda line: None, token)  # noqa: E731
            server, over = shipped.server.Server(make, listener, shipped.server.Limits(**limits)), threading.Event()
            thread = threading.Thread(target=server.serve, args=(lambda: not over.is_set(),))
            stack.callback(thread.join)
            stack.callback(over.set)
            thread.start()
            return listener.getsockname()[1]

        yield _serve


class Client:
    """A socket that speaks frames."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self._sequence = 0

    def send(self, command: int, payload: bytes = b"", sample: int = 0) -> None:
        self._sequence += 1
        self.socket.sendall(frames.encode(Frame(command, self._sequence, sample, payload=payload)))

    def receive(self) -> Frame:
        wire = b""
        while not (wire.strip(b"\0") and wire.endswith(b"\0")):
            byte = self.socket.recv(1)
            if not byte:
                raise ConnectionError("the agent closed the connection")
            wire += byte
        return frames.decode(wire.strip(b"\0"))

    def ask(self, command: int, payload: bytes = b"", sample: int = 0) -> Frame:
        self.send(command, payload, sample)
        return self.receive()

    @property
    def dropped(self) -> bool:
        """Whether the agent closes the connection before long."""
        with contextlib.suppress(ConnectionError):
            while self.socket.recv(1 << 16):
                pass
        return True  # else the socket's patience ends, which is an error

    def infer(self, x: np.ndarray, sample: int) -> bytes:
        """The output of a sample."""
        assert self.ask(COMMAND.LOAD_INPUT, transfer(0, x.size) + x.tobytes(), sample).status == STATUS.OK
        assert self.ask(COMMAND.INFER, ALL, sample).status == STATUS.OK
        return self.output(sample)

    def output(self, sample: int) -> bytes:
        reply = self.ask(COMMAND.READ_OUTPUT, transfer(0, 10), sample)
        assert reply.status == STATUS.OK
        return reply.payload


ALL = frames.INFER_REQUEST.pack(stop_layer=frames.ALL_LAYERS.value, digests=0)


def transfer(offset: int, count: int, layer: int = 0) -> bytes:
    return frames.TRANSFER.pack(offset=offset, count=count, layer=layer)


@pytest.fixture(scope="module")
def samples(shipped: SimpleNamespace) -> SimpleNamespace:
    with np.load(shipped.folder / "edge_tr_pynq" / "validation.npz") as arrays:
        return SimpleNamespace(x=arrays["x"], golden=arrays["golden"][-1])


def test_a_silent_client_holds_up_nobody(serve: Callable, samples: SimpleNamespace) -> None:
    port = serve()
    silent, half = Client(port), Client(port)
    half.socket.sendall(b"\0\x05half of a frame")
    assert Client(port).infer(samples.x[0], 3) == samples.golden[0].tobytes()
    assert silent.ask(COMMAND.HELLO).status == STATUS.OK


def test_clients_are_kept_apart(serve: Callable, samples: SimpleNamespace) -> None:
    """The same sample number, every way to read, while the other is there and when it has gone."""
    port = serve()
    first = Client(port)
    assert first.infer(samples.x[0], 7) == samples.golden[0].tobytes()
    reads = [
        (COMMAND.READ_OUTPUT, transfer(0, 10)), (COMMAND.READ_LAYER, transfer(0, 10, 5)), (COMMAND.INFER, ALL),
        (COMMAND.READ_DIGESTS, transfer(0, 1)), (COMMAND.READ_COST, transfer(0, 1)),
        (COMMAND.LOAD_INPUT, transfer(32, 32) + bytes(32)),
    ]  # fmt: skip
    for _ in range(2):
        other = Client(port)
        for command, payload in reads:
            reply = other.ask(command, payload, 7)
            assert (reply.status, reply.payload) == (STATUS.BAD_STATE, b""), COMMAND.name_of(command)
        assert other.infer(samples.x[1], 7) == samples.golden[1].tobytes()
        assert other.ask(COMMAND.RESET).status == STATUS.OK
        if first.socket.fileno() >= 0:
            assert first.output(7) == samples.golden[0].tobytes()
            first.socket.close()


def test_two_clients_at_once_get_their_own_answers(serve: Callable, samples: SimpleNamespace) -> None:
    port, wrong = serve(), []

    def client(n: int) -> None:
        mine = Client(port)
        for i in range(n, len(samples.x), 2):
            if mine.infer(samples.x[i], i // 2) != samples.golden[i].tobytes():
                wrong.append(i)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_nothing_is_answered_before_the_token(serve: Callable, samples: SimpleNamespace) -> None:
    port = serve(TOKEN)
    for command in [member.value for member in COMMAND.members] + [0, 99]:
        stranger = Client(port)
        reply = stranger.ask(command, b"another word")
        assert (reply.status, reply.payload) == (STATUS.DENIED, b"") and stranger.dropped
    for word in (b"", TOKEN[:-1], TOKEN + b"!", TOKEN.upper()):
        stranger = Client(port)
        assert stranger.ask(COMMAND.AUTHENTICATE, word).status == STATUS.DENIED and stranger.dropped
    friend = Client(port)
    assert friend.ask(COMMAND.AUTHENTICATE, TOKEN).status == STATUS.OK
    assert friend.infer(samples.x[0], 0) == samples.golden[0].tobytes()
    assert Client(port).ask(COMMAND.HELLO).status == STATUS.DENIED  # each client gives it


def test_requests_behind_a_wrong_token_are_not_answered(serve: Callable) -> None:
    stranger = Client(serve(TOKEN))
    hello = frames.encode(Frame(COMMAND.HELLO, 2))
    stranger.socket.sendall(frames.encode(Frame(COMMAND.AUTHENTICATE, 1, payload=b"x" * 16)) + hello * 3)
    assert stranger.receive().status == STATUS.DENIED and stranger.dropped


def test_the_token_is_compared_in_constant_time(
    serve: Callable, shipped: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    monkeypatch.setattr(shipped.agent.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or False)
    Client(serve(TOKEN)).ask(COMMAND.AUTHENTICATE, TOKEN)
    assert compared == [(TOKEN, TOKEN)]


def test_idle_clients_are_dropped(serve: Callable) -> None:
    port = serve(idle=0.5)
    silent, dripping = Client(port), Client(port)
    over = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while not over.wait(0.1):
                dripping.socket.sendall(b"x")  # never a whole frame

    thread = threading.Thread(target=drip)
    thread.start()
    assert silent.dropped and dripping.dropped
    over.set()
    thread.join()


def test_who_does_not_give_the_token_soon_is_dropped(serve: Callable) -> None:
    port = serve(TOKEN, stranger=0.5)
    friend = Client(port)
    assert friend.ask(COMMAND.AUTHENTICATE, TOKEN).status == STATUS.OK
    assert Client(port).dropped
    assert friend.ask(COMMAND.HELLO).status == STATUS.OK


def test_of_too_many_clients_a_stranger_goes_before_a_friend(serve: Callable) -> None:
    port = serve(TOKEN, clients=3)
    friend = Client(port)
    assert friend.ask(COMMAND.AUTHENTICATE, TOKEN).status == STATUS.OK
    strangers = [Client(port) for _ in range(2)]
    newcomer = Client(port)
    assert newcomer.ask(COMMAND.AUTHENTICATE, TOKEN).status == STATUS.OK
    assert strangers[0].dropped
    assert friend.ask(COMMAND.HELLO).status == newcomer.ask(COMMAND.HELLO).status == STATUS.OK


def test_a_client_that_takes_no_replies_is_dropped(serve: Callable) -> None:
    port = serve(send_bytes=4096)
    greedy = Client(port)
    greedy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    hello = frames.encode(Frame(COMMAND.HELLO, 1))
    with pytest.raises(ConnectionError):
        for _ in range(200_000):
            greedy.socket.sendall(hello)
    assert Client(port).ask(COMMAND.HELLO).status == STATUS.OK


def test_a_frame_without_an_end_takes_no_memory(shipped: SimpleNamespace) -> None:
    splitter = shipped.server.Splitter()
    for _ in range(1000):
        assert list(splitter.frames(b"\x01" * 4096)) == []
        assert len(splitter._wire) <= shipped.server.WIRE_BYTES
    hello = frames.encode(Frame(COMMAND.HELLO, 1))
    assert list(splitter.frames(b"\0" + hello)) == [b"", hello.strip(b"\0")]


def test_only_this_computer_is_listened_to_unless_a_token_is_asked_for(shipped: SimpleNamespace) -> None:
    listening, errors = shipped.server.listening, shipped.errors
    with pytest.raises(errors.UsageError, match="lets everybody on the network in: give --token-file"):
        listening("0.0.0.0", 0, None)
    with listening("0.0.0.0", 0, TOKEN) as everywhere, listening("localhost", 0, None) as here:
        assert everywhere.getsockname()[0] == "0.0.0.0" and here.getsockname()[0] in ("127.0.0.1", "::1")
        with pytest.raises(errors.DeviceError, match="cannot listen on"):
            listening("127.0.0.1", everywhere.getsockname()[1], None)


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [([], {}, "ssh -L"), (["--address", "0.0.0.0"], {"EDGE_TR_TOKEN": TOKEN.decode()}, "--token-file FILE")],
)
def test_the_script_says_how_it_is_reached(
    shipped: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    options: list[str], environment: dict[str, str], said: str,
) -> None:  # fmt: skip
    """It binds loopback unless told otherwise."""
    bound = []

    def serve(server: object) -> None:
        bound.append(server._listener.getsockname()[0])
        raise KeyboardInterrupt

    monkeypatch.setattr(shipped.overlay, "TermOverlay", lambda: shipped.overlay_made)
    monkeypatch.setattr(shipped.server.Server, "serve", serve)
    monkeypatch.setattr(sys, "argv", ["agent.py", "--port", "0", *options])
    monkeypatch.delenv("EDGE_TR_TOKEN", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert shipped.server.main() == 130
    assert said in capsys.readouterr().out
    assert bound == [options[-1] if options else "127.0.0.1"]


@pytest.mark.parametrize(
    ("token", "said"), [(b"short", "16 to 256"), (b"x" * 300, "16 to 256"), (None, "No such file")]
)
def test_a_bad_token_file_ends_the_script(
    shipped: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    token: bytes | None, said: str,
) -> None:  # fmt: skip
    if token is not None:
        (tmp_path / "token").write_bytes(token)
    monkeypatch.setattr(sys, "argv", ["agent.py", "--token-file", str(tmp_path / "token")])
    assert shipped.server.main() == 2
    assert said in capsys.readouterr().err
    ran = run("check", shipped.folder, "--token-file", tmp_path / "token")
    assert ran.code == 2 and said in ran.message


def test_check_gives_the_token(
    shipped: SimpleNamespace, serve: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"socket://127.0.0.1:{serve(TOKEN)}"
    (tmp_path / "token").write_bytes(TOKEN + b"\n")
    (tmp_path / "other").write_bytes(b"y" * 20)
    arguments = ("check", shipped.folder, "--port", url, "--limit", "2", "--json")
    for options in ((), ("--token-file", tmp_path / "other")):
        ran = run(*arguments, *options)
        assert ran.code == 6 and "give edge-tr check --token-file FILE" in ran.message
    assert succeed(*arguments, "--token-file", tmp_path / "token").json["bit_exact"]
    monkeypatch.setenv("EDGE_TR_TOKEN", TOKEN.decode())
    assert succeed(*arguments).json["bit_exact"]
