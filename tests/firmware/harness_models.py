"""Random whole networks, every way to lower them, and what golden says of each tensor."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from edge_tr import kernels
from edge_tr.boards import Reads
from edge_tr.golden.ends import Given, sample_shape
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.ir.writer import ModelWriter
from edge_tr.kernels import parse_choice
from edge_tr.kernels.waiting import INSTANT, Behind
from edge_tr.lower.program import Program, data_terms, lower
from edge_tr.prepared.budget import parse as parse_budget

NINE_BITS = ("int16", *(kernel.name for kernel in kernels.KERNELS if kernel.nine_bits and kernel.name != "int16"))
"""Kernels of uint8 models; the first one is of no others."""
KERNELS = tuple(kernel.name for kernel in kernels.KERNELS if not kernel.dialled and kernel.name != "int16")
BUDGETS = ("lossless", "g=8,k=4", "g=3,k=2,s=1", "g=16,k=12,s=2")
WAYS = tuple(itertools.product(KERNELS, BUDGETS))


SLOW_FLASH = Behind(Reads(clock_hz=1, wait_states=50, width=4, manual="none"), staging=1 << 20)
"""So slow that every table that is read twice is copied into RAM first."""


def lower_with(graph: Graph, kernel: str, budget: str, isa: str = "c", behind: Behind = INSTANT) -> Program:
    """`kernel` for every layer that it takes."""
    return lower(graph, parse_budget(budget), parse_choice([kernel]), isa, behind=behind)


def lower_levels(graph: Graph, budgets: str, isa: str = "c") -> Program:
    """One program of several budgets, "; " between them, from the fewest terms on."""
    *below, largest = (parse_budget(budget) for budget in budgets.split("; "))
    return lower(graph, largest, parse_choice([]), isa, below=below)


def samples(graph: Graph, rng: np.random.Generator, count: int = 6) -> np.ndarray:
    """Random inputs; the first two are all -128 and all 127."""
    x = rng.integers(-128, 128, (count, *sample_shape(graph.tensor(graph.inputs[0]))), np.int8)
    x[0], x[1] = -128, 127
    return x


def drawn(graph: Graph, rng: np.random.Generator, leading: tuple[int, ...] = (6,)) -> dict[int, np.ndarray]:
    """Random inputs of any graph by tensor index, of all values that their types have."""
    x = {}
    for tensor in map(graph.tensor, graph.inputs):
        shape, dtype = (*leading, *sample_shape(tensor)), np.dtype(tensor.dtype)
        low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        x[tensor.index] = rng.integers(low, high, shape, np.int64, endpoint=True).astype(dtype)
    return x


def with_extremes(graph: Graph, rng: np.random.Generator, count: int) -> dict[int, np.ndarray]:
    """The same; the first two samples are the least and the most of each type."""
    x = drawn(graph, rng, (count,))
    for values in x.values():
        values[0], values[1] = values.min(), values.max()
        if values.dtype.kind == "i":
            values[0], values[1] = np.iinfo(values.dtype).min, np.iinfo(values.dtype).max
    return x


def as_bytes(tensors: Mapping[int, np.ndarray], indices: Sequence[int], axes: int = 1) -> bytes:
    """Tensors `indices` one after the other, for each sample; `axes` of them stand before a tensor's own."""
    arrays = [np.ascontiguousarray(tensors[i]) for i in indices]
    count = int(np.prod(arrays[0].shape[:axes]))
    return np.concatenate([array.view(np.uint8).reshape(count, -1) for array in arrays], axis=1).tobytes()


def expected_bytes(graph: Graph, program: Program, x: Given) -> bytes:
    """What harness_model.c must write for samples `x`."""
    parts = []
    for level in program.levels:
        result = run(graph, x, weights=level.revealed, data_terms=data_terms(program), keep="all")
        alive = level.alive.of(result.tensors)
        parts += [alive[layer.output] for layer in program.layers]
        parts += [result.outputs[index] for index in graph.outputs]
    return as_bytes(dict(enumerate(parts)), range(len(parts)))


class Network:
    """A chain of layers on one growing model; every method adds some and moves `x` on."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
        self.rng, self.model, self.shape = rng, ModelWriter(), shape
        self.scale, self.zero = 0.05, int(rng.choice([-128, 127, 3]))
        self.x = self.input = self.model.activation((1, *shape), self.scale, self.zero)

    def finish(self) -> bytes:
        return self.model.finish([self.input], [self.x])

    def _move(self, kind: str, inputs: list[int], shape: tuple[int, ...], scale: float, zero: int, **options) -> None:
        y = self.model.activation((1, *shape), scale, zero)
        self.model.op(kind, inputs, [y], **options)
        self.x, self.shape, self.scale, self.zero = y, shape, scale, zero

    def _zero(self) -> int:
        return int(self.rng.choice([-128, -7, 0, 20, 127]))

    def _dot(self, kind: str, weights: tuple[int, ...], axis: int, shape: tuple[int, ...], **options) -> None:
        channels = weights[axis]
        depth = int(np.prod(weights)) // channels
        w_scale = self.rng.uniform(0.005, 0.02, channels).astype(np.float32)
        w = self.model.constant(self.rng.integers(-128, 128, weights).astype(np.int8), w_scale, axis=axis)
        bias = self.rng.integers(-3000, 3000, channels).astype(np.int32)
        b = self.model.constant(bias, np.float32(self.scale) * w_scale)
        y_scale = float(self.scale * w_scale.mean() * np.sqrt(depth) * 100)
        self._move(kind, [self.x, w, b], shape, y_scale, self._zero(), **options)

    def conv(self, channels: int, kernel: tuple[int, int], stride: tuple[int, int], activation: str = "NONE") -> None:
        h, w, c = self.shape
        shape = (-(-h // stride[0]), -(-w // stride[1]), channels)
        options = dict(padding="SAME", stride_h=stride[0], stride_w=stride[1], fused_activation_function=activation)
        options |= dict(dilation_h_factor=1, dilation_w_factor=1)
        self._dot("CONV_2D", (channels, *kernel, c), 0, shape, **options)

    def depthwise(
        self,
        multiplier: int,
        kernel: tuple[int, int],
        dilation: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        activation: str = "NONE",
    ) -> None:
        h, w, c = self.shape
        options = dict(padding="SAME", stride_h=stride[0], stride_w=stride[1], depth_multiplier=multiplier)
        options |= dict(dilation_h_factor=dilation[0], dilation_w_factor=dilation[1])
        options |= dict(fused_activation_function=activation)
        shape = (-(-h // stride[0]), -(-w // stride[1]), c * multiplier)
        self._dot("DEPTHWISE_CONV_2D", (1, *kernel, c * multiplier), 3, shape, **options)

    def branch(self) -> None:
        """x + a rescaled copy of x, so that two tensors are alive at once."""
        copy = self.model.activation((1, *self.shape), self.scale * 1.5, self._zero())
        self.model.op("QUANTIZE", [self.x], [copy])
        self._move("ADD", [self.x, copy], self.shape, self.scale * 2, self._zero(), fused_activation_function="RELU6")

    def add(self, other: int, quantization: tuple[float, int] | None = None) -> int:
        """x + another tensor of its shape; the sum."""
        scale, zero = quantization or (self.scale * 2, self._zero())
        self._move("ADD", [self.x, other], self.shape, scale, zero, version=2, fused_activation_function="NONE")
        return self.x

    def pad(self) -> None:
        amounts = np.zeros((4, 2), np.int32)
        amounts[1:] = self.rng.integers(0, 3, (3, 2))
        shape = tuple(int(d + p.sum()) for d, p in zip(self.shape, amounts[1:]))
        self._move("PAD", [self.x, self.model.constant(amounts)], shape, self.scale, self.zero)

    def pool(self, kind: str, size: int) -> None:
        h, w, c = self.shape
        options = dict(padding="SAME", stride_h=size, stride_w=size, filter_height=size + 1, filter_width=size)
        self._move(kind, [self.x], (-(-h // size), -(-w // size), c), self.scale, self.zero, **options)

    def flatten(self) -> None:
        size = int(np.prod(self.shape))
        shape = self.model.constant(np.array([1, size], np.int32))
        self._move("RESHAPE", [self.x, shape], (size,), self.scale, self.zero)

    def mean(self) -> None:
        axes = self.model.constant(np.array([1, 2], np.int32))
        self._move("MEAN", [self.x, axes], self.shape[2:], self.scale, self._zero(), keep_dims=False)

    def dense(self, units: int) -> None:
        self._dot("FULLY_CONNECTED", (units, *self.shape), 0, (units,))

    def softmax(self) -> None:
        self._move("SOFTMAX", [self.x], self.shape, 1 / 256, -128, beta=1.0)


def random_network(rng: np.random.Generator) -> bytes:
    """A small network with every operator, odd sizes and a branch."""
    h, w, c = (int(v) for v in rng.integers((5, 5, 1), (12, 12, 4)))
    net = Network(rng, (h, w, c))
    net.conv(int(rng.integers(2, 8)), (3, int(rng.integers(1, 5))), (int(rng.integers(1, 3)), 1), "RELU")
    net.branch()
    net.depthwise(int(rng.integers(1, 4)), (3, 3), (int(rng.integers(1, 3)), 1))
    net.pad()
    net.pool(str(rng.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"])), 2)
    net.conv(int(rng.integers(1, 6)), (1, 1), (1, 1), "RELU6")
    if rng.random() < 0.5:
        net.flatten()
    else:
        net.mean()
    net.dense(int(rng.integers(2, 13)))
    net.softmax()
    return net.finish()
