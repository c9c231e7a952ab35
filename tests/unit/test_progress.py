"""Progress: a bar on a terminal, plain lines elsewhere, nothing for short work. The clock is the test's own."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios
import threading

import pytest

from edge_tr.report import progress as module
from edge_tr.report.progress import BEAT_SECONDS, DELAY_SECONDS, Progress
from edge_tr.target.heart import beating


class Clock:
    """time.monotonic, and the time that tqdm looks at, advanced by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module.time, "monotonic", clock)
    monkeypatch.setattr("tqdm.std.time", clock)
    return clock


def work(progress: Progress, clock: Clock, seconds: float, what: str = "flashing", total: int = 100) -> None:
    """`total` steps in so many seconds."""
    for done in range(total + 1):
        progress(what, done, total, "B")
        clock.now += seconds / total


def terminal() -> tuple[int, int]:
    """Both ends of one with 80 columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    return master, slave


def on_a_terminal(seconds: float, clock: Clock) -> str:
    """What a terminal gets."""
    master, slave = terminal()
    with os.fdopen(slave, "w") as stream:
        work(Progress(stream), clock, seconds)
        stream.flush()
        os.set_blocking(master, False)
        try:
            return os.read(master, 1 << 20).decode(errors="replace")  # may end within a character
        except BlockingIOError:
            return ""
        finally:
            os.close(master)


def test_short_work_shows_nothing_off_a_terminal(clock: Clock) -> None:
    stream = io.StringIO()
    work(Progress(stream), clock, 0.9 * DELAY_SECONDS)
    assert stream.getvalue() == ""


def test_long_work_prints_plain_lines_with_the_time_left(clock: Clock) -> None:
    stream = io.StringIO()
    work(Progress(stream), clock, 60)
    lines = stream.getvalue().splitlines()
    assert 10 <= len(lines) <= 13 and "\r" not in stream.getvalue() and "\x1b" not in stream.getvalue()
    assert re.fullmatch(r"flashing: 1 of 100 B, \d s so far", lines[0]), "one of a hundred says nothing of the rest"
    left = [int(re.fullmatch(r"flashing: \d+ of 100 B, about (\d+) s left", line)[1]) for line in lines[1:]]
    assert left == sorted(left, reverse=True)


def test_each_piece_of_work_has_a_clock_of_its_own(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    work(progress, clock, 0.9 * DELAY_SECONDS, "one")
    work(progress, clock, 0.9 * DELAY_SECONDS, "two")
    assert stream.getvalue() == ""
    work(progress, clock, 2 * DELAY_SECONDS, "three")
    assert stream.getvalue().startswith("three: ")


def test_long_work_draws_a_bar_with_the_time_left_on_a_terminal(clock: Clock) -> None:
    drawn = on_a_terminal(60, clock)
    assert "flashing" in drawn and "%|" in drawn and "\r" in drawn
    assert re.search(r"\[\d\d:\d\d<\d\d:\d\d", drawn)


def test_short_work_draws_nothing_on_a_terminal(clock: Clock) -> None:
    assert on_a_terminal(0.5 * DELAY_SECONDS, clock).strip("\r ") == ""


class Told(io.StringIO):
    """A stream that says when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


def test_work_that_nothing_is_heard_of_is_shown_all_the_same() -> None:
    """By the computer's own clock: the step that was begun takes long and says nothing."""
    stream = Told()
    progress = Progress(stream)
    with beating(progress.beat, BEAT_SECONDS):
        progress("scheduling", 0, 1, "model")
        assert stream.written.wait(60)
    assert re.match(r"scheduling: \d+ s so far\n", stream.getvalue())
    progress("scheduling", 1, 1, "model")
    assert DELAY_SECONDS + BEAT_SECONDS < 1


def test_a_terminal_shows_it_too() -> None:
    master, slave = terminal()
    with os.fdopen(slave, "w") as stream, os.fdopen(master, "rb", 0) as shown:
        progress, drawn = Progress(stream), b""
        progress("scheduling", 0, 1, "model")
        with beating(progress.beat, BEAT_SECONDS):
            while b"scheduling" not in drawn:
                drawn += shown.read(1000)  # waits for the first byte
        progress.close()


@pytest.mark.parametrize("seconds", [1, 100])
def test_quiet_shows_nothing(clock: Clock, seconds: float) -> None:
    stream = io.StringIO()
    work(Progress(stream, quiet=True), clock, seconds)
    assert stream.getvalue() == ""
