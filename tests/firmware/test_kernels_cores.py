"""Every kernel on every core, emulated: bit-exact on layers of odd shapes and at the ends of int8 and of the sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_tr.formats.term_table import LAYOUT, layout_of
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.kernels.direct import Direct
from tests.firmware.harness_cores import NEWER_TARGETS, TARGETS, compile_runtime_for, link_model, run_model
from tests.firmware.harness_models import (
    KERNELS,
    SLOW_FLASH,
    Network,
    expected_bytes,
    lower_with,
    random_network,
    samples,
)

ALL_TARGETS = TARGETS | NEWER_TARGETS


@pytest.fixture(scope="module")
def runtimes(tmp_path_factory):
    """Library of each core, compiled when it is first asked for."""
    made = {}

    def of(core: str):
        if core not in made:
            made[core] = compile_runtime_for(ALL_TARGETS[core], tmp_path_factory.mktemp(core))
        return made[core]

    return of


class Extreme(Network):
    """Rows of the largest weights there are between ordinary ones, so that lanes and sums reach their ends."""

    first_rows = (-128, 127, 85, 0)
    least = -128

    def _dot(self, kind: str, weights: tuple[int, ...], axis: int, shape: tuple[int, ...], **options) -> None:
        values = np.clip(self.rng.normal(0, 45, weights), self.least, 127).astype(np.int8)
        rows = np.moveaxis(values, axis, 0)
        for row, value in enumerate(self.first_rows):
            if row + 1 < len(rows):
                rows[row] = value
        scale = self.rng.uniform(0.005, 0.02, weights[axis]).astype(np.float32)
        depth = int(np.prod(weights)) // weights[axis]
        w = self.model.constant(values, scale, axis=axis)
        bias = self.rng.integers(-3000, 3000, weights[axis]).astype(np.int32)
        b = self.model.constant(bias, np.float32(self.scale) * scale)
        y_scale = float(self.scale * scale.mean() * np.sqrt(depth) * 100)
        self._move(kind, [self.x, w, b], shape, y_scale, self._zero(), **options)


def extreme_network(rng: np.random.Generator) -> Graph:
    """Windows beside and on the border, strides, an odd number of pixels, more than 256 weights a row."""
    net = Extreme(rng, (7, 5, 3))
    net.conv(34, (3, 3), (1, 1), "RELU")
    net.depthwise(1, (3, 3), (1, 1))
    net.conv(9, (3, 3), (2, 1))
    net.branch()
    net.conv(6, (1, 1), (1, 1), "RELU6")
    net.depthwise(2, (2, 3), (1, 2))
    net.pool("AVERAGE_POOL_2D", 2)
    net.flatten()
    net.dense(23)
    net.dense(5)
    net.softmax()
    return parse(net.finish())


class Rectified(Extreme):
    """Zero points of -128, so that every layer behind a RELU is requantised by one product on Cortex-M4."""

    def _zero(self) -> int:
        return -128


def rectified_network(rng: np.random.Generator, width: int = 9) -> Graph:
    """Odd and even numbers of pixels and of channels; both strides of a 3x3 window."""
    net = Rectified(rng, (7, width, 3))
    net.conv(13, (3, 3), (1, 1), "RELU")
    net.depthwise(1, (3, 3), (1, 1), activation="RELU")
    net.conv(8, (3, 3), (1, 2), "RELU")
    net.depthwise(1, (3, 3), (1, 1), (2, 2), "RELU")
    net.depthwise(2, (3, 3), (1, 1), activation="RELU")
    net.conv(6, (1, 1), (1, 1), "RELU")
    net.flatten()
    net.dense(7)
    return parse(net.finish())


def assert_core_equals_golden(graph: Graph, core: str, way: tuple[str, str], x: np.ndarray, folder, runtimes) -> None:
    program = lower_with(graph, *way, ALL_TARGETS[core].isa)
    elf = link_model(ALL_TARGETS[core], program, runtimes(core), folder)
    assert run_model(elf, program, x) == expected_bytes(graph, program, x)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("core", TARGETS)
def test_layers_at_the_ends_of_their_ranges(core, kernel, tmp_path, runtimes):
    rng = np.random.default_rng(KERNELS.index(kernel))
    graph = extreme_network(rng)
    assert_core_equals_golden(graph, core, (kernel, "lossless"), samples(graph, rng, 3), tmp_path, runtimes)


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
def test_weights_that_are_copied_into_ram(core, tmp_path, runtimes):
    rng = np.random.default_rng(31)
    graph = extreme_network(rng)
    program, x = lower_with(graph, "fours", "lossless", TARGETS[core].isa, SLOW_FLASH), samples(graph, rng, 2)
    assert sum(layer.staged_bytes > 0 for layer in program.layers) >= 2
    elf = link_model(TARGETS[core], program, runtimes(core), tmp_path)
    assert run_model(elf, program, x) == expected_bytes(graph, program, x)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("core", NEWER_TARGETS)
def test_newer_cores_run_the_same_code(core, kernel, tmp_path, runtimes):
    rng = np.random.default_rng([12, KERNELS.index(kernel)])
    graph = rectified_network(rng)
    assert_core_equals_golden(graph, core, (kernel, "lossless"), samples(graph, rng, 2), tmp_path, runtimes)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4"])
def test_layers_behind_a_rectifier(core, kernel, tmp_path, runtimes):
    rng = np.random.default_rng([3, KERNELS.index(kernel)])
    graph = rectified_network(rng)
    assert_core_equals_golden(graph, core, (kernel, "lossless"), samples(graph, rng, 3), tmp_path, runtimes)


@pytest.mark.parametrize("core", TARGETS)
def test_more_rows_than_share_a_table_of_sums(core, tmp_path, runtimes):
    """Chunks of 128 rows, and blocks of sixteen elements that the depth does not fill."""
    rng = np.random.default_rng(5)
    net = Extreme(rng, (37,))
    net.dense(259)
    net.dense(7)
    graph = parse(net.finish())
    assert_core_equals_golden(graph, core, ("subsets", "lossless"), samples(graph, rng, 3), tmp_path, runtimes)


class Unshaped(Network):
    """Layers without rows of zeros, so that no channel is dead."""

    def _zero(self) -> int:
        return -128


def unshaped_network(rng: np.random.Generator, channels: int) -> Graph:
    """Layers whose output has the input's shape, over an odd number of pixels."""
    net = Unshaped(rng, (5, 3, channels))
    net.conv(channels, (1, 1), (1, 1), "RELU")
    net.depthwise(1, (3, 3), (1, 1), activation="RELU")
    net.branch()
    net.conv(channels, (1, 1), (1, 1), "RELU")
    return parse(net.finish())


@pytest.mark.parametrize("channels", [6, 7])
@pytest.mark.parametrize("kernel", ["pairs", "lists", "fours", "dual"])
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "rv32ec"])
def test_outputs_in_the_place_of_inputs(core, kernel, channels, tmp_path, runtimes):
    rng = np.random.default_rng([8, channels])
    graph = unshaped_network(rng, channels)
    program = lower_with(graph, kernel, "lossless", TARGETS[core].isa)
    kept = [program.offset(layer.output) in map(program.offset, layer.inputs) for layer in program.layers]
    depthwise = program.layers[1].kernel_name
    assert kept == [True, depthwise in ("pairs", "dual"), False, True, True]
    assert_core_equals_golden(graph, core, (kernel, "lossless"), samples(graph, rng, 3), tmp_path, runtimes)


def additions() -> Graph:
    """One whose results are clamped, and one of a tensor to itself, with ties."""
    model = ModelWriter()
    scales = ((0.1, 3), (0.3, -5), (0.23, 9), (0.46, 5))
    a, b, y, z = (model.activation((1, 259), scale, zero) for scale, zero in scales)
    model.op("QUANTIZE", [a], [b])
    model.op("ADD", [a, b], [y], fused_activation_function="RELU6")
    model.op("ADD", [y, y], [z], fused_activation_function="NONE")
    return parse(model.finish([a], [z]))


@pytest.mark.parametrize("by", ["tables", "reference"])
@pytest.mark.parametrize("core", TARGETS)
def test_additions_of_every_kind(core, by, tmp_path, runtimes, monkeypatch):
    if by == "reference":
        monkeypatch.setattr("edge_tr.operators.add.add_tables", lambda record: None)
    graph = additions()
    calls = [layer.call for layer in lower_with(graph, "int8", "lossless").layers if layer.op.kind == "ADD"]
    assert [call.function for call in calls] == ["tr_add_tables" if by == "tables" else "tr_add"] * 2
    x = np.zeros((2, 1, 259), np.int8)
    x[:, 0] = np.arange(259).astype(np.uint8).view(np.int8), np.random.default_rng(6).integers(-128, 128, 259)
    assert_core_equals_golden(graph, core, ("int8", "lossless"), x, tmp_path, runtimes)


@pytest.mark.parametrize("budget", ["lossless", "g=4,k=3,s=2"])
@pytest.mark.parametrize("width", [1, 2, 4, 5, 8])
def test_depthwise_windows_over_rows_of_every_kind(width, budget, tmp_path, runtimes):
    rng = np.random.default_rng([4, width])
    graph = rectified_network(rng, width)
    assert_core_equals_golden(graph, "cortex-m4", ("dual", budget), samples(graph, rng, 3), tmp_path, runtimes)


@pytest.mark.parametrize("dilation", [(2, 1), (3, 1), (1, 2), (2, 2)], ids=str)
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0"])
def test_small_depthwise_windows_that_are_apart_along_one_axis(core, dilation, tmp_path, runtimes):
    rng = np.random.default_rng([23, *dilation])
    net = Alive(rng, (11, 13, 2))
    for stride, activation in (((1, 1), "RELU"), ((1, 2), "NONE"), ((2, 1), "RELU6"), ((1, 1), "NONE")):
        net.depthwise(1, (3, 3), dilation, stride, activation)
    graph = parse(net.finish())
    assert_core_equals_golden(graph, core, ("dual", "lossless"), samples(graph, rng, 3), tmp_path, runtimes)


def windows(net: Network) -> Graph:
    """Depthwise windows of every shape: wide, long, of one row or column, apart, with outputs that share a channel."""
    net.depthwise(1, (5, 5), (1, 1), activation="RELU6")
    net.depthwise(2, (5, 5), (1, 1), (2, 2))
    net.depthwise(1, (1, 4), (1, 1), (1, 2), "RELU")
    net.depthwise(1, (7, 1), (1, 1), (1, 1), "RELU_N1_TO_1")
    net.depthwise(1, (3, 3), (2, 3), (1, 1), "RELU")
    net.depthwise(1, (2, 17), (1, 1))
    net.depthwise(3, (3, 3), (1, 1), (2, 1), "RELU6")
    net.depthwise(1, (3, 3), (1, 1), (3, 3))
    return parse(net.finish())


@pytest.mark.parametrize("budget", ["lossless", "g=4,k=3,s=2"])
@pytest.mark.parametrize("shape", [(9, 12, 3), (24, 1, 2), (1, 9, 1)], ids=str)
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0"])
def test_depthwise_windows_of_every_shape(core, shape, budget, tmp_path, runtimes):
    rng = np.random.default_rng([12, *shape])
    graph = windows(Extreme(rng, shape))
    program = lower_with(graph, "dual", budget, TARGETS[core].isa)
    assert {layer.kernel_name for layer in program.layers} == {"dual"}
    assert_core_equals_golden(graph, core, ("dual", budget), samples(graph, rng, 3), tmp_path, runtimes)


class Joint(Rectified):
    """Weights that two rows of one halfword can hold."""

    least = -127


class Apart(Rectified):
    """Second rows of -128 beside negative weights."""

    first_rows = (-128, -128, 127, 85)


class Alive(Extreme):
    """No rows that are constant, which would take channels along."""

    first_rows = ()

    def _zero(self) -> int:
        return int(self.rng.choice([-128, -20]))


def threes(net: Network) -> Graph:
    """3x3 windows with strides of one over odd and even images; multiples of four channels, of which code takes sixteen
    at a time; rows that are no multiple of four; requantised to all of int8 and to less."""
    net.conv(20, (3, 3), (1, 1), "RELU")
    net.conv(16, (3, 3), (1, 1))
    net.conv(36, (3, 3), (1, 1))
    net.conv(7, (3, 3), (1, 1), "RELU")
    return parse(net.finish())


@pytest.mark.parametrize("shape", [(5, 7, 4), (6, 4, 8), (1, 9, 4), (4, 1, 16), (11, 8, 4)], ids=str)
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m3", "cortex-m0", "rv32imc"])
def test_tiles_of_four_outputs(core, shape, tmp_path, runtimes):
    rng = np.random.default_rng([13, *shape])
    graph = threes(Alive(rng, shape))
    program = lower_with(graph, "winograd", "lossless", TARGETS[core].isa)
    assert {layer.kernel_name for layer in program.layers} == {"winograd"}
    assert_core_equals_golden(graph, core, ("winograd", "lossless"), samples(graph, rng, 3), tmp_path, runtimes)


def test_tiles_on_cortex_m4_without_one_long_multiplication(tmp_path, runtimes, monkeypatch):
    """As where a scale is 1/2 or more: requantised like on Cortex-M3."""
    monkeypatch.setattr("edge_tr.kernels.output.DIRECT", set())
    rng = np.random.default_rng(17)
    graph = threes(Alive(rng, (5, 7, 8)))
    assert_core_equals_golden(graph, "cortex-m4", ("winograd", "lossless"), samples(graph, rng, 3), tmp_path, runtimes)


class Lanes(Joint):
    """The largest weights of which two by -128 fit a lane of 16 bits."""

    first_rows = (-127, 127, 85, 0)


DUAL_LAYOUTS = {Joint: LAYOUT.FOURS_JOINT, Apart: LAYOUT.FOURS_APART}


def convolutions(net: Network) -> Graph:
    """Windows whose rows are whole words and others, beside and on the border; strides; odd numbers of pixels."""
    net.conv(6, (3, 3), (1, 1), "RELU")
    net.conv(8, (1, 1), (1, 1), "RELU")
    net.conv(5, (2, 3), (2, 1), "NONE")
    net.conv(9, (1, 1), (1, 1), "RELU6")
    net.conv(4, (1, 2), (1, 1), "RELU")
    return parse(net.finish())


@pytest.mark.parametrize("budget", ["lossless", "g=8,k=30,s=3"])
@pytest.mark.parametrize("shape", [(5, 7, 1), (6, 3, 3), (3, 5, 4)], ids=str)
@pytest.mark.parametrize("network", DUAL_LAYOUTS, ids=["joint", "apart"])
def test_dual_multiplications_of_rows_in_one_halfword_and_apart(network, shape, budget, tmp_path, runtimes):
    rng = np.random.default_rng([9, *shape])
    graph = convolutions(network(rng, shape))
    layers = lower_with(graph, "fours", budget, "armv7e-m").layers
    assert DUAL_LAYOUTS[network] in {layout_of(layer.dot.body) for layer in layers if layer.dot is not None}
    assert_core_equals_golden(graph, "cortex-m4", ("fours", budget), samples(graph, rng, 3), tmp_path, runtimes)


@pytest.mark.parametrize(
    ("zero", "activation", "way"),
    [(-128, "RELU", "plain"), (-20, "NONE", "signed"), (-20, "RELU", "clamped"), (-100, "RELU6", "clamped")],
)
@pytest.mark.parametrize("network", DUAL_LAYOUTS, ids=["joint", "apart"])
def test_sums_that_are_requantised_in_registers(network, zero, activation, way, tmp_path, runtimes):
    """Each number of rows that is left over from blocks of four, and of pairs that a round of eight begins with."""
    rng = np.random.default_rng([14, -zero])
    net = network(rng, (3, 5, 36))
    net._zero = lambda: zero
    for rows in (33, 26, 23, 17, 12, 6, 3, 7, 8):
        net.conv(rows, (1, 1), (1, 1), activation)
    graph = parse(net.finish())
    program = lower_with(graph, "fours", "lossless", "armv7e-m")
    function = f"tr_conv_2d_{network.__name__.lower()}_{way}"
    assert function in {layer.dot.kernel.call(layer.name, layer.dot).function for layer in program.layers}
    assert_core_equals_golden(graph, "cortex-m4", ("fours", "lossless"), samples(graph, rng, 3), tmp_path, runtimes)


@pytest.mark.parametrize("budget", ["lossless", "g=8,k=30,s=3"])
def test_units_with_two_rows_in_one_halfword(budget, tmp_path, runtimes):
    """Depths of every remainder of the loop of sixteen elements, and of four; units of every remainder of four."""
    rng = np.random.default_rng(15)
    net = Joint(rng, (1, 1, 61))
    net.flatten()
    for units in (39, 34, 28, 21, 13, 10, 5, 2, 1, 3):
        net.dense(units)
    graph = parse(net.finish())
    layers = lower_with(graph, "fours", budget, "armv7e-m").layers
    assert LAYOUT.FOURS_JOINT in {layout_of(layer.dot.body) for layer in layers if layer.dot is not None}
    assert_core_equals_golden(graph, "cortex-m4", ("fours", budget), samples(graph, rng, 3), tmp_path, runtimes)


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m3", "rv32imc"])
def test_tiles_whose_weights_are_copied_by_fours(core, tmp_path, runtimes):
    """Where RAM holds no more of them."""
    rng = np.random.default_rng(16)
    graph = threes(Alive(rng, (9, 8, 16)))
    program = lower_with(graph, "winograd", "lossless", TARGETS[core].isa, replace(SLOW_FLASH, staging=8000))
    assert any(layer.dot.by_parts for layer in program.layers)
    elf, x = link_model(TARGETS[core], program, runtimes(core), tmp_path), samples(graph, rng, 2)
    assert run_model(elf, program, x) == expected_bytes(graph, program, x)


@pytest.mark.parametrize("shape", [(5, 7, 1), (6, 3, 3)], ids=str)
@pytest.mark.parametrize("core", TARGETS)
def test_two_pixels_a_word(core, shape, tmp_path, runtimes):
    rng = np.random.default_rng([11, *shape])
    graph = convolutions(Lanes(rng, shape))
    layers = lower_with(graph, "lanes", "lossless", TARGETS[core].isa).layers
    assert {layer.kernel_name for layer in layers} == {"lanes"}
    assert_core_equals_golden(graph, core, ("lanes", "lossless"), samples(graph, rng, 3), tmp_path, runtimes)


def test_sums_of_a_second_row_that_take_all_their_bits(tmp_path, runtimes):
    """516 weights of 127 by -128 are 512 above the least number of 24 bits."""
    rng = np.random.default_rng(10)
    net = Joint(rng, (1, 3, 516))
    net.conv(5, (1, 1), (1, 1), "NONE")
    graph = parse(net.finish())
    [layer] = lower_with(graph, "fours", "lossless", "armv7e-m").layers
    assert layout_of(layer.dot.body) == LAYOUT.FOURS_JOINT
    assert_core_equals_golden(graph, "cortex-m4", ("fours", "lossless"), samples(graph, rng, 3), tmp_path, runtimes)


def test_cortex_m4_requantises_by_one_product_where_it_can():
    graph = rectified_network(np.random.default_rng(3))
    layers = lower_with(graph, "pairs", "lossless", "armv7e-m").layers
    assert all(isinstance(layer.dot.requant, Direct) for layer in layers if layer.dot is not None)


@pytest.mark.parametrize("way", [("pairs", "g=8,k=6"), ("lists", "g=16,k=9,s=2"), ("int8", "g=4,k=5")], ids=" ".join)
@pytest.mark.parametrize("core", TARGETS)
def test_networks_with_budgets(core, way, tmp_path, runtimes):
    rng = np.random.default_rng([7, len(way[1])])
    graph = parse(random_network(rng))
    assert_core_equals_golden(graph, core, way, samples(graph, rng, 3), tmp_path, runtimes)
