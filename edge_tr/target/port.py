"""Serial ports by pyserial URL: /dev/ttyACM0, COM3, socket://, rfc2217://, ..."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import serial
import serial.tools.list_ports

from edge_tr.boards import Parity
from edge_tr.errors import DeviceError, UsageError

_PARITIES = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN}
POLL_SECONDS = 0.01  # a read's `timeout`; callers wait longer by reading again, see `read`
WAIT_STEP_SECONDS = 0.1  # between two looks for a port that is not there yet
_NOT_YET = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ECONNREFUSED)
WRITE_SECONDS = 10.0  # for one request to a local port; pyserial gives up then


def refuse_to_guess(what: str, found: Sequence[str]) -> str:
    """Nobody can be asked."""
    raise UsageError(f"{what}: give --port {' or '.join(found)}")


@dataclass(frozen=True)
class Line:
    """How a user wants a port opened.

    baud          None: as the board says
    wait_seconds  for a port that is not there yet
    choose        one of several that were found, told what they are
    """

    baud: int | None = None
    wait_seconds: float = 0.0
    choose: Callable[[str, Sequence[str]], str] = refuse_to_guess


DIRECT = Line()


def open_port(url: str, baud: int, parity: Parity = "none", wait_seconds: float = 0.0) -> serial.SerialBase:
    """An open port that no other program of this computer shares; DeviceError with cause and remedy.

    One that is not there, or where nobody listens, is tried again until so many seconds have passed.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return _open(url, baud, parity)
        except (serial.SerialException, OSError) as error:
            if _errno(error) not in _NOT_YET or time.monotonic() >= deadline:
                raise DeviceError(_explain(url, error)) from error
        time.sleep(WAIT_STEP_SECONDS)


def _open(url: str, baud: int, parity: Parity) -> serial.SerialBase:
    options = {"baudrate": baud, "parity": _PARITIES[parity], "timeout": POLL_SECONDS}
    try:
        port = serial.serial_for_url(url, do_not_open=True, **options)
        if "://" not in url:
            port.exclusive = True
            port.write_timeout = WRITE_SECONDS
        port.open()
    except ValueError as error:
        raise UsageError(f"--port {url}: {error}; give a device such as /dev/ttyACM0, or socket://HOST:PORT") from error
    return port


def read(port: serial.SerialBase, count: int, seconds: float) -> bytes:
    """Up to `count` bytes that come within `seconds`.

    pyserial's own `timeout` stays as it is: to change it on an open rfc2217:// port negotiates every setting anew.
    """
    deadline = time.monotonic() + seconds
    data = port.read(count)
    while len(data) < count and time.monotonic() < deadline:
        data += port.read(count - len(data))
    return data


def _explain(url: str, error: Exception) -> str:
    number = _errno(error)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        found = ", ".join(sorted(port.device for port in serial.tools.list_ports.comports()))
        return f"there is no port {url}: connect the board, or choose from: {found or 'no serial port found'}"
    if number in (errno.EACCES, errno.EPERM):
        return f"no permission for {url}: run `sudo usermod -aG dialout $USER` and log in again"
    if number in (errno.EBUSY, errno.EAGAIN):
        return f"{url} is busy: close the other program that has it open (a serial monitor, perhaps)"
    if number == errno.ECONNREFUSED:
        return f"nothing listens at {url}: start the emulator or the serial server there"
    return f"cannot open {url}: {error}"


def _errno(error: Exception) -> int | None:
    """pyserial keeps the number of local ports, and only prints that of sockets."""
    number = getattr(error, "errno", None)
    printed = re.search(r"\[Errno (\d+)\]", str(error))
    return number if number is not None else int(printed[1]) if printed else None
