"""Import: the bytes of a .tflite file become a validated `Graph`.

Nothing in the file is trusted: `verify` has seen that its tables and vectors
lie inside it, the vectors that are read may not add up to much more than the
file, indices and sizes are checked, and what a damaged file makes the reader
raise becomes a `ModelError`.

Schema: tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from types import MappingProxyType

import numpy as np
import tflite
from flatbuffers.number_types import Int32Flags

from edge_tr.errors import ModelError, UsageError
from edge_tr.files.reading import MAX_BINARY, read_bytes
from edge_tr.graph import Graph, Op, Quantization, Tensor
from edge_tr.ir.batches import without_batches
from edge_tr.ir.float_ends import without_float_ends
from edge_tr.ir.float_starts import without_float_starts
from edge_tr.ir.folding import fold_shapes, with_known_shapes
from edge_tr.ir.islands import with_tables
from edge_tr.ir.passes import as_reshapes, strip_boundary
from edge_tr.ir.schema import DTYPES, ENUM_FIELDS, ITEM_BYTES, KINDS, OPTIONS, TEXT_FIELDS, VECTOR_FIELDS, accessor
from edge_tr.ir.states import reset_value, updated, with_resources
from edge_tr.ir.unsigned import as_int8
from edge_tr.ir.validate import check_ends, check_indices, check_order, supported
from edge_tr.ir.verify import damaged, verify

MAX_RANK = 8
MAX_ELEMENTS = 1 << 24  # of one activation tensor: 16 MB, beyond any microcontroller's RAM

# What the flatbuffers reader and numpy raise on options tables that `verify` does not look into.
_READ_ERRORS = (struct.error, ValueError, IndexError, TypeError, OverflowError)


def load(path: str | Path) -> Graph:
    """Read and validate the model file at `path`."""
    return parse(read_file(path))


def read_file(path: str | Path) -> bytes:
    """The bytes of a model file; `UsageError` when there is none."""
    try:
        return read_bytes(Path(path), MAX_BINARY)
    except ValueError as error:
        raise UsageError(f"cannot read the model {path}: {error}; no board can hold such a model") from error
    except OSError as error:
        raise UsageError(f"cannot read the model {path}: {error.strerror}; check the path") from error


def parse(data: bytes) -> Graph:
    """Turn a .tflite file's bytes into a graph that every later stage accepts.

    Raises `ModelError`, for a damaged file at once, and for what is not
    supported with one line per operator, all of them together.
    """
    graphs = read_all(data)
    for graph in graphs:
        check_indices(graph)
    resolved = with_resources([as_int8(as_reshapes(fold_shapes(with_known_shapes(graph)))) for graph in graphs])
    main = without_batches(strip_boundary(_without_hosts_parts(with_tables(resolved.graph))))
    graph = supported(main, resolved.others, resolved.found)
    check_order(graph)
    return graph


def _without_hosts_parts(graph: Graph) -> Graph:
    return without_float_ends(without_float_starts(graph))


def read(data: bytes) -> Graph:
    """Read the file's first subgraph as it is: no passes, nothing said about support."""
    return read_all(data)[0]


def read_all(data: bytes) -> list[Graph]:
    """Every subgraph of the file as it is, at least one; the first is the model."""
    verify(data)
    try:
        return _Reader(data).graphs()
    except _READ_ERRORS as error:
        raise damaged(f"an operator's options are out of place ({error})") from error


class _Reader:
    """One pass over the tables of a file, spending a budget of vector bytes.

    Tables may share vectors, so a small hostile file can describe a huge
    model; real files share little, hence the budget of four file sizes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._budget = 4 * len(data) + 65536
        self._model = tflite.Model.GetRootAs(data, 0)

    def graphs(self) -> list[Graph]:
        model = self._model
        if model.Version() != 3:
            raise ModelError(f"the model has schema version {model.Version()}; supported is 3: convert it again")
        if not model.SubgraphsLength():
            raise damaged("it has no subgraph")
        return [self._graph(model.Subgraphs(i)) for i in range(model.SubgraphsLength())]

    def _graph(self, subgraph: tflite.SubGraph) -> Graph:
        tensors = tuple(self._tensor(i, subgraph.Tensors(i)) for i in range(subgraph.TensorsLength()))
        states = {t.index: self._variable(t) for t in tensors if subgraph.Tensors(t.index).IsVariable()}
        ops = (self._op(i, subgraph.Operators(i)) for i in range(subgraph.OperatorsLength()))
        inputs = self._indices(subgraph.InputsAsNumpy(), subgraph.InputsIsNone())
        outputs = self._indices(subgraph.OutputsAsNumpy(), subgraph.OutputsIsNone())
        check_ends(inputs, outputs, len(tensors))
        return Graph(
            tensors=tensors,
            ops=tuple(updated(op, states) for op in ops),
            inputs=inputs,
            outputs=outputs,
            sha256=hashlib.sha256(self._data).hexdigest(),
            description=self._text(self._model.Description()),
            states=states,
            file_inputs=tuple(tensors[i] for i in inputs),
            file_outputs=tuple(tensors[i] for i in outputs),
        )

    def _variable(self, tensor: Tensor) -> np.ndarray:
        """What a reset gives a variable tensor."""
        if tensor.data is not None:
            raise damaged(f"tensor {tensor.index} '{tensor.name}' is a variable and has data")
        if tensor.dtype not in ITEM_BYTES:
            raise ModelError(
                f"tensor {tensor.index} '{tensor.name}' is a variable of {tensor.dtype}; supported are numbers"
            )
        return reset_value(tensor)

    def _spend(self, size: int) -> None:
        self._budget -= size
        if self._budget < 0:
            raise damaged("its tables describe far more data than the file holds")

    def _vector(self, values: np.ndarray, absent: bool) -> np.ndarray:
        """A numpy view of one of the file's vectors, paid for."""
        if absent:
            return np.zeros(0, dtype=np.int32)
        self._spend(values.nbytes)
        return values

    def _indices(self, values: np.ndarray, absent: bool) -> tuple[int, ...]:
        return tuple(int(v) for v in self._vector(values, absent))

    def _text(self, value: bytes | None) -> str:
        """A name for messages and comments: control characters become '?'."""
        self._spend(len(value or b""))
        try:
            text = (value or b"").decode()
        except UnicodeDecodeError as error:
            raise damaged(f"the name {value[:40]!r} is not UTF-8") from error
        return "".join(c if c.isprintable() else "?" for c in text)

    def _tensor(self, index: int, table: tflite.Tensor) -> Tensor:
        name = self._text(table.Name())
        if table.Sparsity() is not None:
            raise ModelError(f"tensor {index} '{name}' is stored sparse; supported are dense tensors: densify it")
        shape = self._indices(table.ShapeAsNumpy(), table.ShapeIsNone())
        size = 1
        for dim in shape:
            size *= dim
        if len(shape) > MAX_RANK or min(shape, default=1) < 0:
            raise damaged(f"tensor {index} '{name}' has the impossible shape {list(shape)}")
        dtype = DTYPES.get(table.Type(), f"type {table.Type()}")
        data = self._constant(index, name, table, dtype, shape, size)
        if data is None and size > MAX_ELEMENTS:
            raise ModelError(
                f"tensor {index} '{name}' of shape {list(shape)} has {size} elements; "
                f"supported are up to {MAX_ELEMENTS}"
            )
        signature = self._indices(table.ShapeSignatureAsNumpy(), table.ShapeSignatureIsNone())
        free = tuple(axis for axis, length in enumerate(signature[: len(shape)]) if length < 0)
        return Tensor(index, name, shape, dtype, self._quantization(index, name, table, shape), data, free=free)

    def _constant(
        self, index: int, name: str, table: tflite.Tensor, dtype: str, shape: tuple[int, ...], size: int
    ) -> np.ndarray | None:
        """The tensor's bytes in the file as a read-only array, None when it has none."""
        if not 0 <= table.Buffer() < self._model.BuffersLength():
            raise damaged(f"tensor {index} '{name}' names buffer {table.Buffer()}, which does not exist")
        buffer = self._model.Buffers(table.Buffer())
        if buffer.Offset() > 1:
            raise ModelError(f"tensor {index} '{name}' lies outside the flatbuffer; supported are models under 2 GB")
        if buffer.DataLength() == 0 or dtype not in ITEM_BYTES:
            return None
        raw = self._vector(buffer.DataAsNumpy(), False)
        if raw.size != size * ITEM_BYTES[dtype]:
            raise damaged(
                f"tensor {index} '{name}' of shape {list(shape)} and type {dtype} "
                f"needs {size * ITEM_BYTES[dtype]} bytes and has {raw.size}"
            )
        values = raw.view(np.dtype(dtype).newbyteorder("<")).reshape(shape)
        values.flags.writeable = False
        return values

    def _quantization(self, index: int, name: str, table: tflite.Tensor, shape: tuple[int, ...]) -> Quantization | None:
        """Absent without scales."""
        q = table.Quantization()
        if q is None or not q.ScaleLength():
            return None
        axis, count = q.QuantizedDimension() if len(shape) > 1 else 0, q.ScaleLength()  # of biases some files say 3
        if q.ZeroPointLength() != count:
            raise damaged(f"tensor {index} '{name}' has {count} scales and {q.ZeroPointLength()} zero points")
        if not 0 <= axis < max(len(shape), 1) or (count > 1 and shape[axis] != count):
            raise damaged(f"tensor {index} '{name}' of shape {list(shape)} has {count} scales along dimension {axis}")
        scale = self._vector(q.ScaleAsNumpy(), False).astype(np.float32)
        if not np.all(np.isfinite(scale) & (scale >= 0)):
            raise damaged(f"tensor {index} '{name}' has a scale that is negative or not finite")
        zero_point = self._vector(q.ZeroPointAsNumpy(), False).astype(np.int64)
        scale.flags.writeable = zero_point.flags.writeable = False
        return Quantization(scale, zero_point, axis)

    def _op(self, index: int, table: tflite.Operator) -> Op:
        if not 0 <= table.OpcodeIndex() < self._model.OperatorCodesLength():
            raise damaged(f"operator {index} names operator code {table.OpcodeIndex()}, which does not exist")
        code = self._model.OperatorCodes(table.OpcodeIndex())
        builtin = max(_builtin_code(code), code.DeprecatedBuiltinCode())
        kind = KINDS.get(builtin, f"operator code {builtin}")
        if kind == "CUSTOM":
            kind = f"CUSTOM {self._text(code.CustomCode())}"
        return Op(
            index=index,
            kind=kind,
            inputs=self._indices(table.InputsAsNumpy(), table.InputsIsNone()),
            outputs=self._indices(table.OutputsAsNumpy(), table.OutputsIsNone()),
            options=MappingProxyType(self._options(index, kind, table)),
            version=code.Version(),
            intermediates=self._indices(table.IntermediatesAsNumpy(), table.IntermediatesIsNone()),
        )

    def _options(self, index: int, kind: str, table: tflite.Operator) -> dict[str, object]:
        """The options table by the schema's names; empty when the file has none."""
        union = table.BuiltinOptions()
        if kind not in OPTIONS or union is None:
            return {}
        type_name, names = OPTIONS[kind]
        if table.BuiltinOptionsType() != getattr(tflite.BuiltinOptions, type_name):
            raise damaged(f"operator {index} ({kind}) has options of type {table.BuiltinOptionsType()}")
        options = getattr(tflite, type_name)()
        options.Init(union.Bytes, union.Pos)
        return {name: self._option(options, name) for name in names}

    def _option(self, options: object, name: str) -> object:
        if name in TEXT_FIELDS:
            return self._text(getattr(options, accessor(name))())
        if name in VECTOR_FIELDS:
            absent = getattr(options, accessor(name) + "IsNone")()
            return self._indices(getattr(options, accessor(name) + "AsNumpy")(), absent)
        value = getattr(options, accessor(name))()
        return ENUM_FIELDS[name].get(value, f"number {value}") if name in ENUM_FIELDS else value


def _builtin_code(code: tflite.OperatorCode) -> int:
    """The field itself; PyPI tflite's `BuiltinCode` prefers the deprecated field, TFLite takes the larger one."""
    field = code._tab.Offset(10)
    return code._tab.Get(Int32Flags, field + code._tab.Pos) if field else 0
