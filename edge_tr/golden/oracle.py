"""The reference: the TFLite interpreter with its reference kernels (BUILTIN_REF).

Works with tflite-runtime (Python < 3.12, numpy < 2) and ai-edge-litert.
Nothing else in edge_tr needs an interpreter.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from edge_tr.errors import ModelError, ToolMissingError
from edge_tr.golden.run import sample_shape
from edge_tr.ir.tflite import parse, read

RUNTIMES = {"tflite-runtime": "tflite_runtime.interpreter", "ai-edge-litert": "ai_edge_litert.interpreter"}
RESOLVER = "BUILTIN_REF"


@dataclass(frozen=True)
class Runtime:
    """An installed interpreter package."""

    name: str
    version: str
    module: ModuleType


def find_runtime() -> Runtime:
    """The first of `RUNTIMES` that works here."""
    remedy = (
        "pip install 'tflite-runtime==2.14.*' 'numpy<2' (Python 3.11 or older) or pip install ai-edge-litert"
    )
    reasons = []
    for name, path in RUNTIMES.items():
        if name == "tflite-runtime" and int(np.__version__.split(".")[0]) >= 2:
            reasons.append(f"{name} needs numpy below 2, here is {np.__version__}")
            continue
        try:
            return Runtime(name, importlib.metadata.version(name), importlib.import_module(path))
        except (ImportError, importlib.metadata.PackageNotFoundError):
            reasons.append(f"{name} is not installed")
    raise ToolMissingError(f"no TFLite interpreter to compare with: {'; '.join(reasons)}; {remedy}")


class Oracle:
    """One model in the interpreter, run a sample at a time.

    Tensors are int8 [n, ...] as in `golden.run`: of a model with float32 ends
    the ones inside QUANTIZE and DEQUANTIZE.
    """

    def __init__(self, data: bytes, runtime: Runtime | None = None) -> None:
        self.runtime = runtime or find_runtime()
        self._graph = parse(data)
        self._shape = sample_shape(self._graph.tensor(self._graph.inputs[0]))
        self._file_input = read(data).inputs[0]
        resolvers = self.runtime.module.OpResolverType
        try:
            self._interpreter = self.runtime.module.Interpreter(
                model_content=data,
                num_threads=1,
                experimental_op_resolver_type=getattr(resolvers, RESOLVER),
                experimental_preserve_all_tensors=True,
            )
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{self.runtime.name} refuses the model: {error}") from error

    def run(self, x: np.ndarray) -> np.ndarray:
        """The graph's output of samples x [n, ...], int8 or what the file's input takes."""
        return self._read(x, (self._graph.outputs[0],))[self._graph.outputs[0]]

    def tensors(self, x: np.ndarray) -> dict[int, np.ndarray]:
        """Every computed tensor of samples x, by TFLite index."""
        return self._read(x, tuple(i for op in self._graph.ops for i in op.outputs))

    def _read(self, x: np.ndarray, indices: tuple[int, ...]) -> dict[int, np.ndarray]:
        samples = self._inputs(x)
        results = {
            i: np.empty((len(samples), *sample_shape(self._graph.tensor(i))), np.int8) for i in indices
        }
        for n, sample in enumerate(samples):
            self._interpreter.set_tensor(self._file_input, sample)
            self._interpreter.invoke()
            for i, result in results.items():
                result[n] = self._interpreter.get_tensor(i).reshape(result.shape[1:])
        return results

    def _inputs(self, x: np.ndarray) -> np.ndarray:
        """Samples in the file's own input type; int8 becomes floats that quantise back to it."""
        (details,) = self._interpreter.get_input_details()
        if details["dtype"] == np.float32 and x.dtype == np.int8:
            q = self._graph.tensor(self._graph.inputs[0]).quantization
            x = (x.astype(np.float32) - np.float32(q.zero_point[0])) * q.scale[0]
        return x.astype(details["dtype"], casting="no").reshape(-1, 1, *self._shape)
