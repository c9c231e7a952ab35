"""Build small int8 .tflite files from Python: for the rounding probe and for tests.

>>> model = ModelWriter()
>>> x = model.activation([1, 4], scale=0.5, zero_point=-3)
>>> w = model.constant(np.ones((2, 4), np.int8), scale=[0.25])
>>> y = model.activation([1, 2], scale=1.0)
>>> model.op("FULLY_CONNECTED", [x, w, -1], [y])
>>> data = model.finish([x], [y])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import flatbuffers
import numpy as np
import tflite

from edge_tr.ir.schema import DTYPES, ENUM_FIELDS, KINDS, OPTIONS, TEXT_FIELDS, VECTOR_FIELDS, accessor

_KIND_NUMBERS = {name: number for number, name in KINDS.items()}
_DTYPE_NUMBERS = {name: number for number, name in DTYPES.items()}
_PLACEHOLDER = 127  # what deprecated_builtin_code holds for operators numbered above it


@dataclass(frozen=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: np.ndarray
    zero_point: np.ndarray
    axis: int
    buffer: int
    variable: bool
    signature: tuple[int, ...]


@dataclass(frozen=True)
class _Op:
    kind: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...]
    options: dict[str, object]


@dataclass
class ModelWriter:
    """Collects tensors and operators; methods return TFLite tensor indices."""

    _tensors: list[_Tensor] = field(default_factory=list)
    _ops: list[_Op] = field(default_factory=list)
    _buffers: list[bytes] = field(default_factory=lambda: [b""])

    def activation(
        self,
        shape: Sequence[int],
        scale: float | None = None,
        zero_point: int = 0,
        dtype: str = "int8",
        variable: bool = False,
        signature: Sequence[int] = (),
    ) -> int:
        """A computed tensor; without a scale it is not quantised. `variable`: it keeps its value between runs;
        `signature`: the shape with -1 where it is free."""
        scales = [] if scale is None else [scale]
        return self._tensor(tuple(shape), dtype, scales, [zero_point] * len(scales), 0, 0, variable, signature)

    def constant(
        self,
        data: np.ndarray,
        scale: Sequence[float] = (),
        zero_point: Sequence[int] | None = None,
        axis: int = 0,
    ) -> int:
        """A tensor with data; zero points are 0 unless given."""
        data = np.asarray(data)
        self._buffers.append(np.ascontiguousarray(data).tobytes())
        zeros = [0] * len(scale) if zero_point is None else zero_point
        return self._tensor(data.shape, data.dtype.name, scale, zeros, axis, len(self._buffers) - 1)

    def quantization_of(self, tensor: int) -> tuple[float, int]:
        """(scale, zero point) of a tensor that has one of each."""
        return float(self._tensors[tensor].scale[0]), int(self._tensors[tensor].zero_point[0])

    def _tensor(
        self,
        shape: tuple[int, ...],
        dtype: str,
        scale: Sequence[float],
        zero_point: Sequence[int],
        axis: int,
        buffer: int,
        variable: bool = False,
        signature: Sequence[int] = (),
    ) -> int:
        scales, zeros = np.asarray(scale, dtype=np.float32), np.asarray(zero_point, dtype=np.int64)
        name = f"t{len(self._tensors)}"
        self._tensors.append(
            _Tensor(name, shape, dtype, scales, zeros, axis, buffer, variable, tuple(int(d) for d in signature))
        )
        return len(self._tensors) - 1

    def op(
        self,
        kind: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        version: int = 1,
        intermediates: Sequence[int] = (),
        **options: object,
    ) -> int:
        """An operator with options by the schema's names; returns its index."""
        self._ops.append(_Op(kind, version, tuple(inputs), tuple(outputs), tuple(intermediates), options))
        return len(self._ops) - 1

    def finish(self, inputs: Sequence[int], outputs: Sequence[int], others: Sequence[ModelWriter] = ()) -> bytes:
        """The bytes of the file; `others` are its subgraphs 1, 2, ..., without ends."""
        b = flatbuffers.Builder(1024)
        models = (self, *others)
        codes = sorted({(op.kind, op.version) for model in models for op in model._ops})
        code_tables = [_operator_code(b, kind, version) for kind, version in codes]
        buffers = [_buffer(b, data) for data in (b"", *(data for model in models for data in model._buffers[1:]))]
        subgraphs, first = [], 0
        for model in models:
            subgraphs.append(model._subgraph(b, codes, first, *((inputs, outputs) if model is self else ((), ()))))
            first += len(model._buffers) - 1
        vectors = [_tables(b, tables) for tables in (code_tables, subgraphs, buffers)]
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        tflite.ModelAddOperatorCodes(b, vectors[0])
        tflite.ModelAddSubgraphs(b, vectors[1])
        tflite.ModelAddBuffers(b, vectors[2])
        b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
        return bytes(b.Output())

    def _subgraph(
        self,
        b: flatbuffers.Builder,
        codes: list[tuple[str, int]],
        first: int,
        inputs: Sequence[int],
        outputs: Sequence[int],
    ) -> int:
        """`first`: buffers of other subgraphs before those of this one."""
        tensors = _tables(b, [_tensor(b, t, t.buffer and t.buffer + first) for t in self._tensors])
        ops = _tables(b, [_operator(b, op, codes.index((op.kind, op.version))) for op in self._ops])
        ends = _vector(b, np.asarray(inputs, np.int32)), _vector(b, np.asarray(outputs, np.int32))
        tflite.SubGraphStart(b)
        tflite.SubGraphAddTensors(b, tensors)
        tflite.SubGraphAddInputs(b, ends[0])
        tflite.SubGraphAddOutputs(b, ends[1])
        tflite.SubGraphAddOperators(b, ops)
        return tflite.SubGraphEnd(b)


def _vector(b: flatbuffers.Builder, values: np.ndarray) -> int:
    return b.CreateNumpyVector(np.asarray(values))


def _tables(b: flatbuffers.Builder, offsets: list[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _operator_code(b: flatbuffers.Builder, kind: str, version: int) -> int:
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(_KIND_NUMBERS[kind], _PLACEHOLDER))
    tflite.OperatorCodeAddBuiltinCode(b, _KIND_NUMBERS[kind])
    tflite.OperatorCodeAddVersion(b, version)
    return tflite.OperatorCodeEnd(b)


def _buffer(b: flatbuffers.Builder, data: bytes) -> int:
    """Data is aligned to 16 bytes, as the schema asks."""
    vector = 0
    if data:
        b.StartVector(1, len(data), 16)
        b.head -= len(data)
        b.Bytes[b.head : b.head + len(data)] = data
        vector = b.EndVector()
    tflite.BufferStart(b)
    if data:
        tflite.BufferAddData(b, vector)
    return tflite.BufferEnd(b)


def _tensor(b: flatbuffers.Builder, t: _Tensor, buffer: int) -> int:
    name, shape = b.CreateString(t.name), _vector(b, np.asarray(t.shape, np.int32))
    signature = _vector(b, np.asarray(t.signature, np.int32)) if t.signature else 0
    quantization = 0
    if t.scale.size:
        scale, zero_point = _vector(b, t.scale), _vector(b, t.zero_point)
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scale)
        tflite.QuantizationParametersAddZeroPoint(b, zero_point)
        tflite.QuantizationParametersAddQuantizedDimension(b, t.axis)
        quantization = tflite.QuantizationParametersEnd(b)
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, _DTYPE_NUMBERS[t.dtype])
    tflite.TensorAddBuffer(b, buffer)
    tflite.TensorAddName(b, name)
    if signature:
        tflite.TensorAddShapeSignature(b, signature)
    if t.variable:
        tflite.TensorAddIsVariable(b, True)
    if quantization:
        tflite.TensorAddQuantization(b, quantization)
    return tflite.TensorEnd(b)


def _operator(b: flatbuffers.Builder, op: _Op, code: int) -> int:
    inputs, outputs = (
        _vector(b, np.asarray(op.inputs, np.int32)),
        _vector(b, np.asarray(op.outputs, np.int32)),
    )
    intermediates = _vector(b, np.asarray(op.intermediates, np.int32)) if op.intermediates else 0
    options = _options(b, op) if op.kind in OPTIONS else 0
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, code)
    tflite.OperatorAddInputs(b, inputs)
    tflite.OperatorAddOutputs(b, outputs)
    if intermediates:
        tflite.OperatorAddIntermediates(b, intermediates)
    if options:
        tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, OPTIONS[op.kind][0]))
        tflite.OperatorAddBuiltinOptions(b, options)
    return tflite.OperatorEnd(b)


def _options(b: flatbuffers.Builder, op: _Op) -> int:
    table, fields = OPTIONS[op.kind]
    unknown = set(op.options) - set(fields)
    if unknown:
        raise ValueError(f"{op.kind} has no options {sorted(unknown)}")
    values = {name: _option_value(b, name, value) for name, value in op.options.items()}
    getattr(tflite, f"{table}Start")(b)
    for name, value in values.items():
        getattr(tflite, f"{table}Add{accessor(name)}")(b, value)
    return getattr(tflite, f"{table}End")(b)


def _option_value(b: flatbuffers.Builder, name: str, value: object) -> object:
    if name in TEXT_FIELDS:
        return b.CreateString(value)
    if name in VECTOR_FIELDS:
        return _vector(b, np.asarray(value, np.int32))
    if name in ENUM_FIELDS:
        return {text: number for number, text in ENUM_FIELDS[name].items()}[value]
    return value
