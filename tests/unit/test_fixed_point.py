"""Fixed-point functions are near the real ones; that they are exact, the oracle's softmax tells."""

from __future__ import annotations

import numpy as np

from edge_tr.tr.fixed_point import DIFF_FRACTION_BITS, exp_on_negative_values, reciprocal


def test_exp_is_near_the_real_exponential():
    x = -np.arange(0, 31 << DIFF_FRACTION_BITS, 99991)
    got = exp_on_negative_values(x) / 2.0**31
    assert np.abs(got - np.exp(x / 2.0**DIFF_FRACTION_BITS)).max() < 1e-6
    assert exp_on_negative_values(np.array(0)) == 2**31 - 1


def test_reciprocal_is_near_the_real_quotient():
    sums = np.random.default_rng(1).integers(1 << 19, 511 << 19, 5000)  # softmax sums, Q12.19
    scale, bits = reciprocal(sums, 12)
    got = scale / 2.0**31 / 2.0**bits
    assert np.abs(got * (sums / 2.0**19) - 1).max() < 1e-6
