"""Samples from files (`files.datasets` says of which kinds): the model's inputs, `x` or one array for each by its name,
and optionally labels `y`.

With one input its array is `x`; of several the arrays have the inputs' names, with or without TensorFlow's
`serving_default_` and `:0`, or are `x0`, `x1`, ... in the file's order. Every array is [samples, ...], or
[sequences, steps, ...] of a model with states. Labels are integers: one a sample, and of sequences one a step or one
for the last step. A metric may want others (`edge_tr.metrics`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from edge_tr.errors import UsageError
from edge_tr.files.datasets import CLASSES, Array, open_data
from edge_tr.files.npz import TooLarge
from edge_tr.golden.ends import Samples, check_input, leading_axes, sample_shape, samples_of
from edge_tr.graph import Graph, Tensor

T = TypeVar("T")
SEEDED_SAMPLES = 10
SEEDED_STEPS = 5
LABELS = "y"


def read_samples(path: Path, graph: Graph, limit: int | None = None) -> tuple[Samples, np.ndarray | None]:
    """The first `limit` samples or sequences, and labels of classes, int [n] or [n, steps] or None; the rest of the
    file is not unpacked.

    A sample may have another shape than the model's input with as many elements (28 x 28 for 28 x 28 x 1).
    """
    values, y = _reading(path, lambda arrays: _read(path, arrays, graph, limit))
    classes = int(np.prod(sample_shape(graph.tensor(graph.outputs[0]))))
    if y is not None and classes > 1 and (y.min() < 0 or y.max() >= classes):
        raise UsageError(f"{path}: y holds labels {y.min()} to {y.max()}, the model has classes 0 to {classes - 1}")
    return samples_of(graph, values), y


def read_labelled(path: Path, graph: Graph, limit: int | None = None) -> tuple[Samples, dict[str, np.ndarray]]:
    """The same with every other array of the file as a label, for a metric: as many rows of it as there are samples, or
    all of one that has another number of rows than the inputs."""
    values, labels = _reading(path, lambda arrays: _read_labelled(path, arrays, graph, limit))
    return samples_of(graph, values), labels


def class_names(path: Path) -> tuple[str, ...]:
    """What the file calls the classes, in the order of their numbers; nothing where it does not."""
    return _reading(path, lambda arrays: tuple(map(str, arrays[CLASSES].rows())) if CLASSES in arrays else ())


def seeded_samples(graph: Graph, count: int | None = None) -> Samples:
    """Seeded noise for every input: all values of a quantised one, 0 and 1 of others; `count` samples, or sequences of
    `SEEDED_STEPS`."""
    leading = (count or 2, SEEDED_STEPS) if graph.states else (count or SEEDED_SAMPLES,)
    rng, values = np.random.default_rng(0), {}
    for index in graph.inputs:
        tensor = graph.tensor(index)
        quantized = tensor.quantization is not None and tensor.dtype != "bool"
        limits = (np.iinfo(tensor.dtype).min, np.iinfo(tensor.dtype).max + 1) if quantized else (0, 2)
        values[index] = rng.integers(*limits, (*leading, *sample_shape(tensor)), np.dtype(tensor.dtype), False)
    return samples_of(graph, values)


def _reading(path: Path, read: Callable[[Mapping[str, Array]], T]) -> T:
    """What `read` makes of the arrays in a file; UsageError for files that are none."""
    try:
        with open_data(path) as arrays:
            return read(arrays)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except TooLarge as error:
        raise UsageError(f"{path}: {error}: use fewer samples (check has --limit)") from error
    except (ValueError, KeyError) as error:
        raise UsageError(f"{path} is not a file with samples x (and labels y): {error}") from error


def _read(
    path: Path, arrays: Mapping[str, Array], graph: Graph, limit: int | None
) -> tuple[dict[int, np.ndarray], np.ndarray | None]:
    """All arrays as they are, but for float64; UsageError where their headers are of no samples of this model."""
    inputs = _Inputs(path, arrays, graph)
    y = arrays[LABELS] if LABELS in arrays and LABELS not in inputs.names.values() else None
    leading = inputs.leading
    if y is not None and (y.shape not in (leading[:1], leading) or y.dtype.kind not in "iu"):
        wanted = f"{leading[0]} integer labels" + (f" or {list(leading)} of them" if len(leading) > 1 else "")
        raise UsageError(f"{path}: y must be {wanted}, got {y.dtype} {list(y.shape)}")
    return inputs.rows(limit), None if y is None else y.rows(limit)


def _read_labelled(
    path: Path, arrays: Mapping[str, Array], graph: Graph, limit: int | None
) -> tuple[dict[int, np.ndarray], dict[str, np.ndarray]]:
    inputs = _Inputs(path, arrays, graph)
    others = {name: arrays[name] for name in arrays if name not in inputs.names.values() and name != CLASSES}
    alone = [name for name, stored in others.items() if not stored.shape]
    if alone:
        raise UsageError(f"{path}: {', '.join(alone)} must be an array, got a single number")
    rows = {name: limit if of.shape[0] == inputs.leading[0] else None for name, of in others.items()}
    return inputs.rows(limit), {name: others[name].rows(most) for name, most in rows.items()}


class _Inputs:
    """The arrays of the model's inputs: `names` by tensor index, checked by what their headers say."""

    def __init__(self, path: Path, arrays: Mapping[str, Array], graph: Graph) -> None:
        self.names = _names(path, arrays, graph)
        self._found = {i: _wanted(path, self.names[i], arrays[self.names[i]], graph, i) for i in graph.inputs}
        counts = {self.names[i]: stored.shape[0] for i, (stored, _) in self._found.items()}
        if len(set(counts.values())) > 1:
            found = ", ".join(f"{name} has {n} samples" for name, n in counts.items())
            raise UsageError(f"{path}: {found}: the numbers must be equal")
        _, shape = self._found[graph.inputs[0]]
        self.leading = shape[: leading_axes(graph, graph.inputs[0], shape)]

    def rows(self, limit: int | None) -> dict[int, np.ndarray]:
        """The first samples of each."""
        return {i: _rows(stored, shape, limit) for i, (stored, shape) in self._found.items()}


def _names(path: Path, arrays: Mapping[str, Array], graph: Graph) -> dict[int, str]:
    """The array of each input, by its tensor index."""
    found, missing = {}, []
    for position, (index, tensor) in enumerate(zip(graph.inputs, graph.file_inputs)):
        candidates = [*(["x"] if len(graph.inputs) == 1 else []), tensor.name, plain_name(tensor), f"x{position}"]
        name = next((name for name in candidates if name and name in arrays), None)
        if name is None:
            missing.append(" or ".join(dict.fromkeys(filter(None, candidates))))
        else:
            found[index] = name
    if missing:
        raise UsageError(f"{path} has no array {'; no array '.join(missing)}; it has {', '.join(arrays) or 'none'}")
    return found


def plain_name(tensor: Tensor) -> str:
    """An end's name without what TensorFlow puts around it."""
    return tensor.name.removeprefix("serving_default_").removesuffix(":0")


def _wanted(path: Path, name: str, stored: Array, graph: Graph, index: int) -> tuple[Array, tuple[int, ...]]:
    """An input's array, and its shape as the model has it."""
    if not stored.shape:
        raise UsageError(f"{path}: {name} must be [samples, ...], got a single number")
    if stored.shape[0] == 0:
        raise UsageError(f"{path} holds no samples")
    shape = _as_the_model(stored.shape, graph, index)
    dtype = np.dtype(np.float32) if stored.dtype == np.float64 else stored.dtype
    check_input(graph, graph.inputs.index(index), shape, dtype)
    return stored, shape


def _as_the_model(shape: tuple[int, ...], graph: Graph, index: int) -> tuple[int, ...]:
    """A shape of as many elements a sample; the same if there is none."""
    wanted = sample_shape(graph.tensor(index))
    if leading_axes(graph, index, shape) is not None:
        return shape
    for axes in (1, 2) if graph.states else (1,):
        if len(shape) >= axes and np.prod(shape[axes:], dtype=float) == np.prod(wanted, dtype=float):
            return (*shape[:axes], *wanted)
    return shape


def _rows(stored: Array, shape: tuple[int, ...], limit: int | None) -> np.ndarray:
    values = stored.rows(limit)
    values = values.astype(np.float32) if values.dtype == np.float64 else values
    return values.reshape(len(values), *shape[1:])
