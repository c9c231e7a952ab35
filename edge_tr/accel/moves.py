"""Operators that move pixels, all channels alike: PAD, RESIZE_NEAREST_NEIGHBOR, SLICE of rows and columns and others.

The MAXIMUM engine does them, with windows of one value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge_tr.accel.gather import COLUMNS, IDLE, PADDING, cover
from edge_tr.accel.image import Image
from edge_tr.accel.layout import Placed
from edge_tr.accel.pools import largest
from edge_tr.accel.stage import Planned
from edge_tr.accel.tiles import tile_pixels
from edge_tr.graph import Graph, Op
from edge_tr.operators import MoveParams
from edge_tr.record import Record, Shape3


@dataclass(frozen=True)
class PixelParams(Record):
    """`sources`: int64 [h, w] of the output, which of the input's pixels each is; -1: `filling` in all channels."""

    input_shape: Shape3
    output_shape: Shape3
    sources: np.ndarray
    filling: int

    @property
    def runs(self) -> int:
        """Runs of pixels that are neighbours in the input as well."""
        return int((np.diff(self.sources, axis=1) != 1).sum()) + len(self.sources)

    def rows(self, span: tuple[int, int]) -> tuple[int, int]:
        """Rows of the input, [first, end), that rows `span` of the output are made of; one row at least."""
        wanted = self.sources[slice(*span)]
        found = wanted[wanted >= 0] // self.input_shape[1]
        return (int(found.min()), int(found.max()) + 1) if found.size else (0, 1)

    def of_rows(self, read: tuple[int, int], written: tuple[int, int]) -> PixelParams:
        """Of rows `written` of the output, from rows `read` of the input."""
        wanted, width = self.sources[slice(*written)], self.input_shape[1]
        return replace(
            self, input_shape=(read[1] - read[0], *self.input_shape[1:]),
            output_shape=(len(wanted), *self.output_shape[1:]),
            sources=np.where(wanted < 0, wanted, wanted - read[0] * width),
        )  # fmt: skip


def with_moves(graph: Graph) -> Graph:
    """The graph with a record of these operators that says so."""
    return replace(graph, ops=tuple(_rewritten(graph, op) for op in graph.ops))


def _rewritten(graph: Graph, op: Op) -> Op:
    if not isinstance(op.record, MoveParams) or op.record.item != 1 or op.updates:
        return op
    before, after = (graph.tensor(t).shape for t in (graph.activations(op)[0], op.outputs[0]))
    if len(before) != 4 or len(after) != 4 or before[0] != 1 or after[0] != 1 or before[3] != after[3]:
        return op
    sources = _pixels(op.record, after[3])
    if sources is None:
        return op
    record = PixelParams(before[1:], after[1:], sources.reshape(after[1:3]), op.record.filling or 0)
    return replace(op, record=record)


def _pixels(p: MoveParams, channels: int) -> np.ndarray | None:
    """int64 [pixels], see `PixelParams`; None if a channel is moved otherwise than the others."""
    source = np.full(p.output_size, -1, np.int64)
    source[p.places(1)] = p.places(0)
    source = source.reshape(-1, channels)
    expected = np.where(source[:, :1] < 0, -1, source[:, :1] + np.arange(channels))
    alike = np.array_equal(source, expected) and (source[source[:, 0] >= 0, 0] % channels == 0).all()
    return np.where(source[:, 0] < 0, -1, source[:, 0] // channels) if alike else None


def move_layer(image: Image, p: PixelParams, x: Placed, y: Placed) -> Planned:
    """The whole layer."""
    at = x.base * COLUMNS + x.position.ravel()
    tiles = []
    for pixels in tile_pixels(y):
        wanted = p.sources[pixels[:, 0], pixels[:, 1]]
        need = np.where(wanted < 0, PADDING, at[wanted])
        tiles.append(cover({0: np.where(pixels[:, 0] < 0, IDLE, need)}))
    return largest(image, tiles, x, y, p.filling)
