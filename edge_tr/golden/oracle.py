"""The reference: the TFLite interpreter with its reference kernels (BUILTIN_REF).

Works with tflite-runtime (Python < 3.12, numpy < 2) and ai-edge-litert; what their reference kernels do not have in
int8 is asked of TFLite Micro (`LACKING`). Nothing else in edge_tr needs an interpreter.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Collection
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from edge_tr.errors import ModelError, ToolMissingError
from edge_tr.golden.run import sample_shape
from edge_tr.graph import Graph, Op
from edge_tr.ir.rewrite import truncate, with_vector_axes
from edge_tr.ir.tflite import parse, read
from edge_tr.operators.broadcast import BroadcastParams
from edge_tr.operators.lookup import LookupParams
from edge_tr.operators.select import SelectParams

RUNTIMES = {
    "tflite-runtime": "tflite_runtime.interpreter",
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-micro": "edge_tr.golden.micro",
}
RESOLVER = "BUILTIN_REF"
WIDE = "broadcast over more than four axes"
ROWS = "per-channel FULLY_CONNECTED of other than two dimensions"
FLOATS = ("float CEIL", "float ELU")
LACKING = {
    "tflite-runtime": frozenset({WIDE, ROWS, "ADD_N", "CUMSUM", "DIV", "ELU", "LOG", "NEG", "SQRT", "SUM", *FLOATS}),
    "ai-edge-litert": frozenset({"ADD_N", "CUMSUM", "ELU", "SUM", *FLOATS}),
    "tflite-micro": frozenset(
        {"EXP", "FLOOR_DIV", "FLOOR_MOD", "GELU", "LOG", "NEG", "RELU_0_TO_1", "RELU_N1_TO_1", "SQRT"}
        | {"REDUCE_PROD", "TILE", "float RELU_N1_TO_1", "float RELU_0_TO_1"}
    ),
}
"""What an interpreter's reference kernels do not compute in int8 and float32, of the operators that edge-tr does."""


@dataclass(frozen=True)
class Runtime:
    """An installed interpreter package."""

    name: str
    version: str
    module: ModuleType


def find_runtime(kinds: Collection[str] = ()) -> Runtime:
    """The first of `RUNTIMES` that works here and computes operators of these `kinds`."""
    remedy = "pip install 'tflite-runtime==2.14.*' 'numpy<2' (Python 3.11 or older) or pip install ai-edge-litert"
    reasons = []
    for name, path in RUNTIMES.items():
        if lacking := sorted(LACKING[name].intersection(kinds)):
            reasons.append(f"{name} has no int8 {', '.join(lacking)}")
            continue
        if name == "tflite-runtime" and int(np.__version__.split(".")[0]) >= 2:
            reasons.append(f"{name} needs numpy below 2, here is {np.__version__}")
            continue
        try:
            return Runtime(name, importlib.metadata.version(name), importlib.import_module(path))
        except (ImportError, importlib.metadata.PackageNotFoundError):
            reasons.append(f"{name} is not installed")
    if kinds and LACKING["tflite-micro"].isdisjoint(kinds):
        remedy += " or tflite-micro"
    raise ToolMissingError(f"no TFLite interpreter to compare with: {'; '.join(reasons)}; {remedy}")


class Oracle:
    """One model in the interpreter, run a sample at a time.

    Tensors are int8 [n, ...] as in `golden.run`: of a model with float32 or
    uint8 ends the ones inside QUANTIZE and DEQUANTIZE.
    """

    def __init__(self, data: bytes, runtime: Runtime | None = None) -> None:
        self._graph, file = parse(data), read(data)
        self.runtime = runtime or find_runtime(_needed(self._graph) | _float_kinds(file))
        self._data = with_vector_axes(data)
        self._file_input = file.inputs[0]
        self._computed = tuple(i for op in self._graph.ops for i in op.outputs if i < len(file.tensors))
        self._interpreter = _interpreter(self.runtime, self._data)

    def run(self, x: np.ndarray) -> np.ndarray:
        """The graph's output of samples x [n, ...], int8 or what the file's input takes."""
        output = self._graph.outputs[0]
        return self._read(self._interpreter, x, (output,))[output]

    def tensors(self, x: np.ndarray) -> dict[int, np.ndarray]:
        """Every computed tensor of samples x that the file has, by TFLite index.

        Kernels that work in place (ADD) overwrite an input whatever the
        interpreter is told to preserve; those are read from the model cut off
        after the operator that writes them.
        """
        results = self._read(self._interpreter, x, self._computed)
        for i in self._overwritten() if len(x) else ():
            results |= self._read(_interpreter(self.runtime, truncate(self._data, i)), x, (i,))
        return results

    def _overwritten(self) -> set[int]:
        """Computed tensors whose memory a later operator's output takes over, known after a run."""
        written: dict[int, set[int]] = {}  # address -> tensors that hold the same
        lost = set()
        for op in self._graph.ops:
            for i in self._computed_by(op):
                address = self._interpreter.tensor(i)().__array_interface__["data"][0]
                if op.kind != "RESHAPE":
                    lost |= written.pop(address, set())
                written.setdefault(address, set()).add(i)
        return lost

    def _computed_by(self, op: Op) -> list[int]:
        return [i for i in op.outputs if i in self._computed]

    def _read(self, interpreter: Any, x: np.ndarray, indices: tuple[int, ...]) -> dict[int, np.ndarray]:
        samples = self._inputs(x)
        results = {i: np.empty((len(samples), *sample_shape(self._graph.tensor(i))), np.int8) for i in indices}
        for n, sample in enumerate(samples):
            interpreter.set_tensor(self._file_input, sample)
            interpreter.invoke()
            for i, result in results.items():
                result[n] = interpreter.get_tensor(i).reshape(result.shape[1:])
        return results

    def _inputs(self, x: np.ndarray) -> np.ndarray:
        """Samples in the file's own input type; int8 becomes floats that quantise back to it, or
        the same values as uint8."""
        tensor = self._graph.tensor(self._graph.inputs[0])
        (details,) = self._interpreter.get_input_details()
        if details["dtype"] == np.float32 and x.dtype == np.int8:
            q = tensor.quantization
            x = (x.astype(np.float32) - np.float32(q.zero_point[0])) * q.scale[0]
        if details["dtype"] == np.uint8 and x.dtype == np.int8:
            x = (x.astype(np.int16) + 128).astype(np.uint8)
        return x.astype(details["dtype"], casting="no").reshape(-1, *tensor.shape)


def _needed(graph: Graph) -> set[str]:
    """What `LACKING` may say of the model."""
    kinds = {op.kind for op in graph.ops}
    special = {WIDE: _is_wide, ROWS: _has_rows}
    return kinds | {name for name, holds in special.items() if any(holds(graph, op) for op in graph.ops)}


def _float_kinds(file: Graph) -> set[str]:
    return {f"float {op.kind}" for op in file.ops if any(file.tensor(i).dtype == "float32" for i in op.outputs)}


def _is_wide(graph: Graph, op: Op) -> bool:
    shapes = {graph.tensor(i).shape for i in op.inputs if i >= 0}
    element_wise = isinstance(op.record, (BroadcastParams, LookupParams, SelectParams))
    return element_wise and len(shapes) > 1 and max(map(len, shapes)) > 4


def _has_rows(graph: Graph, op: Op) -> bool:
    if op.kind != "FULLY_CONNECTED" or len(graph.tensor(op.outputs[0]).shape) == 2:
        return False
    return not graph.tensor(op.inputs[1]).quantization.per_tensor


def _interpreter(runtime: Runtime, data: bytes) -> Any:
    """An interpreter of `data` with its tensors allocated."""
    try:
        interpreter = runtime.module.Interpreter(
            model_content=data,
            num_threads=1,
            experimental_op_resolver_type=getattr(runtime.module.OpResolverType, RESOLVER),
            experimental_preserve_all_tensors=True,
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{runtime.name} refuses the model: {error}") from error
    return interpreter
