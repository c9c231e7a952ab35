"""Samples from .npz files: `x`, the model's inputs, and optionally `y`, integer labels."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.golden.run import quantize_input, sample_shape
from edge_tr.graph import Graph


def read_samples(path: Path, graph: Graph, limit: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """The first `limit` inputs, int8 [n, ...], and labels, int [n] or None.

    A sample may have another shape than the model's input with as many elements (28 x 28 for 28 x 28 x 1).
    """
    x, y = _read_npz(path)
    if len(x) == 0:
        raise UsageError(f"{path} holds no samples")
    shape = sample_shape(graph.tensor(graph.inputs[0]))
    if x[0].size == np.prod(shape):
        x = x.reshape(len(x), *shape)
    classes = int(np.prod(sample_shape(graph.tensor(graph.outputs[0]))))
    if y is not None and classes > 1 and (y.min() < 0 or y.max() >= classes):
        raise UsageError(f"{path}: y holds labels {y.min()} to {y.max()}, the model has classes 0 to {classes - 1}")
    return quantize_input(graph, x[:limit]), None if y is None else y[:limit]


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as arrays:
            x, y = np.asarray(arrays["x"]), arrays.get("y")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UsageError(f"{path} is no .npz file with an array x (and labels y): {error}") from error
    if x.ndim == 0:
        raise UsageError(f"{path}: x must be [samples, ...], got a single number")
    if x.dtype == np.float64:
        x = x.astype(np.float32)
    if y is not None and (y.shape != (len(x),) or y.dtype.kind not in "iu"):
        raise UsageError(f"{path}: y must be {len(x)} integer labels, got {y.dtype} {list(y.shape)}")
    return x, y
