"""Requantisation in one multiplication equals the reference, for every sum that a channel can see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_tr.ir.tflite import parse
from edge_tr.kernels.quick import ALWAYS_NEAR, _few_digits, apply, common, digit_words, quick
from edge_tr.operators import FullyConnectedParams, Requant
from edge_tr.tr.requant import multiply_by_quantized_multiplier

INT32 = np.iinfo(np.int32)


def layer(rng: np.random.Generator, shift: int, zero_point: int, activation: tuple[int, int], channels: int = 4):
    """A layer of `channels` channels with multipliers of one shift."""
    multiplier = rng.integers(1 << 30, 1 << 31, channels).astype(np.int32)
    return FullyConnectedParams(
        rows=1,
        depth=4,
        units=channels,
        input_zero_point=0,
        output_zero_point=zero_point,
        activation=activation,
        weights=rng.integers(1, 128, (channels, 4)).astype(np.int8),
        bias=rng.integers(-5000, 5000, channels).astype(np.int32),
        requant=Requant(multiplier, np.full(channels, shift, np.int32), np.exp2(shift - 31.0) * multiplier),
    )


def exact(record, sums: np.ndarray, bias: int, channel: int) -> np.ndarray:
    requant = record.requant
    total = (sums + bias).astype(np.int32)
    scaled = multiply_by_quantized_multiplier(total, requant.multiplier[channel], requant.shift[channel])
    return np.clip(scaled.astype(np.int64) + record.output_zero_point, *record.activation)


def assert_equals_the_reference(record, bias: np.ndarray, channel: int, limit: int = 1 << 19) -> float:
    """Over every sum from below saturation to above it (thinned to `limit`); the share of exact calls."""
    constants = quick(record, bias)
    low, high = int(constants.low[channel]), int(constants.high[channel])
    inside = np.arange(low, high + 1, max(1, (high - low) // limit), dtype=np.int64)
    result, near = apply(constants, inside, channel)
    assert np.array_equal(result[~near], exact(record, inside, bias[channel], channel)[~near])
    below, above = low - 1 - np.arange(50), high + 1 + np.arange(50)
    for sums, saturated in ((below, record.activation[0]), (above, record.activation[1])):
        sums = sums[(sums + bias[channel] >= INT32.min) & (sums + bias[channel] <= INT32.max)]
        assert (exact(record, sums, bias[channel], channel) == saturated).all()
    return float(near.mean())


@pytest.mark.parametrize("zero_point", [-128, -127, -3, 0, 100, 127])
@pytest.mark.parametrize("shift", [-1, -2, -5, -7, -9, -11])
def test_every_sum_of_seeded_layers_with_and_without_activation(shift, zero_point):
    rng = np.random.default_rng([-shift, zero_point + 128])
    for activation in ((-128, 127), (zero_point, 127), (zero_point, min(127, zero_point + 60))):
        if activation[0] == activation[1]:
            continue
        record = layer(rng, shift, zero_point, activation)
        for channel in range(4):
            assert_equals_the_reference(record, record.bias.astype(np.int64), channel)


@pytest.mark.parametrize("name", ["kws_ref_model", "vww_96_int8", "pretrainedResnet_quant", "ad01_int8"])
def test_the_models_rarely_need_the_exact_routine(name, shared):
    graph = parse((shared / "models" / f"{name}.tflite").read_bytes())
    shares = []
    for op in graph.ops:
        record = op.record
        if not hasattr(record, "weights"):
            continue
        bias = record.bias - record.input_zero_point * record.weights.astype(np.int64).sum(axis=1)
        live = np.flatnonzero(record.weights.any(axis=1))
        shares += [assert_equals_the_reference(record, bias, int(c), 1 << 17) for c in live[:: max(1, len(live) // 4)]]
    assert np.mean(shares) < 0.01


def one_scale(record: FullyConnectedParams) -> FullyConnectedParams:
    """With the first channel's scale in all."""
    count = len(record.bias)
    return replace(record, requant=Requant(*(np.repeat(each[:1], count) for each in vars(record.requant).values())))


@pytest.mark.parametrize("zero_point", [-128, -3, 127])
@pytest.mark.parametrize("shift", [-1, -2, -5, -9, -11])
def test_one_scale_serves_every_sum_counted_from_the_lowest(shift, zero_point):
    """Every sum that a channel can reach: nothing leaves int32, and the sign says which end of the range is passed."""
    rng = np.random.default_rng([-shift, zero_point + 128])
    for activation in ((-128, 127), (max(-128, zero_point - 9), min(127, zero_point + 60))):
        record = one_scale(layer(rng, shift, zero_point, activation))
        bias = record.bias.astype(np.int64)
        constants = common(record, bias)
        addends = constants.addends(bias)
        for channel in range(4):
            reach = int(np.abs(record.weights[channel].astype(np.int64)).sum()) * 256
            sums = np.arange(-reach, reach + 1, dtype=np.int64)
            above = sums + addends[channel]
            assert INT32.min <= above.min()
            assert above.max() <= INT32.max
            result, near = apply(constants, above, 0)
            result = np.where(above > constants.high[0], activation[1], result)
            result = np.where(above < 0, activation[0], result)
            decided = ~near | (above < 0) | (above > constants.high[0])
            assert np.array_equal(result[decided], exact(record, sums, bias[channel], channel)[decided])


def test_one_scale_does_not_serve_what_is_left_to_the_exact_routine():
    for shift, bias in ((1, 0), (-9, INT32.max), (-9, INT32.min)):
        record = one_scale(layer(np.random.default_rng(0), shift, 0, (-128, 127)))
        record.bias[1] = bias
        assert common(record, record.bias.astype(np.int64)) is None


def test_a_scale_of_one_half_or_more_is_left_to_the_exact_routine():
    record = layer(np.random.default_rng(0), 1, 0, (-128, 127))
    constants = quick(record, record.bias.astype(np.int64))
    assert (constants.near == ALWAYS_NEAR).all()
    assert (constants.low == INT32.min).all()
    assert (constants.high == INT32.max).all()


def test_sums_that_may_leave_int32_are_left_to_the_exact_routine():
    record = layer(np.random.default_rng(0), -8, 0, (-128, 127))
    bias = np.array([INT32.max, INT32.min + 1, 0, 100], np.int32)
    constants = quick(record.__class__(**{**record.__dict__, "bias": bias}), bias.astype(np.int64))
    assert (constants.near == ALWAYS_NEAR).tolist() == [True, True, False, False]


def test_a_row_without_weights_gives_its_constant():
    record = layer(np.random.default_rng(1), -7, 5, (-128, 127))
    record.weights[2] = 0
    constants = quick(record, record.bias.astype(np.int64))
    result, near = apply(constants, np.zeros(1, np.int64), 2)
    assert not near.any()
    assert constants.low[2] == INT32.min
    assert result.tolist() == exact(record, np.zeros(1, np.int64), record.bias[2], 2).tolist()


def test_factors_are_a_few_powers_of_two_that_two_words_name():
    """What a core without multiplication reads: five bits a digit, the lowest first, until the word is empty."""

    def scaled(factor: int, by: int) -> int:
        total = 0
        for word, sign, always in zip(digit_words(factor), (1, -1), (True, False)):
            while word or always:
                total += sign * (by << (word & 31))
                word, always = word >> 5, False
        return total

    rng = np.random.default_rng(0)
    factors = [1, 2, 3, 5, (1 << 23) - 1, *rng.integers(4, 1 << 23, 500).tolist()]
    rounded = _few_digits(np.array(factors)).tolist()
    for factor, near in zip(factors, rounded):
        assert scaled(near, 7) == 7 * near
        assert all(word < 1 << 30 for word in digit_words(near))
        assert abs(near - factor) <= max(1, factor >> 9)
    usual = rng.integers(4, 1 << 17, 500)
    assert np.mean(usual == _few_digits(usual)) > 0.95
