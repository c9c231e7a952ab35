"""One operator, one module: its record, TFLite's Prepare, golden arithmetic, and what every pass asks of it.

A new operator is a module with `KINDS`, `STRUCTS` if it has a C struct, and one line in `_MODULES`.
"""

from __future__ import annotations

from dataclasses import replace

from edge_tr.errors import ModelError
from edge_tr.graph import Graph, Op
from edge_tr.operators import (
    add,
    add_n,
    batch_matmul,
    batch_space,
    broadcast,
    comparisons,
    concatenation,
    conv_2d,
    cumsum,
    depth_space,
    depthwise_conv_2d,
    dequantize,
    div,
    extremes,
    float_functions,
    floors,
    fully_connected,
    gather,
    hard_swish,
    l2_normalization,
    logical,
    lookup,
    mean,
    moves,
    mul,
    pad,
    pool_2d,
    prelu,
    quantize,
    rectifiers,
    reduce,
    reshape,
    resize_bilinear,
    resize_nearest_neighbor,
    reverse,
    rsqrt,
    select,
    slices,
    softmax,
    split,
    squared_difference,
    sums,
    tile,
    transpose,
    transpose_conv,
    unsigned,
    variables,
)
from edge_tr.operators.add import AddParams
from edge_tr.operators.checks import require
from edge_tr.operators.conv_2d import ConvParams
from edge_tr.operators.depthwise_conv_2d import DepthwiseParams
from edge_tr.operators.dot import DotParams, with_weights
from edge_tr.operators.fully_connected import FullyConnectedParams
from edge_tr.operators.mean import MeanParams
from edge_tr.operators.moves import MoveParams
from edge_tr.operators.pool_2d import PoolParams
from edge_tr.operators.quantize import RequantizeParams
from edge_tr.operators.reshape import ReshapeParams
from edge_tr.operators.softmax import SoftmaxParams
from edge_tr.record import Record, Requant
from edge_tr.structs import Struct

_MODULES = (
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    pool_2d,
    add,
    reshape,
    softmax,
    pad,
    mean,
    reduce,
    l2_normalization,
    cumsum,
    batch_matmul,
    transpose_conv,
    quantize,
    dequantize,
    moves,
    transpose,
    slices,
    tile,
    reverse,
    depth_space,
    batch_space,
    resize_nearest_neighbor,
    resize_bilinear,
    gather,
    concatenation,
    split,
    lookup,
    float_functions,
    rectifiers,
    hard_swish,
    rsqrt,
    broadcast,
    sums,
    add_n,
    mul,
    extremes,
    squared_difference,
    prelu,
    div,
    floors,
    comparisons,
    logical,
    select,
    variables,
)
_PREPARE = {kind: entry for module in _MODULES for kind, entry in module.KINDS.items()}
"""By TFLite's name: how it is prepared, and up to which version: the newest that LiteRT's reference resolver has."""
SUPPORTED_KINDS = tuple(_PREPARE)


def newest_version(kind: str) -> int:
    """The newest version of an operator that is supported, by TFLite's name; KeyError if none is."""
    return _PREPARE[kind][1]


def prepare(graph: Graph, op: Op) -> Record:
    """The record of `op`; `ModelError` with one line when it is not supported."""
    try:
        require(op.kind in _PREPARE, "this operator", ", ".join(SUPPORTED_KINDS))
        prepare_op, newest = _PREPARE[op.kind]
        require(1 <= op.version <= newest, f"version {op.version}", f"1 to {newest}")
        unsigned.check(graph, op)
        return prepare_op(graph, op)
    except ModelError as error:
        raise ModelError(f"{op_text(graph, op)}: {error}") from None


def prepared(graph: Graph) -> Graph:
    """The graph with every operator's record; `ModelError` for the first that has none, see `ir.problems` for all."""
    return replace(graph, ops=tuple(replace(op, record=prepare(graph, op)) for op in graph.ops))


def structs() -> tuple[Struct, ...]:
    """The C structs of all operators' layers."""
    return tuple(struct for module in _MODULES for struct in getattr(module, "STRUCTS", ()))


def op_text(graph: Graph, op: Op) -> str:
    """An operator in a message: kind, index, output tensor's name, version."""
    name = graph.tensor(op.outputs[0]).name if op.outputs else ""
    return f"{op.kind} (operator {op.index}, '{name}', version {op.version})"


def dots(graph: Graph) -> list[Op]:
    """The operators with weights, in order."""
    return [op for op in graph.ops if isinstance(op.record, DotParams)]


__all__ = [
    "SUPPORTED_KINDS",
    "AddParams",
    "ConvParams",
    "DepthwiseParams",
    "DotParams",
    "FullyConnectedParams",
    "MeanParams",
    "MoveParams",
    "PoolParams",
    "Record",
    "Requant",
    "RequantizeParams",
    "ReshapeParams",
    "SoftmaxParams",
    "dots",
    "newest_version",
    "op_text",
    "prepare",
    "prepared",
    "structs",
    "with_weights",
]
