"""Requantisation against plain-integer restatements of TFLite's definitions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from edge_tr.tr.requant import (
    Rounding,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)


def wrap(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def half_away(value: Fraction) -> int:
    magnitude = int(abs(value) + Fraction(1, 2))
    return magnitude if value >= 0 else -magnitude


def high_mul(a: int, b: int) -> int:
    """gemmlowp: nudge by the sign, divide truncating towards zero."""
    if a == b == -(2**31):
        return 2**31 - 1
    nudged = a * b + (2**30 if a * b >= 0 else 1 - 2**30)
    return nudged // 2**31 if nudged >= 0 else -(-nudged // 2**31)


def double_rounding(x: int, multiplier: int, shift: int) -> int:
    high = high_mul(wrap(x << max(shift, 0)), multiplier)
    return half_away(Fraction(high, 2 ** max(-shift, 0)))


def single_rounding(x: int, multiplier: int, shift: int) -> int:
    return wrap((x * multiplier + 2 ** (30 - shift)) >> (31 - shift))


CORNERS = [-(2**31), -(2**31) + 1, -(2**30), -3, -2, -1, 0, 1, 2, 3, 2**30, 2**31 - 1]


def draws(count: int) -> list[tuple[int, int, int]]:
    rng = np.random.default_rng(7)
    bits = rng.integers(1, 32, count)
    x = [int(rng.integers(-(2**b), 2**b)) for b in bits]
    multiplier = rng.choice([0, 2**30, 2**31 - 1, *rng.integers(2**30, 2**31, 20)], count)
    shift = rng.integers(-31, 8, count)
    corners = [(c, 2**30, s) for c in CORNERS for s in (-31, -1, 0, 1)]
    return corners + [(int(a), int(b), int(c)) for a, b, c in zip(x, multiplier, shift)]


@pytest.mark.parametrize(
    ("rounding", "reference"), [(Rounding.DOUBLE, double_rounding), (Rounding.SINGLE, single_rounding)]
)
def test_multiply_equals_the_definition(rounding, reference):
    cases = draws(4000)
    x, multiplier, shift = (np.array(column, dtype=np.int64).astype(np.int32) for column in zip(*cases))
    got = multiply_by_quantized_multiplier(x, multiplier, shift, rounding)
    assert got.dtype == np.int32
    assert got.tolist() == [reference(*case) for case in cases]


def test_multiply_broadcasts_per_channel_along_the_last_axis():
    x = np.arange(-6, 6, dtype=np.int32).reshape(2, 3, 2) * 1000
    got = multiply_by_quantized_multiplier(x, np.array([2**30, 2**30 + 5]), np.array([0, -3]))
    assert got[1, 2].tolist() == [double_rounding(4000, 2**30, 0), double_rounding(5000, 2**30 + 5, -3)]


def test_the_roundings_differ_where_they_should():
    x, quarter = np.array([1, -2], np.int32), (np.int32(2**30), np.int32(-1))
    assert multiply_by_quantized_multiplier(x, *quarter, Rounding.DOUBLE).tolist() == [1, -1]
    assert multiply_by_quantized_multiplier(x, *quarter, Rounding.SINGLE).tolist() == [0, 0]


def test_high_mul_and_divide_equal_the_definition_at_the_corners():
    for a in CORNERS:
        for b in CORNERS:
            assert saturating_rounding_doubling_high_mul(np.int32(a), np.int32(b)) == high_mul(a, b)
        for exponent in range(32):
            assert rounding_divide_by_pot(np.int32(a), exponent) == half_away(Fraction(a, 2**exponent))


def test_quantize_multiplier_is_the_nearest_31_bit_fraction():
    rng = np.random.default_rng(3)
    real = 10.0 ** rng.uniform(-9, 8, 2000)
    multiplier, shift = quantize_multiplier(real)
    assert multiplier.dtype == shift.dtype == np.int32
    assert (multiplier >= 2**30).all()
    for r, m, s in zip(real, multiplier.tolist(), shift.tolist()):
        assert m == half_away(Fraction(r) * Fraction(2) ** (31 - s))


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (0.0, (0, 0)),
        (1.0, (2**30, 1)),
        (0.5, (2**30, 0)),
        (1 - 2.0**-40, (2**30, 1)),  # rounds up to one and is halved again
        (2.0**-32, (2**30, -31)),
        (2.0**-33, (0, 0)),
    ],
)
def test_quantize_multiplier_at_its_corners(real, expected):
    multiplier, shift = quantize_multiplier(real)
    assert (int(multiplier), int(shift)) == expected


@pytest.mark.parametrize("real", [-1.0, np.nan, np.inf])
def test_quantize_multiplier_refuses_what_is_no_scale(real):
    with pytest.raises(ValueError, match="finite"):
        quantize_multiplier(real)
