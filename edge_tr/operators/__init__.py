"""One operator, one module: its record, TFLite's Prepare, golden arithmetic, and what every pass asks of it.

A new operator is a module with `KINDS` (or those of `_TABLES`), `STRUCTS` if it has a C struct, and one line in
`_MODULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from edge_tr.errors import ModelError
from edge_tr.graph import PART, Graph, Op
from edge_tr.operators import (
    add,
    add_n,
    arg_extremes,
    batch_matmul,
    batch_space,
    broadcast,
    cast,
    comparisons,
    concatenation,
    conv_2d,
    cumsum,
    depth_space,
    depthwise_conv_2d,
    dequantize,
    div,
    dynamic_update_slice,
    extremes,
    float_functions,
    floors,
    fully_connected,
    gather,
    gather_places,
    gather_rows,
    hard_swish,
    integers,
    l2_normalization,
    logical,
    lookup,
    lstm_preparation,
    mean,
    moves,
    mul,
    one_hot,
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
    svdf,
    tile,
    top_k,
    transpose,
    transpose_conv,
    typed_moves,
    typed_reduce,
    unsigned,
    variables,
    wide_batch_matmul,
    wide_dot,
    wide_exp,
    wide_pairs,
    wide_softmax,
    wide_transpose_conv,
    wide_unary,
    wide_windows,
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
from edge_tr.record import Part, Record, Requant
from edge_tr.structs import Struct

Prepare = Callable[[Graph, Op], Record]
PLAIN_TYPES = ("int32", "int64", "bool")
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
    cast,
    arg_extremes,
    gather_rows,
    gather_places,
    dynamic_update_slice,
    one_hot,
    top_k,
    integers,
    lstm_preparation,
    svdf,
    variables,
    typed_moves,
    typed_reduce,
    wide_batch_matmul,
    wide_dot,
    wide_exp,
    wide_pairs,
    wide_softmax,
    wide_transpose_conv,
    wide_unary,
    wide_windows,
)
_PREPARE = {kind: entry for module in _MODULES for kind, entry in getattr(module, "KINDS", {}).items()}
"""By TFLite's name: how it is prepared, and up to which version: the newest that LiteRT's reference resolver has."""
_TABLES = {
    name: {kind: prepare for module in _MODULES for kind, prepare in getattr(module, f"{name}_KINDS", {}).items()}
    for name in ("INT16", "INT32", "PLAIN")
}
"""How operators on other types are prepared where that is not as of int8: those that read or write int16; those whose
first input is int32; or is of any type without a quantisation, where there is nothing for that type."""
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
        prepare_op = _of_type(graph, op) or prepare_op
        return prepare_op(graph, op)
    except ModelError as error:
        raise ModelError(f"{op_text(graph, op)}: {error}") from None


def _of_type(graph: Graph, op: Op) -> Prepare | None:
    """How an operator on other types than int8 is prepared; None: as of int8."""
    types = [graph.tensor(i).dtype for i in (*op.inputs, *op.outputs) if i >= 0]
    if "int16" in types:
        return _TABLES["INT16"].get(op.kind)
    plain = _TABLES["PLAIN"].get(op.kind) if types and types[0] in PLAIN_TYPES else None
    return _TABLES["INT32"].get(op.kind, plain) if types and types[0] == "int32" else plain


def prepared(graph: Graph) -> Graph:
    """The graph with every operator's record; `ModelError` for the first that has none, see `ir.problems` for all."""
    return replace(graph, ops=tuple(replace(op, record=prepare(graph, op)) for op in graph.ops))


def structs() -> tuple[Struct, ...]:
    """The C structs of all operators' layers."""
    return tuple(struct for module in _MODULES for struct in getattr(module, "STRUCTS", ()))


def with_cuts(op: Op, tables: Mapping[int, np.ndarray]) -> Record:
    """The operator's record whose parts cut what they read: int16 [511] by the index that `dots` has, as `golden`'s."""
    parts = {part.index: replace(part.record, cut=tables[part.index]) for part in parts_of(op) if part.index in tables}
    return with_dots(op, parts)


def op_text(graph: Graph, op: Op) -> str:
    """An operator in a message: kind, index, output tensor's name, version."""
    name = graph.tensor(op.outputs[0]).name if op.outputs else ""
    return f"{op.kind} (operator {op.index}, '{name}', version {op.version})"


def dots(graph: Graph) -> list[Op]:
    """The dot products with weights, in order: operators that are one, and the parts of those that are made of some."""
    return [dot for op in graph.ops for dot in dots_of(op)]


def dots_of(op: Op) -> list[Op]:
    """The operator if it is a dot product, or else its parts."""
    return [op] if isinstance(op.record, DotParams) else parts_of(op)


def parts_of(op: Op) -> list[Op]:
    """The dot products that an operator is made of, each as one with an index of its own: what it reads (-1: a value
    inside the operator), its weights and its bias (-1: none) are its inputs."""
    found = []
    for number, part in enumerate(op.record.parts(), 1):
        read = op.outputs[0] if part.activation == Part.OUTPUT else -1
        read = op.inputs[part.activation] if part.activation >= 0 else read
        bias = op.inputs[part.bias] if 0 <= part.bias < len(op.inputs) else -1
        inputs = (read, op.inputs[part.weights], bias)
        found.append(replace(op, index=number * PART + op.index, inputs=inputs, record=part.record, part=part.name))
    return found


def with_dots(op: Op, records: Mapping[int, DotParams]) -> Record:
    """The operator's record with those of `records`, by the index that `dots` has, that are its or its parts'."""
    if op.index in records:
        return records[op.index]
    parts = {part.part: records[part.index] for part in parts_of(op) if part.index in records}
    return op.record.with_parts(parts) if parts else op.record


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
    "dots_of",
    "newest_version",
    "op_text",
    "parts_of",
    "prepare",
    "prepared",
    "structs",
    "with_cuts",
    "with_dots",
    "with_weights",
]
