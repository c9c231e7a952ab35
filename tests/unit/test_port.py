"""Opening a port: each way it fails has a cause and a remedy."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time

import pytest
import serial

from edge_tr.errors import DeviceError, UsageError
from edge_tr.target.port import open_port


def test_no_such_port() -> None:
    with pytest.raises(DeviceError, match="there is no port /dev/ttyNOSUCH: connect the board, or choose from"):
        open_port("/dev/ttyNOSUCH", 115200)


def test_a_busy_port() -> None:
    controller, terminal = os.openpty()
    try:
        name = os.ttyname(terminal)
        with open_port(name, 115200), pytest.raises(DeviceError, match=f"{name} is busy: close the other program"):
            open_port(name, 115200)
    finally:
        os.close(controller)
        os.close(terminal)


def test_no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise serial.SerialException(errno.EACCES, "could not open port")

    monkeypatch.setattr(serial.Serial, "open", refuse)
    with pytest.raises(DeviceError, match="no permission for /dev/ttyACM0: run `sudo usermod -aG dialout"):
        open_port("/dev/ttyACM0", 115200)


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"socket://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(DeviceError, match=f"nothing listens at {url}"):
        open_port(url, 115200)


@pytest.mark.parametrize("url", ["nonsense://x", "socket://nohost"])
def test_no_such_kind_of_port(url: str) -> None:
    with pytest.raises((UsageError, DeviceError), match=url):
        open_port(url, 115200)


def test_a_port_that_is_not_there_yet_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    listening: list[socket.socket] = []
    timer = threading.Timer(0.5, lambda: listening.append(socket.create_server(address)))
    timer.start()
    with open_port(f"socket://127.0.0.1:{address[1]}", 115200, wait_seconds=20.0) as port:
        assert port.is_open
    timer.join()
    listening[0].close()


def test_a_port_that_never_comes_is_waited_for_no_longer() -> None:
    start = time.monotonic()
    with pytest.raises(DeviceError, match="there is no port /dev/ttyNOSUCH"):
        open_port("/dev/ttyNOSUCH", 115200, wait_seconds=0.4)
    assert time.monotonic() - start >= 0.4


def test_a_port_that_is_there_and_cannot_be_opened_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_tr.target.port.time.sleep", None)
    with pytest.raises(UsageError, match="nonsense://x"):
        open_port("nonsense://x", 115200, wait_seconds=20.0)
