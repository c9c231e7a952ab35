"""Device, golden and interpreter on the same samples: where do they agree, and where first not?

Three answers are compared byte for byte. *Device* is what the board computed;
*golden* is the integer model of this package on the revealed weights;
*reference* is the TFLite interpreter, once on the model as given (accuracy,
agreement) and once on the file with the revealed weights (identity).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from edge_tr.errors import DeviceError
from edge_tr.formats.frames import COUNTER
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import ReferenceInfo, reference_info
from edge_tr.ir import tflite
from edge_tr.manifest import BuildRecord, LevelRecord
from edge_tr.target.exchange import StateLost
from edge_tr.target.expected import Expected
from edge_tr.target.link import Hello, Link, identify
from edge_tr.target.outcome import CheckReport, Cost, LayerCost, Mismatch, PlannedCost, Reference
from edge_tr.tr.requant import Rounding

Progress = Callable[[str, int, int, str], None]
T = TypeVar("T")
_BATCH = 16  # samples of golden and interpreter between two signs of progress
_CALIBRATION_ROUNDS = 20_000
STATE_TRIES = 8
"""Of a sample whose state on the board is lost: an old frame, repeated late on the way, loads its own sample again."""


@dataclass(frozen=True)
class Models:
    """The model file as given, and with the revealed weights of each of the build's budgets."""

    given: bytes
    revealed: tuple[bytes, ...]


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


def check(
    device: Device,
    manifest: BuildRecord,
    models: Models,
    x: np.ndarray,
    y: np.ndarray | None,
    *,
    layers: bool = False,
    level: int = 0,
    progress: Progress,
) -> CheckReport:
    """Run int8 samples x [n, ...] with labels y [n] everywhere; DeviceError if the board runs anything else.

    `layers` compares the tensor of every layer, not only the output; `level` is the budget to run with.
    """
    hello = identify(
        device.link, device.board_id, model_sha256=manifest.model_sha256, build_id=int(manifest.build_id, 16)
    )
    oracle = Oracle(models.given)
    info = reference_info(oracle.runtime)
    expected = Expected([tflite.parse(data) for data in models.revealed], level, manifest)
    run, record = _Run(device.link, manifest, expected, level), manifest.levels[level]
    meter = _Meter(device, hello, record)
    golden = _batched(expected.outputs, x, "golden model", progress)
    reference = _batched(oracle.run, x, "interpreter", progress)
    revealed = models.revealed[level]
    lossless = models.given == revealed
    same_weights = reference if lossless else _batched(Oracle(revealed).run, x, "interpreter, revealed", progress)
    answers, wrong = run.samples(x, golden, layers, meter, progress)
    mismatch = run.first_mismatch(x, wrong[0]) if wrong else None
    identical = int(_equal(answers, same_weights).sum())
    return CheckReport(
        target=manifest.target,
        model=manifest.model,
        model_sha256=manifest.model_sha256,
        budget=record.budget,
        level=level,
        terms_per_mac=record.terms_per_mac,
        samples=len(x),
        bit_exact=not wrong,
        mismatched_samples=len(wrong),
        first_mismatch=mismatch,
        accuracy=_accuracy(answers, y),
        golden_accuracy=_accuracy(golden, y),
        reference_accuracy=_accuracy(reference, y),
        agreement=float(np.mean(_choices(answers) == _choices(reference))),
        reference_identical=identical,
        layers_compared=len(manifest.layers) if layers else 1,
        cost=meter.cost(),
        reference=Reference(info.runtime, info.version, info.resolver, info.rounding_text),
        layer_costs=meter.layer_costs(manifest),
        notes=tuple(_notes(expected, info, x, same_weights, identical)),
        confusion=_confusion(answers, y),
    )


# --- the device ----------------------------------------------------------------


@dataclass(frozen=True)
class _Run:
    """Inferences with one budget."""

    link: Link
    manifest: BuildRecord
    expected: Expected
    level: int

    def samples(
        self, x: np.ndarray, golden: np.ndarray, layers: bool, meter: _Meter, progress: Progress
    ) -> tuple[np.ndarray, list[int]]:
        """The device's outputs, shaped like golden's, and the samples that differ."""
        device, wrong = np.empty_like(golden), []
        progress(self.manifest.target, 0, len(x), "sample")
        for n in range(len(x)):
            output, digests = _again(lambda n=n: self._sample(n, x[n], golden[n].size, layers, meter))
            device[n] = np.frombuffer(output, np.int8).reshape(golden[n].shape)
            same = np.array_equal(device[n], golden[n])
            if not same or (layers and digests != self.expected.digests(x[n : n + 1])):
                wrong.append(n)
            progress(self.manifest.target, n + 1, len(x), "sample")
        return device, wrong

    def _sample(self, n: int, x: np.ndarray, size: int, layers: bool, meter: _Meter) -> tuple[bytes, list[int]]:
        """Output of `size` bytes and, with `layers`, digests of sample n; costs go to the meter."""
        count = len(self.manifest.layers)
        self.link.load_input(n, x.tobytes())
        ticks = self.link.infer(n, digests=layers, level=self.level)
        output = self.link.read_output(n, size)
        costs = self.link.costs(n, count) if n == 0 else meter.layers
        digests = self.link.digests(n, count) if layers else []
        meter.add(ticks, costs)
        return output, digests

    def first_mismatch(self, x: np.ndarray, n: int) -> Mismatch:
        """Run sample n again with digests, stop at the first layer that differs, and read its tensor."""
        got = _again(lambda: self._digests(n, x[n]))
        digests = self.expected.digests(x[n : n + 1])
        position = next((i for i, pair in enumerate(zip(got, digests)) if pair[0] != pair[1]), None)
        if position is None:
            raise DeviceError(f"sample {n} differed once and not again: {_SUSPECT}")
        layer = self.manifest.layers[position]
        theirs = np.frombuffer(_again(lambda: self._tensor(n, x[n], position, layer.tensor_bytes)), np.int8)
        ours = self.expected.tensors(x[n : n + 1])[layer.tensor_index].ravel()
        differing = np.flatnonzero(theirs != ours)
        if not differing.size:
            raise DeviceError(f"sample {n}: the digest of {layer.name} was wrong, its tensor is right: {_SUSPECT}")
        index = int(differing[0])
        return Mismatch(n, layer.name, layer.tensor, index, int(theirs[index]), int(ours[index]))

    def _digests(self, n: int, x: np.ndarray) -> list[int]:
        self.link.load_input(n, x.tobytes())
        self.link.infer(n, digests=True, level=self.level)
        return self.link.digests(n, len(self.manifest.layers))

    def _tensor(self, n: int, x: np.ndarray, position: int, size: int) -> bytes:
        self.link.load_input(n, x.tobytes())
        self.link.infer(n, stop_layer=position, level=self.level)
        return self.link.read_layer(n, position, size)


_SUSPECT = "suspect the board's memory or its supply"


def _again(work: Callable[[], T]) -> T:
    """`work`, which begins with loading a sample; from the start where the board has lost that sample."""
    for _ in range(STATE_TRIES - 1):
        try:
            return work()
        except StateLost:
            continue
    return work()


class _Meter:
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


# --- golden and the interpreter --------------------------------------------------


def _batched(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, what: str, progress: Progress) -> np.ndarray:
    parts = []
    progress(what, 0, len(x), "sample")
    for start in range(0, len(x), _BATCH):
        parts.append(function(x[start : start + _BATCH]))
        progress(what, min(start + _BATCH, len(x)), len(x), "sample")
    return np.concatenate(parts)


def _notes(expected: Expected, info: ReferenceInfo, x: np.ndarray, reference: np.ndarray, identical: int) -> list[str]:
    """Why device and interpreter differ, where that is expected."""
    if identical == len(x):
        return []
    if any(dot.data_terms is not None for dot in expected.manifest.products):
        return ["the data budget s truncates activations, which no interpreter does: only golden is an oracle here"]
    if all(mode is Rounding.DOUBLE for mode in info.rounding.values()):
        return ["the interpreter differs from golden: please report this model"]
    like_them = _batched(lambda part: expected.outputs(part, info.rounding), x, "golden", lambda *_: None)
    same = int(_equal(like_them, reference).sum())
    return [
        f"{info.runtime} {info.version} rounds differently ({info.rounding_text}): with its rounding golden equals it "
        f"on {same} of {len(x)} samples; tflite-runtime 2.14 rounds like the board"
    ]


# --- figures ----------------------------------------------------------------------


def _equal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """bool [n]: all bytes of the sample's output are equal."""
    return (a.reshape(len(a), -1) == b.reshape(len(b), -1)).all(axis=1)


def _choices(outputs: np.ndarray) -> np.ndarray:
    """Class index [n], or the value itself for outputs of one element."""
    flat = outputs.reshape(len(outputs), -1)
    return flat[:, 0] if flat.shape[1] == 1 else flat.argmax(axis=1)


def _accuracy(outputs: np.ndarray, y: np.ndarray | None) -> float | None:
    return None if y is None else float(np.mean(_choices(outputs) == y))


def _confusion(outputs: np.ndarray, y: np.ndarray | None) -> tuple[tuple[int, ...], ...]:
    """Counts [label][choice] of the device; empty without labels or with very many classes."""
    classes = outputs[0].size
    if y is None or not 1 < classes <= 40 or y.min() < 0 or y.max() >= classes:
        return ()
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (y, _choices(outputs)), 1)
    return tuple(tuple(int(n) for n in row) for row in counts)
