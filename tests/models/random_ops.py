"""Random one-operator models, over the corners of each operator's options.

`build(kind, rng)` returns the bytes of a .tflite file. Scales are drawn so that
outputs spread over int8 instead of saturating all the time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_tr.ir.writer import ModelWriter

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
DOT_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
ZERO_POINTS = (-128, -127, -1, 0, 1, 126, 127)


def build(kind: str, rng: np.random.Generator) -> bytes:
    return BUILDERS[kind](rng)


def zero_point(rng: np.random.Generator) -> int:
    """An extreme one half of the time."""
    return int(rng.choice(ZERO_POINTS)) if rng.random() < 0.5 else int(rng.integers(-128, 128))


def scale(rng: np.random.Generator) -> float:
    """Over four decades; one in four a power of two, where ties are exact."""
    return float(2.0 ** rng.integers(-10, 2)) if rng.random() < 0.25 else float(10 ** rng.uniform(-3.5, 0.5))


def _weights(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    if rng.random() < 0.1:
        return rng.choice(np.array([-128, 127], np.int8), shape)
    return rng.integers(-128, 128, shape).astype(np.int8)


def _dot_tensors(
    rng: np.random.Generator,
    model: ModelWriter,
    x_scale: float,
    shape: tuple[int, ...],
    axis: int,
    per_channel: bool,
) -> tuple[int, int, float]:
    """(weights, bias, output scale) of a dot product."""
    channels = shape[axis]
    depth = int(np.prod(shape)) // channels
    w_scale = np.array([scale(rng) for _ in range(channels if per_channel else 1)], np.float32)
    w = model.constant(_weights(rng, shape), w_scale, axis=axis)
    y_scale = float(x_scale * np.median(w_scale) * np.sqrt(depth) * 74 * rng.uniform(0.2, 2))
    bias = rng.integers(-20000, 20000, channels).astype(np.int32)
    if rng.random() < 0.1:
        bias[0] = rng.choice([-(2**31), 2**31 - 1])
    return w, model.constant(bias, np.float32(x_scale) * w_scale), y_scale


def _window(rng: np.random.Generator, h: int, w: int, dilated: bool) -> tuple[dict, tuple[int, int], tuple[int, int]]:
    """(options, kernel, output size) that TFLite accepts on an h x w image."""
    while True:
        kernel = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
        stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        dilation = (int(rng.integers(1, 4)), int(rng.integers(1, 4))) if dilated and rng.random() < 0.5 else (1, 1)
        padding = str(rng.choice(["SAME", "VALID"]))
        extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
        if padding == "SAME":
            out = [-(-size // s) for size, s in zip((h, w), stride)]
        else:
            out = [(size - e) // s + 1 for size, e, s in zip((h, w), extent, stride)]
        if min(out) > 0:
            break
    options = dict(padding=padding, stride_h=stride[0], stride_w=stride[1])
    if dilated:
        options |= dict(dilation_h_factor=dilation[0], dilation_w_factor=dilation[1])
    return options | dict(fused_activation_function=str(rng.choice(ACTIVATIONS))), kernel, (out[0], out[1])


def conv(rng: np.random.Generator) -> bytes:
    h, w, c_in, c_out = (int(v) for v in rng.integers(1, (10, 10, 9, 9)))
    options, kernel, out = _window(rng, h, w, dilated=True)
    model, x_scale = ModelWriter(), scale(rng)
    x = model.activation((1, h, w, c_in), x_scale, zero_point(rng))
    shape = (c_out, *kernel, c_in)
    weights, bias, y_scale = _dot_tensors(rng, model, x_scale, shape, 0, rng.random() < 0.6)
    y = model.activation((1, *out, c_out), y_scale, zero_point(rng))
    model.op("CONV_2D", [x, weights, bias], [y], version=3, **options)
    return model.finish([x], [y])


def depthwise(rng: np.random.Generator) -> bytes:
    h, w, c_in, multiplier = (int(v) for v in rng.integers(1, (10, 10, 9, 5)))
    options, kernel, out = _window(rng, h, w, dilated=True)
    model, x_scale, c_out = ModelWriter(), scale(rng), c_in * multiplier
    x = model.activation((1, h, w, c_in), x_scale, zero_point(rng))
    shape = (1, *kernel, c_out)
    weights, bias, y_scale = _dot_tensors(rng, model, x_scale, shape, 3, rng.random() < 0.6)
    y = model.activation((1, *out, c_out), y_scale, zero_point(rng))
    inputs = [x, weights] if rng.random() < 0.1 else [x, weights, bias]
    model.op("DEPTHWISE_CONV_2D", inputs, [y], version=3, depth_multiplier=multiplier, **options)
    return model.finish([x], [y])


def fully_connected(rng: np.random.Generator) -> bytes:
    rows, depth, units = (int(v) for v in rng.integers(1, (5, 300, 12)))
    keep = bool(rng.random() < 0.3)
    model, x_scale = ModelWriter(), scale(rng)
    x = model.activation((1, rows, depth), x_scale, zero_point(rng))
    per_channel = not keep and rng.random() < 0.6
    weights, bias, y_scale = _dot_tensors(rng, model, x_scale, (units, depth), 0, per_channel)
    y = model.activation((1, rows, units) if keep else (rows, units), y_scale, zero_point(rng))
    inputs = [[x, weights, bias], [x, weights, bias], [x, weights, -1], [x, weights]][int(rng.integers(4))]
    activation = str(rng.choice(ACTIVATIONS))
    model.op("FULLY_CONNECTED", inputs, [y], version=4, keep_num_dims=keep, fused_activation_function=activation)
    return model.finish([x], [y])


def _pool(kind: str) -> Callable[[np.random.Generator], bytes]:
    def build_pool(rng: np.random.Generator) -> bytes:
        h, w, c = (int(v) for v in rng.integers(1, (12, 12, 9)))
        options, kernel, out = _window(rng, h, w, dilated=False)
        model, s, zero = ModelWriter(), scale(rng), zero_point(rng)
        x, y = model.activation((1, h, w, c), s, zero), model.activation((1, *out, c), s, zero)
        model.op(kind, [x], [y], version=2, filter_height=kernel[0], filter_width=kernel[1], **options)
        return model.finish([x], [y])

    return build_pool


def add(rng: np.random.Generator) -> bytes:
    """The second input is the first one rescaled, since a model has one input."""
    shape = (1, *(int(v) for v in rng.integers(1, 8, int(rng.integers(1, 4)))))
    model, s = ModelWriter(), scale(rng)
    x = model.activation(shape, s, zero_point(rng))
    other = model.activation(shape, s * float(rng.uniform(0.3, 3)), zero_point(rng))
    model.op("QUANTIZE", [x], [other])
    inputs = [x, other] if rng.random() < 0.5 else [other, x]
    y = model.activation(shape, s * float(rng.uniform(0.3, 6)), zero_point(rng))
    model.op("ADD", inputs, [y], version=2, fused_activation_function=str(rng.choice(ACTIVATIONS)))
    return model.finish([x], [y])


def softmax(rng: np.random.Generator) -> bytes:
    depth = int(rng.choice([1, 2, 3, 10, 12, 100, 511, int(rng.integers(1, 512))]))
    rows = int(rng.integers(1, 5))
    model = ModelWriter()
    x = model.activation((1, rows, depth), float(10 ** rng.uniform(-4, 2)), zero_point(rng))
    y = model.activation((1, rows, depth), 1 / 256, -128)
    model.op("SOFTMAX", [x], [y], version=2, beta=float(rng.choice([1.0, 0.5, 2.0])))
    return model.finish([x], [y])


def pad(rng: np.random.Generator) -> bytes:
    rank = int(rng.integers(2, 5))
    shape = (1, *(int(v) for v in rng.integers(1, 7, rank - 1)))
    amounts = np.zeros((rank, 2), np.int32)
    amounts[1:] = rng.integers(0, 4, (rank - 1, 2))
    model, s, zero = ModelWriter(), scale(rng), zero_point(rng)
    x = model.activation(shape, s, zero)
    y = model.activation(tuple(int(d) for d in shape + amounts.sum(axis=1)), s, zero)
    paddings = model.constant(amounts.astype(rng.choice(["int32", "int64"])))
    if rng.random() < 0.5:
        model.op("PAD", [x, paddings], [y], version=2)
    else:
        value = model.constant(rng.integers(-128, 128, 1).astype(np.int8), [s], [zero])
        model.op("PADV2", [x, paddings, value], [y], version=2)
    return model.finish([x], [y])


def mean(rng: np.random.Generator) -> bytes:
    """Any neighbouring axes, negative ones too; equal or other quantisation; dims kept or not."""
    rank = int(rng.integers(2, 5))
    shape = (1, *(int(v) for v in rng.integers(1, 9, rank - 1)))
    first = int(rng.integers(1, rank))
    last = int(rng.integers(first, rank))
    axes = np.arange(first, last + 1, dtype=np.int32)
    if rng.random() < 0.3:
        axes -= rank
    if rng.random() < 0.3:
        axes = axes[::-1].copy()
    keep = bool(rng.random() < 0.5)
    reduced = {int(a) % rank for a in axes}
    out = tuple(1 if i in reduced else d for i, d in enumerate(shape) if keep or i not in reduced)
    model, s, zero = ModelWriter(), scale(rng), zero_point(rng)
    x = model.activation(shape, s, zero)
    if rng.random() < 0.3:
        y = model.activation(out, s, zero)
    else:
        y = model.activation(out, s * float(rng.uniform(0.05, 20)), zero_point(rng))
    model.op("MEAN", [x, model.constant(axes)], [y], version=2, keep_dims=keep)
    return model.finish([x], [y])


def quantize(rng: np.random.Generator) -> bytes:
    shape = (1, *(int(v) for v in rng.integers(1, 9, 3)))
    model, s = ModelWriter(), scale(rng)
    x = model.activation(shape, s, zero_point(rng))
    y = model.activation(shape, s * float(10 ** rng.uniform(-1.5, 1.5)), zero_point(rng))
    model.op("QUANTIZE", [x], [y], version=2)
    return model.finish([x], [y])


def reshape(rng: np.random.Generator) -> bytes:
    """With the shape as an input, as an option, with -1, or through SHAPE, STRIDED_SLICE and PACK."""
    h, w, c = (int(v) for v in rng.integers(1, 7, 3))
    model, s, zero = ModelWriter(), scale(rng), zero_point(rng)
    x, y = model.activation((1, h, w, c), s, zero), model.activation((1, h * w * c), s, zero)
    form = int(rng.integers(4))
    if form == 0:
        model.op("RESHAPE", [x, model.constant(np.array([1, h * w * c], np.int32))], [y])
    elif form == 1:
        model.op("RESHAPE", [x], [y], new_shape=[-1, h * w * c])
    elif form == 2:
        model.op("RESHAPE", [x, model.constant(np.array([1, -1], np.int32))], [y], new_shape=[1, h * w * c])
    else:
        model.op("RESHAPE", [x, flat_shape(model, x, h * w * c)], [y])
    return model.finish([x], [y])


def flat_shape(model: ModelWriter, x: int, size: int) -> int:
    """int32 [batch of x, size], computed by operators as Keras' Flatten is converted."""
    shape = model.activation((4,), dtype="int32")
    batch = model.activation((), dtype="int32")
    both = model.activation((2,), dtype="int32")
    model.op("SHAPE", [x], [shape], out_type="int32")
    zero, one = (model.constant(np.array([v], np.int32)) for v in (0, 1))
    model.op("STRIDED_SLICE", [shape, zero, one, one], [batch], shrink_axis_mask=1)
    model.op("PACK", [batch, model.constant(np.array(size, np.int32))], [both], values_count=2)
    return both


BUILDERS = {
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": depthwise,
    "FULLY_CONNECTED": fully_connected,
    "AVERAGE_POOL_2D": _pool("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": _pool("MAX_POOL_2D"),
    "ADD": add,
    "SOFTMAX": softmax,
    "PAD": pad,
    "MEAN": mean,
    "QUANTIZE": quantize,
    "RESHAPE": reshape,
}
