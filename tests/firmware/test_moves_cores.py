"""Moves, reductions and products of activations on emulated cores: one model of many, layer by layer."""

from __future__ import annotations

import numpy as np
import pytest

from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.firmware.harness_cores import TARGETS, compile_runtime_for, link_model, run_model
from tests.firmware.harness_models import expected_bytes, lower_with, samples


class Chain:
    """A model that grows by one operator after the other, all in one quantisation unless another is given."""

    def __init__(self, *shape: int) -> None:
        self.model = ModelWriter()
        self.x = self.input = self.model.activation(shape, 0.05, 3)

    def then(
        self,
        kind: str,
        shape: tuple[int, ...],
        *constants: object,
        scale: float = 0.05,
        zero: int = 3,
        **options: object,
    ) -> None:
        """`constants`: int32 of the operator's inputs behind the first one."""
        y = self.model.activation(shape, scale, zero)
        rest = [self.model.constant(np.array(of, np.int32)) for of in constants]
        self.model.op(
            kind, [self.x, *rest], [y], version=1 if kind in ("RESHAPE", "CUMSUM", "DEPTH_TO_SPACE") else 2, **options
        )
        self.x = y

    def beside(self, kind: str, shape: tuple[int, ...], inputs: list[int], scale: float = 0.05, **options) -> None:
        y = self.model.activation(shape, scale, 3)
        self.model.op(kind, inputs, [y], version=2, **options)
        self.x = y


def moves(chain: Chain) -> None:
    """From [1, 6, 4, 8] to [1, 3, 3, 16], by steps, by tables, with fillings, in runs of one byte and of many."""
    chain.then("PAD", (1, 7, 6, 8), [[0, 0], [1, 0], [0, 2], [0, 0]])
    chain.then("MIRROR_PAD", (1, 8, 8, 8), [[0, 0], [0, 1], [1, 1], [0, 0]], mode="REFLECT")
    chain.then("SPACE_TO_DEPTH", (1, 4, 4, 32), block_size=2)
    chain.then("TRANSPOSE", (1, 32, 4, 4), [0, 3, 1, 2])
    masks = dict(begin_mask=0b1011, end_mask=0b1111, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=0)
    chain.then("STRIDED_SLICE", (1, 16, 3, 4), [0, 0, 1, 0], [0, 0, 0, 0], [1, -2, 1, 1], **masks)
    chain.then("RESIZE_BILINEAR", (1, 5, 7, 4), [5, 7], align_corners=False, half_pixel_centers=True)
    chain.then("TILE", (1, 5, 7, 8), [1, 1, 1, 2])
    chain.then("RESIZE_NEAREST_NEIGHBOR", (1, 3, 9, 8), [3, 9], align_corners=True, half_pixel_centers=False)
    chain.then("GATHER", (1, 3, 3, 8), [8, 0, 3], axis=2, batch_dims=0)
    other = chain.x
    chain.then("REVERSE_V2", (1, 3, 3, 8), [1])
    chain.beside("CONCATENATION", (1, 3, 3, 16), [other, chain.x], axis=3, fused_activation_function="NONE")
    parts = [chain.model.activation((1, 3, 3, channels), 0.05, 3) for channels in (5, 11)]
    sizes = [chain.model.constant(np.array(of, np.int32)) for of in ([5, 11], 3)]
    chain.model.op("SPLIT_V", [chain.x, *sizes], parts, version=2, num_splits=2)
    chain.beside("CONCATENATION", (1, 3, 3, 16), parts[::-1], axis=3, fused_activation_function="NONE")


def reductions(chain: Chain) -> None:
    """From [1, 3, 3, 16] to [1, 9]."""
    chain.then("RESHAPE", (1, 9, 16), [1, 9, 16])
    chain.beside("BATCH_MATMUL", (1, 9, 9), [chain.x, chain.x], scale=0.4, adj_x=False, adj_y=True)
    chain.then("CUMSUM", (1, 9, 9), 1, scale=1.1, exclusive=False, reverse=True)
    chain.then("RESHAPE", (1, 3, 3, 9), [1, 3, 3, 9], scale=1.1)
    before = chain.x
    for kind, scale in (("MEAN", 0.6), ("REDUCE_MAX", 1.1), ("REDUCE_MIN", 1.1), ("REDUCE_PROD", 5e3), ("SUM", 2.0)):
        chain.x = before
        chain.then(kind, (1, 1, 3, 1), [1, 3], scale=scale, keep_dims=True)
        chain.then("QUANTIZE", (1, 1, 3, 1), scale=0.7)
    chain.x = before
    chain.then("L2_NORMALIZATION", (1, 3, 3, 9), scale=1 / 128, zero=0, fused_activation_function="NONE")
    chain.then("LOG_SOFTMAX", (1, 3, 3, 9), scale=1 / 16, zero=127)
    chain.then("SOFTMAX", (1, 3, 3, 9), scale=1 / 256, zero=-128, beta=1.0)


@pytest.fixture(scope="module")
def graph() -> Graph:
    chain = Chain(1, 6, 4, 8)
    moves(chain)
    reductions(chain)
    return parse(chain.model.finish([chain.input], [chain.x]))


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "rv32ec"])
def test_moves_and_reductions(core, graph, tmp_path):
    program = lower_with(graph, "int8", "lossless", TARGETS[core].isa)
    x = samples(graph, np.random.default_rng(1), 3)
    elf = link_model(TARGETS[core], program, compile_runtime_for(TARGETS[core], tmp_path), tmp_path)
    assert run_model(elf, program, x) == expected_bytes(graph, program, x)
