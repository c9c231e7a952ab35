"""Sums and scales of a layer as the lanes take them, whichever engine adds them up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_tr.accel.scale import Scale, scale_of
from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.graph import Graph
from edge_tr.operators import ConvParams, DepthwiseParams, FullyConnectedParams
from edge_tr.operators.arithmetic import finish, finished_range
from edge_tr.tr.requant import Rounding

_HALF = 1 << (f.SUM_BITS.value - 1)


def results(activation: tuple[int, int], zero_point: int) -> dict[str, int]:
    """A command's fields: what becomes of scaled sums."""
    return {"low": activation[0], "high": activation[1], "output_zero_point": zero_point}


Dots = ConvParams | DepthwiseParams | FullyConnectedParams


def _ends(p: Dots) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest sum, int64 [rows] each, bias included. Data are x - zero point; with a data budget a
    value may be rounded up to the next power of two."""
    positive, negative = (side(p.weights.astype(np.int64), 0).sum(axis=1) for side in (np.maximum, np.minimum))
    ends = (128 + p.input_zero_point, 127 - p.input_zero_point)
    below, above = (min(255, 1 << (end - 1).bit_length()) if end else 0 for end in ends)
    bias = p.bias.astype(np.int64)
    return negative * above - positive * below + bias, positive * above - negative * below + bias


def reach_of(p: Dots) -> np.ndarray:
    """int64 [rows], no sum is larger."""
    return np.abs(_ends(p)).max(axis=0)


def settled(graph: Graph) -> Graph:
    """The graph for accumulators narrower than golden's: channels whose sums are beyond them, but whose result is the
    same whatever they read, have no weights, and a bias that leads to it. Files have such channels: weights that are
    all zero, and a bias at the end of int32."""
    dots = (ConvParams, DepthwiseParams, FullyConnectedParams)
    ops = (replace(op, record=_settled(op.record)) if isinstance(op.record, dots) else op for op in graph.ops)
    return replace(graph, ops=tuple(ops))


def _settled(p: Dots) -> Dots:
    wide = reach_of(p) >= _HALF
    if p.weights.dtype != np.int8 or not wide.any():
        return p
    result = finished_range(*_ends(p), p.requant, p.output_zero_point, p.activation)
    bias = np.rint((result.low - p.output_zero_point) / p.requant.real).clip(1 - _HALF, _HALF - 1)
    again = finish(bias.astype(np.int32), p.requant, p.output_zero_point, p.activation, Rounding.DOUBLE)
    wide &= result.constant & (again == result.low)
    weights = np.where(wide[:, np.newaxis], np.int8(0), p.weights.reshape(len(wide), -1)).reshape(p.weights.shape)
    return replace(p, weights=weights, bias=np.where(wide, bias, p.bias).astype(np.int32))


def check_sums(p: ConvParams | DepthwiseParams, name: str) -> None:
    """DoesNotFitError if the accumulators are too narrow."""
    if reach_of(p).max(initial=0) >= _HALF:
        raise DoesNotFitError(f"{name}: its sums may need more than {f.SUM_BITS.value} bits")


def output_channels(p: ConvParams | DepthwiseParams, first: int, last: int) -> ConvParams | DepthwiseParams:
    """Output channels `first` to `last` of a layer; its inputs are all there."""
    rows, shape = slice(first, last), (*p.output_shape[:2], last - first)
    requant = replace(
        p.requant, multiplier=p.requant.multiplier[rows], shift=p.requant.shift[rows], real=p.requant.real[rows]
    )
    return replace(p, weights=p.weights[rows], bias=p.bias[rows], requant=requant, output_shape=shape)


def wrapped(bias: int) -> int:
    """The same modulo 2^24, as accumulators are, which must fit at the end only."""
    return (bias + _HALF) % (2 * _HALF) - _HALF


def scales(p: Dots) -> list[Scale]:
    """By output channel; DoesNotFitError if the lanes cannot multiply so."""
    rows = len(p.weights)
    multipliers, shifts = (np.broadcast_to(v, rows) for v in (p.requant.multiplier, p.requant.shift))
    reach = reach_of(p)
    return [scale_of(int(m), int(s), int(r)) for m, s, r in zip(multipliers, shifts, reach)]
