"""Moves that move nothing: tensors lie in others, and C under sanitizers still gives golden's tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from edge_tr.lower.program import Program
from edge_tr.lower.views import View
from tests.firmware.harness_build import HERE, compile_model, compile_runtime, run_c
from tests.firmware.harness_models import as_bytes, expected_bytes, lower_with, with_extremes
from tests.models.random_views import build

SHAPE = (1, 2, 4)  # eight bytes


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_runtime(tmp_path_factory.mktemp("runtime"))


@pytest.mark.parametrize("seed", range(8))
def test_views_hold_what_golden_says(seed: int, tmp_path: Path, runtime: Path) -> None:
    rng = np.random.default_rng([seed, 35])
    graph = parse(build(rng))
    program, x = lower_with(graph, "int8", "lossless"), with_extremes(graph, rng, 6)
    executable = compile_model(program, tmp_path, runtime, [HERE / "harness_model.c"])
    assert program.views
    assert run_c(executable, as_bytes(x, graph.inputs)) == expected_bytes(graph, program, x)


def joined(parts: list[int], model: ModelWriter, rows: int) -> int:
    y = model.activation((1, rows, 4), 0.5)
    model.op("CONCATENATION", parts, [y], axis=1, fused_activation_function="NONE")
    return y


def computed(model: ModelWriter, x: int, shape: tuple[int, ...] = SHAPE) -> int:
    y = model.activation(shape, 0.5)
    model.op("ABS", [x], [y])
    return y


def lowered(model: ModelWriter, x: int, y: int) -> Program:
    return lower_with(parse(model.finish([x], [y])), "int8", "lossless")


def test_inputs_of_a_concatenation_are_written_where_they_belong() -> None:
    model = ModelWriter()
    x = model.activation(SHAPE, 0.5)
    a, b = computed(model, x), computed(model, x)
    y = joined([a, b], model, 4)
    program = lowered(model, x, y)
    assert [layer.op.kind for layer in program.layers] == ["ABS", "ABS"]
    assert program.views == {a: View(y, 0), b: View(y, 8)}
    assert program.memory.size == program.memory.lower_bound == 8 + 16
    by_name = {region.name: region for region in program.regions}
    assert (by_name[f"t{b}"].kind, by_name[f"t{b}"].offset - by_name[f"t{y}"].offset, by_name[f"t{b}"].bytes) == (
        "view", 8, 8,
    )  # fmt: skip


def test_what_cannot_lie_there_is_copied_and_nothing_else() -> None:
    """The model's input, a constant, and what is there already."""
    model = ModelWriter()
    x = model.activation(SHAPE, 0.5)
    a = computed(model, x)
    y = joined([x, a, a, model.constant(np.full(SHAPE, 7, np.int8), [0.5])], model, 8)
    program = lowered(model, x, y)
    join = program.layers[-1]
    assert (program.views == {a: View(y, 8)} and join.inputs == (x, View(y, 8).of)) or join.inputs == (x, a)
    assert list(join.call.values["fixed"].values) == [-1, -2, -1, 0]


def test_parts_that_begin_within_a_word_are_copied() -> None:
    model = ModelWriter()
    x = model.activation((1, 3, 3), 0.5)
    made = computed(model, x, (1, 3, 3))
    parts = [model.activation((1, rows, 3), 0.5) for rows in (1, 2)]
    sizes, axis = (model.constant(np.array(v, np.int32)) for v in ([1, 2], 1))
    model.op("SPLIT_V", [made, sizes, axis], parts, num_splits=2)
    last = [computed(model, part, (1, rows, 3)) for part, rows in zip(parts, (1, 2))]
    program = lower_with(parse(model.finish([x], [last[1]])), "int8", "lossless")
    assert program.views == {parts[0]: View(made, 0)}
    assert [layer.name for layer in program.layers] == ["abs_0", "split_v_1_1", "abs_2", "abs_3"]


def test_a_place_that_would_be_kept_free_for_long_is_not_taken() -> None:
    """The first part of the join is made before something large, of which nothing is left when the join comes."""
    model = ModelWriter()
    x = model.activation(SHAPE, 0.5)
    first = computed(model, x)
    large = [model.activation((1, 64, 4), 0.5) for _ in range(2)]
    model.op("TILE", [x, model.constant(np.array([1, 32, 1], np.int32))], [large[0]])
    model.op("REVERSE_V2", [large[0], model.constant(np.array([1], np.int32))], [large[1]])
    begin, size = (model.constant(np.array(v, np.int32)) for v in ([0, 0, 0], [1, 30, 4]))
    part = model.activation((1, 30, 4), 0.5)
    model.op("SLICE", [large[1], begin, size], [part])
    second = computed(model, part, (1, 30, 4))
    y = joined([first, second], model, 32)
    program = lowered(model, x, y)
    assert first not in program.views and program.layers[-1].op.kind == "CONCATENATION"
    assert program.memory.size == program.memory.lower_bound


def test_a_layer_does_not_take_a_place_of_which_it_reads_a_part_as_well() -> None:
    model = ModelWriter()
    x = model.activation((1, 4, 4), 0.5)
    made = computed(model, x, (1, 4, 4))
    part, y = model.activation((1, 1, 4), 0.5), model.activation((1, 4, 4), 0.5)
    begin, size = (model.constant(np.array(v, np.int32)) for v in ([0, 3, 0], [1, 1, 4]))
    model.op("SLICE", [made, begin, size], [part])
    model.op("ADD", [made, part], [y], fused_activation_function="NONE")
    program = lowered(model, x, y)
    assert program.views == {part: View(made, 12)}
    assert abs(program.offset(y) - program.offset(made)) >= 16
