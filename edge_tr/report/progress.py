"""Progress on stderr: a bar with the time left on a terminal, plain lines elsewhere.

Nothing is shown for work that is done within two seconds.
"""

from __future__ import annotations

import sys
import time
from typing import TextIO

from tqdm import tqdm

DELAY_SECONDS = 2.0
LINE_SECONDS = 5.0


class Progress:
    """Call it with (what, done, total, unit); a new `what` begins a new bar."""

    def __init__(self, stream: TextIO = sys.stderr, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._what = ""
        self._bar: tqdm | None = None
        self._started = self._printed = 0.0

    def __call__(self, what: str, done: int, total: int, unit: str) -> None:
        if self._quiet:
            return
        if what != self._what:
            self.close()
            self._what, self._started = what, time.monotonic()
            self._printed = self._started + DELAY_SECONDS - LINE_SECONDS
        if self._stream.isatty():
            self._draw(done, total, unit)
        else:
            self._line(done, total, unit)
        if done >= total:
            self.close()

    def close(self) -> None:
        """End the bar, if one is open."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._what = None, ""

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
        self._bar.update(done - self._bar.n)

    def _line(self, done: int, total: int, unit: str) -> None:
        now = time.monotonic()
        if now - self._printed < LINE_SECONDS:
            return
        self._printed = now
        left = (now - self._started) * (total - done) / max(done, 1)
        print(f"{self._what}: {done} of {total} {unit}, about {left:.0f} s left", file=self._stream, flush=True)
