"""What dropping terms is worth: nothing where the fastest kernel multiplies, and more where terms cost more."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr import boards
from edge_tr.errors import UsageError
from edge_tr.ir.tflite import parse
from edge_tr.kernels.waiting import INSTANT, Behind
from edge_tr.tuning.cost import dot_layers
from edge_tr.tuning.worth import worth
from tests.firmware.harness_models import Network


@pytest.fixture(scope="module")
def layers():
    net = Network(np.random.default_rng(2), (12, 12, 8))
    net.conv(16, (3, 3), (1, 1), "RELU")
    net.depthwise(1, (3, 3), (1, 1), activation="RELU")
    net.conv(24, (1, 1), (1, 1), "RELU")
    net.flatten()
    net.dense(5)
    return dot_layers(parse(net.finish()))


def test_where_terms_are_code_every_term_of_a_convolution_is_worth_something(layers) -> None:
    of = worth(layers, "armv6-m", INSTANT)
    assert set(of) == {layer.name for layer in layers}
    assert all(of[layer.name] > 0 for layer in layers if layer.name.startswith("conv"))


def test_what_multiplies_at_any_number_of_terms_is_worth_nothing(layers) -> None:
    """On the L4R5 straight-line code waits for flash, so convolutions are multiplied."""
    board = boards.load("nucleo-l4r5zi")
    with pytest.raises(UsageError, match=r"no layer .* faster .* build it lossless"):
        worth(layers[:1], "armv7e-m", Behind.of(board))


def test_worth_is_in_units_of_the_mean_over_terms_used(layers) -> None:
    (one,) = worth(layers[:1], "armv6-m", INSTANT).values()
    assert one == 1.0
