"""int8 models as uint8 ones, the style before: every value and zero point 128 higher, in place in the file.

Weights get one scale, and a zero point of their own, so that what they are less it takes nine bits.
"""

from __future__ import annotations

import struct

import numpy as np
import tflite

DOT_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
EXTREMES = (0, 1, 127, 128, 254, 255)
SCALE, ZERO_POINT = 8, 10  # fields 2 and 3 of QuantizationParameters
_NUMBERS = {getattr(tflite.BuiltinOperator, kind) for kind in DOT_KINDS}


def as_uint8(data: bytes, rng: np.random.Generator, of_weights: int | None = None) -> bytes:
    """The model with every quantised int8 tensor as uint8; `of_weights`: their zero point, if it is not drawn."""
    model, result = tflite.Model.GetRootAs(data, 0), bytearray(data)
    subgraph = model.Subgraphs(0)
    weights, biases = _constants(model)
    for index in range(subgraph.TensorsLength()):
        tensor = subgraph.Tensors(index)
        q = tensor.Quantization()
        if q is None or not q.ScaleLength():
            continue
        if index in weights | biases:
            for field in (SCALE, ZERO_POINT):
                struct.pack_into("<I", result, q._tab.Vector(q._tab.Offset(field)) - 4, 1)
        if tensor.Type() == tflite.TensorType.INT8:
            drawn = int(rng.choice(EXTREMES)) if rng.random() < 0.5 else int(rng.integers(256))
            zero_point = drawn if of_weights is None else of_weights
            _make_unsigned(model, tensor, zero_point if index in weights else q.ZeroPoint(0) + 128, result)
    return bytes(result)


def _constants(model: tflite.Model) -> tuple[set[int], set[int]]:
    """Tensors that are weights and biases of dot products."""
    weights, biases, subgraph = set(), set(), model.Subgraphs(0)
    for op in (subgraph.Operators(i) for i in range(subgraph.OperatorsLength())):
        if model.OperatorCodes(op.OpcodeIndex()).BuiltinCode() in _NUMBERS:
            weights.add(op.Inputs(1))
            biases |= {op.Inputs(i) for i in range(2, op.InputsLength())}
    return weights, {i for i in biases if i >= 0 and subgraph.Tensors(i).Type() == tflite.TensorType.INT32}


def _make_unsigned(model: tflite.Model, tensor: tflite.Tensor, zero_point: int, result: bytearray) -> None:
    """Its type, its zero point and its data."""
    result[tensor._tab.Pos + tensor._tab.Offset(6)] = tflite.TensorType.UINT8  # field 1
    q = tensor.Quantization()
    struct.pack_into("<q", result, q._tab.Vector(q._tab.Offset(ZERO_POINT)), zero_point)
    buffer = model.Buffers(tensor.Buffer())
    if buffer.DataLength():
        first = buffer._tab.Vector(buffer._tab.Offset(4))
        np.frombuffer(result, np.uint8, buffer.DataLength(), first)[:] ^= 0x80
