"""Inferences per second by the processor's clock, for batches of several sizes: the driver's Python is part of it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_tr_pynq.driver import Given
from edge_tr_pynq.ends import Samples
from edge_tr_pynq.errors import EdgeTrError, UsageError
from edge_tr_pynq.overlay import TermOverlay
from edge_tr_pynq.validate import DATA, inputs, read

BATCHES = (1, 4, 16, 64)


@dataclass(frozen=True)
class Rate:
    """`inferences` in batches of `batch` took `seconds`; the accelerator was busy for `cycles` in each of them."""

    batch: int
    inferences: int
    seconds: float
    cycles: int

    @property
    def per_second(self) -> float:
        return self.inferences / self.seconds


def measure(
    overlay: TermOverlay, x: Given, batch: int, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> Rate:
    """Predict batches of the samples `x`, as `predict` takes them, repeated as need be, for at least `seconds`; the
    first one is not counted."""
    given = overlay.accelerator.samples(x)
    samples = Samples({index: array[np.arange(batch) % len(given)] for index, array in given.step(0).items()})
    overlay.predict(samples)
    done, start = 0, clock()
    while True:
        overlay.predict(samples)
        done += batch
        took = clock() - start
        if took >= seconds:
            return Rate(batch, done, took, overlay.accelerator.cycles)


def table(rates: Iterable[Rate], clock_hz: int) -> str:
    """A line for each rate, and what the figures are."""
    lines = ["batch  inferences/s  ms each  accelerator busy"]
    for rate in rates:
        busy = rate.cycles / clock_hz * rate.per_second
        lines.append(f"{rate.batch:5}  {rate.per_second:12,.1f}  {1e3 / rate.per_second:7.3f}  {busy:16.1%}")
    lines.append("wall time of this processor, Python included; busy: cycles of the accelerator at its nominal clock")
    return "\n".join(lines)


def main() -> int:
    """Entry point of throughput.py."""
    parser = argparse.ArgumentParser(description="Inferences per second, by batch size.")
    parser.add_argument("data", nargs="?", type=Path, default=Path(__file__).resolve().parent / DATA)
    parser.add_argument("--batch", type=int, nargs="+", default=BATCHES, metavar="N")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each batch size")
    parser.add_argument("--level", type=int, help="which of the build's budgets, 0: fewest terms (default: the most)")
    arguments = parser.parse_args()
    try:
        if min(arguments.batch) < 1:
            raise UsageError("a batch has at least one sample")
        x, overlay = inputs(read(arguments.data)), TermOverlay()
        if arguments.level is not None:
            overlay.level = arguments.level
        rates = [measure(overlay, x, batch, arguments.seconds) for batch in arguments.batch]
    except EdgeTrError as error:
        print(f"throughput: {error}", file=sys.stderr)
        return error.exit_code
    print(table(rates, overlay.accelerator.program.clock_hz))
    return 0
