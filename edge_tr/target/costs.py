"""Counter ticks of a device become costs that can be called by their names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.formats.frames import COUNTER
from edge_tr.manifest import BuildRecord, LevelRecord
from edge_tr.target.link import Hello, Link
from edge_tr.target.outcome import Cost, LayerCost, PlannedCost

_CALIBRATION_ROUNDS = 20_000


@dataclass(frozen=True)
class Counts:
    """What a tick of the device's counter is: `factor` of `unit`, and who says so."""

    factor: float
    unit: str
    source: str


@dataclass(frozen=True)
class Device:
    """What is checked, behind its link.

    connection  what stands where a board would; empty behind a port
    timer       what the ticks of a timer are, where that is known
    cycles      the same of a cycle counter that is not a board's own
    predicts    whether the build predicted the cycles of an inference
    """

    link: Link
    board_id: int
    connection: str = "emulator"
    timer: Counts | None = None
    cycles: Counts | None = None
    predicts: bool = False


class Meter:
    """Turns counter ticks into a cost that can be called by its name."""

    def __init__(self, device: Device, hello: Hello, level: LevelRecord) -> None:
        self._counts = _counts(device, hello, _moves(device.link))
        self._predicted = level.cycles_estimated if device.predicts else None
        self._clock_mhz = hello.ticks_hz / 1e6
        self._ticks: list[int] = []
        self.layers: list[int] = []

    def add(self, ticks: int, layers: list[int]) -> None:
        """One inference, and what the layers of the first one took."""
        self._ticks.append(ticks)
        self.layers = layers

    def cost(self) -> Cost:
        """The mean of all inferences."""
        if isinstance(self._counts, str):
            return Cost(None, None, self._counts)
        mean = round(float(np.mean(self._ticks)) * self._counts.factor, 1)
        if self._predicted is None:
            return Cost(mean, self._counts.unit, self._counts.source)
        return PlannedCost(mean, self._counts.unit, self._counts.source, self._predicted, self._clock_mhz)

    def layer_costs(self, manifest: BuildRecord) -> tuple[LayerCost, ...]:
        """Of the first inference; empty where nothing counts."""
        if isinstance(self._counts, str):
            return ()
        pairs = zip(manifest.layers, self.layers)
        return tuple(LayerCost(layer.name, layer.op, round(n * self._counts.factor, 1)) for layer, n in pairs)


def clock_of(hello: Hello) -> float:
    """Hz of the core, where its counter counts its cycles; else 0."""
    return float(hello.ticks_hz) if hello.counter == COUNTER.CYCLES else 0.0


def _moves(link: Link) -> bool:
    """Whether the counter advances, and in proportion to the work (within an eighth)."""
    once, twice = link.calibrate(_CALIBRATION_ROUNDS), link.calibrate(2 * _CALIBRATION_ROUNDS)
    return once > 0 and abs(twice - 2 * once) * 8 <= twice


def _counts(device: Device, hello: Hello, moves: bool) -> Counts | str:
    """What the device's counter counts, or why that is not known."""
    counter = COUNTER.name_of(hello.counter)
    if not moves:
        return f"none: the board's counter ({counter}) does not move with the work"
    if hello.counter == COUNTER.CYCLES:
        own = Counts(1.0, "cycles", f"core cycle counter of the board at {hello.ticks_hz:,} Hz")
        return device.cycles or own
    return device.timer or f"none: the board's {counter} counter tells neither cycles nor instructions"
