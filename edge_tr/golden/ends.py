"""What users give at a model's ends, and the same as the integers that the graph inside takes.

Arrays hold one sample per leading index and then the tensor's shape without its batch of one: a [1, 49, 10, 1] tensor
of n samples is [n, 49, 10, 1]. A graph with states takes n independent sequences, [n, steps, ...], each from the state
that a reset gives; [n, ...] are n sequences of one step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.graph import Graph, Tensor

Given = np.ndarray | Mapping[int, np.ndarray]
"""Samples of a graph with one input, or of any graph by tensor index."""


@dataclass(frozen=True)
class Samples:
    """`values` by the tensor index of each of the graph's inputs, in their order: arrays of its type and of one shape
    before the tensor's own: [n], or [n, steps] where `steps` is not None. `saturated`: floats that were given and lie
    beyond an input's range."""

    values: Mapping[int, np.ndarray]
    steps: int | None = None
    saturated: int = 0

    def __len__(self) -> int:
        """Samples, or sequences."""
        return len(self.first)

    @property
    def first(self) -> np.ndarray:
        """Those of the graph's first input."""
        return next(iter(self.values.values()))

    @property
    def leading(self) -> tuple[int, ...]:
        """The axes before a tensor's own."""
        return (len(self),) if self.steps is None else (len(self), self.steps)

    def part(self, which: slice) -> Samples:
        """Some of the samples."""
        return Samples({index: values[which] for index, values in self.values.items()}, self.steps)

    def step(self, number: int) -> dict[int, np.ndarray]:
        """By tensor index [n, ...]: all samples, or one step of all sequences."""
        return {i: values if self.steps is None else values[:, number] for i, values in self.values.items()}

    def data(self, sample: int, step: int = 0) -> bytes:
        """One sample, or step of a sequence, as a device takes it: its inputs one behind the other."""
        return b"".join(values[sample].tobytes() for values in self.step(step).values())


def sample_shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape of one sample: without a leading 1."""
    return tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape


def samples_of(graph: Graph, x: Given | Samples) -> Samples:
    """Samples for `graph`, quantised where they are floats; UsageError says what is wanted instead."""
    if isinstance(x, Samples):
        return x
    values = {i: np.asarray(array) for i, array in by_input(graph, x).items()}
    saturated = 0
    for position, (index, array) in enumerate(values.items()):
        check_input(graph, position, array.shape, array.dtype)
        saturated += beyond(graph.tensor(index), array) if array.dtype == np.float32 else 0
        values[index] = inner(graph.tensor(index), graph.file_inputs[position], array)
    return replace(together(graph, values), saturated=saturated)


def by_input(graph: Graph, x: Given) -> dict[int, np.ndarray]:
    """By tensor index, in the order of the graph's inputs."""
    if not isinstance(x, Mapping):
        if len(graph.inputs) != 1:
            raise UsageError(f"the model has {len(graph.inputs)} inputs ({input_names(graph)}): give an array for each")
        return {graph.inputs[0]: x}
    if set(x) != set(graph.inputs):
        raise UsageError(f"arrays for tensors {sorted(x)} are given, the model's inputs are {list(graph.inputs)}")
    return {i: x[i] for i in graph.inputs}


def input_names(graph: Graph) -> str:
    """The inputs as the file names them."""
    return ", ".join(tensor.name or f"x{position}" for position, tensor in enumerate(graph.file_inputs))


def together(graph: Graph, values: Mapping[int, np.ndarray]) -> Samples:
    """Arrays of the right shape and type for each input; UsageError unless all have as many samples and steps."""
    shapes = {i: sample_shape(graph.tensor(i)) for i in values}
    leading = {i: array.shape[: leading_axes(graph, i, array.shape)] for i, array in values.items()}
    if len(set(leading.values())) > 1:
        found = ", ".join(f"{graph.tensor(i).name} {list(axes)}" for i, axes in leading.items())
        raise UsageError(f"the model's inputs have different numbers of samples or steps: {found}")
    axes = next(iter(leading.values()))
    if 0 in axes[1:]:
        raise UsageError("the model's inputs are sequences of no steps: give at least one")
    shaped = {i: array.reshape(*axes, *shapes[i]) for i, array in values.items()}
    return Samples(shaped, axes[1] if len(axes) == 2 else None)


def leading_axes(graph: Graph, index: int, shape: tuple[int, ...]) -> int | None:
    """How many axes of an array of samples for an input stand before the tensor's own; None: they do not fit."""
    tensor = graph.tensor(index)
    if shape[:1] and shape[1:] == sample_shape(tensor):
        return 1
    if graph.states and len(shape) > 1 and shape[2:] in (sample_shape(tensor), tensor.shape):
        return 2
    return 1 if shape[:1] and shape[1:] == tensor.shape else None


def check_input(graph: Graph, position: int, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """UsageError unless such an array holds samples of an input of the graph."""
    index = graph.inputs[position]
    tensor, given = graph.tensor(index), graph.file_inputs[position]
    name = "input" if len(graph.inputs) == 1 else f"input {given.name or position}"
    if leading_axes(graph, index, shape) is None:
        wanted = ", ".join(str(d) for d in sample_shape(tensor))
        sequences = f" or [sequences, steps, {wanted}]" if graph.states else ""
        remedy = reshaping(shape, sample_shape(tensor))
        raise UsageError(f"the model's {name} is [samples, {wanted}]{sequences}, got {list(shape)}; {remedy}")
    accepted = _accepted(tensor, given)
    if dtype.name not in accepted:
        floats = ", or float32 to be quantised" if "float32" in accepted[1:] else ""
        types = " or ".join(name for name in accepted if not floats or name != "float32")
        raise UsageError(f"the model's {name} is {types}{floats}, got {dtype}")


def reshaping(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """One line of numpy that makes an array `x` of some shape one of samples of the `wanted` shape, or what to do."""
    inner, text = shape[1:], ", ".join(map(str, wanted))
    if shape == wanted:
        return "in numpy: x = x[None]"
    if len(wanted) == 3 and inner == (wanted[2], *wanted[:2]):
        return "in numpy: x = x.transpose(0, 2, 3, 1)"
    if len(wanted) == 3 and inner[:2] == wanted[:2] and len(inner) == 3 and wanted[2] == 1:
        return "in numpy: x = x.mean(axis=-1, keepdims=True).astype(x.dtype)"
    if len(wanted) == 3 and inner in ((*wanted[:2], 1), wanted[:2]):
        return f"in numpy: x = x.reshape(-1, {wanted[0]}, {wanted[1]}, 1).repeat({wanted[2]}, axis=-1)"
    if shape and math.prod(shape) and math.prod(shape) % math.prod(wanted) == 0:
        return f"in numpy: x = x.reshape(-1, {text})"
    if len(inner) == len(wanted) and all(a >= b for a, b in zip(inner, wanted)):
        cut = ", ".join(f":{n}" for n in wanted)
        return f"in numpy, if the rest is not wanted: x = x[:, {cut}]"
    return f"images are resized by edge-tr data make --size; in numpy a sample is x = np.zeros((1, {text}), np.float32)"


def beyond(tensor: Tensor, x: np.ndarray) -> int:
    """How many of float32 x a quantised input saturates."""
    q, limits = tensor.quantization, np.iinfo(tensor.dtype)
    scale, zero = float(q.scale[0]), int(q.zero_point[0])
    low, high = ((limit + side - zero) * scale for limit, side in ((limits.min, -0.5), (limits.max, 0.5)))
    return int(((x < low) | (x > high)).sum())


def _accepted(tensor: Tensor, given: Tensor) -> list[str]:
    """Types that an input can be given in: the graph's own first."""
    accepted = [tensor.dtype]
    if given.dtype == "uint8" and tensor.dtype == "int8":
        accepted.append("uint8")
    if tensor.quantization is not None and tensor.dtype in _QUANTIZED:
        accepted.append("float32")
    return accepted


_QUANTIZED = ("int8", "uint8", "int16")


def inner(tensor: Tensor, given: Tensor, x: np.ndarray) -> np.ndarray:
    """`x`, of a type that `check_input` accepts, in that of the graph's input `tensor`; in the file it is `given`."""
    if x.dtype.name == tensor.dtype:
        return x
    if x.dtype == np.uint8:
        return (x.astype(np.int16) - 128).astype(np.int8)
    return quantized(tensor, x)


def quantized(tensor: Tensor, x: np.ndarray) -> np.ndarray:
    """float32 as TFLite's QUANTIZE takes it: `AffineQuantize` in reference/quantize.h divides by the scale in float32,
    rounds half away from zero, adds the zero point, saturates."""
    if not np.isfinite(x).all():
        raise UsageError("the float32 input must be finite, got NaN or infinity")
    q, limits = tensor.quantization, np.iinfo(tensor.dtype)
    with np.errstate(over="ignore"):
        steps = (x / q.scale[0]).astype(np.float64)
    rounded = np.copysign(np.floor(np.abs(steps) + 0.5), steps)
    return np.clip(rounded + int(q.zero_point[0]), limits.min, limits.max).astype(tensor.dtype)


def outer(tensor: Tensor, given: Tensor, values: np.ndarray) -> np.ndarray:
    """Values of an end of the graph in the type that the end has in the file."""
    if given.dtype == tensor.dtype:
        return values
    if given.dtype == "float32":
        return dequantized(tensor, values)
    return (values.astype(np.int16) + 128).astype(np.uint8)


def dequantized(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """Of a quantised tensor float32, as TFLite's DEQUANTIZE gives it."""
    q = tensor.quantization
    return (values.astype(np.float32) - np.float32(q.zero_point[0])) * q.scale[0]


def real(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """The real numbers of a quantised tensor; values of any other as they are."""
    return values if tensor.quantization is None else dequantized(tensor, values)
