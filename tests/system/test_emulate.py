"""`edge-tr emulate`: an emulated board on a pseudo-terminal and on a TCP port, for any client."""

from __future__ import annotations

import contextlib
import functools
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_tr.target.emulator import RunningBoard, serving
from edge_tr.target.serve import clients, serve
from tests.system.helpers import DIGITS, PROCESS_ENVIRONMENT, place, refused, run, succeed

BOARD = "mps2-an386"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("emulate") / BOARD
    succeed("build", DIGITS, "--target", BOARD, "-o", folder)
    place(folder, BOARD)
    return folder


@contextlib.contextmanager
def emulate(*arguments: object, board: str = BOARD) -> Iterator[str]:
    """The port of the command as a process, which Ctrl-C must end with 0."""
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    command = [sys.executable, "-m", "edge_tr.cli", "emulate", *map(str, arguments), "--json"]
    process = subprocess.Popen(
        command, env=PROCESS_ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed
    )
    text = ""
    while not text.endswith("}\n"):
        line = process.stdout.readline()
        assert line, process.stderr.read()
        text += line
    try:
        said = json.loads(text)
        assert (said["board"], said["baud"]) == (board, 115200)
        yield said["port"]
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", "") and process.returncode == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("options", [("--pty",), ("--tcp", 0)])
def test_a_client_checks_the_board_twice_while_the_folder_is_free(options: tuple, built: Path) -> None:
    with emulate(built, *options) as port:
        assert port.startswith("/dev/" if "--pty" in options else "socket://127.0.0.1:")
        for _ in range(2):
            ran = succeed("check", built, "--port", port, "--limit", 1, "--json").json
            assert ran["bit_exact"] and ran["connection"] == port


def test_what_cannot_be_emulated_is_refused(tmp_path: Path, built: Path) -> None:
    succeed("build", DIGITS, "--target", "nucleo-g0b1re", "-o", tmp_path / "a")
    refused(run("emulate", tmp_path / "a"), 2, "nucleo-g0b1re has no emulator")
    refused(run("emulate", tmp_path / "b"), 2, "holds no build")
    ran = run("emulate", built, "--tcp", "70000")
    assert ran.code == 2 and "'70000' is not a port" in ran.err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        refused(run("emulate", built, "--tcp", number), 6, f"port {number} cannot be opened")


ECHO = """\
import os, socket, sys, time
server = socket.socket(fileno=int(os.environ["TR_HOST_LISTENER"]))
print("waiting for connection", file=sys.stderr, flush=True)
client, _ = server.accept()
while data := client.recv(100):
    if data == b"end":
        client.close()
        time.sleep(0.3)  # the connection ends before the reason is known
        sys.exit("ended itself")
    client.sendall(data.upper())
"""


def served(running: RunningBoard, source: object, failures: list[BaseException]) -> None:
    try:
        serve(running, source)
    except BaseException as error:
        failures.append(error)


def test_clients_come_and_go_and_the_end_of_the_emulator_is_told() -> None:
    failures: list[BaseException] = []
    with serving(lambda _: [sys.executable, "-c", ECHO]) as running, clients(False, 0) as source:
        thread = threading.Thread(target=served, args=(running, source, failures))
        thread.start()
        where = ("127.0.0.1", int(source.name.rpartition(":")[2]))
        for text in (b"one", b"two"):
            with socket.create_connection(where) as client:
                client.sendall(text)
                assert client.recv(10) == text.upper()
        with socket.create_connection(where) as client:
            client.sendall(b"end")
            thread.join(20)
    assert "the emulated board has ended" in str(failures) and "ended itself" in str(failures)
