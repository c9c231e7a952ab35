"""Dead channels: what goes, what must stay, and that no tensor changes."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir import tflite
from edge_tr.ir.writer import ModelWriter
from edge_tr.prepared.budget import parse as parse_budget
from edge_tr.prepared.dead import Alive, remove_dead_channels, reordered, tied
from edge_tr.prepared.ranges import channel_ranges
from edge_tr.prepared.revealed import data_tables
from tests.firmware.harness_models import Network, lower_with, random_network, samples

WINDOW = dict(stride_h=1, stride_w=1, dilation_h_factor=1, dilation_w_factor=1)


def assert_same_on_every_tensor(graph: Graph, alive: Alive, x: np.ndarray, weights=None, cut=None) -> None:
    """What is left equals golden on the original; what is gone is what was proven."""
    full = run(graph, x, weights=weights, data_terms=cut, keep="all").tensors
    small = run(alive.graph, x, data_terms=cut, keep="all").tensors
    for tensor, expected in alive.of(full).items():
        np.testing.assert_array_equal(small[tensor], expected)
    for tensor, channels in alive.channels.items():
        expanded, known = channels.expand(small[tensor]), channels.proven.copy()
        known[channels.kept] = True
        np.testing.assert_array_equal(expanded[..., known], full[tensor][..., known])
    assert set(full) == set(small)


class Planted(Network):
    """Layers whose channels 1, 4, 7... have no weights and an output far outside its clamp, or at any value."""

    def _dot(self, kind, weights, axis, shape, **options):
        channels = weights[axis]
        values = self.rng.integers(-128, 128, weights).astype(np.int8)
        dead = np.arange(channels) % 3 == 1
        np.moveaxis(values, axis, 0)[dead] = 0
        depth = int(np.prod(weights)) // channels
        scale = self.rng.uniform(0.005, 0.02, channels).astype(np.float32)
        bias = np.where(dead, self.rng.choice([0, -900_000, 900_000, 30_000], channels), 0).astype(np.int32)
        w = self.model.constant(values, scale, axis=axis)
        b = self.model.constant(bias, np.float32(self.scale) * scale)
        self._move(
            kind,
            [self.x, w, b],
            shape,
            float(self.scale * scale.mean() * np.sqrt(depth) * 100),
            self._zero(),
            **options,
        )


def planted(rng: np.random.Generator) -> Graph:
    net = Planted(rng, tuple(int(v) for v in rng.integers((4, 4, 1), (9, 9, 4))))
    net.conv(7, (3, 2), (2, 1), "RELU")
    net.depthwise(int(rng.integers(1, 3)), (3, 3), (1, int(rng.integers(1, 3))))
    net.conv(8, (1, 1), (1, 1), "RELU6")
    if rng.random() < 0.5:
        net.branch()
    net.depthwise(1, (2, 3), (1, 1))
    net.pool(str(rng.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"])), 2)
    net.conv(5, (3, 3), (1, 1))
    if rng.random() < 0.5:
        net.flatten()
    else:
        net.mean()
    net.dense(9)
    net.dense(4)
    return tflite.parse(net.finish())


@pytest.mark.parametrize("seed", range(40))
def test_planted_dead_channels_go_and_no_tensor_changes(seed):
    rng = np.random.default_rng(seed)
    graph = planted(rng)
    alive = remove_dead_channels(graph)
    assert sum(channels.removed for channels in alive.channels.values()) >= 3
    assert_same_on_every_tensor(graph, alive, samples(graph, rng, 8))


@pytest.mark.parametrize("seed", range(10))
def test_budgets_of_terms_and_of_data_make_their_own_dead_channels(seed):
    rng = np.random.default_rng(seed)
    graph = planted(rng)
    program = lower_with(graph, "int8", "g=16,k=1,s=1")
    cut = data_tables(graph, dict.fromkeys(program.revealed, 1))
    assert_same_on_every_tensor(graph, program.alive, samples(graph, rng, 4), program.revealed, cut)


@pytest.mark.parametrize("seed", range(10))
def test_networks_without_dead_channels_stay_as_they_are(seed):
    rng = np.random.default_rng(seed)
    graph = tflite.parse(random_network(rng))
    assert_same_on_every_tensor(graph, remove_dead_channels(graph), samples(graph, rng, 4))


@pytest.mark.parametrize("seed", range(12))
def test_channels_in_another_order_change_no_tensor(seed):
    rng = np.random.default_rng(seed)
    graph = planted(rng)
    alive = remove_dead_channels(graph)
    sets = tied(alive.graph)
    order = {}
    for tensors in sets:
        new = rng.permutation(alive.graph.tensor(min(tensors)).shape[-1])
        order |= dict.fromkeys(tensors, new)
    assert sets and not {*graph.inputs, *graph.outputs} & set().union(*sets)
    assert any((new != np.arange(len(new))).any() for new in order.values())
    x = samples(graph, rng)
    mixed = run(reordered(alive.graph, order), x, keep="all").tensors
    for tensor, expected in run(alive.graph, x, keep="all").tensors.items():
        np.testing.assert_array_equal(mixed[tensor], expected[..., order[tensor]] if tensor in order else expected)


@pytest.mark.parametrize("seed", range(10))
def test_no_value_leaves_the_range_that_was_proven(seed):
    rng = np.random.default_rng(seed)
    graph = tflite.parse(random_network(rng)) if seed % 2 else planted(rng)
    ranges = channel_ranges(graph, {op.index: op.record for op in graph.ops}, {})
    for tensor, values in run(graph, samples(graph, rng, 30), keep="all").tensors.items():
        flat = values.reshape(-1, values.shape[-1])
        assert (flat.min(axis=0) >= ranges[tensor].low).all() and (flat.max(axis=0) <= ranges[tensor].high).all()


# --- the traps -----------------------------------------------------------------------


def two_convolutions(bias: int, padding: str, kind: str = "CONV_2D", second_bias: int = 0) -> Graph:
    """Channel 0 of the first layer is `bias` * 0.1, quantised with scale 0.1 and zero point -100; 1 and 2 live."""
    model = ModelWriter()
    x, y = model.activation((1, 5, 5, 2), 0.1, -1), model.activation((1, 5, 5, 3), 0.1, -100)
    first = np.array([[0, 0], [3, 5], [-7, 2]], np.int8).reshape(3, 1, 1, 2)
    b = model.constant(np.array([bias, 9, 4], np.int32), [0.1])
    model.op(
        "CONV_2D",
        [x, model.constant(first, [1.0]), b],
        [y],
        padding="VALID",
        fused_activation_function="NONE",
        **WINDOW,
    )
    size = 5 if padding == "SAME" else 3
    z = model.activation((1, size, size, 3), 40.0, 0)
    options = dict(padding=padding, fused_activation_function="RELU", **WINDOW)
    if kind == "DEPTHWISE_CONV_2D":
        weights, options = np.full((1, 3, 3, 3), 11, np.int8), options | dict(depth_multiplier=1)
        w = model.constant(weights, np.ones(3, np.float32), axis=3)
    else:
        w = model.constant(np.full((3, 3, 3, 3), 11, np.int8), np.ones(3, np.float32), axis=0)
    b = model.constant(np.full(3, second_bias, np.int32), np.full(3, 0.1, np.float32))
    model.op(kind, [y, w, b], [z], **options)
    out = model.activation((1, size, size, 2), 5.0, 0)
    last = model.constant(np.arange(6, dtype=np.int8).reshape(2, 1, 1, 3), [1.0])
    zeros = model.constant(np.zeros(2, np.int32), [40.0])
    model.op("CONV_2D", [z, last, zeros], [out], padding="VALID", fused_activation_function="NONE", **WINDOW)
    return tflite.parse(model.finish([x], [out]))


def left(graph: Graph, tensor_of_op: int = 0) -> int:
    """Channels that are left of an operator's output, with everything checked."""
    alive = remove_dead_channels(graph)
    assert_same_on_every_tensor(graph, alive, samples(graph, np.random.default_rng(0)))
    return alive.graph.tensor(graph.ops[tensor_of_op].outputs[0]).shape[-1]


@pytest.mark.parametrize(
    ("bias", "padding", "channels"),
    [(0, "SAME", 2), (0, "VALID", 2), (500, "VALID", 2), (500, "SAME", 3), (1, "SAME", 3)],
    ids=str,
)
def test_a_constant_is_folded_only_where_padding_does_not_show(bias, padding, channels):
    """At the border a padded convolution sees the zero point in place of the constant."""
    assert left(two_convolutions(bias, padding)) == channels


def test_a_depthwise_channel_that_padding_makes_vary_stays_with_its_input():
    graph = two_convolutions(500, "SAME", "DEPTHWISE_CONV_2D")
    assert left(graph, 0) == 3 and left(graph, 1) == 3


def test_a_depthwise_channel_that_is_clamped_everywhere_goes_with_its_input():
    """The sum varies at the border, but RELU makes all of it the zero point; a later layer reads nothing."""
    graph = two_convolutions(500, "SAME", "DEPTHWISE_CONV_2D", second_bias=-90_000)
    assert left(graph, 1) == 1  # a tensor keeps one channel
    assert left(two_convolutions(0, "SAME", "DEPTHWISE_CONV_2D"), 0) == 2


def test_channels_that_nobody_reads_go_though_they_vary():
    model = ModelWriter()
    x, y, z = (model.activation((1, n), 0.1, 3) for n in (4, 3, 2))
    rng = np.random.default_rng(0)
    unread = rng.integers(-50, 50, (2, 3)).astype(np.int8)
    unread[:, 1] = 0
    for source, target, weights in ((x, y, rng.integers(-99, 99, (3, 4)).astype(np.int8)), (y, z, unread)):
        model.op("FULLY_CONNECTED", [source, model.constant(weights, [0.05]), -1], [target], version=4)
    graph = tflite.parse(model.finish([x], [z]))
    alive = remove_dead_channels(graph)
    assert alive.channels[y].kept.tolist() == [0, 2] and not alive.channels[y].proven.any()
    assert_same_on_every_tensor(graph, alive, samples(graph, rng))


def test_a_wrong_proof_is_not_passed_over():
    alive = remove_dead_channels(two_convolutions(0, "SAME"))
    (tensor, channels) = next(iter(alive.channels.items()))
    wrong = np.full((1, 5, 5, 3), 7, np.int8)
    with pytest.raises(ValueError, match="the proof is wrong"):
        alive.of({tensor: wrong})
    assert channels.removed == 1


def test_visual_wake_words_loses_half_of_its_macs_and_most_weights(shared):
    graph = tflite.load(shared / "models" / "vww_96_int8.tflite")
    program = lower_with(graph, "int8", str(parse_budget("lossless")))
    dots = [layer for layer in program.layers if layer.dot is not None]
    macs, removed = sum(layer.dot.macs for layer in dots), sum(layer.macs_removed for layer in dots)
    weights = sum(values.size for values in program.revealed.values())
    assert macs + removed == 7_489_664 and macs < removed
    assert sum(layer.dot.weights for layer in dots) < 0.15 * weights
    assert_same_on_every_tensor(graph, program.alive, samples(graph, np.random.default_rng(0), 4))


@pytest.mark.parametrize("kind", ["MUL", "ADD", "SUB", "MAXIMUM"])
@pytest.mark.parametrize("first", [False, True])
def test_channels_that_nobody_reads_go_through_constants_by_channel(kind: str, first: bool) -> None:
    """As of batch norm that was left in: the constant loses them, on whichever side it is."""
    net = Network(np.random.default_rng(3), (4, 4, 2))
    net.conv(6, (3, 3), (1, 1))
    row = net.rng.integers(-128, 128, (1, 1, 6)).astype(np.int8)
    scale = (net.scale, net.zero) if kind == "MAXIMUM" else (net.scale * 0.5, 7)
    constant = net.model.constant(row, [scale[0]], [scale[1]])
    options = {} if kind == "MAXIMUM" else dict(fused_activation_function="NONE")
    to = (net.scale, net.zero) if kind == "MAXIMUM" else (net.scale * 2, -3)
    net._move(kind, [constant, net.x] if first else [net.x, constant], net.shape, *to, **options)
    net.conv(3, (1, 1), (1, 1))
    graph = tflite.parse(net.finish())
    reader = graph.ops[2]
    weights = reader.record.weights.copy()
    weights[:, [1, 4]] = 0
    alive = remove_dead_channels(graph, {reader.index: weights})
    assert [alive.graph.channels(op.outputs[0]) for op in alive.graph.ops] == [4, 4, 3]
    assert alive.graph.ops[0].record.weights.shape[0] == 4
    assert_same_on_every_tensor(graph, alive, samples(graph, net.rng), weights={reader.index: weights})
    several = alive.graph.tensor(alive.graph.ops[1].inputs[0 if first else 1]).data
    np.testing.assert_array_equal(several.ravel(), row.ravel()[[0, 2, 3, 5]])
