"""Lowering: names, views, what is counted, and a plan under which a whole network runs in one arena."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_tr.errors import UsageError
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.kernels import parse_choice
from edge_tr.lower.program import Limits, Program, _arenas, _planned, choose, data_terms, explore, lower
from edge_tr.lower.select import SLACK, Selection
from edge_tr.lower.views import View
from edge_tr.prepared.budget import parse as parse_budget
from edge_tr.tr.hese import term_count
from edge_tr.tr.requant import Rounding
from tests.firmware.harness_models import Network, lower_with, random_network, samples


def tiny(rng_seed: int = 0) -> Graph:
    """CONV_2D, RESHAPE, FULLY_CONNECTED, RESHAPE."""
    net = Network(np.random.default_rng(rng_seed), (4, 3, 2))
    net.conv(3, (3, 3), (1, 1))
    net.flatten()
    net.dense(5)
    net.flatten()
    return parse(net.finish())


def run_in_arena(program: Program, x: np.ndarray) -> dict[int, np.ndarray]:
    """Every layer's tensor, computed by golden's layers on one array of bytes, its scratch filled with noise."""
    rng, arena = np.random.default_rng(0), np.zeros(program.memory.size, np.int8)

    def at(tensor: int, size: int) -> np.ndarray:
        return arena[program.offset(tensor) :][:size]

    (source,) = program.inputs
    sizes = {layer.output: layer.output_bytes for layer in program.layers} | {source.index: source.size}
    at(source.index, source.size)[:] = x.ravel()
    written = {}
    for layer in program.layers:
        inputs = [at(tensor, sizes[tensor]).copy()[None] for tensor in layer.inputs]
        if layer.dot is not None:
            scratch = arena[program.memory.offsets[layer.name] :][: layer.dot.scratch_bytes]
            scratch[:] = rng.integers(-128, 128, len(scratch))
        terms = layer.dot.data_terms if layer.dot is not None else None
        at(layer.output, layer.output_bytes)[:] = layer.params.golden(inputs, Rounding.DOUBLE, terms)[0].ravel()
        written[layer.output] = at(layer.output, layer.output_bytes).copy()
    return written


def test_the_arena_is_told_region_by_region_with_reshapes_as_views():
    graph = tiny()
    program = lower_with(graph, "planes", "lossless")
    by_name = {region.name: region for region in program.regions}
    conv, flat, dense, result = (graph.tensor(op.outputs[0]).name for op in graph.ops)
    assert [by_name[name].kind for name in (conv, flat, dense, result)] == ["tensor", "view", "tensor", "view"]
    assert by_name[flat].offset == by_name[conv].offset and by_name[result].offset == by_name[dense].offset
    assert [(by_name[name].first, by_name[name].last) for name in (conv, dense)] == [(0, 1), (1, 1)]
    assert by_name["conv_2d_0"].kind == "scratch" and by_name["conv_2d_0"].bytes == program.layers[0].scratch_bytes
    assert max(region.offset + region.bytes for region in program.regions) <= program.memory.size
    solid = [region for region in program.regions if region.kind != "view"]
    for a, b in itertools.combinations(solid, 2):
        together = a.first <= b.last and b.first <= a.last
        assert not together or a.offset + a.bytes <= b.offset or b.offset + b.bytes <= a.offset


@pytest.mark.parametrize("seed", range(6))
def test_no_layer_overwrites_what_another_still_needs(seed):
    rng = np.random.default_rng(seed)
    graph = parse(random_network(rng))
    program = lower_with(graph, "planes", "g=8,k=6,s=3")
    x = samples(graph, rng, 3)[2:]
    expected = program.alive.of(
        run(graph, x, weights=program.revealed, data_terms=data_terms(program), keep="all").tensors
    )
    for tensor, got in run_in_arena(program, x).items():
        np.testing.assert_array_equal(got, expected[tensor].ravel())


def test_layers_are_named_by_kind_and_index_and_reshapes_are_views():
    graph = tiny()
    program = lower_with(graph, "planes", "lossless")
    assert [layer.name for layer in program.layers] == ["conv_2d_0", "fully_connected_2"]
    conv, dense = program.layers
    flat, result = graph.ops[1].outputs[0], graph.ops[3].outputs[0]
    assert program.views == {flat: View(conv.output, 0), result: View(dense.output, 0)}
    assert dense.inputs == (conv.output,) and program.outputs[0].index == graph.outputs[0]
    assert program.sha256 == graph.sha256


def test_macs_weights_and_terms_are_counted():
    conv, dense = lower_with(tiny(), "int8", "lossless").layers
    assert (conv.dot.weights, conv.dot.macs) == (3 * 18, 3 * 18 * 12)
    assert (dense.dot.weights, dense.dot.macs) == (5 * 36, 5 * 36)
    for layer in (conv, dense):
        assert layer.dot.terms == term_count(layer.params.weights).sum()
        assert layer.dot.nonzero == np.count_nonzero(layer.params.weights)
        assert layer.dot.data_terms is None


def test_a_budget_holds_for_its_layer_only():
    budget = parse_budget("g=9,k=2,s=1")
    program = lower(tiny(), budget, parse_choice(["planes"]))
    for layer in program.layers:
        groups = -(-layer.params.weights.shape[1] // 9) * len(layer.params.weights)
        assert layer.dot.terms <= 2 * groups
        assert str(layer.dot.setting) == "g=9,k=2,s=1"
    assert sorted(data_terms(program)) == [0, 2] == sorted(program.revealed)
    assert data_terms(program)[0].shape == (511,)


def test_the_same_model_is_lowered_the_same_way_twice():
    one, two = (lower_with(tiny(), "term-pairs", "g=8,k=3") for _ in range(2))
    assert one.memory == two.memory
    assert [layer.dot.body for layer in one.layers] == [layer.dot.body for layer in two.layers]


def test_names_that_the_model_does_not_have_are_refused():
    with pytest.raises(UsageError, match="--kernel names add_1, conv_2d_7; this model has conv_2d_0, fully_conn"):
        lower(tiny(), parse_budget("lossless"), parse_choice(["conv_2d_7=int8", "add_1=int8"]))


def test_a_model_of_reshapes_only_is_one_copy():
    model = ModelWriter()
    x, y = model.activation((1, 4), 0.5, 0), model.activation((1, 2, 2), 0.5, 0)
    model.op("RESHAPE", [x, model.constant(np.array([1, 2, 2], np.int32))], [y])
    program = lower_with(parse(model.finish([x], [y])), "int8", "lossless")
    assert [(layer.inputs, layer.output, layer.call.function) for layer in program.layers] == [((x,), y, "tr_copy")]
    assert program.views == {}


def test_an_output_that_is_the_input_reshaped_survives_the_run():
    """Beside it two layers compute something that nobody reads."""
    model = ModelWriter()
    x, y, z, last = (model.activation(shape, 0.5, 0) for shape in ((1, 4), (1, 2, 2), (1, 4), (1, 4)))
    model.op("RESHAPE", [x, model.constant(np.array([1, 2, 2], np.int32))], [y])
    model.op("ABS", [x], [z])
    model.op("ABS", [z], [last])
    program = lower_with(parse(model.finish([x], [y])), "planes", "lossless")
    assert program.views == {y: View(x, 0)}
    assert all(abs(program.offset(x) - program.offset(other)) >= 4 for other in (z, last))


def test_the_graphs_output_is_not_overwritten_by_a_layer_behind_it():
    model = ModelWriter()
    a, y, z = (model.activation((1, 8), scale) for scale in (0.5, 1.0, 0.7))
    model.op("ADD", [a, a], [y], fused_activation_function="NONE")
    model.op("QUANTIZE", [y], [z])
    program = lower_with(parse(model.finish([a], [y])), "int8", "lossless")
    first, second = program.layers
    assert program.offset(first.output) == program.offset(program.inputs[0].index)
    assert program.offset(second.output) != program.offset(first.output)


@pytest.mark.parametrize("seed", range(6))
def test_what_layers_need_of_the_arena_is_what_a_plan_cannot_go_below(seed):
    """With each layer's kernels in turn; and a limit that some choice keeps is kept."""
    graph = parse(random_network(np.random.default_rng(seed)))
    found = explore(graph, parse_budget("lossless"), parse_choice([]), "rv32e")
    arenas, rng = _arenas(found), np.random.default_rng(seed)
    for _ in range(20):
        chosen = tuple(int(rng.integers(len(needed))) for needed in arenas)
        bound = max(needed[i] for needed, i in zip(arenas, chosen))
        assert _planned(found, Selection(chosen, 0, 0))[1].lower_bound == bound
    free, least = choose(found), max(min(needed) for needed in arenas)
    for limit in (least, (least + free.memory.lower_bound) // 2):
        program = choose(found, "speed", Limits(ram=limit))
        assert program.memory.lower_bound <= limit and program.cycles_estimated * (1 + SLACK) >= free.cycles_estimated
