"""tr_lane: requantisation equals TFLite's, and its multipliers accumulate a fully connected layer exactly."""

from __future__ import annotations

from collections.abc import Sequence

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly, RisingEdge

from edge_tr.accel.scale import NO_ROUNDING, Scale, average, scale_of
from edge_tr.errors import DoesNotFitError
from edge_tr.tr.requant import Rounding, multiply_by_quantized_multiplier

LATENCY = 7
STAGE = {"value": 0, "dense_value": 0, "bias": 0, "partial": 0, "use_partial": 0, "add": 0,
         "dense": 1, "weight1": 1, "weight2": 1, "factor1": 1, "factor2": 2,
         "accumulate1": 3, "dense_3": 3, "away": 3, "accumulate2": 4, "dense_4": 4, "shift": 5, "upper": 5,
         "zero_point": 5, "low": 6, "high": 6}  # fmt: skip
"""When each input belongs to a value that enters in cycle 0."""
QUIET = {name: 0 for name in STAGE}
LIMITS = ((0, -128, 127), (-128, -128, 127), (127, -128, 127), (-100, -100, 17), (3, 3, 127), (-5, 9, 9))
"""Zero point, low, high."""
MULTIPLIERS = (1 << 30, (1 << 31) - 1, 1518500250, 1073741825)
REACH = (1 << 23) - 1
DENSE_REACH = (1 << 24) - 1


async def play(dut: object, samples: Sequence[dict[str, int]], output: str, latency: int) -> list[int]:
    """One sample a cycle; what `output` is `latency` cycles after each."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    widths = {name: len(getattr(dut, name)) for name in STAGE}
    seen = []
    before: dict[str, int] = {}
    for cycle in range(len(samples) + latency + 1):
        await FallingEdge(dut.clk)
        for name, stage in STAGE.items():
            at = cycle - stage
            value = (samples[at] if 0 <= at < len(samples) else QUIET)[name] & ((1 << widths[name]) - 1)
            if before.get(name) != value:
                getattr(dut, name).value = before[name] = value
        await ReadOnly()
        if cycle >= latency and cycle - latency < len(samples):
            seen.append(getattr(dut, output).value.to_signed())
        await RisingEdge(dut.clk)
    return seen


def requantisation(scale: Scale, total: int, addend: int, limits: tuple[int, int, int]) -> dict[str, int]:
    """A sum that comes as a value and what is added to it, and its parameters; `limits`: zero point, low, high."""
    zero_point, low, high = limits
    return QUIET | {
        "value": total - addend, "bias": addend, "partial": 3 - addend, "add": 1, "factor1": scale.multiplier & 0x1FFFF,
        "factor2": scale.multiplier >> 17, "away": 0 if scale.rounding == NO_ROUNDING else 1 << scale.rounding,
        "shift": scale.shift, "upper": sum(1 << k for k in range(4) if scale.shift <= k), "zero_point": zero_point,
        "low": low, "high": high,
    }  # fmt: skip


def telling(multiplier: int, shift: int, reach: int, generator: np.random.Generator) -> np.ndarray:
    """Sums at the edges of results, around zero, at both ends, and any."""
    real = multiplier * 2.0 ** (shift - 31)
    steps = np.append(generator.integers(-258, 259, 12), [-257, -256, -255, -1, 0, 1, 255, 256])
    edges = ((steps[:, None] + [0.0, 0.5]) / real).ravel().clip(-reach, reach).round().astype(np.int64)
    near = (edges[:, None] + [-1, 0, 1]).ravel()
    return np.unique(
        np.concatenate([near, [-reach, -1, 0, 1, reach], generator.integers(-reach, reach, 10)]).clip(-reach, reach)
    )


def result(
    sums: np.ndarray, multiplier: int, shift: int, limits: tuple[int, int, int], rounding: Rounding = Rounding.DOUBLE
) -> list[int]:
    """TFLite's, of `limits` as above."""
    zero_point, low, high = limits
    exact = multiply_by_quantized_multiplier(sums.astype(np.int32), multiplier, shift, rounding)
    return np.clip(exact.astype(np.int64) + zero_point, low, high).tolist()


@cocotb.test()
async def equals_tflite(dut):
    generator = np.random.default_rng(5)
    samples, expected, shifts = [], [], set()
    for multiplier in MULTIPLIERS:
        for shift in range(5, -24, -1):
            for rounding in (Rounding.DOUBLE, Rounding.SINGLE):
                try:
                    scale = scale_of(multiplier, shift, REACH, rounding)
                except DoesNotFitError:
                    continue
                shifts.add((scale.shift, shift))
                sums = telling(multiplier, shift, REACH, generator)[:: 1 if rounding is Rounding.DOUBLE else 5]
                limits = LIMITS[len(shifts) % len(LIMITS)]
                expected += result(sums, multiplier, shift, limits, rounding)
                addends = generator.integers(-1000, 1000, len(sums))
                samples += [requantisation(scale, int(s), int(a), limits) for s, a in zip(sums, addends)]
    assert {lane for lane, _ in shifts} == {0, 1, 2, 3, 4} and len(shifts) >= 19
    for sample in samples[::3]:  # the partial sum instead of the bias
        sample |= {"bias": 0, "partial": sample["bias"], "use_partial": 1}
    seen = await play(dut, samples, "result", LATENCY)
    wrong = [i for i in range(len(samples)) if seen[i] != expected[i]]
    assert not wrong, (len(wrong), samples[wrong[0]], seen[wrong[0]], expected[wrong[0]])


@cocotb.test()
async def dense_sums_equal_tflite(dut):
    """Of 25 bits, which nothing is added to."""
    generator = np.random.default_rng(7)
    samples, expected = [], []
    for multiplier in MULTIPLIERS:
        for shift in range(4, -16, -1):
            scale, limits = scale_of(multiplier, shift, DENSE_REACH), LIMITS[shift % len(LIMITS)]
            sums = telling(multiplier, shift, DENSE_REACH, generator)
            expected += result(sums, multiplier, shift, limits)
            for value in sums.tolist():
                samples.append(requantisation(scale, 0, 0, limits) | {"dense_value": value, "add": 0})
    assert await play(dut, samples, "result", LATENCY) == expected


@cocotb.test()
async def averages(dut):
    """Of any count, halves away from zero."""
    samples, expected = [], []
    for count in (1, 2, 3, 7, 16, 49, 64, 100):
        scale = average(count)
        sums = np.unique(np.concatenate([np.arange(-3 * count, 3 * count + 1)[:200], [-128 * count, 127 * count]]))
        exact = np.sign(sums) * ((2 * np.abs(sums) + count) // (2 * count))
        expected += np.clip(exact, -128, 127).tolist()
        samples += [requantisation(scale, int(s), 0, (0, -128, 127)) for s in sums]
    assert await play(dut, samples, "result", LATENCY) == expected


@cocotb.test()
async def accumulates(dut):
    """Both multipliers of a lane as those of a fully connected layer, at the ends of what they may reach."""
    generator = np.random.default_rng(9)
    weights = generator.integers(-128, 128, (2, 300))
    x = np.concatenate([generator.integers(-255, 256, 297), [1, 256, 65536]])
    weights[:, :100], x[:100] = -128, 255
    for unit, output, latency in ((0, "dense1", 4), (1, "dense2", 5)):
        samples = [
            QUIET | {"dense": 1, "dense_3": 1, "dense_4": 1, "weight1": int(a), "weight2": int(b), "factor1": int(v),
                     "factor2": int(v), "accumulate1": i > 0, "accumulate2": i > 0}
            for i, (a, b, v) in enumerate(zip(*weights, x))
        ]  # fmt: skip
        seen = await play(dut, samples, output, latency)
        assert seen == np.cumsum(weights[unit] * x).tolist(), output
