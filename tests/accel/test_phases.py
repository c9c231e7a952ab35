"""Rows sorted by phase: chosen where fewer cycles are predicted, together for tensors that lie alike."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge_tr.accel import lower_accel, lowering, phases
from edge_tr.accel.layout import Placed, planar
from edge_tr.accel.phases import with_phases
from edge_tr.accel.stage import Stage
from edge_tr.ir import tflite
from edge_tr.operators import AddParams, DepthwiseParams
from edge_tr.prepared.budget import parse

SHAPE = (8, 8, 2)


def stage(inputs: tuple[int, ...], output: int, stride: int) -> Stage:
    """A depthwise layer of that stride, or for stride 0 an addition."""
    kind = DepthwiseParams if stride else AddParams
    record = object.__new__(kind)
    if stride:
        record.__dict__.update(stride=(stride, stride), dilation=(1, 1))
    return Stage(SimpleNamespace(index=output), record, inputs, output)


def is_sorted(y: Placed) -> bool:
    return not np.array_equal(y.position, planar(SHAPE, 0).position)


def test_a_strided_readers_input_is_sorted_where_it_pays_and_what_an_addition_ties_goes_along() -> None:
    stages = [stage((0,), 1, 1), stage((1,), 2, 1), stage((1, 2), 3, 0), stage((3,), 4, 2), stage((4,), 5, 1)]
    default = {tensor: planar(SHAPE, 0) for tensor in range(6)}

    def pays(one: Stage, x: Placed, y: Placed) -> int:
        return 10 - 5 * (is_sorted(x) and one.output == 4)

    def costs(one: Stage, x: Placed, y: Placed) -> int:
        return pays(one, x, y) + 4 * is_sorted(y)

    sorted_rows = {t for t, y in with_phases(stages, default, {0}, pays).items() if is_sorted(y)}
    assert sorted_rows == {1, 2, 3}
    assert not any(map(is_sorted, with_phases(stages, default, {0}, costs).values()))  # two writers pay 8, one gains 5
    assert not any(map(is_sorted, with_phases(stages, default, {2}, pays).values()))  # one of the tied is fixed


@pytest.mark.parametrize("name", ["vww_96_int8", "pretrainedResnet_quant"])
def test_sorting_saves_cycles_on_models_with_strides(name: str, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = tflite.load(shared / "models" / f"{name}.tflite")
    with_sorting = lower_accel(graph, parse("g=8,k=4")).levels[0].cycles
    monkeypatch.setattr(lowering, "with_phases", lambda stages, layouts, fixed, cycles: layouts)
    assert with_sorting < lower_accel(graph, parse("g=8,k=4")).levels[0].cycles
    assert phases.with_phases is with_phases
