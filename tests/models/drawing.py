"""What random models are drawn from: scales over four decades, zero points at the extremes, weights, windows.

Scales are drawn so that outputs spread over int8 instead of saturating all the time.
"""

from __future__ import annotations

import numpy as np

from edge_tr.ir.writer import ModelWriter

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
ZERO_POINTS = (-128, -127, -1, 0, 1, 126, 127)


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


def dot_tensors(
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


def window(rng: np.random.Generator, h: int, w: int, dilated: bool) -> tuple[dict, tuple[int, int], tuple[int, int]]:
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


def shape(rng: np.random.Generator, rank: int, most: int = 6) -> tuple[int, ...]:
    """Of at most 4,000 elements."""
    while True:
        drawn = tuple(int(v) for v in rng.integers(1, most + 1, rank))
        if np.prod(drawn) <= 4000:
            return drawn


def with_shape(model: ModelWriter, shape: tuple[int, ...], scale: float, zero: int) -> tuple[int, int]:
    """(the model's input, of batch 1, and the same values in `shape`, any batch included)."""
    x = model.activation((1, int(np.prod(shape))), scale, zero)
    shaped = model.activation(shape, scale, zero)
    model.op("RESHAPE", [x, model.constant(np.array(shape, np.int32))], [shaped])
    return x, shaped


def one_move(
    rng: np.random.Generator,
    kind: str,
    shape: tuple[int, ...],
    out: tuple[int, ...],
    *constants: np.ndarray,
    version: int = 1,
    **options: object,
) -> bytes:
    """A model that gives its input `shape`, any batch included, moves that to `out`, and rescales it: so there is a
    layer where nothing moves, and a reader of what did."""
    model, s, zero = ModelWriter(), scale(rng), zero_point(rng)
    x, shaped = with_shape(model, shape, s, zero)
    moved = model.activation(out, s, zero)
    model.op(kind, [shaped, *(model.constant(c) for c in constants)], [moved], version=version, **options)
    y = model.activation(out, s * float(rng.uniform(0.5, 2)), zero_point(rng))
    model.op("QUANTIZE", [moved], [y])
    return model.finish([x], [y])
