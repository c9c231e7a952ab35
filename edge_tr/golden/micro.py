"""TFLite Micro behind the interface of TFLite's interpreter, as far as `golden.oracle` uses it.

Its Python package shows only the model's ends: a tensor inside is read from the model cut off after it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_tr.ir.rewrite import truncate
from edge_tr.ir.tflite import read

ARENA_BYTES = 1 << 24


class Interpreter:
    """One model; `allocate_tensors` raises RuntimeError when TFLite Micro refuses it."""

    def __init__(self, model_content: bytes, **_: object) -> None:
        self._data = model_content
        self._graph = read(model_content)
        self._inputs: dict[int, np.ndarray] = {}
        self._parts: dict[int, object] = {}  # the model up to a tensor
        self._values: dict[int, np.ndarray] = {}

    def allocate_tensors(self) -> None:
        self._part(self._graph.outputs[0])

    def get_input_details(self) -> list[dict[str, object]]:
        return [{"dtype": np.dtype(self._graph.tensor(i).dtype).type, "index": i} for i in self._graph.inputs]

    def set_tensor(self, index: int, value: np.ndarray) -> None:
        self._inputs[index] = np.ascontiguousarray(value)

    def invoke(self) -> None:
        """Tensors are computed when they are asked for."""
        self._values.clear()

    def get_tensor(self, index: int) -> np.ndarray:
        if index in self._inputs:
            return self._inputs[index]
        if index not in self._values:
            part = self._part(index)
            for position, tensor in enumerate(self._graph.inputs):
                part.set_input(self._inputs[tensor], position)
            part.invoke()
            self._values[index] = part.get_output(0)
        return self._values[index]

    def tensor(self, index: int) -> Callable[[], np.ndarray]:
        return lambda: self.get_tensor(index)

    def _part(self, index: int) -> object:
        from tflite_micro import runtime

        if index not in self._parts:
            data = self._data if (index,) == self._graph.outputs else truncate(self._data, index)
            self._parts[index] = runtime.Interpreter.from_bytes(data, arena_size=ARENA_BYTES)
        return self._parts[index]


class OpResolverType:
    """TFLite Micro has no other kernels than the reference's in its Python package."""

    BUILTIN_REF = None
