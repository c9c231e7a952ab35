"""What a layer's inputs look like on the calibration set: patches, their means and second moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_tr.operators import ConvParams, DepthwiseParams, DotParams, FullyConnectedParams

MAX_PATCHES, LEAST_PATCHES, PATCHES_AN_INPUT = 12_000, 4_000, 64
"""Patches of one layer of K inputs that enter its second moments: PATCHES_AN_INPUT * K within these bounds; more change
little and cost time."""
DAMPING = 0.01
SCARCITY_DAMPING = 0.1
"""Added to the diagonal of the second moments, relative to its mean: DAMPING, and SCARCITY_DAMPING * K / m, as m
patches say little about K inputs unless there are many more."""


@dataclass(frozen=True)
class Places:
    """Which outputs (sample, y, x) of a layer are looked at: intp [m] each."""

    sample: np.ndarray
    y: np.ndarray
    x: np.ndarray


def places(record: DotParams, samples: int, rng: np.random.Generator) -> Places:
    """All outputs of the layer on all samples, or as many per sample as are enough, drawn."""
    height, width = _output_size(record)
    enough = min(max(LEAST_PATCHES, PATCHES_AN_INPUT * record.weights.shape[1]), MAX_PATCHES)
    per_sample = max(1, enough // samples)
    if height * width <= per_sample:
        chosen = np.tile(np.arange(height * width), (samples, 1))
    else:
        chosen = rng.integers(0, height * width, (samples, per_sample))
    sample = np.repeat(np.arange(samples), chosen.shape[1])
    return Places(sample, *np.divmod(chosen.ravel(), width))


def patches(record: DotParams, x: np.ndarray, at: Places) -> np.ndarray:
    """float32 [m, K], x - zero_point of what each output sums over; of a depthwise layer [c_out, m, K].

    x  int8 [samples, ...], the layer's input
    """
    if isinstance(record, FullyConnectedParams):
        rows = _centred(record, x).reshape(len(x), record.uses, record.depth)
        return rows[at.sample, at.y].astype(np.float32)
    image = _padded(record, x)
    taps = np.empty((len(at.sample), record.kernel[0] * record.kernel[1], image.shape[-1]), np.float32)
    for tap, (dy, dx) in enumerate(_taps(record)):
        taps[:, tap] = image[at.sample, at.y * record.stride[0] + dy, at.x * record.stride[1] + dx]
    if isinstance(record, DepthwiseParams):
        channels = np.ascontiguousarray(taps.transpose(2, 0, 1))
        return channels if record.depth_multiplier == 1 else np.repeat(channels, record.depth_multiplier, axis=0)
    return taps.reshape(len(taps), -1)


def mean_patch(record: DotParams, x: np.ndarray) -> np.ndarray:
    """float64 [K], the exact mean over all outputs of all samples; of a depthwise layer [c_out, K]."""
    if isinstance(record, FullyConnectedParams):
        return _centred(record, x).reshape(-1, record.depth).mean(axis=0, dtype=np.float64)
    image = _padded(record, x).sum(axis=0, dtype=np.int64)  # of all samples; every tap reads most of it
    (height, width), (sy, sx) = _output_size(record), record.stride
    sums = [image[dy : dy + height * sy : sy, dx : dx + width * sx : sx].sum(axis=(0, 1)) for dy, dx in _taps(record)]
    means = np.stack(sums) / (len(x) * height * width)
    return np.repeat(means.T, record.depth_multiplier, axis=0) if isinstance(record, DepthwiseParams) else means.ravel()


def second_moments(a: np.ndarray, b: np.ndarray, centred: bool) -> np.ndarray:
    """float64 [..., K, K]: the mean of a^T b over [..., m, K], of the deviations from the means if `centred`."""
    moments = (a.swapaxes(-1, -2) @ b).astype(np.float64) / a.shape[-2]
    if centred:
        mean_a, mean_b = _means(a), _means(b)
        moments -= mean_a[..., :, None] * mean_b[..., None, :]
    return moments


def _means(a: np.ndarray) -> np.ndarray:
    """float64 [..., K] of float32 [..., m, K], by a product, which is faster. Integers below 2^24 sum up exactly."""
    return (np.ones(a.shape[-2], a.dtype) @ a).astype(np.float64) / a.shape[-2]


def damping(moments: np.ndarray, count: int) -> np.ndarray:
    """float64 [..., K, K], diagonal: what to add to the moments [..., K, K] of `count` patches."""
    depth = moments.shape[-1]
    mean = np.diagonal(moments, axis1=-2, axis2=-1).mean(axis=-1)
    amount = (DAMPING + SCARCITY_DAMPING * depth / count) * mean + 1e-3
    return amount[..., None, None] * np.eye(depth)


def _output_size(record: DotParams) -> tuple[int, int]:
    return (record.uses, 1) if isinstance(record, FullyConnectedParams) else record.output_shape[:2]


def _centred(record: DotParams, x: np.ndarray) -> np.ndarray:
    return x.astype(np.int16) - np.int16(record.input_zero_point)


def _taps(record: ConvParams | DepthwiseParams) -> list[tuple[int, int]]:
    """Rows and columns of the kernel's taps from its first one, in the weights' order."""
    (height, width), (dy, dx) = record.kernel, record.dilation
    return [(y * dy, x * dx) for y in range(height) for x in range(width)]


def _padded(record: ConvParams | DepthwiseParams, x: np.ndarray) -> np.ndarray:
    """int16 [samples, h, w, c], x - zero_point with zeros around, as far as any tap reaches."""
    widths = [(0, 0)]
    for axis in (0, 1):
        reach = (record.output_shape[axis] - 1) * record.stride[axis]
        reach += (record.kernel[axis] - 1) * record.dilation[axis] + 1
        widths.append((record.pad[axis], max(0, reach - record.pad[axis] - record.input_shape[axis])))
    return np.pad(_centred(record, x).reshape(-1, *record.input_shape), [*widths, (0, 0)])
