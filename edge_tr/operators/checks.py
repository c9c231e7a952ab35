"""Small facts that several operators' parameters need, each checked as it is read.

A check that fails raises `ModelError` with "found ...; supported: ..."; the
caller puts the operator's name in front.
"""

from __future__ import annotations

import numpy as np

from edge_tr.errors import ModelError
from edge_tr.graph import Graph, Op, Tensor
from edge_tr.record import Requant, Shape3, Size
from edge_tr.tr.requant import MAX_LEFT_SHIFT, quantize_multiplier

INT8 = (-128, 127)
INT16_MAX = 32767
EXPLICIT = "EXPLICIT"
"""A window's padding that no file has: `pads`, pixels (above, below) and (left, right), see `prepared.padding`."""


def require(condition: object, found: str, supported: str) -> None:
    """Raise unless `condition`."""
    if not condition:
        raise ModelError(f"found {found}; supported: {supported}")


def arity(op: Op, inputs: tuple[int, ...]) -> None:
    """`op` must have one output and one of the given numbers of inputs."""
    allowed = " or ".join(str(n) for n in inputs)
    require(len(op.inputs) in inputs, f"{len(op.inputs)} inputs", allowed)
    require(len(op.outputs) == 1, f"{len(op.outputs)} outputs", "1")


def updates(op: Op, positions: tuple[int, ...]) -> None:
    """The variables among the inputs must be those at `positions`, each once: what the operator's record updates."""
    only = op.updates == tuple(op.inputs[position] for position in positions)
    require(only, "a variable that is no state of this operator's", "variables only as its states, each once")


def shape_text(shape: tuple[int, ...]) -> str:
    return "x".join(str(d) for d in shape) or "scalar"


def activation_tensor(graph: Graph, index: int, what: str) -> Tensor:
    """A computed int8 tensor with one positive scale and a zero point in int8."""
    tensor = operand(graph, index, what)
    require(tensor.data is None, f"a constant {what} '{tensor.name}'", f"a computed {what}")
    return tensor


def operand(graph: Graph, index: int, what: str) -> Tensor:
    """The same, or a constant."""
    require(index >= 0, f"no {what}", f"an int8 {what}")
    tensor = graph.tensor(index)
    require(tensor.dtype == "int8", f"{what} of type {tensor.dtype}", "int8")
    require(tensor.size > 0, f"an empty {what} of shape {shape_text(tensor.shape)}", "at least one element")
    q = tensor.quantization
    require(q is not None and q.per_tensor, f"{what} without one scale and zero point", "per-tensor quantisation")
    require(scale(tensor) > 0, f"{what} scale 0", "a positive scale")
    require(INT8[0] <= zero_point(tensor) <= INT8[1], f"{what} zero point {zero_point(tensor)}", "-128 to 127")
    return tensor


def scale(tensor: Tensor) -> float:
    """The per-tensor scale: the float32 of the file, as a double."""
    return float(tensor.quantization.scale[0])


def zero_point(tensor: Tensor) -> int:
    return int(tensor.quantization.zero_point[0])


def constant(graph: Graph, index: int, what: str, dtypes: tuple[str, ...]) -> Tensor:
    """A tensor whose data is in the file."""
    require(index >= 0, f"no {what}", f"a constant {what}")
    tensor = graph.tensor(index)
    require(tensor.dtype in dtypes, f"{what} of type {tensor.dtype}", " or ".join(dtypes))
    require(tensor.data is not None, f"{what} '{tensor.name}' computed at run time", f"a constant {what}")
    return tensor


def output_shape(tensor: Tensor, expected: tuple[int, ...]) -> None:
    """The file's output shape must be the one that TFLite's Prepare computes."""
    require(tensor.shape == expected, f"output of shape {shape_text(tensor.shape)}", shape_text(expected))


def image_shape(tensor: Tensor, what: str) -> Shape3:
    """(h, w, c) of a [1, h, w, c] tensor."""
    require(
        len(tensor.shape) == 4 and tensor.shape[0] == 1,
        f"{what} of shape {shape_text(tensor.shape)}",
        "four dimensions with batch 1",
    )
    return tensor.shape[1:]


def require_options(op: Op) -> None:
    require(op.options, "no options", "options as the TFLite converter writes them")


def requant(real: np.ndarray | float) -> Requant:
    """Multiplier and shift of each real, refused where TFLite's shift would overflow."""
    real = np.array(real, dtype=np.float64, ndmin=1)
    require(np.all(np.isfinite(real)), "scales whose ratio is not finite", "scales of similar size")
    multiplier, shift = quantize_multiplier(real)
    require(
        shift.max(initial=0) <= MAX_LEFT_SHIFT,
        f"scales whose ratio needs a left shift of {shift.max(initial=0)}",
        f"left shifts up to {MAX_LEFT_SHIFT}",
    )
    return Requant(read_only(multiplier), read_only(shift), read_only(real))


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def activation_range(op: Op, output: Tensor) -> Size:
    """(min, max) of the int8 output: `CalculateActivationRangeQuantized` in kernel_util.cc.

    TFLite divides and rounds (half away from zero) in float32.
    """
    activation = op.options.get("fused_activation_function", "NONE")
    require(activation in FUSED, f"fused activation {activation}", ", ".join(FUSED))
    return activation_limits(activation, output)


def activation_limits(activation: str, output: Tensor) -> Size:
    """(min, max) of the int8 output of one of `REAL_LIMITS`."""
    low, high = (None if real is None else _quantize(real, output) for real in REAL_LIMITS[activation])
    return (
        INT8[0] if low is None else max(INT8[0], low),
        INT8[1] if high is None else min(INT8[1], high),
    )


REAL_LIMITS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0),
}
FUSED = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")


def _quantize(real: float, output: Tensor) -> int:
    with np.errstate(over="ignore"):
        steps = float(np.float32(real) / output.quantization.scale[0])
    require(abs(steps) < 2**31, f"output scale {scale(output)} with a fused activation", "a larger output scale")
    return int(np.copysign(np.floor(abs(steps) + 0.5), steps)) + zero_point(output)


def window(op: Op, image: Shape3, kernel: Size, dilation: Size) -> tuple[Size, Size, Size]:
    """(output (h, w), stride (h, w), pad (top, left)) of a sliding window: kernels/padding.h."""
    stride = (int(op.options["stride_h"]), int(op.options["stride_w"]))
    padding = op.options["padding"]
    require(
        min(stride + dilation + kernel) > 0,
        f"stride {stride}, dilation {dilation}, window {kernel}",
        "positive",
    )
    require(padding in ("SAME", "VALID", EXPLICIT), f"padding {padding}", "SAME or VALID")
    output, pad = [], []
    for axis, (size, k, s, d) in enumerate(zip(image[:2], kernel, stride, dilation)):
        extent = (k - 1) * d + 1
        before, after = op.options["pads"][axis] if padding == EXPLICIT else (0, 0)
        out = -(-size // s) if padding == "SAME" else (before + size + after + s - extent) // s
        require(out > 0, f"a window of {extent} on {size} pixels", "a window no larger than the image")
        output.append(out)
        pad.append(max((out - 1) * s + extent - size, 0) // 2 if padding == "SAME" else before)
    require(
        max(stride + dilation + tuple(pad)) <= INT16_MAX,
        f"stride {stride}, dilation {dilation}, padding {pad}",
        f"up to {INT16_MAX} (TFLite keeps them in 16 bits)",
    )
    return (output[0], output[1]), stride, (pad[0], pad[1])


def ends(graph: Graph, op: Op) -> tuple[Tensor, Tensor]:
    """The first input and the output, both int8 activations."""
    return (
        activation_tensor(graph, op.inputs[0], "input"),
        activation_tensor(graph, op.outputs[0], "output"),
    )


def summed(count: int, what: str, most: int) -> None:
    """TFLite adds up in int32 too: what it computes for more is undefined, so nothing can equal it."""
    require(count <= most, f"{what} over {count:,} elements", f"up to {most:,}, whose sum TFLite has room for")


def integers(graph: Graph, index: int, what: str, dtypes: tuple[str, ...] = ("int32", "int64")) -> list[int]:
    """The elements of a constant of integers, in order."""
    return [int(value) for value in constant(graph, index, what, dtypes).data.reshape(-1)]


def axis_of(axis: int, rank: int) -> int:
    """An axis that may count from the end."""
    require(-rank <= axis < rank, f"axis {axis}", f"an axis of {rank} dimensions")
    return axis % rank


def flags(graph: Graph, index: int, what: str) -> Tensor:
    """A bool tensor, computed or constant: bytes of 0 and 1."""
    require(index >= 0, f"no {what}", f"a bool {what}")
    tensor = graph.tensor(index)
    require(tensor.dtype == "bool", f"{what} of type {tensor.dtype}", "bool")
    require(tensor.size > 0, f"an empty {what} of shape {shape_text(tensor.shape)}", "at least one element")
    return tensor


def typed(graph: Graph, index: int, what: str, dtypes: tuple[str, ...]) -> Tensor:
    """A tensor of one of these types, computed or constant; int8 with its quantisation."""
    require(index >= 0, f"no {what}", f"{what} of type {' or '.join(dtypes)}")
    tensor = graph.tensor(index)
    require(tensor.dtype in dtypes, f"{what} of type {tensor.dtype}", " or ".join(dtypes))
    require(tensor.size > 0, f"an empty {what} of shape {shape_text(tensor.shape)}", "at least one element")
    return operand(graph, index, what) if tensor.dtype == "int8" else tensor


def computed(graph: Graph, index: int, what: str, dtypes: tuple[str, ...]) -> Tensor:
    """The same, computed."""
    tensor = typed(graph, index, what, dtypes)
    require(tensor.data is None, f"a constant {what} '{tensor.name}'", f"a computed {what}")
    return tensor


MOVABLE = ("int8", "bool", "int16", "int32", "int64")
"""Types whose elements can be moved: int8 in its quantisation, the others as they are."""


def moved(graph: Graph, op: Op, source: int = 0) -> tuple[Tensor, Tensor]:
    """The input that an operator moves, and its output: computed, of one type."""
    x = computed(graph, op.inputs[source], "input", MOVABLE)
    return x, computed(graph, op.outputs[0], "output", (x.dtype,))


def limits_of(dtype: str) -> Size:
    """The least and the most of a type."""
    return (0, 1) if dtype == "bool" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


def operands(graph: Graph, op: Op) -> tuple[Tensor, Tensor, Tensor]:
    """Both inputs, of which one may be a constant, and the output: int8."""
    arity(op, (2,))
    return (
        operand(graph, op.inputs[0], "first input"),
        operand(graph, op.inputs[1], "second input"),
        activation_tensor(graph, op.outputs[0], "output"),
    )
