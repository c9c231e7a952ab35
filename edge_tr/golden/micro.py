"""TFLite Micro behind the interface of TFLite's interpreter, as far as `golden.oracle` uses it.

Its Python package shows only the model's ends: what is read must be an output.
"""

from __future__ import annotations

import numpy as np

from edge_tr.ir.tflite import read

ARENA_BYTES = 1 << 24


class Interpreter:
    """One model; `allocate_tensors` raises RuntimeError when TFLite Micro refuses it."""

    def __init__(self, model_content: bytes, **_: object) -> None:
        graph = read(model_content)
        self._data = model_content
        self._inputs = {tensor: position for position, tensor in enumerate(graph.inputs)}
        self._outputs = {tensor: position for position, tensor in enumerate(graph.outputs)}
        self._given: dict[int, np.ndarray] = {}

    def allocate_tensors(self) -> None:
        from tflite_micro import runtime

        self._interpreter = runtime.Interpreter.from_bytes(self._data, arena_size=ARENA_BYTES)

    def set_tensor(self, index: int, value: np.ndarray) -> None:
        """An input; TFLite Micro forgets it when it runs."""
        self._given[index] = np.ascontiguousarray(value)

    def invoke(self) -> None:
        for index, position in self._inputs.items():
            self._interpreter.set_input(self._given[index], position)
        self._interpreter.invoke()

    def get_tensor(self, index: int) -> np.ndarray:
        """An input as it was given, or an output."""
        return self._given[index] if index in self._given else self._interpreter.get_output(self._outputs[index])

    def reset_all_variables(self) -> None:
        self._interpreter.reset()


class OpResolverType:
    """TFLite Micro has no other kernels than the reference's in its Python package."""

    BUILTIN_REF = None
