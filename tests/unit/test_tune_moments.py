"""Patches are what a layer sums over; gradients go back where patches came from."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.operators import DepthwiseParams, DotParams
from edge_tr.operators.arithmetic import requant
from edge_tr.tr.requant import Rounding
from edge_tr.tuning.moments import mean_patch, patches, places, second_moments
from edge_tr.tuning.sensitivity import sensitivities
from tests.models.random_ops import DOT_KINDS, build

SAMPLES = 3
CASES = [(kind, seed) for kind in DOT_KINDS for seed in range(6)]


def case(kind: str, seed: int) -> tuple[Graph, DotParams, np.ndarray]:
    rng = np.random.default_rng(seed)
    graph = parse(build(kind, rng))
    shape = graph.tensor(graph.inputs[0]).shape[1:]
    return graph, graph.ops[0].record, rng.integers(-128, 128, (SAMPLES, *shape)).astype(np.int8)


def accumulators(record: DotParams, taken: np.ndarray) -> np.ndarray:
    """float64 [m, rows], without the bias."""
    weights = record.weights.astype(np.float64)
    return np.einsum("rmk,rk->mr", taken, weights) if isinstance(record, DepthwiseParams) else taken @ weights.T


@pytest.mark.parametrize("kind, seed", CASES)
def test_patches_times_weights_are_golden_s_accumulators(kind, seed):
    graph, record, x = case(kind, seed)
    at = places(record, SAMPLES, np.random.default_rng(0))
    sums = (accumulators(record, patches(record, x, at)).astype(np.int64) + record.bias).astype(np.int32)
    y = requant(sums, record.requant, Rounding.DOUBLE) + np.int32(record.output_zero_point)
    expected = run(graph, x).output.reshape(-1, len(record.weights))
    np.testing.assert_array_equal(np.clip(y, *record.activation), expected)


@pytest.mark.parametrize("kind, seed", CASES)
def test_the_mean_patch_is_the_mean_of_all_patches(kind, seed):
    _, record, x = case(kind, seed)
    everywhere = patches(record, x, places(record, SAMPLES, np.random.default_rng(0)))
    np.testing.assert_allclose(mean_patch(record, x), everywhere.mean(axis=-2), atol=1e-3)


@pytest.mark.parametrize("kind, seed", CASES)
def test_gradients_are_the_adjoint_of_the_layer(kind, seed):
    """<accumulators(x), g> = <x - zero_point, gradient(g)> for any g."""
    _, record, x = case(kind, seed)
    sums = accumulators(record, patches(record, x, places(record, SAMPLES, np.random.default_rng(0))))
    g = np.random.default_rng(seed).integers(-4, 5, sums.shape).astype(np.float32)
    back = record.input_gradient(g.reshape(SAMPLES, -1, sums.shape[-1]))
    centred = x.astype(np.float64) - record.input_zero_point
    assert (centred * back.reshape(x.shape)).sum() == pytest.approx((sums * g).sum(), abs=1)


@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "PAD", "RESHAPE"])
def test_a_gradient_of_one_everywhere_comes_back_whole(kind):
    graph, record, x = case(kind, 1)
    y = run(graph, x).output
    (back,) = record.gradients([x], y, np.ones(y.shape, np.float32))
    assert np.isfinite(back).all() and (back >= 0).all() and back.sum() > 0


def test_second_moments():
    rng = np.random.default_rng(0)
    a = rng.normal(3, 1, (500, 6)).astype(np.float32)
    np.testing.assert_allclose(second_moments(a, a, True), np.cov(a.T, bias=True), atol=1e-4)
    np.testing.assert_allclose(second_moments(a, a, False), a.T @ a / 500, rtol=1e-4)


def test_sensitivities_of_two_layers_and_one_output_are_exact():
    """One logit: every projection is +-1, so the mean square is the square of the gradient."""
    rng = np.random.default_rng(5)
    model = ModelWriter()
    x, h, y = (model.activation((1, n), scale) for n, scale in ((4, 0.1), (3, 0.5), (1, 1.0)))
    w1, w2 = rng.integers(-40, 40, (3, 4)).astype(np.int8), rng.integers(-40, 40, (1, 3)).astype(np.int8)
    first = model.op("FULLY_CONNECTED", [x, model.constant(w1, [0.01]), -1], [h])
    second = model.op("FULLY_CONNECTED", [h, model.constant(w2, [0.01]), -1], [y])
    graph = parse(model.finish([x], [y]))
    got = sensitivities(graph, rng.integers(-100, 100, (20, 4)).astype(np.int8), np.random.default_rng(0))
    scales = graph.ops[0].record.requant.real[0], graph.ops[1].record.requant.real[0]
    assert got[second].shape == (20, 1) and got[first].shape == (20, 3)  # of each sample: the model is linear
    np.testing.assert_allclose(got[second], np.full((20, 1), scales[1] ** 2), rtol=1e-5)
    exact = (scales[0] * scales[1] * w2[0].astype(float)) ** 2
    np.testing.assert_allclose(got[first], np.tile(exact, (20, 1)), rtol=1e-5)
