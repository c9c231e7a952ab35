"""Random models of one operator on int16 activations; with int8 ends, its input is the int8 one times a constant of
int16, so that it takes all its values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_tr.ir.writer import ModelWriter
from tests.models.drawing import ACTIVATIONS, shape, window, zero_point

FINE = 1 / 32768


class Wide:
    """A model whose `x` is int16, of `scale`."""

    int8_ends = False

    def __init__(self, rng: np.random.Generator, size: tuple[int, ...], scale: float | None = None) -> None:
        self.rng, self.model, self.shape = rng, ModelWriter(), size
        self.scale = scale or float(2.0 ** rng.integers(-14, -6) if rng.random() < 0.3 else 10 ** rng.uniform(-4.5, -2))
        if not self.int8_ends:
            self.x = self.input = self.model.activation(size, self.scale, dtype="int16")
            return
        self.input = self.model.activation(size, self.scale * 256, zero_point(rng))
        coarse = self.model.activation(size, self.scale, dtype="int16")
        self.model.op("QUANTIZE", [self.input], [coarse], version=2)
        self.x = self.times(coarse)

    def times(self, x: int) -> int:
        """x times a constant of as many elements, mostly about 1."""
        values = np.where(self.rng.random(self.shape) < 0.2, 32767, self.rng.integers(-32768, 32768, self.shape))
        factor = self.model.constant(values.astype(np.int16), [FINE])
        return self.add("MUL", [x, factor], self.shape, self.scale, fused_activation_function="NONE")

    def add(self, kind: str, inputs: list[int], size: tuple[int, ...], scale: float, **options: object) -> int:
        y = self.model.activation(size, scale, dtype="int16")
        self.model.op(kind, inputs, [y], **options)
        return y

    def finish(self, y: int, size: tuple[int, ...], scale: float) -> bytes:
        if not self.int8_ends:
            return self.model.finish([self.input], [y])
        out = self.model.activation(size, scale * 256, zero_point(self.rng))
        self.model.op("QUANTIZE", [y], [out], version=2)
        return self.model.finish([self.input], [out])

    def dot(self, kind: str, weights: tuple[int, ...], axis: int, size: tuple[int, ...], **options: object) -> bytes:
        """With a bias of 64 bits, of 32, or none."""
        rng, channels = self.rng, weights[axis]
        depth = int(np.prod(weights)) // channels
        w_scale = rng.uniform(0.002, 0.02, channels if rng.random() < 0.6 else 1).astype(np.float32)
        ends = rng.choice(np.array([-128, 127], np.int8), weights)
        drawn = ends if rng.random() < 0.2 else rng.integers(-128, 128, weights).astype(np.int8)
        inputs = [self.x, self.model.constant(drawn, w_scale, axis=axis)]
        way = rng.random()
        if kind == "CONV_2D" or way < 0.8:
            narrow = kind != "DEPTHWISE_CONV_2D" and way < 0.3
            bias = rng.integers(-(2**31), 2**31, channels).astype(np.int32 if narrow else np.int64)
            bias = bias // (1 if rng.random() < 0.1 else 500)
            inputs.append(self.model.constant(bias, np.float32(self.scale) * w_scale))
        y_scale = float(self.scale * w_scale.mean() * np.sqrt(depth) * 74 * 10 ** rng.uniform(-0.5, 0.5))
        return self.finish(self.add(kind, inputs, size, y_scale, version=4, **options), size, y_scale)


def _image(rng: np.random.Generator) -> tuple[int, int, int]:
    return tuple(int(v) for v in rng.integers(1, (9, 9, 7)))


def conv(rng: np.random.Generator) -> bytes:
    h, w, c = _image(rng)
    net, (options, kernel, out) = Wide(rng, (1, h, w, c)), window(rng, h, w, dilated=True)
    channels = int(rng.integers(1, 9))
    return net.dot("CONV_2D", (channels, *kernel, c), 0, (1, *out, channels), **options)


def depthwise(rng: np.random.Generator) -> bytes:
    h, w, c = _image(rng)
    net, (options, kernel, out) = Wide(rng, (1, h, w, c)), window(rng, h, w, dilated=True)
    times = int(rng.integers(1, 4))
    options |= dict(depth_multiplier=times)
    return net.dot("DEPTHWISE_CONV_2D", (1, *kernel, c * times), 3, (1, *out, c * times), **options)


def fully_connected(rng: np.random.Generator) -> bytes:
    rows, depth, units = (int(v) for v in rng.integers(1, (5, 90, 12)))
    return Wide(rng, (1, rows, depth)).dot("FULLY_CONNECTED", (units, depth), 0, (rows, units))


def _pool(kind: str) -> Callable[[np.random.Generator], bytes]:
    def pool(rng: np.random.Generator) -> bytes:
        h, w, c = _image(rng)
        net, (options, kernel, out) = Wide(rng, (1, h, w, c)), window(rng, h, w, dilated=False)
        options |= dict(filter_height=kernel[0], filter_width=kernel[1])
        y = net.add(kind, [net.x], (1, *out, c), net.scale, version=3, **options)
        return net.finish(y, (1, *out, c), net.scale)

    return pool


def _pair(kind: str) -> Callable[[np.random.Generator], bytes]:
    def pair(rng: np.random.Generator) -> bytes:
        net = Wide(rng, (1, *shape(rng, int(rng.integers(1, 4)))))
        same = kind in ("MAXIMUM", "MINIMUM")
        size = tuple(d if rng.random() < 0.6 else 1 for d in net.shape)
        other_scale = net.scale if same else net.scale * float(10 ** rng.uniform(-1, 1))
        powers = kind in ("ADD", "SUB") and np.log2(net.scale) % 1 == 0
        if powers:
            size, other_scale = net.shape, net.scale * 2.0 ** int(rng.integers(-3, 1))
        if rng.random() < 0.5 and not powers:
            values = rng.integers(-32768, 32768, size).astype(np.int16)
            other = net.model.constant(values, [other_scale])
        else:
            size = net.shape
            other = net.add("QUANTIZE", [net.x], size, other_scale, version=2)
        operands = [net.x, other] if rng.random() < 0.5 else [other, net.x]
        scale = net.scale if same or powers else max(net.scale, other_scale) * float(10 ** rng.uniform(-0.3, 0.5))
        if kind == "MUL":
            scale = net.scale * other_scale * 32768 * float(10 ** rng.uniform(-2, 0.3))
        options = {} if same else dict(fused_activation_function=str(rng.choice(ACTIVATIONS)))
        y = net.add(kind, operands, net.shape, scale, **options)
        return net.finish(y, net.shape, scale)

    return pair


def transpose_conv(rng: np.random.Generator) -> bytes:
    """Both paddings, strides above and below the window; with a bias of 64 bits, of 32, or none."""
    h, w, c, c_out = (int(v) for v in rng.integers(1, (6, 6, 5, 5)))
    kernel, stride = rng.integers(1, 5, 2).tolist(), rng.integers(1, 4, 2).tolist()
    same = bool(rng.random() < 0.5)
    out = [
        int(rng.integers((size - 1) * s + 1, size * s + 1)) if same else (size - 1) * s + k + int(rng.integers(s))
        for size, k, s in zip((h, w), kernel, stride)
    ]
    net = Wide(rng, (1, h, w, c))
    w_scale = rng.uniform(0.002, 0.02, c_out if rng.random() < 0.6 else 1).astype(np.float32)
    weights = rng.integers(-128, 128, (c_out, *kernel, c)).astype(np.int8)
    size = (1, *out, c_out)
    inputs = [net.model.constant(np.array(size, np.int32)), net.model.constant(weights, w_scale), net.x]
    if rng.random() < 0.7:
        bias = rng.integers(-(2**31), 2**31, c_out) // (1 if rng.random() < 0.1 else 500)
        bias = bias.astype(np.int32) if rng.random() < 0.3 else bias
        inputs.append(net.model.constant(bias, np.float32(net.scale) * w_scale))
    scale = float(net.scale * w_scale.mean() * np.sqrt(c * kernel[0]) * 74 * 10 ** rng.uniform(-0.5, 0.5))
    options = dict(padding="SAME" if same else "VALID", stride_h=stride[0], stride_w=stride[1])
    return net.finish(net.add("TRANSPOSE_CONV", inputs, size, scale, version=3, **options), size, scale)


def batch_matmul(rng: np.random.Generator) -> bytes:
    """Of the input by a constant, on either side, or by itself turned."""
    batch, rows, depth, columns = (int(v) for v in rng.integers(1, (4, 7, 40, 7)))
    net, by_itself = Wide(rng, (batch, rows, depth)), rng.random() < 0.4
    other, other_scale = net.x, net.scale
    if not by_itself:
        other_scale = float(10 ** rng.uniform(-4.5, -2))
        shape = (batch if rng.random() < 0.5 else 1, columns, depth)
        other = net.model.constant(rng.integers(-32768, 32768, shape).astype(np.int16), [other_scale])
    size = (batch, rows, rows if by_itself else columns)
    sides, options = [net.x, other], dict(adj_x=False, adj_y=True)
    if rng.random() < 0.3:
        sides, size = sides[::-1], (size[0], size[2], size[1])
    scale = net.scale * other_scale * float(np.sqrt(depth) * 18000 * 10 ** rng.uniform(-0.5, 0.5))
    return net.finish(net.add("BATCH_MATMUL", sides, size, scale, version=3, **options), size, scale)


def _resize(kind: str) -> Callable[[np.random.Generator], bytes]:
    def resize(rng: np.random.Generator) -> bytes:
        h, w, c = _image(rng)
        net, out = Wide(rng, (1, h, w, c)), rng.integers(1, 20, 2).astype(np.int32)
        aligned, centred = ((False, False), (True, False), (False, True))[int(rng.integers(3))]
        options, size = dict(align_corners=aligned, half_pixel_centers=centred), (1, int(out[0]), int(out[1]), c)
        y = net.add(kind, [net.x, net.model.constant(out)], size, net.scale, version=4, **options)
        return net.finish(y, size, net.scale)

    return resize


def mirror_pad(rng: np.random.Generator) -> bytes:
    net = Wide(rng, (1, *shape(rng, int(rng.integers(1, 4)), 4)))
    reflects = bool(rng.random() < 0.5)
    most = np.array(net.shape)[:, None] - reflects
    amounts = np.minimum(rng.integers(0, 4, (len(net.shape), 2)), most).astype(np.int32)
    amounts[0] = 0
    out = tuple(int(d + sum(amount)) for d, amount in zip(net.shape, amounts))
    inputs, mode = [net.x, net.model.constant(amounts)], "REFLECT" if reflects else "SYMMETRIC"
    return net.finish(net.add("MIRROR_PAD", inputs, out, net.scale, version=2, mode=mode), out, net.scale)


def _reduction(kind: str) -> Callable[[np.random.Generator], bytes]:
    def reduction(rng: np.random.Generator) -> bytes:
        net = Wide(rng, (1, *shape(rng, 3, 5)))
        axes = rng.choice(3, int(rng.integers(1, 4)), replace=False).astype(np.int32) + 1
        keep = bool(rng.random() < 0.5)
        size = tuple(1 if i in axes else d for i, d in enumerate(net.shape) if keep or i not in axes)
        count, scale = int(np.prod([net.shape[axis] for axis in axes])), net.scale
        if kind == "REDUCE_PROD":
            scale = float(np.clip((scale * 10 ** rng.uniform(3.0, 4.3)) ** count, 1e-30, 1e30)) * FINE
        inputs = [net.x, net.model.constant(axes)]
        return net.finish(net.add(kind, inputs, size, scale, version=2, keep_dims=keep), size, scale)

    return reduction


def pack(rng: np.random.Generator) -> bytes:
    """The input beside a constant."""
    net = Wide(rng, (1, *shape(rng, int(rng.integers(1, 3)))))
    axis = int(rng.integers(1, len(net.shape) + 1))
    constant = net.model.constant(rng.integers(-32768, 32768, net.shape).astype(np.int16), [net.scale])
    out = (*net.shape[:axis], 2, *net.shape[axis:])
    y = net.add("PACK", [net.x, constant], out, net.scale, version=3, axis=axis, values_count=2)
    return net.finish(y, out, net.scale)


def absolute(rng: np.random.Generator) -> bytes:
    net = Wide(rng, (1, *shape(rng, int(rng.integers(1, 4)))))
    scale = net.scale * (1.0 if rng.random() < 0.5 else float(10 ** rng.uniform(-0.5, 0.5)))
    return net.finish(net.add("ABS", [net.x], net.shape, scale, version=3), net.shape, scale)


def exponential(rng: np.random.Generator) -> bytes:
    net = Wide(rng, (1, *shape(rng, int(rng.integers(1, 4)))), float(10 ** rng.uniform(-5, -3.5)))
    scale = float(np.exp(net.scale * 32768) / 32768 * 10 ** rng.uniform(-0.5, 0.5))
    return net.finish(net.add("EXP", [net.x], net.shape, scale, version=2), net.shape, scale)


def _unary(kind: str, **options: object) -> Callable[[np.random.Generator], bytes]:
    def unary(rng: np.random.Generator) -> bytes:
        fine = kind in ("LOGISTIC", "TANH", "SOFTMAX")
        given = float(2.0 ** rng.integers(-13, -10)) if fine and rng.random() < 0.4 else None
        net = Wide(rng, (1, *shape(rng, int(rng.integers(1, 4)))), given)
        scale = FINE if fine else net.scale * float(10 ** rng.uniform(-1, 1))
        return net.finish(net.add(kind, [net.x], net.shape, scale, **options), net.shape, scale)

    return unary


def concatenation(rng: np.random.Generator) -> bytes:
    """The input before and behind a constant."""
    net = Wide(rng, (1, *shape(rng, int(rng.integers(1, 4)))))
    axis = int(rng.integers(1, len(net.shape)))
    size = tuple(int(rng.integers(1, 5)) if i == axis else d for i, d in enumerate(net.shape))
    constant = net.model.constant(rng.integers(-32768, 32768, size).astype(np.int16), [net.scale])
    inputs = [net.x, constant, net.x][int(rng.integers(2)) :]
    total = sum(size[axis] if i == constant else net.shape[axis] for i in inputs)
    out = tuple(total if i == axis else d for i, d in enumerate(net.shape))
    options = dict(axis=axis, fused_activation_function="NONE")
    return net.finish(net.add("CONCATENATION", inputs, out, net.scale, **options), out, net.scale)


def pad(rng: np.random.Generator) -> bytes:
    net = Wide(rng, (1, *shape(rng, int(rng.integers(1, 4)), 4)))
    amounts = rng.integers(0, 3, (len(net.shape), 2)).astype(np.int32)
    amounts[0] = 0
    out = tuple(int(d + sum(amount)) for d, amount in zip(net.shape, amounts))
    return net.finish(net.add("PAD", [net.x, net.model.constant(amounts)], out, net.scale), out, net.scale)


def mean(rng: np.random.Generator) -> bytes:
    net = Wide(rng, (1, *shape(rng, 3)))
    first, last = sorted(int(v) for v in rng.choice(4, 2, replace=False))
    axes, keep = ((1, 3) if rng.random() < 0.3 else range(first, last)), bool(rng.random() < 0.5)
    size = tuple(1 if i in axes else d for i, d in enumerate(net.shape) if keep or i not in axes)
    scale = net.scale * float(10 ** rng.uniform(-1, 1))
    constant = net.model.constant(np.array(axes, np.int32))
    return net.finish(net.add("MEAN", [net.x, constant], size, scale, keep_dims=keep), size, scale)


def with_int8_ends(kind: str, rng: np.random.Generator) -> bytes:
    """The same with an int8 input and output."""
    Wide.int8_ends = True
    try:
        return BUILDERS[kind](rng)
    finally:
        Wide.int8_ends = False


BUILDERS = {
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": depthwise,
    "FULLY_CONNECTED": fully_connected,
    "MEAN": mean,
    "CONCATENATION": concatenation,
    "PAD": pad,
    "PACK": pack,
    "MIRROR_PAD": mirror_pad,
    "TRANSPOSE_CONV": transpose_conv,
    "BATCH_MATMUL": batch_matmul,
    "ABS": absolute,
    **{kind: _resize(kind) for kind in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")},
    **{kind: _reduction(kind) for kind in ("REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")},
    **{kind: _pool(kind) for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D")},
    **{kind: _pair(kind) for kind in ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM")},
    **{kind: _unary(kind) for kind in ("RELU", "RELU6", "LOGISTIC", "TANH")},
    "EXP": exponential,
    "LEAKY_RELU": _unary("LEAKY_RELU", alpha=0.1),
    "SOFTMAX": _unary("SOFTMAX", beta=1.0),
    "QUANTIZE": _unary("QUANTIZE", version=2),
}
