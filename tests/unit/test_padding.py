"""PADs that windows do themselves: which, and that every other tensor stays what it was."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.prepared.padding import folded_pads, without_pads
from tests.firmware.harness_models import samples
from tests.models.padded import Padded, padded


def pads(graph: Graph) -> int:
    return sum(op.kind in ("PAD", "PADV2") for op in graph.ops)


def assert_folds(net: Padded, folds: int) -> Graph:
    """The graph without those PADs, of which every tensor is golden's of the whole."""
    graph = parse(net.finish())
    left = without_pads(graph)
    assert len(folded_pads(graph, left)) == pads(graph) - pads(left) == folds
    x = samples(graph, net.rng, 4)
    whole = run(graph, x, keep="all").tensors
    for tensor, values in run(left, x, keep="all").tensors.items():
        np.testing.assert_array_equal(values, whole[tensor])
    return left


@pytest.mark.parametrize("seed", range(40))
def test_windows_do_what_pads_did(seed: int) -> None:
    net = padded(np.random.default_rng(seed))
    assert pads(assert_folds(net, net.folds)) == net.stays


def one(seed: int = 0) -> Padded:
    return Padded(np.random.default_rng(seed), (6, 6, 2))


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize("value", [-128, -127, 0, 127])
def test_only_the_value_that_a_window_counts_outside(kind: str, value: int) -> None:
    net = one()
    counted = -128 if kind == "MAX_POOL_2D" else net.zero
    net.around((1, 1, 1, 1), value)
    net.window(kind, (3, 3), 1, 1, "VALID")
    assert_folds(net, int(value == counted))


@pytest.mark.parametrize("edge", range(4))
@pytest.mark.parametrize("pixels", [1, 4, 5, 6])
def test_up_to_a_window_less_one_pixel_on_each_side(edge: int, pixels: int) -> None:
    """Of three taps two pixels apart."""
    net = one()
    net.around([pixels * (side == edge) for side in range(4)])
    net.window("DEPTHWISE_CONV_2D", (3, 3), 1, 2, "VALID")
    assert_folds(net, int(pixels <= 4))


def test_not_what_somebody_else_reads_too() -> None:
    net = one()
    net.around((1, 1, 1, 1))
    image = net.x
    net.window("DEPTHWISE_CONV_2D", (3, 3), 1, 1, "SAME")
    net.add(image)
    assert_folds(net, 0)


def test_what_several_windows_read() -> None:
    net = one()
    net.around((0, 1, 0, 1))
    image = (net.x, net.shape, net.scale, net.zero)
    net.window("DEPTHWISE_CONV_2D", (3, 3), 2, 1, "VALID")
    first = net.x
    net.x, net.shape, net.scale, net.zero = image
    net.window("DEPTHWISE_CONV_2D", (3, 3), 2, 1, "VALID")
    net.add(first)
    assert_folds(net, 1)


def test_not_what_is_an_output() -> None:
    net = one()
    net.around((1, 1, 1, 1))
    image = net.x
    net.window("CONV_2D", (3, 3), 1, 1, "VALID")
    graph = parse(net.model.finish([net.input], [net.x, image]))
    assert pads(without_pads(graph)) == 1


def test_not_a_pad_that_changes_the_quantisation() -> None:
    net = one()
    net.scale *= 2
    net.around((1, 1, 1, 1))
    net.window("CONV_2D", (3, 3), 1, 1, "VALID")
    assert_folds(net, 0)


def test_not_channels() -> None:
    net = one()
    amounts = net.model.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 1]], np.int32))
    net._move("PAD", [net.x, amounts], (8, 8, 3), net.scale, net.zero)
    net.window("CONV_2D", (3, 3), 1, 1, "VALID")
    assert_folds(net, 0)


@pytest.mark.parametrize("kind", ["PAD", "PADV2"])
@pytest.mark.parametrize("dtype", ["int32", "bool"])
def test_values_without_quantisation_stay_padded(dtype: str, kind: str) -> None:
    model = ModelWriter()
    x, y = model.activation((1, 3, 3, 2), dtype=dtype), model.activation((1, 4, 5, 2), dtype=dtype)
    inputs = [x, model.constant(np.array([[0, 0], [1, 0], [1, 1], [0, 0]], np.int32))]
    model.op(kind, inputs + ([model.constant(np.zeros(1, dtype))] if kind == "PADV2" else []), [y], version=2)
    assert pads(without_pads(parse(model.finish([x], [y])))) == 1


@pytest.mark.parametrize("value", [None, 0, 257])
def test_windows_of_int16_count_zero_outside(value: int | None) -> None:
    model = ModelWriter()
    x, padded_x = (model.activation((1, *shape, 2), 0.01, dtype="int16") for shape in ((4, 5), (6, 7)))
    inputs = [x, model.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))]
    if value is not None:
        inputs.append(model.constant(np.array([value], np.int16), [0.01], [0]))
    model.op("PAD" if value is None else "PADV2", inputs, [padded_x], version=2)
    weights = np.arange(-27, 27, dtype=np.int8).reshape(3, 3, 3, 2)
    w, b = model.constant(weights, [0.02]), model.constant(np.array([5, -7, 9], np.int64), [0.0002])
    y = model.activation((1, 4, 5, 3), 0.03, dtype="int16")
    options = dict(padding="VALID", stride_h=1, stride_w=1, dilation_h_factor=1, dilation_w_factor=1)
    model.op("CONV_2D", [padded_x, w, b], [y], version=4, fused_activation_function="NONE", **options)
    graph = parse(model.finish([x], [y]))
    left = without_pads(graph)
    assert pads(left) == int(value == 257)
    given = np.random.default_rng(0).integers(-32768, 32768, (3, 4, 5, 2)).astype(np.int16)
    np.testing.assert_array_equal(run(left, given).output, run(graph, given).output)
