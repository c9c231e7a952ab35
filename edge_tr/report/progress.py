"""Progress on stderr: a bar with the time left on a terminal, plain lines elsewhere.

Nothing is shown for work that is done within DELAY_SECONDS. Work that is not is shown then, and kept up to date, even
if nothing is heard of it meanwhile, by whoever calls `beat` from a thread of its own.
"""

from __future__ import annotations

import sys
import time
from typing import TextIO

from tqdm import tqdm

DELAY_SECONDS = 0.5
LINE_SECONDS = 5.0
BEAT_SECONDS = 0.25
"""Between two calls of `beat`."""


class Progress:
    """Call it with (what, done, total, unit); a new `what` begins a new bar."""

    def __init__(self, stream: TextIO = sys.stderr, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._what = ""
        self._bar: tqdm | None = None
        self._last = (0, 0, "")  # done, total, unit
        self._started = self._printed = 0.0

    def __call__(self, what: str, done: int, total: int, unit: str) -> None:
        if self._quiet:
            return
        with tqdm.get_lock():
            if what != self._what:
                self.close()
                self._what, self._started = what, time.monotonic()
                self._printed = self._started + DELAY_SECONDS - LINE_SECONDS
            self._last = done, total, unit
            if self._stream.isatty():
                self._draw(done, total, unit)
            else:
                self._line(done, total, unit)
            if done >= total:
                self.close()

    def close(self) -> None:
        """End the bar, if one is open."""
        with tqdm.get_lock():
            if self._bar is not None:
                self._bar.close()
            self._bar, self._what = None, ""

    def beat(self) -> None:
        """Show how long what is under way has taken so far."""
        with tqdm.get_lock():
            if not self._what:
                return
            if self._bar is None:
                self._line(*self._last)
            elif time.monotonic() - self._started >= DELAY_SECONDS:
                self._bar.refresh()

    def _draw(self, done: int, total: int, unit: str) -> None:
        if self._bar is None:
            self._bar = tqdm(
                desc=self._what,
                total=total,
                unit=unit,
                unit_scale=unit == "B",
                delay=DELAY_SECONDS,
                file=self._stream,
                dynamic_ncols=True,
                leave=False,
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def _line(self, done: int, total: int, unit: str) -> None:
        now = time.monotonic()
        if now - self._printed < LINE_SECONDS:
            return
        self._printed = now
        if done:
            left = (now - self._started) * (total - done) / done
            text = f"{done} of {total} {unit}, about {left:.0f} s left"
        else:
            text = f"{now - self._started:.0f} s so far"
        print(f"{self._what}: {text}", file=self._stream, flush=True)
