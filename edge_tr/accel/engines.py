"""Which engine computes a layer, and where its result lies; what no engine can do is refused with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

import numpy as np

from edge_tr.accel.addition import BY_TABLES, Tables, add_layer, add_tables, join_layer, lookup_tables
from edge_tr.accel.arrival import Arrival
from edge_tr.accel.cycles import Gaps
from edge_tr.accel.dense import dense_layer
from edge_tr.accel.image import Image
from edge_tr.accel.layout import Placed, alike, planar, vector
from edge_tr.accel.moves import PixelParams, move_layer
from edge_tr.accel.pools import maximum_layer, sum_layer
from edge_tr.accel.stage import Planned, Stage
from edge_tr.accel.sums import output_channels
from edge_tr.accel.windows import PARTIAL_CHANNELS, choose_windows, window_layer
from edge_tr.errors import DoesNotFitError, EdgeTrError, ModelError
from edge_tr.formats import accelerator as f
from edge_tr.graph import Graph, Tensor, layer_name
from edge_tr.operators import (
    ConvParams,
    DepthwiseParams,
    DotParams,
    FullyConnectedParams,
    MeanParams,
    PoolParams,
)
from edge_tr.operators.arithmetic import INT8_VALUES
from edge_tr.operators.checks import INT8
from edge_tr.operators.concatenation import ConcatenationParams
from edge_tr.operators.lookup import LookupParams


class Effort(Enum):
    """How to make a program fit, tried in this order."""

    FASTEST = "fewest cycles"
    COMPACT = "fewer weight words"
    STREAMED = "weights and channel parameters that do not fit come from DDR with each inference"


STREAMED_WORDS = f.WEIGHT_WORDS.value // 4
"""About as many weight words as one command has when weights are streamed, through two buffers."""


def output_layout(graph: Graph, stage: Stage, inputs: list[Placed]) -> Placed:
    """How the stage's result lies in memory, not yet where. ModelError if no engine computes it from such inputs."""
    tensor, record, x = graph.tensor(stage.output), stage.record, inputs[0]
    at = zero_point(tensor)
    if isinstance(record, DotParams) and record.weights.dtype != np.int8:
        raise ModelError("its weights, those of a uint8 model less their zero point, are longer than eight bits")
    if isinstance(record, FullyConnectedParams):
        if record.rows != 1:
            raise ModelError(f"{record.rows} rows, the accelerator takes one")
        return vector(record.units, at)
    if isinstance(record, ConcatenationParams):
        return replace(_joined(record, inputs), zero_point=at)
    if isinstance(record, BY_TABLES):
        if not all(alike(x, other) for other in inputs):
            raise ModelError("its inputs lie differently in the accelerator's memory")
        return replace(x, zero_point=at)
    if isinstance(record, PixelParams):
        if x.vector:
            raise ModelError("pixels of a vector")
        return planar(hwc(tensor), at)
    if isinstance(record, (MeanParams, PoolParams)):
        return _reduced(tensor, stage, x)
    if not isinstance(record, (ConvParams, DepthwiseParams)):
        raise ModelError(f"no engine for {stage.op.kind}")
    if not x.vector:
        return planar(hwc(tensor), at)
    if not isinstance(record, ConvParams) or record.kernel != (1, 1) or record.output_shape[:2] != (1, 1):
        raise ModelError("a window over a vector")
    return vector(tensor.size, at)


def _joined(p: ConcatenationParams, inputs: list[Placed]) -> Placed:
    """Of a CONCATENATION of channels: like its inputs, with the channels of all of them."""
    x, runs = inputs[0], [of.shape[2] for of in inputs]
    if any(of.vector for of in inputs) or not p.last or list(p.runs) != runs:
        raise ModelError("the accelerator puts channels of images beside each other, nothing else")
    if not all(alike(replace(of, shape=x.shape), x) for of in inputs):
        raise ModelError("its inputs lie differently in the accelerator's memory")
    return replace(x, shape=(*x.shape[:2], sum(runs)))


def _reduced(tensor: Tensor, stage: Stage, x: Placed) -> Placed:
    """Of MEAN and of pools."""
    record, at = stage.record, zero_point(tensor)
    if x.vector:
        raise ModelError("a window over a vector")
    if isinstance(record, PoolParams) and at != x.zero_point:
        raise ModelError("a pool that changes the zero point")
    if isinstance(record, PoolParams) and record.kind == "MAX_POOL_2D":
        if record.activation != (-128, 127):
            raise ModelError("a maximum with an activation of its own")
        return planar(hwc(tensor), at)
    if isinstance(record, PoolParams) and record.offset:
        raise ModelError("the average of a uint8 model rounds halves up")
    if not _covers(record, x):
        raise ModelError("the accelerator averages over whole images only")
    return vector(tensor.size, at)


def _covers(record: MeanParams | PoolParams, x: Placed) -> bool:
    """Whether the average is over all pixels."""
    if isinstance(record, MeanParams):
        h, w, channels = x.shape
        return record.outer == 1 and record.count == h * w and record.inner == channels
    ends = (kernel - pad for kernel, pad in zip(record.kernel, record.pad))
    return record.output_shape[:2] == (1, 1) and all(end >= size for end, size in zip(ends, record.input_shape[:2]))


def emit(
    image: Image, stage: Stage, inputs: Sequence[Placed], y: Placed, effort: Effort, arrival: Arrival | None = None
) -> Planned:
    """The layer's commands. `arrival`: its first input comes meanwhile. DoesNotFitError if the engine's numbers are too
    small for it."""
    name, record, pieces, x = layer_name(stage.op), stage.record, effort is Effort.STREAMED, inputs[0]
    if isinstance(record, (ConvParams, DepthwiseParams)):
        if x.vector:
            return dense_layer(image, _as_dense(record), x, y, name, pieces)
        return _windows(image, record, x.viewed(record.input_shape), y, name, effort, arrival)
    if isinstance(record, FullyConnectedParams):
        return dense_layer(image, record, x, y, name, pieces)
    if isinstance(record, ConcatenationParams):
        return join_layer(image, inputs, y)
    if isinstance(record, BY_TABLES):
        return add_layer(image, getattr(record, "activation", INT8), x, inputs[-1], y)
    if isinstance(record, PixelParams):
        return move_layer(image, record, x.viewed(record.input_shape), y)
    if isinstance(record, PoolParams) and record.kind == "MAX_POOL_2D":
        return maximum_layer(image, record, x.viewed(record.input_shape), y, name)
    return sum_layer(image, record, x, y, name)


def _windows(
    image: Image,
    record: ConvParams | DepthwiseParams,
    x: Placed,
    y: Placed,
    name: str,
    effort: Effort,
    arrival: Arrival | None,
) -> Planned:
    """The whole layer as one command, or parts of its channels one after the other: partial sums are kept of so many
    only, and what is streamed must fit the weight memory."""
    compact, channels = effort is not Effort.FASTEST, len(record.weights)
    whole = channels <= PARTIAL_CHANNELS
    if not whole:
        try:
            window_layer(Image(), record, x, y, name, compact, arrival)
            whole = True
        except DoesNotFitError:
            pass
    size = channels if whole else PARTIAL_CHANNELS
    if effort is Effort.STREAMED and isinstance(record, ConvParams):
        w, *_ = choose_windows(*_part(record, x, y, 0, size), name, compact, arrival)
        words = -(-len(w.terms.words) // 2)
        size = min(size, max(f.ROWS.value, size * STREAMED_WORDS // words // 4 * 4))
    cycles, gaps, done, shares = 0, [], None, {}
    for first in range(0, channels, size):
        part = _part(record, x, y, first, min(first + size, channels))
        done = window_layer(image, *part, name, compact, arrival if first == 0 else None)
        gaps += [(cycles + start, cycles + end) for start, end in done.gaps.spans]
        cycles += done.cycles
        shares[done.command] = done.cycles
    return Planned(done.command, cycles, gaps=Gaps(tuple(gaps), True), shares=shares)


def _part(
    p: ConvParams | DepthwiseParams, x: Placed, y: Placed, first: int, last: int
) -> tuple[ConvParams | DepthwiseParams, Placed, Placed]:
    """Output channels `first` to `last` of a layer, and where their input and output lie."""
    if (first, last) == (0, len(p.weights)):
        return p, x, y
    part = output_channels(p, first, last)
    if isinstance(p, DepthwiseParams):
        if p.depth_multiplier != 1:
            raise DoesNotFitError(f"more than {PARTIAL_CHANNELS} channels with a depth multiplier")
        part = replace(part, input_shape=(*p.input_shape[:2], last - first))
        x = x.channels(first, last)
    return part, x, y.channels(first, last)


def tables_of(stage: Stage) -> Tables:
    """Of a stage that is computed by tables. DoesNotFitError if none give its results."""
    record = stage.record
    if isinstance(record, ConcatenationParams):
        return lookup_tables(INT8_VALUES)
    tables = lookup_tables(record.double) if isinstance(record, LookupParams) else add_tables(record)
    if tables is None:
        raise DoesNotFitError(f"no table of {f.TABLE_BITS.value} bits gives TFLite's sums")
    return tables


def cut_tables(x: Placed, data_terms: np.ndarray) -> Tables:
    """Of the ADD engine, which cuts data to a few terms a value. `data_terms`: int16 [511] of x - zero point."""
    return lookup_tables(data_terms[INT8_VALUES - x.zero_point + 255].astype(np.int64) + x.zero_point)


def refusal(stage: Stage, inputs: list[Placed], y: Placed) -> str:
    """Why the accelerator cannot compute the layer, whatever else is in its memories; empty if it can."""
    trial = Image()
    try:
        if isinstance(stage.record, BY_TABLES):
            tables_of(stage)
        emit(trial, stage, inputs, y, Effort.STREAMED)
    except EdgeTrError as error:
        return str(error).removeprefix(f"{layer_name(stage.op)}: ")
    return without_room(trial)


def without_room(alone: Image) -> str:
    """What a layer alone needs more of than there is, weight words apart: they can be streamed. Empty if nothing."""
    used = alone.used()
    del used["weight words"]
    lacks = [f"{n:,} {name} of {depth:,}" for name, (n, depth) in used.items() if n > depth]
    return f"it alone needs {', '.join(lacks)}" if lacks else ""


def _as_dense(p: ConvParams) -> FullyConnectedParams:
    """A 1 x 1 convolution of a vector."""
    return FullyConnectedParams(
        1, p.weights.shape[1], len(p.weights), p.input_zero_point, p.output_zero_point, p.activation, p.weights, p.bias,
        p.requant,
    )  # fmt: skip


def hwc(tensor: Tensor) -> tuple[int, int, int]:
    """Rows, columns and channels; ModelError if the tensor is no image."""
    shape = tensor.shape[1:] if len(tensor.shape) == 4 else tensor.shape
    if len(shape) != 3:
        raise ModelError(f"{len(tensor.shape)} dimensions where an image is needed")
    return shape


def zero_point(tensor: Tensor) -> int:
    """Of a quantised tensor."""
    return int(tensor.quantization.zero_point[0])
