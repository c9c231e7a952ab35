"""What operators with a window that slides over an image share: taps, borders and gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from edge_tr.operators.arithmetic import taps
from edge_tr.record import Shape3, Size


class Window(Protocol):
    """A record with a window; see `structs.WINDOW`."""

    input_shape: Shape3
    output_shape: Shape3
    kernel: Size
    stride: Size
    pad: Size


class Dilated(Window, Protocol):
    dilation: Size


def window_taps(p: Dilated) -> Iterator[tuple[int, int, tuple, tuple]]:
    """(tap y, tap x, index of outputs [n, oh, ow], index of inputs [n, h, w])."""
    (h, w, _), (oh, ow, _) = p.input_shape, p.output_shape
    columns = list(taps(w, ow, p.kernel[1], p.stride[1], p.dilation[1], p.pad[1]))
    for ky, oy, iy in taps(h, oh, p.kernel[0], p.stride[0], p.dilation[0], p.pad[0]):
        for kx, ox, ix in columns:
            yield ky, kx, (slice(None), oy, ox), (slice(None), iy, ix)


def taps_inside(p: Dilated) -> np.ndarray:
    """bool [patterns, taps]: every set of a window's taps that lies inside the image at some output pixel."""
    axes = zip(p.input_shape, p.output_shape, p.kernel, p.stride, p.dilation, p.pad, strict=False)
    rows, columns = (_axis_patterns(*axis) for axis in axes)
    return (rows[:, None, :, None] & columns[None, :, None, :]).reshape(len(rows) * len(columns), -1)


def _axis_patterns(size: int, out: int, kernel: int, stride: int, dilation: int, pad: int) -> np.ndarray:
    at = np.arange(out)[:, None] * stride + np.arange(kernel) * dilation - pad
    return np.unique((at >= 0) & (at < size), axis=0)


def scatter(p: Window, samples: int, tap: Callable[[int, int], np.ndarray]) -> np.ndarray:
    """Sum tap(ky, kx), [n, oh, ow, c], into the inputs that the tap reads: float32 [n, h, w, c]."""
    (oh, ow, _), (h, w, c), (sy, sx) = p.output_shape, p.input_shape, p.stride
    dilation = getattr(p, "dilation", (1, 1))
    tall, wide = ((n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip((oh, ow), p.stride, p.kernel, dilation))
    image = np.zeros((samples, max(tall, h + p.pad[0]), max(wide, w + p.pad[1]), c), np.float32)
    for ky in range(p.kernel[0]):
        for kx in range(p.kernel[1]):
            y, x = ky * dilation[0], kx * dilation[1]
            image[:, y : y + (oh - 1) * sy + 1 : sy, x : x + (ow - 1) * sx + 1 : sx] += tap(ky, kx)
    return image[:, p.pad[0] : p.pad[0] + h, p.pad[1] : p.pad[1] + w]
