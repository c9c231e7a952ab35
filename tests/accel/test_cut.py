"""Data cut to s terms a value: codes of eight bits stand for all of it, on the fully connected engine in simulation."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.accel import lower_accel
from edge_tr.accel.engines import Cut, cut_data
from edge_tr.accel.layout import planar, vector
from edge_tr.errors import DoesNotFitError
from edge_tr.golden.run import run
from edge_tr.ir import tflite
from edge_tr.operators import ConvParams, FullyConnectedParams
from edge_tr.prepared.budget import parse
from edge_tr.target.cosim import Core, build
from edge_tr.tr.reveal import truncate_data
from tests.accel.test_cosim import infer, load, output
from tests.firmware.harness_models import Network

X = np.arange(-128, 128)
RECORDS = {kind: object.__new__(kind) for kind in (ConvParams, FullyConnectedParams)}


def found(kind: type, zero_point: int, terms: np.ndarray) -> Cut | None:
    """The codes, None if there are none."""
    x = planar((8, 8, 1), zero_point) if kind is ConvParams else vector(64, zero_point)
    try:
        return cut_data(RECORDS[kind], x, terms)
    except DoesNotFitError:
        return None


def read(cut: Cut) -> np.ndarray:
    """What the engine takes the codes for."""
    values = cut.codes - cut.zero_point
    if cut.extreme is not None:
        values[cut.codes == (127 if cut.extreme >= 0 else -128)] = cut.extreme
    return values


@pytest.mark.parametrize("s", range(1, 7))
def test_codes_stand_for_the_values_wherever_they_can(s: int) -> None:
    """Windows: wherever the values span eight bits; the fully connected engine: wherever nine bits hold each."""
    terms = truncate_data(s)
    for zero_point in range(-128, 128):
        values = terms.astype(np.int64)[X - zero_point + 255]
        for kind, fits in (
            (ConvParams, np.ptp(values) <= 255),
            (FullyConnectedParams, np.abs(values).max() <= 255),
        ):
            cut = found(kind, zero_point, terms)
            assert (cut is not None) == fits
            if cut:
                assert np.array_equal(read(cut), values)
                assert cut.codes.min() >= -128 and cut.codes.max() <= 127 and -128 <= cut.zero_point <= 127
                assert cut.extreme is None or (kind is FullyConnectedParams and abs(cut.extreme) <= 255)
                assert cut.extreme is not None or np.array_equal(cut.codes, values + cut.zero_point)


@pytest.mark.parametrize(("zero_point", "budget"), [(-124, "g=8,k=8,s=2"), (49, "g=8,k=8,s=2"), (-108, "g=8,k=8,s=3")])
def test_a_value_beyond_eight_bits_is_multiplied_as_golden_does(zero_point: int, budget: str) -> None:
    net = Network(np.random.default_rng(2), (256,))
    net.zero = zero_point
    net.x = net.input = net.model.activation((1, 256), net.scale, zero_point)
    net.dense(70)
    graph = tflite.parse(net.finish())
    program = lower_accel(graph, parse(budget))
    cut = found(FullyConnectedParams, zero_point, next(iter(program.data_terms.values())))
    assert cut.extreme is not None and not program.most.host_layers
    x = np.stack([X, X[::-1], np.random.default_rng(3).permutation(X)]).astype(np.int8)
    golden = run(graph, x, weights=program.most.revealed, data_terms=program.data_terms).output
    with Core(build()) as core:
        load(core, program)
        for sample, expected in zip(x, golden):
            infer(core, program, sample)
            assert np.array_equal(output(core, program), expected)
