"""TFLite's Prepare of the operators without weights.

Sources, all under tensorflow/lite/kernels: pooling.cc, add.cc, activations.cc,
pad.cc, reduce.cc, quantize.cc, reshape.cc and internal/quantization_util.cc.
"""

from __future__ import annotations

import math

import numpy as np

from edge_tr.ir.checks import (
    activation_range,
    activation_tensor,
    arity,
    constant,
    image_shape,
    output_shape,
    read_only,
    requant,
    require,
    require_options,
    scale,
    shape_text,
    window,
    zero_point,
)
from edge_tr.ir.graph import Graph, Op, Tensor
from edge_tr.ir.layers import (
    AddParams,
    MeanParams,
    PadParams,
    PoolParams,
    Requant,
    RequantizeParams,
    ReshapeParams,
    Shape3,
    SoftmaxParams,
)
from edge_tr.tr.requant import quantize_multiplier

ADD_LEFT_SHIFT = 20
SOFTMAX_INTEGER_BITS = 5  # the differences are Q5.26
SOFTMAX_MAX_DEPTH = 511  # at 512 the reference shifts by 32 bits, which C leaves undefined
MAX_POOL_WINDOW = 4096
MAX_POOLED = (2**32 - 2) // 257  # elements of -128 whose sum, and the half of their count that rounds it, are an int32
MAX_MEAN = (2**31 - 1) // 255  # the same of x - zero point
MAX_OPTION_RANK = 8  # of RESHAPE's shape when it is an option


def _ends(graph: Graph, op: Op) -> tuple[Tensor, Tensor]:
    """The first input and the output, both int8 activations."""
    return (
        activation_tensor(graph, op.inputs[0], "input"),
        activation_tensor(graph, op.outputs[0], "output"),
    )


def pool(graph: Graph, op: Op) -> PoolParams:
    arity(op, (1,))
    require_options(op)
    x, y = _ends(graph, op)
    image = image_shape(x, "input")
    kernel = (int(op.options["filter_height"]), int(op.options["filter_width"]))
    require(max(kernel) <= MAX_POOL_WINDOW, f"a window of {shape_text(kernel)}", f"up to {MAX_POOL_WINDOW}")
    out, stride, pad = window(op, image, kernel, (1, 1))
    output_shape(y, (1, *out, image[2]))
    if op.kind == "AVERAGE_POOL_2D":
        _require_sum(math.prod(map(min, kernel, image[:2])), "a window", MAX_POOLED)
    return PoolParams(op.kind, image, (*out, image[2]), kernel, stride, pad, activation_range(op, y))


def _require_sum(count: int, what: str, most: int) -> None:
    """TFLite adds up in int32 too: what it computes for more is undefined, so nothing can equal it."""
    require(count <= most, f"{what} over {count:,} elements", f"up to {most:,}, whose sum TFLite has room for")


def add(graph: Graph, op: Op) -> AddParams:
    """Both inputs are brought to twice the larger scale with 20 bits of headroom."""
    arity(op, (2,))
    a, y = _ends(graph, op)
    b = activation_tensor(graph, op.inputs[1], "second input")
    require(
        a.shape == b.shape,
        f"inputs of shapes {shape_text(a.shape)} and {shape_text(b.shape)}",
        "equal shapes",
    )
    output_shape(y, a.shape)
    twice = 2 * max(scale(a), scale(b))
    output = twice / ((1 << ADD_LEFT_SHIFT) * scale(y))
    require(output < 1, f"output scale {scale(y)} for inputs up to scale {twice / 2}", "a larger output scale")
    return AddParams(
        size=a.size,
        input1_zero_point=zero_point(a),
        input2_zero_point=zero_point(b),
        output_zero_point=zero_point(y),
        left_shift=ADD_LEFT_SHIFT,
        requant1=requant(scale(a) / twice),
        requant2=requant(scale(b) / twice),
        requant_out=requant(output),
        activation=activation_range(op, y),
    )


def softmax(graph: Graph, op: Op) -> SoftmaxParams:
    """`PreprocessSoftmaxScaling` and `CalculateInputRadius` in quantization_util.cc."""
    arity(op, (1,))
    require_options(op)
    x, y = _ends(graph, op)
    require(1 <= len(x.shape) <= 4, f"input of shape {shape_text(x.shape)}", "1 to 4 dimensions")
    output_shape(y, x.shape)
    require(
        scale(y) == 1 / 256 and zero_point(y) == -128,
        f"output scale {scale(y)}, zero point {zero_point(y)}",
        "scale 1/256, zero point -128",
    )
    depth = x.shape[-1]
    require(depth <= SOFTMAX_MAX_DEPTH, f"{depth} classes", f"up to {SOFTMAX_MAX_DEPTH}")
    beta = float(op.options["beta"])
    real = min(beta * scale(x) * (1 << (31 - SOFTMAX_INTEGER_BITS)), (1 << 31) - 1.0)
    require(real > 1, f"beta {beta} with input scale {scale(x)}", "a larger product of the two")
    multiplier, shift = (int(v) for v in quantize_multiplier(real))
    radius = ((1 << SOFTMAX_INTEGER_BITS) - 1) * (1 << (31 - SOFTMAX_INTEGER_BITS)) / (1 << shift)
    return SoftmaxParams(x.size // depth, depth, multiplier, shift, -math.floor(radius))


def pad(graph: Graph, op: Op) -> PadParams:
    """PAD fills with the output's zero point, PADV2 with its third input."""
    arity(op, (2,) if op.kind == "PAD" else (3,))
    x, y = _ends(graph, op)
    amounts = constant(graph, op.inputs[1], "paddings", ("int32", "int64")).data.astype(np.int64)
    rank = len(x.shape)
    require(
        2 <= rank <= 4 and x.shape[0] == 1,
        f"input of shape {shape_text(x.shape)}",
        "2 to 4 dimensions with batch 1",
    )
    require(amounts.shape == (rank, 2), f"paddings of shape {shape_text(amounts.shape)}", f"{rank}x2")
    require(
        amounts.min() >= 0 and not amounts[0].any(),
        "negative paddings or a padded batch",
        "padding of h, w, c",
    )
    output_shape(y, tuple(d + int(p.sum()) for d, p in zip(x.shape, amounts)))
    return PadParams(
        input_shape=_three(x.shape[1:], 1),
        output_shape=_three(y.shape[1:], 1),
        before=_three(tuple(int(p[0]) for p in amounts[1:]), 0),
        after=_three(tuple(int(p[1]) for p in amounts[1:]), 0),
        value=zero_point(y) if op.kind == "PAD" else _pad_value(graph, op, y),
    )


def _pad_value(graph: Graph, op: Op, y: Tensor) -> int:
    value = constant(graph, op.inputs[2], "padding value", ("int8",))
    require(value.size == 1, f"{value.size} padding values", "1")
    q = value.quantization
    require(
        q is not None and scale(value) == scale(y) and zero_point(value) == zero_point(y),
        "a padding value of another quantisation than the output",
        "the same",
    )
    return int(value.data.reshape(-1)[0])


def _three(values: tuple[int, ...], fill: int) -> Shape3:
    """(h, w, c) with missing leading dimensions filled in."""
    values = (fill,) * (3 - len(values)) + tuple(values)
    return (values[0], values[1], values[2])


def mean(graph: Graph, op: Op) -> MeanParams:
    """`QuantizedMeanOrSum` in reference/reduce.h folds 1 / count into the multiplier."""
    arity(op, (2,))
    x, y = _ends(graph, op)
    axis = constant(graph, op.inputs[1], "axes", ("int32",)).data.reshape(-1)
    rank = len(x.shape)
    require(np.all((axis >= -rank) & (axis < rank)), f"axes {axis.tolist()}", f"axes of {rank} dimensions")
    axes = sorted({int(a) % rank for a in axis})
    if op.options.get("keep_dims", False):
        output_shape(y, tuple(1 if i in axes else d for i, d in enumerate(x.shape)))
    else:
        output_shape(y, tuple(d for i, d in enumerate(x.shape) if i not in axes))
    outer, count, inner = _middle(x.shape, axes)
    _require_sum(count, "a mean", MAX_MEAN)
    return MeanParams(outer, count, inner, zero_point(x), zero_point(y), _mean_requant(scale(x) / scale(y), count))


def _middle(shape: tuple[int, ...], axes: list[int]) -> tuple[int, int, int]:
    """Read `shape` as (outer, count, inner) with the reduced `axes` in the middle."""
    reduced = [i for i in axes if shape[i] > 1]
    first, last = (reduced[0], reduced[-1] + 1) if reduced else (len(shape), len(shape))
    require(
        all(i in axes or shape[i] == 1 for i in range(first, last)),
        f"axes {axes} of an input of shape {shape_text(shape)}",
        "axes beside each other",
    )
    return math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:])


def _mean_requant(real: float, count: int) -> Requant:
    whole = requant(real)
    multiplier, shift = int(whole.multiplier[0]), int(whole.shift[0])
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    return Requant(
        multiplier=read_only(np.array([(multiplier << bits) // count], dtype=np.int32)),
        shift=read_only(np.array([shift - bits], dtype=np.int32)),
        real=read_only(whole.real / count),
    )


def requantize(graph: Graph, op: Op) -> RequantizeParams:
    arity(op, (1,))
    x, y = _ends(graph, op)
    output_shape(y, x.shape)
    return RequantizeParams(x.size, zero_point(x), zero_point(y), requant(scale(x) / scale(y)))


def reshape(graph: Graph, op: Op) -> ReshapeParams:
    """The new shape is the second input's value, else the option's."""
    arity(op, (1, 2))
    x, y = _ends(graph, op)
    option = list(op.options.get("new_shape", ()))
    require(len(option) <= MAX_OPTION_RANK, f"a new shape of {len(option)} dimensions", f"{MAX_OPTION_RANK}")
    shape = option
    if len(op.inputs) == 2 and op.inputs[1] >= 0:
        shape = [int(d) for d in constant(graph, op.inputs[1], "shape", ("int32",)).data.reshape(-1)]
    if shape.count(-1) == 1:
        known = -math.prod(shape)
        require(known > 0 and x.size % known == 0, f"shape {shape} for {x.size} elements", "one that fits")
        shape[shape.index(-1)] = x.size // known
    require(math.prod(shape) == x.size and min(shape, default=1) > 0, f"shape {shape}", f"{x.size} elements")
    output_shape(y, tuple(shape))
    return ReshapeParams(x.size)


def no_dequantize(graph: Graph, op: Op) -> None:
    """Only DEQUANTIZE to the graph's output can be left to the host."""
    arity(op, (1,))
    require(False, "float arithmetic after it", "one DEQUANTIZE to the graph's float32 output, left to the host")
