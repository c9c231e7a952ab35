"""Dead channels are taken out of a graph: what cannot change an answer is neither stored nor computed.

A channel is dead when nothing that is kept reads it. Convolutions and fully connected layers do not read a
channel whose weights are all zero, nor one that is proven constant (`prepared.ranges`) and adds the same to every
sum: that becomes bias. It adds the same if no window leaves the image, or if the constant is the zero point, which
is what padding is made of. Depthwise layers, pools, additions, products with constants and
reshapes tie channels together: a channel of theirs is dead on both sides or on none, and their constants lose it too.

The result is an ordinary, smaller graph, and a record of what became of every tensor: the channels that are left and,
of those taken out, the constants. So a tensor of the original graph still compares on every channel that is left, and
the others are compared with their constants; a channel that varies but that nobody reads has nothing to compare with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_tr.graph import Graph, Op, Quantization, Tensor
from edge_tr.operators import DotParams, dots, prepared, with_dots, with_weights
from edge_tr.operators.checks import read_only
from edge_tr.operators.dot import MixingParams, seen
from edge_tr.prepared.ranges import channel_ranges
from edge_tr.record import Range, Record


@dataclass(frozen=True)
class Channels:
    """What became of one tensor's channels (its last axis).

    kept      int64 [n], those that are left, ascending
    proven    bool [channels], those that hold `constant` at every pixel for every input
    constant  int8 [channels], 0 where not proven
    """

    kept: np.ndarray
    proven: np.ndarray
    constant: np.ndarray

    @property
    def removed(self) -> int:
        """How many are gone."""
        return len(self.proven) - len(self.kept)

    def shrink(self, tensor: np.ndarray) -> np.ndarray:
        """The channels that are left of the original's tensor, int8 [..., channels]. ValueError if a channel that
        was proven constant holds anything else."""
        if not (tensor[..., self.proven] == self.constant[self.proven]).all():
            raise ValueError("a channel that was proven constant varies: the proof is wrong")
        return np.ascontiguousarray(tensor[..., self.kept])

    def expand(self, tensor: np.ndarray) -> np.ndarray:
        """int8 [..., kept] with the constants back in their places; channels that nobody reads are zero."""
        full = np.broadcast_to(self.constant, (*tensor.shape[:-1], len(self.proven))).copy()
        full[..., self.kept] = tensor
        return full


@dataclass(frozen=True)
class Alive:
    """A graph without its dead channels; `channels` by tensor index, of tensors that lost some."""

    graph: Graph
    channels: Mapping[int, Channels]

    def of(self, tensors: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
        """The original graph's tensors (by index, int8 [n, ...]) as this graph's: without the channels that are gone,
        whose constants are checked."""
        return {i: self.channels[i].shrink(t) if i in self.channels else t for i, t in tensors.items()}


def remove_dead_channels(
    graph: Graph,
    weights: Mapping[int, np.ndarray] | None = None,
    data_terms: Mapping[int, np.ndarray] | None = None,
) -> Alive:
    """The graph with other `weights` (int8 [rows, K] by operator index, where given), without its dead channels.

    `data_terms`, int16 [511] by operator index: layers that truncate their activations to s terms.
    Inputs, outputs and states keep all channels, and every tensor keeps at least one.
    """
    return remove_what_is_always_dead(graph, [weights or {}], data_terms)[0]


def remove_what_is_always_dead(
    graph: Graph, weights: Sequence[Mapping[int, np.ndarray]], data_terms: Mapping[int, np.ndarray] | None = None
) -> tuple[Alive, ...]:
    """The graph with each of several sets of weights, see `remove_dead_channels`, without the channels that are dead
    with all of them: graphs of one shape."""
    lives = [_liveness(graph, values, data_terms or {}) for values in weights]
    kept = _kept(lives)
    return tuple(_without_dead(life, kept) for life in lives)


def _liveness(graph: Graph, weights: Mapping[int, np.ndarray], data_terms: Mapping[int, np.ndarray]) -> _Liveness:
    known = {op.index: op.record for op in dots(graph)}
    revealed = {index: with_weights(known[index], values) for index, values in weights.items()}
    records = {op.index: with_dots(op, revealed) for op in graph.ops}
    return _Liveness(graph, records, channel_ranges(graph, records, data_terms), data_terms)


def _without_dead(life: _Liveness, kept: Mapping[int, np.ndarray]) -> Alive:
    ranges = life.ranges
    channels = {
        tensor: Channels(
            np.flatnonzero(mask),
            ranges[tensor].constant,
            np.where(ranges[tensor].constant, ranges[tensor].low, 0).astype(life.graph.tensor(tensor).dtype),
        )
        for tensor, mask in kept.items()
        if not mask.all()
    }
    order = {tensor: np.flatnonzero(mask) for tensor, mask in kept.items()}
    return Alive(_Rewriter(life.graph, life.records, ranges, order, life.data_terms).graph(), channels)


def reordered(graph: Graph, order: Mapping[int, np.ndarray]) -> Graph:
    """The same network with the channels of some activations in another order.

    `order`, by tensor index: int [channels], which channel becomes the first, second and so on. Tensors that must be
    ordered alike are in one set of `tied`.
    """
    records = {op.index: op.record for op in graph.ops}
    computed = {i for op in graph.ops for i in (*graph.activations(op), *op.outputs)}
    whole = {i: order.get(i, np.arange(graph.channels(i))) for i in computed}
    return _Rewriter(graph, records, {}, whole, {}).graph()


def tied(graph: Graph) -> list[set[int]]:
    """The activations whose channels can be reordered, in sets of those that must be ordered alike."""
    sets: dict[int, set[int]] = {}
    fixed = {*graph.inputs, *graph.outputs, *graph.states}
    for op in graph.ops:
        inputs = graph.activations(op)
        members = {*inputs, *op.outputs, *op.updates}
        for tensor in members:
            sets.setdefault(tensor, {tensor})
        if isinstance(op.record, MixingParams):
            if not op.record.by_channel(graph.channels(inputs[0])):
                fixed |= {*inputs}
            continue
        counts = {graph.channels(tensor) for tensor in members}
        if _ties(graph, op) is None or len(counts) != 1:
            fixed |= members
        whole = set().union(*(sets[tensor] for tensor in members))
        sets |= dict.fromkeys(whole, whole)
    return [found for found in {id(found): found for found in sets.values()}.values() if not found & fixed]


def _ties(graph: Graph, op: Op) -> list[np.ndarray] | None:
    """See `Record.ties`."""
    written = [graph.channels(i) for i in (*op.outputs, *op.updates)]
    return op.record.ties([graph.channels(i) for i in graph.activations(op)], written)


# --- which channels are alive ----------------------------------------------------------


@dataclass(frozen=True)
class _Liveness:
    graph: Graph
    records: Mapping[int, Record]
    ranges: Mapping[int, Range]
    data_terms: Mapping[int, np.ndarray]

    def step(self, op: Op, kept: dict[int, np.ndarray]) -> None:
        inputs, outputs = self.graph.activations(op), (*op.outputs, *op.updates)
        alive = np.concatenate([kept[i] for i in outputs])
        ranges = [self.ranges[i] for i in inputs]
        read = self.records[op.index].reads(ranges, alive, self.data_terms.get(op.index))
        if read is not None:
            kept[inputs[0]] |= read
            return
        ties, members = _ties(self.graph, op), (*inputs, *outputs)
        if ties is None:
            for tensor in inputs:
                kept[tensor][:] |= alive.any()
            for tensor in outputs:
                kept[tensor][:] = True
            return
        count = 1 + max(int(tie.max()) for tie in ties)
        together = np.zeros(count, bool)
        for tensor, tie in zip(members, ties):
            together |= np.bincount(tie[kept[tensor]], minlength=count) > 0
        for tensor, tie in zip(members, ties):
            kept[tensor] |= together[tie]


def _kept(lives: Sequence[_Liveness]) -> dict[int, np.ndarray]:
    """bool [channels] by tensor index: the least set that is closed under who reads whom with any of the weights."""
    graph = lives[0].graph
    kept = {tensor: np.zeros(graph.channels(tensor), bool) for tensor in lives[0].ranges}
    for tensor in (*graph.inputs, *graph.outputs, *graph.states):
        kept[tensor][:] = True
    _close(lives, kept)
    for mask in kept.values():
        if not mask.any():
            mask[0] = True
            _close(lives, kept)
    return kept


def _close(lives: Sequence[_Liveness], kept: dict[int, np.ndarray]) -> None:
    before = -1
    while before != (before := sum(int(mask.sum()) for mask in kept.values())):
        for op in reversed(lives[0].graph.ops):
            for life in lives:
                life.step(op, kept)


# --- the smaller graph -------------------------------------------------------------------


@dataclass(frozen=True)
class _Rewriter:
    """`kept`, by tensor index: int [n], the channels that are left, in their new order."""

    old: Graph
    records: Mapping[int, Record]
    ranges: Mapping[int, Range]
    kept: Mapping[int, np.ndarray]
    data_terms: Mapping[int, np.ndarray]

    def graph(self) -> Graph:
        """New activations at their old indices; new constants behind all tensors."""
        tensors = [self._activation(tensor) for tensor in self.old.tensors]
        ops = []
        for op in self.old.ops:
            record = self.records[op.index]
            if isinstance(record, DotParams):
                first = len(tensors)
                tensors += [replace(t, index=first + i) for i, t in enumerate(self._constants(op, record))]
                ops.append(replace(op, inputs=(op.inputs[0], first, first + 1)))
            elif parts := record.parts():
                held = list(op.inputs)
                for part in parts:
                    old = self.old.tensor(held[part.weights])
                    held[part.weights] = len(tensors)
                    tensors.append(replace(old, index=len(tensors), data=part.record.in_file(part.record.weights)))
                ops.append(replace(op, inputs=tuple(held)))
            elif record.same_bytes:
                shape = list(tensors[op.outputs[0]].shape)
                inputs, options = self.old.activations(op), {"new_shape": shape}
                ops.append(replace(op, kind="RESHAPE", version=1, inputs=inputs, options=options))
            else:
                held = list(op.inputs)
                for number in record.constants_by_channel():
                    old = self.old.tensor(held[number])
                    left = read_only(old.data[..., self.kept[op.outputs[0]]])
                    held[number] = len(tensors)
                    tensors.append(replace(old, index=len(tensors), shape=left.shape, data=left))
                ops.append(replace(op, inputs=tuple(held)))
        return prepared(replace(self.old, tensors=tuple(tensors), ops=tuple(ops)))

    def _activation(self, tensor: Tensor) -> Tensor:
        kept = self.kept.get(tensor.index)
        if kept is None or not tensor.shape:
            return tensor
        return replace(tensor, shape=(*tensor.shape[:-1], len(kept)))

    def _constants(self, op: Op, record: DotParams) -> tuple[Tensor, Tensor]:
        """Weights and bias of what is left of a layer."""
        rows = self.kept[op.outputs[0]]
        old = self.old.tensor(op.inputs[1])
        columns = record.reading(self.old.channels(op.inputs[0]), self.kept[op.inputs[0]])
        values = record.dense(record.stored(record.weights[rows][:, columns]))
        scales = _scales_of(old.quantization, rows, record.channel_axis)
        weights = replace(old, shape=values.shape, data=values, quantization=scales)
        bias = self._bias(op, record)[rows]
        return weights, Tensor(0, f"{old.name} bias", bias.shape, "int32", self._bias_scales(op, rows), bias)

    def _bias(self, op: Op, record: DotParams) -> np.ndarray:
        """int32 [rows], with the constants that were taken out; modulo 2^32, as sums are."""
        gone = np.ones(self.old.channels(op.inputs[0]), bool)
        gone[self.kept[op.inputs[0]]] = False
        bias = record.bias.astype(np.int64)
        if isinstance(record, MixingParams) and gone.any():
            weights = record.weights.reshape(len(bias), -1, len(gone)).sum(axis=1, dtype=np.int64)
            x = self.ranges[op.inputs[0]]
            values = seen(x, record.input_zero_point, self.data_terms.get(op.index)).low
            bias = bias + weights @ np.where(gone & x.constant, values, 0)
        return (bias & 0xFFFFFFFF).astype(np.uint32).view(np.int32)

    def _bias_scales(self, op: Op, rows: np.ndarray) -> Quantization | None:
        """Of the bias in the file; without one, what TFLite expects it to be."""
        if len(op.inputs) > 2 and op.inputs[2] >= 0:
            return _scales_of(self.old.tensor(op.inputs[2]).quantization, rows, 0)
        scale = self.old.tensor(op.inputs[0]).quantization.scale * self.old.tensor(op.inputs[1]).quantization.scale
        return _scales_of(Quantization(scale, np.zeros(scale.shape, np.int64)), rows, 0)


def _scales_of(quantization: Quantization | None, rows: np.ndarray, axis: int) -> Quantization | None:
    """The quantisation of some rows of a tensor whose rows lie along `axis`."""
    if quantization is None or quantization.per_tensor:
        return quantization
    zero_point = np.broadcast_to(quantization.zero_point, quantization.scale.shape)
    return Quantization(quantization.scale[rows], zero_point[rows], axis)
