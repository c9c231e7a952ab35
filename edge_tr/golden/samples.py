"""Samples from .npz files: `x`, the model's inputs, and optionally `y`, integer labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.files.npz import Stored, TooLarge, open_npz
from edge_tr.golden.ends import check_input, sample_shape, samples_of
from edge_tr.graph import Graph


def read_samples(path: Path, graph: Graph, limit: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """The first `limit` inputs, int8 [n, ...], and labels, int [n] or None; the rest of the file is not unpacked.

    A sample may have another shape than the model's input with as many elements (28 x 28 for 28 x 28 x 1).
    """
    try:
        with open_npz(path) as arrays:
            x, y = _read(path, arrays, graph, limit)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except TooLarge as error:
        raise UsageError(f"{path}: {error}: use fewer samples (check has --limit)") from error
    except (ValueError, KeyError) as error:
        raise UsageError(f"{path} is no .npz file with an array x (and labels y): {error}") from error
    classes = int(np.prod(sample_shape(graph.tensor(graph.outputs[0]))))
    if y is not None and classes > 1 and (y.min() < 0 or y.max() >= classes):
        raise UsageError(f"{path}: y holds labels {y.min()} to {y.max()}, the model has classes 0 to {classes - 1}")
    return samples_of(graph, x).values[graph.inputs[0]], y


def _read(
    path: Path, arrays: Mapping[str, Stored], graph: Graph, limit: int | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Both arrays as they are, but for float64; UsageError where their headers are of no samples of this model."""
    x, y = arrays["x"], arrays.get("y")
    if not x.shape:
        raise UsageError(f"{path}: x must be [samples, ...], got a single number")
    if y is not None and (y.shape != x.shape[:1] or y.dtype.kind not in "iu"):
        raise UsageError(f"{path}: y must be {x.shape[0]} integer labels, got {y.dtype} {list(y.shape)}")
    if x.shape[0] == 0:
        raise UsageError(f"{path} holds no samples")
    wanted = sample_shape(graph.tensor(graph.inputs[0]))
    sample = wanted if np.prod(x.shape[1:], dtype=float) == np.prod(wanted) else x.shape[1:]
    check_input(graph, 0, (x.shape[0], *sample), np.dtype(np.float32) if x.dtype == np.float64 else x.dtype)
    samples = x.rows(limit)
    labels = None if y is None else y.rows(limit)
    samples = samples.astype(np.float32) if x.dtype == np.float64 else samples
    return samples.reshape(len(samples), *sample), labels
