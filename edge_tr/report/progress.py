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


ENOUGH, ENOUGH_OF_ALL = 5, 0.2
"""Pieces of work, or the share of all, from which on the time that is left is guessed: one of them says little."""


_WITHOUT_GUESS = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}]"


def _is_enough(done: int, total: int) -> bool:
    return done >= ENOUGH or done > total * ENOUGH_OF_ALL


def _several(unit: str) -> str:
    return unit if unit == "B" else f"{unit}s"


class Progress:
    """Call it with (what, done, total, unit); a new `what` begins a new bar. It goes to `stream`, by default to what is
    stderr now."""

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
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
        self._bar.bar_format = None if _is_enough(done, total) else _WITHOUT_GUESS
        self._bar.update(done - self._bar.n)

    def _line(self, done: int, total: int, unit: str) -> None:
        now = time.monotonic()
        if now - self._printed < LINE_SECONDS:
            return
        self._printed = now
        so_far = now - self._started
        if done and _is_enough(done, total):
            text = f"{done} of {total} {_several(unit)}, about {so_far * (total - done) / done:.0f} s left"
        elif total > 1:
            text = f"{done} of {total} {_several(unit)}, {so_far:.0f} s so far"
        else:
            text = f"{so_far:.0f} s so far"
        print(f"{self._what}: {text}", file=self._stream, flush=True)
