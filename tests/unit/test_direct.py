"""Requantisation in one long multiplication equals the reference, for every sum that a channel can see."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from edge_tr.ir.tflite import parse
from edge_tr.kernels.direct import WHOLE, apply, direct, is_unsigned
from edge_tr.operators import Requant
from tests.unit.test_quick import exact, layer


def assert_equals_the_reference(record, bias: np.ndarray, channel: int, limit: int) -> None:
    """Over every sum that a row may reach (thinned to `limit`), and both ends of it."""
    constants = direct(record, bias)
    reach = int(np.abs(record.weights[channel].astype(np.int64)).sum()) * 256
    sums = np.arange(-reach, reach + 1, max(1, 2 * reach // limit), dtype=np.int64)
    for some in (sums, np.array([-reach, reach]), np.arange(-300, 300) - bias[channel]):
        assert np.array_equal(apply(constants, some, channel), exact(record, some, int(bias[channel]), channel))


@pytest.mark.parametrize("shift", range(-1, -24, -1))
def test_every_sum_of_seeded_layers(shift):
    rng = np.random.default_rng(-shift)
    for zero_point, activation in product((-128, -127, -1, 0, 41, 127), (WHOLE, (-127, 126), (-128, 3), (41, 127))):
        record = layer(rng, shift, zero_point, activation, channels=4)
        record.requant.multiplier[:3] = 1 << 30, (1 << 31) - 1, (1 << 30) + 1
        for channel in range(4):
            assert_equals_the_reference(record, record.bias.astype(np.int64), channel, 1 << 16)


@pytest.mark.parametrize("shift", range(-1, -24, -1))
def test_the_sign_makes_no_difference_above_a_zero_point_of_minus_128(shift):
    """What loops over pixels leave out."""
    record = layer(np.random.default_rng(-shift), shift, -128, WHOLE)
    record.requant.multiplier[0] = 1 << 30
    assert is_unsigned(record)
    constants = direct(record, record.bias.astype(np.int64))
    for channel in range(4):
        sums = np.concatenate([np.arange(-3000, 3000) - record.bias[channel], np.arange(-(1 << 20), 1 << 20, 77)])
        high = ((2 * sums + int(constants.bias[channel])) * int(constants.multiplier[channel]) + (1 << 31)) >> 32
        plain = (high - (255 << int(constants.shift[channel]))) >> int(constants.shift[channel]) >> 1
        assert np.array_equal(np.clip(plain, -128, 127), exact(record, sums, int(record.bias[channel]), channel))


@pytest.mark.parametrize("name", ["kws_ref_model", "vww_96_int8", "pretrainedResnet_quant", "ad01_int8"])
def test_layers_of_the_models(name, shared):
    graph = parse((shared / "models" / f"{name}.tflite").read_bytes())
    tried = 0
    for op in graph.ops:
        record = op.record
        if not hasattr(record, "weights"):
            continue
        bias = record.bias - record.input_zero_point * record.weights.astype(np.int64).sum(axis=1)
        if direct(record, bias) is None:
            continue
        for channel in range(0, len(bias), max(1, len(bias) // 4)):
            assert_equals_the_reference(record, bias, channel, 1 << 17)
            tried += 1
    assert tried > 10


def test_layers_that_need_more_are_left_to_the_other_way():
    record = layer(np.random.default_rng(0), -7, -128, WHOLE)
    bias = record.bias.astype(np.int64)
    assert direct(record, bias) is not None
    assert direct(replace(record, output_zero_point=-127), bias) is not None
    assert direct(record, bias + (1 << 29)) is None
    assert direct(layer(np.random.default_rng(0), 0, -128, WHOLE), bias) is None
    assert direct(layer(np.random.default_rng(0), -24, -128, WHOLE), bias) is None


def test_one_scale_is_held_once():
    record = layer(np.random.default_rng(0), -7, 5, WHOLE)
    record = replace(record, requant=Requant(*(np.repeat(each[:1], 4) for each in vars(record.requant).values())))
    constants = direct(record, record.bias.astype(np.int64))
    assert constants.common
    assert (len(constants.bias), len(constants.multiplier), len(constants.shift)) == (4, 1, 1)
    for channel in range(4):
        assert_equals_the_reference(record, record.bias.astype(np.int64), channel, 1 << 16)
