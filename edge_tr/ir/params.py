"""From an operator of the graph to the integers that its kernel runs on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_tr.errors import ModelError
from edge_tr.ir import prepare, prepare_dot
from edge_tr.ir.checks import require
from edge_tr.ir.graph import Graph, Op
from edge_tr.ir.layers import (
    AddParams,
    ConvParams,
    DepthwiseParams,
    DotParams,
    FullyConnectedParams,
    MeanParams,
    PadParams,
    Params,
    PoolParams,
    Requant,
    RequantizeParams,
    ReshapeParams,
    SoftmaxParams,
)

DOT_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")

# How, and up to which operator version: the newest that LiteRT's reference resolver registers.
_PREPARE = {
    "CONV_2D": (prepare_dot.conv, 8),
    "DEPTHWISE_CONV_2D": (prepare_dot.depthwise, 7),
    "FULLY_CONNECTED": (prepare_dot.fully_connected, 14),
    "AVERAGE_POOL_2D": (prepare.pool, 3),
    "MAX_POOL_2D": (prepare.pool, 3),
    "ADD": (prepare.add, 5),
    "RESHAPE": (prepare.reshape, 1),
    "SOFTMAX": (prepare.softmax, 3),
    "PAD": (prepare.pad, 4),
    "PADV2": (prepare.pad, 4),
    "MEAN": (prepare.mean, 3),
    "QUANTIZE": (prepare.requantize, 4),
    "DEQUANTIZE": (prepare.no_dequantize, 7),
}
SUPPORTED_KINDS = tuple(_PREPARE)


def params(graph: Graph, op: Op) -> Params:
    """The record of `op`; `ModelError` with one line when it is not supported."""
    try:
        require(op.kind in _PREPARE, "this operator", ", ".join(SUPPORTED_KINDS))
        prepare_op, newest = _PREPARE[op.kind]
        require(1 <= op.version <= newest, f"version {op.version}", f"1 to {newest}")
        return prepare_op(graph, op)
    except ModelError as error:
        raise ModelError(f"{op_text(graph, op)}: {error}") from None


def op_text(graph: Graph, op: Op) -> str:
    """An operator in a message: kind, index, output tensor's name, version."""
    name = graph.tensor(op.outputs[0]).name if op.outputs else ""
    return f"{op.kind} (operator {op.index}, '{name}', version {op.version})"


def dot_weights(graph: Graph, op: Op) -> np.ndarray:
    """int8 [rows, K] of a dot-product operator: rows = output channels, K = the reduction axis."""
    return params(graph, op).weights


def with_weights(record: DotParams, weights: np.ndarray) -> DotParams:
    """The same layer with other int8 [rows, K] weights."""
    weights = np.asarray(weights)
    if weights.dtype != np.int8 or weights.shape != record.weights.shape:
        raise ValueError(f"weights must be int8 {record.weights.shape}, got {weights.dtype} {weights.shape}")
    return replace(record, weights=weights)


__all__ = [
    "DOT_KINDS",
    "SUPPORTED_KINDS",
    "AddParams",
    "ConvParams",
    "DepthwiseParams",
    "DotParams",
    "FullyConnectedParams",
    "MeanParams",
    "PadParams",
    "Params",
    "PoolParams",
    "Requant",
    "RequantizeParams",
    "ReshapeParams",
    "SoftmaxParams",
    "dot_weights",
    "op_text",
    "params",
    "with_weights",
]
