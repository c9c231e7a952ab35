"""Which byte of activation words is which element of a tensor."""

from __future__ import annotations

import numpy as np

from edge_tr.accel.arrival import Arrival
from edge_tr.accel.layout import COLUMNS, Placed


def index_of(y: Placed, order: np.ndarray | None = None) -> np.ndarray:
    """int32 [elements], byte of the tensor's words; `order`: which channel lies where."""
    at = y.addresses() - y.base * COLUMNS
    return (at if order is None else at[:, :, np.argsort(order)]).ravel().astype(np.int32)


def scattered(own: Placed, y: Placed, count: int, order: np.ndarray | None, channels: tuple[int, int]) -> np.ndarray:
    """int32 [elements] of a tensor of `count` channels, byte of y's words where `own` has it, else -1."""
    at = own.addresses() - y.base * COLUMNS
    pixels = at.size // (channels[1] - channels[0])
    names = np.arange(count) if order is None else order
    index = np.full((pixels, count), -1, np.int32)
    index[:, names[slice(*channels)]] = at.reshape(pixels, -1)
    return index.ravel()


def input_index(x: Placed, arrival: Arrival, order: np.ndarray | None) -> np.ndarray:
    """int32 [64 * words], element of each byte in the order in which they come; -1: none."""
    index = np.full(x.words * COLUMNS, -1, np.int32)
    at = index_of(x, order)
    index[at] = np.arange(len(at))
    return index.reshape(x.words, COLUMNS)[arrival.order()].ravel()
