"""The reference: the TFLite interpreter with its reference kernels (BUILTIN_REF).

Works with tflite-runtime (Python < 3.12, numpy < 2) and ai-edge-litert; what their reference kernels do not have is
asked of TFLite Micro (`LACKING`). Nothing else in edge_tr needs an interpreter.
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
from edge_tr.golden.ends import Given, Samples, by_input, outer, sample_shape, together
from edge_tr.graph import Graph, Op, Tensor
from edge_tr.ir.rewrite import with_outputs, with_vector_axes, without_operators
from edge_tr.ir.tflite import parse, read
from edge_tr.operators.broadcast import BroadcastParams
from edge_tr.operators.lookup import LookupParams
from edge_tr.operators.select import SelectParams
from edge_tr.operators.svdf import SvdfParams
from edge_tr.operators.unsigned import OFFSET

RUNTIMES = {
    "tflite-runtime": "tflite_runtime.interpreter",
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-micro": "edge_tr.golden.micro",
}
RESOLVER = "BUILTIN_REF"
WIDE = "broadcast over more than four axes"
ROWS = "per-channel FULLY_CONNECTED of other than two dimensions"
NARROW = "SVDF with an int8 state"
FLOATS = ("float CEIL", "float ELU")
WIDENS = "QUANTIZE from int8 to int16"
LACKING = {
    "tflite-runtime": frozenset(
        {WIDE, WIDENS, ROWS, NARROW, "ADD_N", "CUMSUM", "DIV", "ELU", "LOG", "NEG", "SQRT", "SUM", *FLOATS}
    ),
    "ai-edge-litert": frozenset({NARROW, "ADD_N", "CUMSUM", "ELU", "SUM", *FLOATS}),
    "tflite-micro": frozenset(
        {"EXP", "FLOOR_DIV", "FLOOR_MOD", "GELU", "LOG", "NEG", "RELU_0_TO_1", "RELU_N1_TO_1", "SQRT"}
        | {"REDUCE_PROD", "TILE", "UNIDIRECTIONAL_SEQUENCE_LSTM"}
        | {"float GELU", "float RELU_N1_TO_1", "float RELU_0_TO_1"}
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
    """One model in the interpreter, run a sample at a time; sequences, each from the state that a reset gives.

    Arrays are as in `golden.run`: of a model with float32 or uint8 ends the tensors inside QUANTIZE and DEQUANTIZE.
    """

    def __init__(self, data: bytes, runtime: Runtime | None = None) -> None:
        self._graph = parse(data)
        data = _from_device_inputs(data, self._graph)
        file = read(data)
        self.runtime = runtime or find_runtime(_needed(self._graph) | _float_kinds(file))
        self._data = with_vector_axes(data)
        known = {i: self._graph.tensor(i).data for i in file.inputs}
        self._shapes = {i: file.tensor(i).shape for i in file.inputs if known[i] is None}
        self._known = {i: value for i, value in known.items() if value is not None}
        self._resources = any(op.kind == "VAR_HANDLE" for op in file.ops)
        self._computed = tuple(i for op in self._graph.ops for i in op.outputs if i < len(file.tensors))
        self._interpreter = _interpreter(self.runtime, self._data)

    def run(self, x: Given | Samples) -> np.ndarray:
        """The graph's first output of samples x, of the graph's inputs' types or those of the file's."""
        return self.outputs(x)[self._graph.outputs[0]]

    def outputs(self, x: Given | Samples) -> dict[int, np.ndarray]:
        """All of them, by TFLite index."""
        outputs = tuple(dict.fromkeys(self._graph.outputs))
        results, self._interpreter = self._read(self._interpreter, self._data, x, outputs)
        return results

    def tensors(self, x: Given | Samples) -> dict[int, np.ndarray]:
        """Every computed tensor of samples x that the file has, by TFLite index.

        They are the outputs of a copy of the model: kernels that work in place (ADD) overwrite an input otherwise,
        whatever the interpreter is told to preserve.
        """
        data = with_outputs(self._data, self._computed)
        return self._read(_interpreter(self.runtime, data), data, x, self._computed)[0]

    def _read(
        self, interpreter: Any, data: bytes, x: Given | Samples, indices: tuple[int, ...]
    ) -> tuple[dict[int, np.ndarray], Any]:
        """Tensors of all samples, and the interpreter for the next ones."""
        x = self._inputs(x)
        tensors = {i: self._graph.tensor(i) for i in indices}
        results = {i: np.empty((*x.leading, *sample_shape(t)), t.dtype) for i, t in tensors.items()}
        for n, step in np.ndindex(len(x), x.steps or 1):
            if not step:
                interpreter = self._reset(interpreter, data)
            for (index, shape), values in zip(self._shapes.items(), x.step(step).values()):
                interpreter.set_tensor(index, values[n].reshape(shape))
            for index, value in self._known.items():
                interpreter.set_tensor(index, value)
            interpreter.invoke()
            for i, result in results.items():
                place = (n,) if x.steps is None else (n, step)
                result[place] = _as_int8(interpreter.get_tensor(i), tensors[i]).reshape(sample_shape(tensors[i]))
        return results, interpreter

    def _reset(self, interpreter: Any, data: bytes) -> Any:
        """An interpreter whose states are as at first: one that has run CALL_ONCE never runs it again."""
        if self._resources:
            return _interpreter(self.runtime, data)
        if self._graph.states:
            interpreter.reset_all_variables()
        return interpreter

    def _inputs(self, x: Given | Samples) -> Samples:
        """Samples in the file's own input types; int8 becomes floats that quantise back to it, or the same values as
        uint8."""
        graph, values = self._graph, x.values if isinstance(x, Samples) else by_input(self._graph, x)
        found = {}
        for (index, array), given in zip(values.items(), graph.file_inputs):
            inside = array.dtype.name == graph.tensor(index).dtype
            found[index] = outer(graph.tensor(index), given, array) if inside else array
            if found[index].dtype.name != given.dtype:
                raise TypeError(f"the interpreter takes {given.dtype} for {given.name}, not {array.dtype}")
        return Samples(found, x.steps) if isinstance(x, Samples) else together(graph, found)


def _from_device_inputs(data: bytes, graph: Graph) -> bytes:
    """The model without what is left to the host before its inputs."""
    if not graph.before:
        return data
    return without_operators(data, [op.index for op in graph.before], [tensor.index for tensor in graph.file_inputs])


def _as_int8(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Of a tensor that is uint8 in the file, as the graph has it (`ir.unsigned`)."""
    return np.asarray(values ^ np.uint8(OFFSET)).view(np.int8) if tensor.unsigned else values


def _needed(graph: Graph) -> set[str]:
    """What `LACKING` may say of the model; kernels of other types than int8 lack nothing that is supported."""
    signed = {t.index for t in graph.tensors if t.dtype == "int8" and not t.unsigned}
    kinds = {op.kind for op in graph.ops if not signed.isdisjoint(op.outputs)}
    special = {WIDE: _is_wide, ROWS: _has_rows, NARROW: _is_narrow, WIDENS: _widens}
    return kinds | {name for name, holds in special.items() if any(holds(graph, op) for op in graph.ops)}


def _float_kinds(file: Graph) -> set[str]:
    return {f"float {op.kind}" for op in file.ops if any(file.tensor(i).dtype == "float32" for i in op.outputs)}


def _is_narrow(graph: Graph, op: Op) -> bool:
    return isinstance(op.record, SvdfParams) and op.record.time.dtype == np.int8


def _is_wide(graph: Graph, op: Op) -> bool:
    shapes = {graph.tensor(i).shape for i in op.inputs if i >= 0}
    element_wise = isinstance(op.record, (BroadcastParams, LookupParams, SelectParams))
    return element_wise and len(shapes) > 1 and max(map(len, shapes)) > 4


def _widens(graph: Graph, op: Op) -> bool:
    types = [graph.tensor(i).dtype for i in (*op.inputs[:1], *op.outputs)]
    return op.kind == "QUANTIZE" and types == ["int8", "int16"]


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
